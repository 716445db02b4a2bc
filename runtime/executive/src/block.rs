//! A block's execution.

use crate::{Config, Executive, Extrinsic, commitment::length_of};
use alloc::vec::Vec;
use codec::Encode;
use quids_api::{
    ApplyExtrinsicResult, CheckInherentsResult, DispatchClass, ExtrinsicsCommitment, InherentData, InvalidTransaction,
    SIGNATURES_DIGEST, upgrade::Suspension,
};
use quids_core::{AccountId20, Block, DigestItem, Header, OpaqueExtrinsic, Weight};
use quids_crypto::SignatureScheme;
use quids_support::{
    context::{Phase, set_phase},
    dispatch::{DispatchInfo, GetDispatchInfo, dispatch_transactional},
    extension::{Extensions, Transaction},
    hooks::Hooks,
    limits::{BlockLimits, cost},
    migrations::MigrationPort,
    origin::Origin,
    system::SystemPort,
};

impl<T: Config> Executive<T> {
    /// Starts the block that `header` describes, on its parent's state. Of the digest only what the author put in
    /// before execution counts.
    pub fn initialize_block(header: &Header) {
        set_phase(Phase::Initialization);
        let mut digest = header.digest.clone();
        digest.logs.retain(|item| matches!(item, DigestItem::PreRuntime(..)));
        T::System::initialize(header.number, header.parent_hash, &digest);
        let mut weight = T::System::limits().base_block;
        let migrations = if T::System::take_code_updated() {
            let used = T::Migrations::first_block(T::Pallets::on_runtime_upgrade);
            T::System::note_upgraded();
            used
        } else {
            T::Migrations::advance()
        };
        weight = weight.saturating_add(migrations);
        weight = weight.saturating_add(T::Pallets::on_initialize(header.number));
        T::System::register_weight(weight, DispatchClass::Mandatory);
    }

    /// Applies the extrinsic at `index`. An `Err` means that it does not belong into the block; the caller undoes
    /// what it changed until then.
    pub fn apply_extrinsic(index: u32, bytes: &[u8]) -> ApplyExtrinsicResult {
        set_phase(Phase::ApplyExtrinsic(index));
        let limits = T::System::limits();
        if bytes.len() > limits.max_extrinsic_length as usize {
            return Err(InvalidTransaction::ExhaustsResources.into());
        }
        let extrinsic = Extrinsic::<T>::from_bytes(bytes).map_err(|_| InvalidTransaction::MALFORMED)?;
        let Some((who, signature, extra)) = extrinsic.signature else {
            let info = extrinsic.call.dispatch_info();
            return Self::apply_unsigned(extrinsic.call, info);
        };
        let info = Self::info(&extrinsic.call, Some(signature.scheme()));
        // The migrations were tried on the state that the new code found: nothing may change it after that.
        if T::System::code_update_pending() {
            return Err(InvalidTransaction::ExhaustsResources.into());
        }
        Self::check_suspension(&extrinsic.call, Some(&who))?;
        Self::check_class(&info, &limits)?;
        let authenticated = Self::authenticate(&who, &signature, &extrinsic.call, &extra)?;
        let transaction = Transaction {
            who: &who,
            info: &info,
            length: authenticated.length,
        };
        let pre = extra.pre_dispatch(&transaction)?;
        if let Some(key) = &authenticated.bind {
            T::System::bind(&who, key);
        }
        let mut result = dispatch_transactional(extrinsic.call, Origin::Signed(who));
        let post = match &mut result {
            Ok(post) => post,
            Err(error) => &mut error.post_info,
        };
        // Calls report what they used themselves; the signature is verified in any case.
        let verification = cost::verification(signature.scheme());
        post.actual_weight = post.actual_weight.map(|used| used.saturating_add(verification));
        let post = *post;
        T::Extensions::post_dispatch(pre, &transaction, &post)?;
        T::System::note_applied(&result, &info);
        Ok(result.map(|_| ()).map_err(|e| e.error))
    }

    fn apply_unsigned(call: T::RuntimeCall, info: DispatchInfo) -> ApplyExtrinsicResult {
        let inherent = T::is_inherent(&call);
        if !inherent {
            Self::check_suspension(&call, None)?;
        }
        if let Some(applied) = T::apply_self_contained(&call) {
            if T::System::code_update_pending() {
                return Err(InvalidTransaction::ExhaustsResources.into());
            }
            Self::check_class(&info, &T::System::limits())?;
            let result = applied?;
            T::System::note_applied(&result, &info);
            return Ok(result.map(|_| ()).map_err(|e| e.error));
        }
        if !inherent {
            T::validate_unsigned(quids_api::TransactionSource::InBlock, &call)?;
        }
        let result = dispatch_transactional(call, Origin::None);
        if inherent && result.is_err() {
            return Err(InvalidTransaction::BadMandatory.into());
        }
        T::System::note_applied(&result, &info);
        Ok(result.map(|_| ()).map_err(|e| e.error))
    }

    /// Fails if the chain does not take this call now: for good in safe mode, which drops it from pools; until later while a
    /// migration is under way.
    fn check_suspension(call: &T::RuntimeCall, who: Option<&AccountId20>) -> Result<(), InvalidTransaction> {
        match T::Migrations::suspended() {
            None => Ok(()),
            Some(_) if T::is_always_taken(call, who) => Ok(()),
            Some(Suspension::Migration { .. }) => Err(InvalidTransaction::ExhaustsResources),
            Some(Suspension::SafeMode { .. }) => Err(InvalidTransaction::SAFE_MODE),
        }
    }

