//! Which calls this chain lets through: all, and to contracts a few.

use crate::RuntimeCall;
use quids_support::filter::CallFilter;

/// The runtime's call filter.
pub struct Filter;

impl CallFilter<RuntimeCall> for Filter {
    /// What is harmless from any account and costs what it declares, and batches of that which fail as one.
    fn is_open_to_contracts(call: &RuntimeCall) -> bool {
        use pallet_balances::Call as Balances;
        match call {
            RuntimeCall::System(pallet_system::Call::remark_with_event { .. })
            | RuntimeCall::Balances(
                Balances::transfer_keep_alive { .. } | Balances::reserve { .. } | Balances::unreserve { .. },
            )
            | RuntimeCall::Template(pallet_template::Call::give { .. }) => true,
            RuntimeCall::Utility(pallet_utility::Call::batch_all { calls }) => {
                calls.iter().all(Self::is_open_to_contracts)
            }
            _ => false,
        }
    }
}
