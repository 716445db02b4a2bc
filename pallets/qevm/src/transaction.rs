//! Ethereum's transactions, and the post-quantum one: who sent it, may it be in a block, what it does.

use crate::{
    Config, Event, GasUsed, Pallet, Transactions, costs,
    error::{error, validity},
    execute::Setting,
    recording,
};
use alloc::{format, vec::Vec};
use pallet_system::extensions::nonce_tag;
use quids_api::{
    InvalidTransaction, SignatureClaim, TransactionValidity, TransactionValidityError, ValidTransaction,
    evm::{
        EvmError, EvmErrorKind as Kind, EvmMessage, EvmOutcome, EvmReceipt, EvmStatus, EvmTransaction,
        ExecutedTransaction, QuantumSignature, TraceOptions,
    },
};
use quids_core::{AccountId20, H160, H256, Nonce, U256};
use quids_crypto::{PublicKey, SignatureScheme, derive_account};
use quids_ethereum::{Claim, Transaction};
use quids_support::{
    context::{Phase, phase},
    dispatch::{DispatchErrorWithPostInfo, DispatchResultWithPostInfo, Pays, PostDispatchInfo},
    system::SystemPort,
    traits::Get,
};

/// The most that a nonce may be ahead of the account's, as with signed extrinsics.
const NONCE_AHEAD_MAX: u64 = 4096;
/// Tips are compared in steps of this many wei.
const TIP_STEP: u128 = 1_000_000_000;

/// A transaction whose signature verified.
pub struct Authenticated {
    pub from: H160,
    pub hash: H256,
    pub message: EvmMessage,
    /// The account's first key, to be bound.
    pub bind: Option<PublicKey>,
}

/// The gas limit that the bytes state; `None` if they are no transaction.
pub fn gas_limit(envelope: &[u8]) -> Option<u64> {
    Transaction::decode(envelope)
        .ok()
        .map(|transaction| transaction.gas_limit())
}

fn decode(envelope: &[u8]) -> Result<Transaction, EvmError> {
    Transaction::decode(envelope).map_err(|reason| error(reason.kind(), format!("{reason}")))
}

/// Recovers the sender of a signature over a Keccak hash.
fn recover(hash: &[u8; 32], r_s: &[u8; 64], recovery_id: u8) -> Option<H160> {
    let mut signature = [0; 65];
    let (head, last) = signature.split_at_mut(64);
    head.copy_from_slice(r_s);
    last.fill(recovery_id);
    quids_io::crypto::secp256k1_recover(hash, &signature).map(|AccountId20(bytes)| H160(bytes))
}

impl<T: Config> Pallet<T> {
    /// Decodes and verifies. Only the sender's key is read.
    pub(crate) fn authenticate(envelope: &[u8]) -> Result<Authenticated, EvmError> {
        let transaction = decode(envelope)?;
        let chain_id = Self::chain_id();
        if let Some(stated) = transaction.chain_id().filter(|stated| *stated != chain_id) {
            return Err(error(
                Kind::WrongChainId,
                format!("invalid chain id for signer: have {stated} want {chain_id}"),
            ));
        }
        let (from, bind, quantum) = match transaction.claim() {
            Claim::Recover { hash, r_s, recovery_id } => (Self::recovered(&hash, &r_s, recovery_id)?, None, None),
            Claim::Key {
                scheme,
                sender,
                public_key,
                message,
                signature,
            } => {
                let with_key = public_key.is_some();
                let (key, is_first) = Self::key_of(scheme, sender, public_key)?;
                if !quids_io::crypto::verify(scheme.tag(), key.as_bytes(), &message, &signature) {
                    return Err(error(
                        Kind::BadSignature,
                        format!("the {scheme} signature does not verify"),
                    ));
                }
                let quantum = QuantumSignature {
                    scheme: scheme.tag(),
                    with_key,
                };
                (sender, is_first.then_some(key), Some(quantum))
            }
        };
        let authorities: Vec<Option<H160>> = transaction
            .authorization_claims()
            .into_iter()
            .map(|claim| {
                let claim = claim?;
                Self::recovered(&claim.hash, &claim.r_s, claim.recovery_id).ok()
            })
            .collect();
        let mut message = transaction.message(from, &authorities);
        message.quantum = quantum;
        Ok(Authenticated {
            from,
            hash: H256(quids_io::hashing::keccak_256(envelope)),
            message,
            bind,
        })
    }

