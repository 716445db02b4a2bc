//! Worst cases of the calls: lists as long as they can be, committees of the largest size, keys and signatures of ML-DSA-87, the
//! scheme of votes that is largest and slowest to verify.
//!
//! WASM makes no keys. Those of whoever signs are fixed, with all that they signed; `tests/pobpc/vectors.rs` makes them.

use crate::{
    Active, Call, Candidate, Candidates, Commitment, Config, ConsensusKeys, CurrentParameters, KeyOwner, Member,
    NextCandidates, Offences, Pallet, Parameters, Reliability, Seats, SelectAnew, VALIDATORS_MAX, Validator,
    Validators, VotesNoted, weights,
};
use alloc::{boxed::Box, format, string::String, string::ToString, vec, vec::Vec};
use codec::{Decode, DecodeAll, Encode};
use quids_api::pobpc::ValidatorStatus;
use quids_core::{AccountId20, Balance, Hash, Height, Weight};
use quids_crypto::{PublicKey, Signature, SignatureScheme};
use quids_pobpc::{Evidence, Justification, Role, Round, SEATS_MAX, SeatIndex, Signed, Vote, VoteKind};
use quids_support::{
    benchmark::{Benchmark, Benchmarks, Component, SetUp},
    origin::Origin,
    traits::{Currency, Get},
};

/// The hash of genesis of the chain on which the vectors are signed.
pub const GENESIS: Hash = Hash::repeat_byte(0x5a);
/// Who becomes a validator with the first key.
pub const NEWCOMER: AccountId20 = AccountId20([0xee; 20]);
/// How many members sign.
pub const SIGNERS: u32 = 6;
/// The block that they sign for, and its height.
const PARENT: Hash = Hash::repeat_byte(0xa5);
const PARENT_HEIGHT: Height = Height(1_000);

/// Keys of the members of the first seats, and what they signed.
#[derive(Clone, PartialEq, Debug, Encode, Decode)]
pub struct Vectors {
    pub keys: Vec<PublicKey>,
    /// By the first key, for `NEWCOMER`.
    pub registration: Signature,
    /// By the first key: [`votes`].
    pub votes: Vec<Signature>,
    /// By each key: [`precommit`].
    pub precommits: Vec<Signature>,
}

impl Vectors {
    fn known() -> Result<Self, String> {
        Self::decode_all(&mut &include_bytes!("vectors.scale")[..]).map_err(|error| format!("the vectors: {error}"))
    }
}

/// Two votes of one place.
pub fn votes() -> [Vote; 2] {
    [1, 2].map(|block| Vote {
        kind: VoteKind::Prevote,
        height: PARENT_HEIGHT,
        round: Round(1),
        block: Some(Hash::repeat_byte(block)),
    })
}

/// The vote for the parent.
pub fn precommit() -> Vote {
    justification(Vec::new()).vote()
}

fn justification(signatures: Vec<(SeatIndex, Signature)>) -> Justification {
    Justification {
        height: PARENT_HEIGHT,
        round: Round(0),
        block: PARENT,
        signatures,
    }
}

/// The account of a validator; the accounts ascend as the numbers do.
fn account(number: u32) -> AccountId20 {
    let mut bytes = [0xb0; 20];
    for (byte, of_number) in bytes.iter_mut().zip(number.to_be_bytes()) {
        *byte = of_number;
    }
    AccountId20(bytes)
}

/// A key that nobody has.
fn key(number: u32) -> Result<PublicKey, String> {
    let scheme = SignatureScheme::MlDsa87;
    let bytes = number.to_be_bytes().repeat(scheme.public_key_len() / 4);
    PublicKey::new(scheme, &bytes).map_err(|error| error.to_string())
}

fn signed(who: u32) -> Origin {
    Origin::Signed(account(who))
}

/// The least bond, and enough that a share of a share of it is not nothing.
fn bond<T: Config>() -> Balance {
    T::MinimumBond::get().max(Balance(1_000_000))
}

