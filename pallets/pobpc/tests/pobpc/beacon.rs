//! More validators than seats: committees change, nobody chooses them, and dependable members have better chances.

use crate::mock::*;
use pallet_pobpc::{Beacon, Call, Reliability, Validators};
use quids_api::pobpc::POBPC_ENGINE_ID;
use quids_core::{AccountId20, DigestItem, Hash, Height};
use quids_pobpc::{Round, chain_hash};
use quids_support::origin::Origin;
use quids_testing::TestRuntime;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The links of a validator's chain, the last one first.
fn chain(number: u8) -> Vec<Hash> {
    let first = Hash::repeat_byte(number);
    let mut links: Vec<Hash> = std::iter::successors(Some(first), |link| Some(chain_hash(link)))
        .take(100)
        .collect();
    links.reverse();
    links
}

/// Ten full nodes for four seats, all with a chain.
fn ten() -> Value {
    let mut ten = validators("ffffffffff");
    for (number, one) in (1..).zip(ten.as_array_mut().unwrap()) {
        one["commitment"] = json!(format!("0x{}", hex(chain(number)[0].as_bytes())));
    }
    json!({ "validators": ten, "witnessCount": 4, "checkpointInterval": 0 })
}

fn reveal(link: Hash) -> Vec<DigestItem> {
    vec![DigestItem::PreRuntime(POBPC_ENGINE_ID, link.as_bytes().to_vec())]
}

fn proposer(round: u32) -> AccountId20 {
    let next = next();
    let height = height().next().unwrap();
    next.accounts[usize::from(next.committee.proposer(height, Round(round)).0)]
}

/// The link before the one that the account is committed to.
fn link(who: AccountId20) -> Hash {
    let chain = chain(who.0[0]);
    let committed = Validators::<Runtime>::get(&who).unwrap().commitment.unwrap().hash;
    chain[chain.iter().position(|link| *link == committed).unwrap() + 1]
}

/// A block of whose turn it is, with a reveal.
fn dutiful_block() {
    let who = proposer(0);
    start_with(Some(who), reveal(link(who)));
    assert!(end().is_some());
}

fn reliability(who: AccountId20) -> u32 {
    Validators::<Runtime>::get(&who).unwrap().reliability.0
}

#[test]
fn committees_rotate() {
    with_genesis(ten(), || {
        let mut seen = BTreeSet::new();
        let mut committees = BTreeSet::new();
        let mut beacons = BTreeSet::new();
        for _ in 0..60 {
            dutiful_block();
            let accounts = next().accounts;
            assert_eq!(accounts.len(), 4);
            seen.extend(accounts.clone());
            committees.insert(accounts);
            beacons.insert(Beacon::<Runtime>::get());
        }
        assert_eq!((seen.len(), beacons.len()), (10, 60));
        assert!(committees.len() > 40, "{} committees", committees.len());
        // Who is not drawn makes no block.
        let stranger = (1..=10)
            .map(account)
            .find(|one| !next().accounts.contains(one))
            .unwrap();
        assert!(panics(|| _ = start(stranger)).unwrap().contains("no member"));
    });
}

/// At every so many heights all sit, and fewer again after it; the header says so as at any other.
#[test]
fn checkpoints_are_decided_by_all() {
    let check = |roles: &str, interval: u32, seats: usize, at_checkpoint: usize| {
        let genesis = json!({ "validators": validators(roles), "witnessCount": 4, "checkpointInterval": interval });
        with_genesis(genesis, || {
            for _ in 0..20 {
                start(proposer(0));
                let commitment = end().unwrap();
                let (next, height) = (next(), height().next().unwrap());
                let expected = match interval != 0 && height.0.is_multiple_of(interval) {
                    true => at_checkpoint,
                    false => seats,
                };
                assert_eq!(
                    next.committee.seats().len(),
                    expected,
                    "{roles}, {interval}, height {height}"
                );
                assert_eq!(commitment.hash, next.committee.hash());
            }
        });
    };
    check("ffffffffff", 5, 4, 10);
    check("ffffffffff", 1, 10, 10);
    check("ffffffffff", 0, 4, 4);
    // Full nodes are more than may be faulty there too.
    check("ffwwwwwwww", 5, 4, 6);
    // Where all sit anyway.
    check("fff", 5, 3, 3);
}

