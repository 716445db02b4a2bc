//! What a pallet does by itself at fixed points of a block.

use alloc::string::String;
use quids_core::{Height, Weight};

/// Every method has a default that does nothing and weighs nothing. Each returns the weight it used.
pub trait Hooks {
    /// Before any extrinsic.
    fn on_initialize(_height: Height) -> Weight {
        Weight::ZERO
    }
    /// After every extrinsic. Its weight is to be declared in `on_initialize`.
    fn on_finalize(_height: Height) {}
    /// After every extrinsic, before `on_finalize`, with what is left of the block.
    fn on_idle(_height: Height, _remaining: Weight) -> Weight {
        Weight::ZERO
    }
    /// In the first block of a new code, before everything else, at most once a code.
    fn on_runtime_upgrade() -> Weight {
        Weight::ZERO
    }
    /// What always holds of the pallet's state, between blocks and between a block's extrinsics; an `Err` says what does
    /// not. It may read everything: tests and dry runs of upgrades ask, the execution of blocks never does.
    fn try_state() -> Result<(), String> {
        Ok(())
    }
}

macro_rules! tuples {
    ($($name:ident)*) => {
        impl<$($name: Hooks),*> Hooks for ($($name,)*) {
            fn on_initialize(height: Height) -> Weight {
                Weight::ZERO$(.saturating_add($name::on_initialize(height)))*
            }
            fn on_finalize(height: Height) {
                $($name::on_finalize(height);)*
            }
            fn on_idle(height: Height, remaining: Weight) -> Weight {
                let used = Weight::ZERO;
                $(let used = used.saturating_add($name::on_idle(height, remaining.saturating_sub(used)));)*
                used
            }
            fn on_runtime_upgrade() -> Weight {
                Weight::ZERO$(.saturating_add($name::on_runtime_upgrade()))*
            }
            fn try_state() -> Result<(), String> {
                $($name::try_state()?;)*
                Ok(())
            }
        }
    };
}

/// `()` does nothing.
impl Hooks for () {}
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