/// Gives the account four times the bond.
fn enrich<T: Config>(who: &AccountId20) -> Result<(), String> {
    let amount = Balance(bond::<T>().0.saturating_mul(4));
    T::Currency::set_free_balance(who, amount).map_err(|error| format!("no balance can be set: {error:?}"))
}

/// Makes the accounts of the first numbers, and no others, active validators; those with keys here have these. The block after
/// [`PARENT`] is executed.
fn validators<T: Config>(count: u32, keys: &[PublicKey]) -> Result<(), String> {
    // What another set-up has left.
    for cleared in [
        Validators::<T>::clear(u32::MAX),
        ConsensusKeys::<T>::clear(u32::MAX),
        KeyOwner::<T>::clear(u32::MAX),
        Seats::<T>::clear(u32::MAX),
        Offences::<T>::clear(u32::MAX),
    ] {
        debug_assert!(!cleared.more, "there is no limit");
    }
    VotesNoted::<T>::kill();
    SelectAnew::<T>::kill();
    CurrentParameters::<T>::kill();
    pallet_system::BlockHash::<T>::insert(&Height::ZERO, GENESIS);
    pallet_system::Number::<T>::put(PARENT_HEIGHT.saturating_add(Height(1)));
    pallet_system::ParentHash::<T>::put(PARENT);
    for (at, number) in (0..count).enumerate() {
        let key = keys.get(at).cloned().map_or_else(|| key(number), Ok)?;
        add::<T>(number, key, ValidatorStatus::Active);
    }
    let member = |number| Member {
        account: account(number),
        role: Role::Full,
    };
    Active::<T>::put((0..count).map(member).collect::<Vec<_>>());
    let candidate = |number| Candidate {
        account: account(number),
        role: Role::Full,
        weight: 1,
    };
    let candidates: Vec<Candidate> = (0..count).map(candidate).collect();
    Candidates::<T>::put(candidates.clone());
    NextCandidates::<T>::put(candidates);
    Ok(())
}

/// A validator without a bond.
fn add<T: Config>(number: u32, key: PublicKey, status: ValidatorStatus) {
    let who = account(number);
    let validator = Validator {
        role: Role::Full,
        status,
        bond: Balance::ZERO,
        reliability: Reliability::FULL,
        commitment: Some(Commitment {
            hash: GENESIS,
            from: Height::ZERO,
        }),
    };
    KeyOwner::<T>::insert(&Pallet::<T>::key_hash(&key), who);
    ConsensusKeys::<T>::insert(&who, key);
    Validators::<T>::insert(&who, validator);
}

/// Reserves the account's bond.
fn give_bond<T: Config>(number: u32) -> Result<(), String> {
    let who = account(number);
    enrich::<T>(&who)?;
    T::Currency::reserve(&who, bond::<T>()).map_err(|error| format!("no bond can be reserved: {error:?}"))?;
    Validators::<T>::mutate(&who, |validator| {
        if let Some(validator) = validator {
            validator.bond = bond::<T>();
        }
    });
    Ok(())
}

/// Seats the first validators at the parent's height.
fn seat<T: Config>(count: u32) {
    let member = |number| Member {
        account: account(number),
        role: Role::Full,
    };
    Seats::<T>::insert(&PARENT_HEIGHT, (0..count).map(member).collect::<Vec<_>>());
}

fn register<T: Config>([count]: [u32; 1]) -> SetUp<Call<T>> {
    let Vectors { keys, registration, .. } = Vectors::known()?;
    validators::<T>(count, &[])?;
    enrich::<T>(&NEWCOMER)?;
    let call = Call::register {
        key: keys.into_iter().next().ok_or("there is no key")?,
        role: Role::Full,
        proof: registration,
        bond: bond::<T>(),
        commitment: Some(GENESIS),
    };
    Ok((Origin::Signed(NEWCOMER), call))
}