#[test]
fn an_author_is_told_what_to_say_where_committees_are_drawn() {
    with_genesis(ten(), || {
        for _ in 0..5 {
            let who = proposer(0);
            let committed = Validators::<Runtime>::get(&who).unwrap().commitment.unwrap().hash;
            assert_eq!(Pobpc::to_say(&who).unwrap().commitment, Some(committed));
            dutiful_block();
        }
        assert_eq!(Pobpc::to_say(&account(99)), None);
        // Not before the chain counts.
        let later = Hash::repeat_byte(7);
        start(proposer(0));
        Runtime::call(Origin::Signed(account(1)), Call::commit { commitment: later }).unwrap();
        end();
        assert_eq!(Pobpc::to_say(&account(1)).unwrap().commitment, None);
    });
    with_validators("ffff", || assert_eq!(Pobpc::to_say(&account(1)), None));
}

#[test]
fn an_author_cannot_choose_the_next_committee() {
    let after = |blocks: &dyn Fn()| {
        with_genesis(ten(), || {
            blocks();
            (next().accounts, Beacon::<Runtime>::get())
        })
    };
    let silent = || {
        start(proposer(0));
        end();
    };
    let revealed = after(&dutiful_block);
    let kept_back = after(&silent);
    // The committee of height 2 is the same whether the author of height 1 reveals or not; that of height 3 need not be.
    assert_eq!(revealed.0, kept_back.0);
    assert_ne!(revealed.1, kept_back.1);
    let mut differ = 0;
    for height in 1..20 {
        let first = |last: &dyn Fn()| {
            after(&|| {
                (0..height).for_each(|_| dutiful_block());
                last();
                silent();
            })
        };
        differ += u32::from(first(&dutiful_block).0 != first(&silent).0);
    }
    assert!(differ > 10, "{differ}");
}

#[test]
fn reveals_and_turns_make_reliability() {
    with_genesis(ten(), || {
        let who = proposer(0);
        let before = Beacon::<Runtime>::get();
        // No reveal, and what is none.
        for wrong in [
            vec![],
            reveal(Hash::repeat_byte(7)),
            vec![DigestItem::PreRuntime(POBPC_ENGINE_ID, vec![1])],
        ] {
            let rated = reliability(who);
            start_with(Some(who), wrong);
            end();
            pallet_system::Number::<Runtime>::put(Height(0));
            assert_eq!(reliability(who), Reliability(rated).worse().0);
            assert_eq!(Beacon::<Runtime>::get(), before);
        }
        let rated = reliability(who);
        let revealed = link(who);
        start_with(Some(who), reveal(revealed));
        end();
        assert_eq!(reliability(who), Reliability(rated).better().0);
        assert_ne!(Beacon::<Runtime>::get(), before);
        let info = Pobpc::validators()
            .into_iter()
            .find(|info| info.account == who)
            .unwrap();
        assert_eq!(info.commitment, Some(revealed));
        // A turn that another had to take.
        let (missing, takes) = (proposer(0), proposer(1));
        let rated = reliability(missing);
        start_with(Some(takes), reveal(link(takes)));
        end();
        assert_eq!(reliability(missing), Reliability(rated).worse().0);
        assert_eq!(reliability(takes), 1_000_000);
    });
}

#[test]
fn a_new_chain_counts_after_two_epochs() {
    with_validators("f", || {
        let who = account(1);
        block(|| {
            Runtime::call(
                Origin::Signed(who),
                Call::commit {
                    commitment: chain(1)[0],
                },
            )
            .unwrap()
        });
        for height in 2..=13u32 {
            let before = Beacon::<Runtime>::get();
            start_with(Some(who), reveal(link(who)));
            end();
            assert_eq!(Beacon::<Runtime>::get() != before, height >= 11, "{height}");
        }
    });
}