    fn recovered(hash: &[u8; 32], r_s: &[u8; 64], recovery_id: u8) -> Result<H160, EvmError> {
        if !pallet_system::Pallet::<T>::phase().admits_legacy() {
            return Err(error(
                Kind::SchemeRefused,
                "secp256k1 signatures are no longer accepted on this chain",
            ));
        }
        let from = recover(hash, r_s, recovery_id).ok_or_else(|| {
            error(
                Kind::BadSignature,
                "invalid transaction v, r, s values: nothing recovers",
            )
        })?;
        if Self::bound_key(&from).is_some() {
            return Err(error(
                Kind::SchemeRefused,
                format!("{from:?} has a post-quantum key, which alone may sign for it"),
            ));
        }
        Ok(from)
    }

    /// The key that the account's state asks for, and whether it is its first.
    fn key_of(scheme: SignatureScheme, sender: H160, carried: Option<Vec<u8>>) -> Result<(PublicKey, bool), EvmError> {
        let who = AccountId20(sender.0);
        let mismatch = |what: &str| error(Kind::KeyMismatch, format!("{what} of {sender:?}"));
        if let Some(bound) = pallet_system::Keys::<T>::get(&who) {
            if bound.scheme() != scheme {
                return Err(mismatch("another scheme's key is the one"));
            }
            if carried.is_some_and(|bytes| bytes != bound.as_bytes()) {
                return Err(mismatch("the public key is not the one"));
            }
            return Ok((bound, false));
        }
        let bytes = carried.ok_or_else(|| {
            error(
                Kind::KeyMissing,
                format!("no key is bound to {sender:?} yet: the first transaction must carry the public key"),
            )
        })?;
        if derive_account(scheme, &bytes) != Some(who) {
            return Err(mismatch("the public key does not give the address"));
        }
        PublicKey::new(scheme, &bytes)
            .map(|key| (key, true))
            .map_err(|_| mismatch("the public key is malformed for the account"))
    }

    /// What the client can verify ahead of execution.
    pub fn signature_claim(envelope: &[u8]) -> Option<SignatureClaim> {
        let Claim::Key {
            scheme,
            sender,
            public_key,
            message,
            signature,
        } = Transaction::decode(envelope).ok()?.claim()
        else {
            return None;
        };
        let (key, _) = Self::key_of(scheme, sender, public_key).ok()?;
        Some(SignatureClaim {
            scheme: scheme.tag(),
            public_key: key.as_bytes().to_vec(),
            message: message.to_vec(),
            signature,
        })
    }

    /// The envelope without its post-quantum signature, and that.
    pub fn split_signature(envelope: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        Transaction::decode(envelope).ok()?.without_signature()
    }

    /// The pool's question, for the next block.
    pub fn validate_envelope(envelope: &[u8]) -> TransactionValidity {
        let checked = Self::check(envelope).map_err(|reason| validity(reason.kind))?;
        let who = AccountId20(checked.from.0);
        let nonce = checked.message.nonce.unwrap_or_default();
        let ahead = nonce.saturating_sub(Self::nonce(checked.from));
        if ahead > NONCE_AHEAD_MAX {
            return Err(InvalidTransaction::Future.into());
        }
        let requires = (ahead > 0).then(|| nonce_tag(&who, Nonce(nonce.saturating_sub(1))));
        Ok(ValidTransaction {
            priority: Self::priority(&checked.message, envelope.len()),
            requires: requires.into_iter().collect(),
            provides: alloc::vec![nonce_tag(&who, Nonce(nonce))],
            longevity: u64::MAX,
            propagate: true,
        })
    }

    /// As `ChargeTransactionPayment::priority` has it for signed extrinsics: the tip, times how many such transactions
    /// fit into a block.
    fn priority(message: &EvmMessage, length: usize) -> u64 {
        let limits = T::BlockLimits::get();
        let base_fee = Self::next_base_fee();
        let room = message.max_fee_per_gas.saturating_sub(base_fee);
        let tip = message.max_priority_fee_per_gas.map_or(room, |tip| tip.min(room));
        let total = tip.saturating_mul(message.gas_limit.into());
        let weight = costs::gas::<T>(message.gas_limit);
        let space = limits.normal();
        let fit = |space: u64, used: u64| space.checked_div(used).unwrap_or(space);
        let count = fit(space.ref_time, weight.ref_time)
            .min(fit(space.proof_size, weight.proof_size))
            .min(fit(limits.max_length.into(), u64::try_from(length).unwrap_or(u64::MAX)))
            .max(1);
        let priority = total
            .checked_div(TIP_STEP)
            .unwrap_or(0)
            .saturating_add(1)
            .saturating_mul(count.into());
        u64::try_from(priority).unwrap_or(u64::MAX)
    }

