//! What a block is executed on: a genesis state with many accounts, and signed transfers among them.

use crate::Result;
use codec::Encode;
use pallet_system::{AccountData, AccountInfo};
use quids_core::{AccountId20, Balance, Digest, DigestItem, Hash, Header, Height, Nonce, well_known_keys};
use quids_crypto::{AccountSignature, PublicKey, Signature, SignatureScheme, blake3_256};
use quids_io::Externalities;
use quids_runtime::{Extrinsic, Runtime, RuntimeCall};
use quids_support::extrinsic::Era;
use quids_trie::EMPTY_ROOT;
use std::collections::HashMap;

use super::engine::Engine;

/// What every account owns: a million QDS.
const BALANCE: u128 = 1_000_000 * 10u128.pow(18);
/// What a transfer moves: a thousandth of a QDS.
const AMOUNT: u128 = 10u128.pow(15);
/// Milliseconds; any time after 1970 will do.
pub const TIMESTAMP: u64 = 1_800_000_000_000;

/// SplitMix64: the same block in every run, on every machine.
pub struct Random(u64);

impl Random {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % bound as u64) as usize
    }
}

pub fn account(index: usize) -> AccountId20 {
    let mut bytes = [0; 20];
    bytes.copy_from_slice(&blake3_256(&(index as u64).to_le_bytes())[..20]);
    AccountId20(bytes)
}

/// Sender and receiver of each transfer.
pub fn pairs(accounts: usize, transfers: usize) -> Vec<(usize, usize)> {
    let mut random = Random(1);
    let pair = |_| {
        let from = random.below(accounts);
        let to = (from + 1 + random.below(accounts - 1)) % accounts;
        (from, to)
    };
    (0..transfers).map(pair).collect()
}

/// Puts genesis into an empty state: what the runtime builds, then the accounts, and the keys of those that send.
pub fn build_genesis(
    state: &mut dyn Externalities,
    engine: &mut Engine,
    accounts: usize,
    pairs: &[(usize, usize)],
    scheme: SignatureScheme,
) -> Result {
    state.set(well_known_keys::CODE, quids_runtime_wasm::WASM)?;
    let json = format!(r#"{{"upgrade":{{"root":"{}"}}}}"#, account(0));
    let built: std::result::Result<(), String> =
        engine.call_typed(state, quids_api::names::GENESIS_BUILD, &json.into_bytes())?;
    built?;
    let mut info = AccountInfo {
        nonce: Nonce(0),
        consumers: 0,
        providers: 1,
        sufficients: 0,
        data: AccountData {
            free: Balance(BALANCE),
            flags: AccountData::PROVIDING,
            ..Default::default()
        },
    };
    for index in 0..accounts {
        state.set(
            &pallet_system::Account::<Runtime>::key_for(&account(index)),
            &info.encode(),
        )?;
    }
    info.sufficients = 1;
    for (from, _) in pairs {
        let who = account(*from);
        state.set(&pallet_system::Account::<Runtime>::key_for(&who), &info.encode())?;
        state.set(
            &pallet_system::Keys::<Runtime>::key_for(&who),
            &bound_key(*from, scheme)?.encode(),
        )?;
    }
    state.add(
        &pallet_balances::TotalIssued::<Runtime>::key(),
        BALANCE * accounts as u128,
    )?;
    Ok(())
}

/// A key of the scheme's size that nobody has.
fn bound_key(index: usize, scheme: SignatureScheme) -> Result<PublicKey> {
    let mut bytes = vec![0; scheme.public_key_len()];
    for (chunk, place) in bytes.chunks_mut(32).enumerate() {
        let block = blake3_256(&(index as u64, chunk as u64).encode());
        place.copy_from_slice(&block[..place.len()]);
    }
    Ok(PublicKey::new(scheme, &bytes)?)
}

/// The transfers, each with a made-up signature of the scheme's size under the sender's bound key.
pub fn transfers(pairs: &[(usize, usize)], scheme: SignatureScheme) -> Result<Vec<Vec<u8>>> {
    let mut nonces: HashMap<usize, u64> = HashMap::new();
    let signature = Signature::new(scheme, &vec![0x5a; scheme.signature_len()])?;
    let signature = AccountSignature::from_parts(scheme, None, &signature)?;
    let transfer = |(from, to): &(usize, usize)| {
        let nonce = nonces.entry(*from).or_default();
        let extra = (
            pallet_system::extensions::CheckSpecVersion::new(),
            pallet_system::extensions::CheckTxVersion::new(),
            pallet_system::extensions::CheckGenesis::new(),
            pallet_system::extensions::CheckMortality::new(Era::Immortal),
            pallet_system::extensions::CheckNonce::new(Nonce(*nonce)),
            pallet_balances::ChargeTransactionPayment::new(Balance(0)),
        );
        *nonce += 1;
        let call = pallet_balances::Call::transfer_keep_alive {
            dest: account(*to),
            value: Balance(AMOUNT),
        };
        let signature = Some((account(*from), signature.clone(), extra));
        Extrinsic {
            signature,
            call: RuntimeCall::Balances(call),
        }
        .encode()
    };
    Ok(pairs.iter().map(transfer).collect())
}

/// The genesis header.
pub fn genesis_header(state_root: Hash) -> Header {
    Header {
        parent_hash: Hash::zero(),
        number: Height(0),
        state_root,
        extrinsics_root: EMPTY_ROOT,
        digest: Digest::default(),
    }
}

/// What the block after genesis starts from.
pub fn first_header(parent_hash: Hash) -> Header {
    let author = DigestItem::PreRuntime(quids_core::AUTHOR_ENGINE_ID, account(0).encode());
    Header {
        parent_hash,
        number: Height(1),
        state_root: Hash::zero(),
        extrinsics_root: Hash::zero(),
        digest: Digest { logs: vec![author] },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_sends_to_himself() {
        let pairs = pairs(3, 1000);
        assert!(pairs.iter().all(|(from, to)| from != to && *from < 3 && *to < 3));
        assert_eq!(pairs, super::pairs(3, 1000));
    }
}
