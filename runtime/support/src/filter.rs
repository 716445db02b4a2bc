//! Which calls a runtime lets through, by who makes them.

use crate::origin::Origin;
use quids_core::DispatchError;

/// Named in `construct_runtime!` by `#[call_filter(Type)]`. It is asked wherever a `RuntimeCall` is dispatched, so also for
/// the calls within batches and calls as root; a refused call has cost what it declares. Inherents are asked for too, with
/// [`Origin::None`]: a filter that refuses one stops the chain. Transactions of the EVM are not dispatched.
pub trait CallFilter<Call> {
    /// Why this origin may not make the call; `pallet_system::Error::CallFiltered`, unless there is a better reason.
    fn admit(_origin: &Origin, _call: &Call) -> Result<(), DispatchError> {
        Ok(())
    }

    /// Whether contracts may make the call through the EVM's dispatch precompile: an allow-list, so that what nobody
    /// thought of is closed. They make it as signed by the contract's account, and [`Self::admit`] is asked as well.
    fn is_open_to_contracts(_call: &Call) -> bool {
        false
    }
}