    /// Everything but execution, for the next block; a nonce that is too high is not an error.
    pub(crate) fn check(envelope: &[u8]) -> Result<Authenticated, EvmError> {
        let authenticated = Self::authenticate(envelope)?;
        let mut setting = Self::setting();
        setting.env.base_fee = Self::next_base_fee();
        let state = Self::nonce(authenticated.from);
        let mut message = authenticated.message.clone();
        if message.nonce.is_some_and(|nonce| nonce > state) {
            message.nonce = Some(state);
        }
        Self::check_message(&setting, &message)?;
        Ok(authenticated)
    }

    /// The pool's verdict with words.
    pub fn check_transaction(envelope: &[u8]) -> Result<EvmTransaction, EvmError> {
        let checked = Self::check(envelope)?;
        Ok(Self::described(&checked, envelope))
    }

    /// A transaction in a few words, on no state but its sender's key; `None` if nobody can have sent it.
    pub fn describe(envelope: &[u8]) -> Option<EvmTransaction> {
        let authenticated = Self::authenticate(envelope).ok()?;
        Some(Self::described(&authenticated, envelope))
    }

    fn described(authenticated: &Authenticated, envelope: &[u8]) -> EvmTransaction {
        EvmTransaction {
            hash: authenticated.hash,
            from: authenticated.from,
            nonce: authenticated.message.nonce.unwrap_or_default(),
            envelope: envelope.to_vec(),
        }
    }

    /// Executes a transaction of a block. An `Err` means that it does not belong there.
    pub fn apply(envelope: &[u8]) -> Result<DispatchResultWithPostInfo, TransactionValidityError> {
        Self::apply_traced(envelope, None).map(|(post, _)| Ok(post))
    }

    /// As [`Self::apply`], with a trace.
    pub fn apply_traced(
        envelope: &[u8],
        trace: Option<TraceOptions>,
    ) -> Result<(PostDispatchInfo, EvmOutcome), TransactionValidityError> {
        let refuse = |reason: EvmError| validity(reason.kind);
        let Authenticated {
            from,
            hash,
            message,
            bind,
        } = Self::authenticate(envelope).map_err(refuse)?;
        let setting = Self::setting();
        let executed =
            Self::execute(&setting, &message, None, trace.map(|options| (options, false))).map_err(refuse)?;
        Self::commit(executed.changes, executed.tip, setting.spec);
        if let Some(key) = bind {
            <pallet_system::Pallet<T> as SystemPort>::bind(&AccountId20(from.0), &key);
        }
        let outcome = executed.outcome;
        Self::record(
            ExecutedTransaction {
                extrinsic_index: extrinsic_index(),
                hash,
                from,
                envelope: envelope.to_vec(),
                call: None,
                receipt: receipt(&message, &outcome, executed.effective_gas_price),
            },
            message.to,
        );
        Self::dispatch_requests(&outcome.logs);
        let weight = costs::of_transaction::<T>(outcome.gas_used);
        let post = PostDispatchInfo {
            actual_weight: Some(weight),
            pays_fee: Pays::No,
        };
        Ok((post, outcome))
    }

    fn record(executed: ExecutedTransaction, to: Option<H160>) {
        let receipt = &executed.receipt;
        GasUsed::<T>::add(receipt.gas_used.into());
        Self::note_requests(&receipt.logs);
        let to = to.or(receipt.contract_address).unwrap_or_default();
        Self::deposit_event(Event::Executed {
            hash: executed.hash,
            from: AccountId20(executed.from.0),
            to: AccountId20(to.0),
            success: receipt.success,
            gas_used: receipt.gas_used,
        });
        Transactions::<T>::append(&executed);
    }

    /// A call of a signed extrinsic, whose fee is paid already.
    pub(crate) fn signed_call(
        from: AccountId20,
        to: Option<H160>,
        value: U256,
        input: Vec<u8>,
        gas_limit: u64,
    ) -> DispatchResultWithPostInfo {
        Self::signed(from, to, value, input, gas_limit, None)
    }

