//! Validators and parameters of genesis: read from JSON, checked, written.

use crate::{
    Active, Candidates, Commitment, CommitteeHash, Config, ConsensusKeys, CurrentParameters, GenesisConfig, KeyOwner,
    Member, NextCandidates, Pallet, Parameters, Reliability, Seats, TransactionLimit, VALIDATORS_MAX, Validator,
    Validators,
    membership::{enough_full, may_vote},
};
use alloc::{format, string::String, string::ToString, vec::Vec};
use quids_api::pobpc::ValidatorStatus;
use quids_core::{AccountId20, Balance, Hash, Height};
use quids_crypto::{PublicKey, SignatureScheme};
use quids_pobpc::{Role, Threshold};
use quids_support::traits::Currency;

/// A validator of the first block.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenesisValidator {
    pub account: AccountId20,
    /// `falcon-512` or `ml-dsa-87`.
    pub scheme: String,
    /// The consensus key, `0x…`.
    pub key: String,
    pub role: GenesisRole,
    /// Reserved on the account, which needs the balance. Left out: none.
    #[serde(default)]
    pub bond: Balance,
    /// The end of its hash chain, `0x…`. Left out: it takes no part in the beacon until it says so.
    #[serde(default)]
    pub commitment: Option<String>,
}

/// `full` or `witness`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GenesisRole {
    Full,
    Witness,
}

impl GenesisValidator {
    fn key(&self) -> Result<PublicKey, String> {
        let scheme: Result<SignatureScheme, _> = self.scheme.parse();
        let scheme = scheme.map_err(|_| format!("{:?} is no signature scheme", self.scheme))?;
        PublicKey::new(scheme, &bytes(&self.key)?).map_err(|error| error.to_string())
    }

    fn role(&self) -> Role {
        match self.role {
            GenesisRole::Full => Role::Full,
            GenesisRole::Witness => Role::Witness,
        }
    }

    fn commitment(&self) -> Result<Option<Commitment>, String> {
        let Some(text) = &self.commitment else {
            return Ok(None);
        };
        let hash: [u8; 32] = bytes(text)?
            .try_into()
            .map_err(|_| format!("the commitment {text:?} has not 32 bytes"))?;
        Ok(Some(Commitment {
            hash: Hash::from(hash),
            from: Height::ZERO,
        }))
    }
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let digits = text
        .strip_prefix("0x")
        .ok_or_else(|| format!("{text:?} does not begin with 0x"))?;
    hex::decode(digits).map_err(|error| format!("{text:?}: {error}"))
}

impl GenesisConfig {
    fn parameters(&self) -> Result<Parameters, String> {
        let default = Parameters::default();
        let threshold = match self.consensus_threshold {
            None => default.consensus_threshold,
            Some(millionths) => Threshold::new(millionths).map_err(|error| error.to_string())?,
        };
        Ok(Parameters {
            max_transactions: self.max_transactions.unwrap_or(default.max_transactions),
            batch_interval: self.batch_interval.unwrap_or(default.batch_interval),
            witness_count: self.witness_count.unwrap_or(default.witness_count),
            consensus_threshold: threshold,
            checkpoint_interval: self.checkpoint_interval.unwrap_or(default.checkpoint_interval),
        })
    }

    pub(crate) fn write<T: Config>(&self) -> Result<(), String> {
        let parameters = self.parameters()?;
        parameters
            .check(Pallet::<T>::transactions_max())
            .map_err(str::to_string)?;
        CurrentParameters::<T>::put(parameters);
        TransactionLimit::<T>::put(parameters.max_transactions);
        if self.validators.is_empty() {
            return Ok(());
        }
        if self.validators.len() > VALIDATORS_MAX {
            return Err(format!(
                "{} validators, at most {VALIDATORS_MAX}",
                self.validators.len()
            ));
        }
        let mut active = Vec::new();
        for one in &self.validators {
            let account = one.account;
            let of = |reason: String| format!("validator {account}: {reason}");
            let key = one.key().map_err(of)?;
            if Validators::<T>::contains_key(&account) {
                return Err(of("it is named twice".into()));
            }
            let hash = Pallet::<T>::key_hash(&key);
            if let Some(other) = KeyOwner::<T>::get(&hash) {
                return Err(of(format!("it has the key of validator {other}")));
            }
            if !may_vote(&key) {
                return Err(of(format!(
                    "its key is one of {}: votes are signed with falcon-512 or ml-dsa-87",
                    key.scheme()
                )));
            }
            T::Currency::reserve(&account, one.bond)
                .map_err(|error| of(format!("its bond of {} cannot be reserved: {error}", one.bond)))?;
            let validator = Validator {
                role: one.role(),
                status: ValidatorStatus::Active,
                bond: one.bond,
                reliability: Reliability::FULL,
                commitment: one.commitment().map_err(of)?,
            };
            KeyOwner::<T>::insert(&hash, account);
            ConsensusKeys::<T>::insert(&account, key);
            Validators::<T>::insert(&account, validator);
            active.push(Member {
                account,
                role: validator.role,
            });
        }
        active.sort_unstable();
        if let Err((full, wanted, needed)) = enough_full(&active, parameters.witness_count) {
            return Err(format!(
                "{full} full nodes among the validators, a committee of {wanted} needs {needed}: more than may be faulty"
            ));
        }
        Active::<T>::put(active);
        Self::seat_first::<T>()
    }

    /// Candidates of the first two epochs, and the committee of the first height.
    fn seat_first<T: Config>() -> Result<(), String> {
        let candidates = Pallet::<T>::candidates_now();
        NextCandidates::<T>::put(candidates.clone());
        Candidates::<T>::put(candidates);
        let seats = Pallet::<T>::select(Height(1)).unwrap_or_default();
        let committee = Pallet::<T>::committee_of(&seats).ok_or("the validators make no committee")?;
        CommitteeHash::<T>::put(committee.hash());
        Seats::<T>::insert(&Height(1), seats);
        // Genesis is a state, not something that happened.
        pallet_system::Events::<T>::kill();
        Ok(())
    }
}