/// The sender is one validator more, which is not active.
fn inactive<T: Config>(count: u32, status: ValidatorStatus, call: Call<T>) -> SetUp<Call<T>> {
    validators::<T>(count, &[])?;
    add::<T>(count, key(count)?, status);
    give_bond::<T>(count)?;
    Ok((signed(count), call))
}

fn report<T: Config>([seats, active]: [u32; 2]) -> SetUp<Call<T>> {
    let Vectors {
        keys, votes: of_votes, ..
    } = Vectors::known()?;
    validators::<T>(active, keys.get(..1).unwrap_or_default())?;
    seat::<T>(seats);
    give_bond::<T>(0)?;
    let mut signed = votes().into_iter().zip(of_votes).map(|(message, signature)| Signed {
        message,
        seat: SeatIndex(0),
        signature,
    });
    let (Some(one), Some(other)) = (signed.next(), signed.next()) else {
        return Err("there are not two votes".into());
    };
    let evidence = Evidence::Votes(Box::new([one, other]));
    Ok((Origin::Signed(NEWCOMER), Call::report { evidence }))
}

fn note_votes<T: Config>([seats]: [u32; 1]) -> SetUp<Call<T>> {
    let Vectors { keys, precommits, .. } = Vectors::known()?;
    validators::<T>(SIGNERS, &keys)?;
    seat::<T>(seats);
    let signatures = (0..).map(SeatIndex).zip(precommits).take(seats as usize).collect();
    let justification = justification(signatures);
    Ok((Origin::None, Call::note_votes { justification }))
}

fn set_parameters<T: Config>([active]: [u32; 1]) -> SetUp<Call<T>> {
    validators::<T>(active, &[])?;
    let parameters = Parameters {
        // More than before, so that the full nodes are counted.
        witness_count: SEATS_MAX as u16,
        ..Parameters::default()
    };
    Ok((Origin::Root, Call::set_parameters { parameters }))
}

impl<T: Config> Benchmarks for Pallet<T> {
    type Call = Call<T>;

    fn benchmarks() -> Vec<Benchmark<Call<T>>> {
        let active = |low, left| Component::new("active", low, (VALIDATORS_MAX as u32).saturating_sub(left));
        let seats_max = SEATS_MAX as u32;
        let over = Height(1);
        vec![
            Benchmark::new("register", [active(1, 1)], register::<T>),
            Benchmark::new("bond_more", [], |[]| {
                validators::<T>(1, &[])?;
                give_bond::<T>(0)?;
                Ok((signed(0), Call::bond_more { amount: bond::<T>() }))
            }),
            Benchmark::new("commit", [], |[]| {
                validators::<T>(1, &[])?;
                Ok((signed(0), Call::commit { commitment: GENESIS }))
            }),
            Benchmark::new("leave", [active(4, 0)], |[active]| {
                validators::<T>(active, &[])?;
                Ok((signed(0), Call::leave {}))
            }),
            Benchmark::new("withdraw", [Component::new("seats", 1, seats_max)], move |[seats]| {
                let made = inactive::<T>(seats, ValidatorStatus::Leaving { until: over }, Call::withdraw {});
                // Those that sit are looked through, at this height and the next.
                for ahead in [1, 2] {
                    Seats::<T>::insert(&PARENT_HEIGHT.saturating_add(Height(ahead)), Active::<T>::get());
                }
                made
            }),
            Benchmark::new("unjail", [active(1, 1)], move |[active]| {
                inactive::<T>(active, ValidatorStatus::Jailed { until: over }, Call::unjail {})
            }),
            Benchmark::new(
                "report",
                [Component::new("seats", 4, seats_max), active(seats_max, 0)],
                report::<T>,
            ),
            Benchmark::new("note_votes", [Component::new("seats", 1, SIGNERS)], note_votes::<T>),
            Benchmark::new("set_parameters", [active(1, 0)], set_parameters::<T>),
        ]
    }

    fn generated(call: &str, components: &[u32]) -> Option<Weight> {
        weights::by_name(call, components)
    }
}