    pub(crate) fn signed_create2(
        from: AccountId20,
        value: U256,
        init: Vec<u8>,
        salt: H256,
        gas_limit: u64,
    ) -> DispatchResultWithPostInfo {
        Self::signed(from, None, value, init, gas_limit, Some(salt))
    }

    fn signed(
        who: AccountId20,
        to: Option<H160>,
        value: U256,
        input: Vec<u8>,
        gas_limit: u64,
        salt: Option<H256>,
    ) -> DispatchResultWithPostInfo {
        let nonce = Self::nonce_of_call(&who);
        let (post, _) = Self::make_call(who, nonce, to, value, input, gas_limit, salt)?;
        Ok(post)
    }

    /// The nonce of a call in an extrinsic of the account. The extrinsic's nonce was counted before the call; the EVM counts
    /// it itself, and derives addresses from it. Calls that follow in a batch count on.
    fn nonce_of_call(who: &AccountId20) -> u64 {
        let next = Self::nonce(H160(who.0));
        let last = crate::LastCall::<T>::get(who);
        match last.and_then(|last| last.checked_add(1)) == Some(next) {
            true => next,
            false => Self::uncount(who),
        }
    }

    /// Makes a call as an account whose next nonce is `nonce`; gas has no price in it. A failure writes nothing.
    pub(crate) fn make_call(
        who: AccountId20,
        nonce: u64,
        to: Option<H160>,
        value: U256,
        input: Vec<u8>,
        gas_limit: u64,
        salt: Option<H256>,
    ) -> Result<(PostDispatchInfo, EvmOutcome), DispatchErrorWithPostInfo> {
        let from = H160(who.0);
        let message = EvmMessage {
            from,
            to,
            nonce: Some(nonce),
            value,
            input,
            gas_limit,
            ..EvmMessage::default()
        };
        let setting = Setting {
            env: quids_api::evm::EvmBlockEnv {
                base_fee: 0,
                ..Self::env()
            },
            ..Self::setting()
        };
        let salt = salt.map(crate::convert::word);
        let trace = recording::wanted();
        let executed = Self::execute(&setting, &message, salt, trace.map(|options| (options, false)))
            .map_err(|_| crate::Error::<T>::Invalid)?;
        if trace.is_some() {
            recording::put(&executed.outcome);
        }
        let actual_weight = Some(costs::gas::<T>(executed.outcome.gas_used).saturating_add(costs::SIGNED));
        let post_info = PostDispatchInfo {
            actual_weight,
            pays_fee: Pays::Yes,
        };
        let failed = match executed.outcome.status {
            EvmStatus::Success => None,
            EvmStatus::Revert => Some(crate::Error::<T>::Reverted),
            EvmStatus::Halt(_) => Some(crate::Error::<T>::Halted),
        };
        if let Some(error) = failed {
            return Err(DispatchErrorWithPostInfo {
                post_info,
                error: error.into(),
            });
        }
        Self::commit(executed.changes, executed.tip, setting.spec);
        crate::LastCall::<T>::insert(&who, nonce);
        let outcome = executed.outcome;
        let receipt = receipt(&message, &outcome, 0);
        Self::record(
            ExecutedTransaction {
                extrinsic_index: extrinsic_index(),
                hash: signed_hash(&who, nonce),
                from,
                envelope: Vec::new(),
                call: Some(message),
                receipt,
            },
            to,
        );
        Self::dispatch_requests(&outcome.logs);
        Ok((post_info, outcome))
    }
}

/// The hash by which a signed extrinsic's call goes among Ethereum's transactions: of its account and nonce, which no
/// two have in common.
pub fn signed_hash(who: &AccountId20, nonce: u64) -> H256 {
    let domain: &[u8] = b"quids 2026 qevm signed call v1";
    H256(quids_io::hashing::keccak_256(
        &[domain, &who.0, &nonce.to_be_bytes()].concat(),
    ))
}

fn extrinsic_index() -> u32 {
    match phase() {
        Phase::ApplyExtrinsic(index) => index,
        _ => 0,
    }
}

fn receipt(message: &EvmMessage, outcome: &EvmOutcome, effective_gas_price: u128) -> EvmReceipt {
    EvmReceipt {
        transaction_type: message.transaction_type,
        success: outcome.status == EvmStatus::Success,
        gas_used: outcome.gas_used,
        cumulative_gas_used: 0,
        effective_gas_price,
        contract_address: outcome.contract_address,
        logs: outcome.logs.clone(),
    }
}