    /// The pool's view of it: what only has to wait is welcome.
    pub(crate) fn check_safe_mode(call: &T::RuntimeCall, who: Option<&AccountId20>) -> Result<(), InvalidTransaction> {
        match Self::check_suspension(call, who) {
            Err(InvalidTransaction::ExhaustsResources) => Ok(()),
            other => other,
        }
    }

    /// What a call declares, and the verification of the signature it comes with.
    pub(crate) fn info(call: &T::RuntimeCall, scheme: Option<SignatureScheme>) -> DispatchInfo {
        let info = call.dispatch_info();
        let verification = scheme.map_or(Weight::ZERO, cost::verification);
        DispatchInfo {
            weight: info.weight.saturating_add(verification),
            ..info
        }
    }

    /// Mandatory calls are the author's; anything else must fit into an empty block.
    pub(crate) fn check_class(info: &DispatchInfo, limits: &BlockLimits) -> Result<(), InvalidTransaction> {
        let limit = match info.class {
            DispatchClass::Normal => limits.normal(),
            DispatchClass::Operational => limits.max_weight,
            DispatchClass::Mandatory => return Err(InvalidTransaction::MandatoryValidation),
        };
        if info.weight.any_gt(
            limit
                .saturating_sub(limits.base_block)
                .saturating_sub(limits.base_extrinsic),
        ) {
            return Err(InvalidTransaction::ExhaustsResources);
        }
        Ok(())
    }

    /// Whether the extrinsic fits besides what the block in construction holds. For authors; a block is judged by its
    /// sums when it ends.
    pub fn fits(bytes: &[u8], length: u32) -> bool {
        let limits = T::System::limits();
        if length.saturating_add(length_of(bytes)) > limits.max_length {
            return false;
        }
        if T::System::code_update_pending() {
            return false;
        }
        let Ok(extrinsic) = Extrinsic::<T>::from_bytes(bytes) else {
            return true;
        };
        let info = Self::info(
            &extrinsic.call,
            extrinsic.signature.as_ref().map(|(_, sent, _)| sent.scheme()),
        );
        let who = extrinsic.signature.as_ref().map(|(who, ..)| who);
        if Self::check_suspension(&extrinsic.call, who) == Err(InvalidTransaction::ExhaustsResources) {
            return false;
        }
        let (normal, all) = T::System::consumed_weight();
        let weight = info.weight.saturating_add(limits.base_extrinsic);
        let within = |used: Weight, limit: Weight| !used.saturating_add(weight).any_gt(limit);
        match info.class {
            DispatchClass::Normal => within(normal, limits.normal()) && within(all, limits.max_weight),
            DispatchClass::Operational => within(all, limits.max_weight),
            DispatchClass::Mandatory => true,
        }
    }

    /// Ends the block. `commitment` is of the extrinsics that were applied.
    ///
    /// # Panics
    /// If the block breaks a limit.
    #[allow(clippy::panic, reason = "a panic is how a runtime calls a block invalid")]
    pub fn finalize_block(commitment: ExtrinsicsCommitment) -> Header {
        set_phase(Phase::Finalization);
        let (length, max) = (commitment.length, T::System::limits().max_length);
        if length > max {
            panic!("invalid block: its extrinsics have {length} bytes, at most {max} are allowed");
        }
        let height = T::System::height();
        let (_, used) = T::System::consumed_weight();
        let remaining = T::System::limits().max_weight.saturating_sub(used);
        let idle = T::Pallets::on_idle(height, remaining);
        T::System::register_weight(idle, DispatchClass::Mandatory);
        T::Pallets::on_finalize(height);
        T::Migrations::end_block(height);
        T::System::deposit_log(DigestItem::Consensus(SIGNATURES_DIGEST, commitment.signatures.encode()));
        T::System::finalize(commitment.root)
    }

    /// Executes a whole block.
    ///
    /// # Panics
    /// If the block is invalid, with the reason.
    #[allow(clippy::panic, reason = "a panic is how a runtime calls a block invalid")]
    pub fn execute_block(block: Block) {
        let Block { header, extrinsics } = block;
        Self::initialize_block(&header);
        let extrinsics: Vec<Vec<u8>> = extrinsics.into_iter().map(|OpaqueExtrinsic(bytes)| bytes).collect();
        for (index, bytes) in (0u32..).zip(&extrinsics) {
            if let Err(error) = Self::apply_extrinsic(index, bytes) {
                panic!("extrinsic {index} does not belong into the block: {error}");
            }
        }
        let computed = Self::finalize_block(Self::commit_extrinsics(&extrinsics));
        if computed != header {
            panic!("the header differs from the computed one: {header:?} instead of {computed:?}");
        }
    }

    /// The author's own extrinsics.
    pub fn inherent_extrinsics(data: &InherentData) -> Vec<OpaqueExtrinsic> {
        let encode = |call| OpaqueExtrinsic(Extrinsic::<T> { signature: None, call }.encode());
        T::create_inherents(data).into_iter().map(encode).collect()
    }

    /// This node's opinion of a block's inherents.
    pub fn check_inherents(block: &Block, data: &InherentData) -> CheckInherentsResult {
        let calls: Vec<T::RuntimeCall> = block
            .extrinsics
            .iter()
            .filter_map(|OpaqueExtrinsic(bytes)| Extrinsic::<T>::from_bytes(bytes).ok())
            .filter(|extrinsic| extrinsic.signature.is_none() && T::is_inherent(&extrinsic.call))
            .map(|extrinsic| extrinsic.call)
            .collect();
        T::check_inherents(&calls, data)
    }

    /// Runs all single-block migrations; the trial run of a new runtime calls this, and a block, guarded.
    pub fn on_runtime_upgrade() -> Weight {
        set_phase(Phase::Initialization);
        T::Pallets::on_runtime_upgrade()
    }
}
