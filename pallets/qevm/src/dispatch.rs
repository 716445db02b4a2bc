//! Calls of the runtime that contracts asked for through `IDispatch`.

use crate::{Config, Event, Pallet, costs, precompiles};
use codec::DecodeLimit;
use quids_api::evm::EvmLog;
use quids_core::DispatchError;
use quids_support::{
    composition::PalletParts,
    dispatch::{GetDispatchInfo, dispatch_transactional},
    origin::Origin,
    traits::Get,
};

/// How deep calls may nest in a call that a contract makes.
const DEPTH_MAX: u32 = 8;

impl<T: Config> Pallet<T> {
    /// The call, if contracts may make it; otherwise why not. Those of this pallet they may not, whatever the runtime
    /// says: contracts have calls of their own.
    fn open_call(encoded: &[u8]) -> Result<T::RuntimeCall, &'static str> {
        let call = T::RuntimeCall::decode_all_with_depth_limit(DEPTH_MAX, &mut &encoded[..])
            .map_err(|_| "not a call of this runtime")?;
        if call.call_name().0 == Self::NAME || !T::is_open_to_contracts(&call) {
            return Err("the call is not open to contracts");
        }
        Ok(call)
    }

    /// Gas of a call that a contract asks for: that which weighs as much as the call declares, and what is around it.
    pub(crate) fn dispatch_gas(encoded: &[u8]) -> Result<u64, &'static str> {
        let declared = Self::open_call(encoded)?.dispatch_info().weight;
        Ok(costs::to_gas::<T>(declared.saturating_add(costs::DISPATCH)))
    }

    /// Makes the calls that an execution asked for and did not take back, in order, each as signed by the account that
    /// asked. One that fails changes nothing, and the execution stands: the event tells.
    pub(crate) fn dispatch_requests(logs: &[EvmLog]) {
        let home = T::Precompiles::get().dispatch;
        for (account, encoded) in logs.iter().filter_map(|log| precompiles::requested(home, log)) {
            // It was open when it was asked for, and no code has changed since.
            let made = match Self::open_call(encoded) {
                Ok(call) => dispatch_transactional(call, Origin::Signed(account)),
                Err(reason) => Err(DispatchError::Other(reason).into()),
            };
            let result = made.map(drop).map_err(|failed| failed.error);
            Self::deposit_event(Event::CallDispatched { account, result });
        }
    }
}
