//! The smallest pallet: only what is required, and hooks to see their order.

#[quids_support::pallet(name = "Quiet")]
pub mod pallet {
    use crate::trace;
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::hooks]
    impl<T: Config> Hooks for Pallet<T> {
        fn on_initialize(height: Height) -> Weight {
            trace(format!("quiet initialize {height}"));
            Weight::new(20, 2)
        }
        fn on_finalize(height: Height) {
            trace(format!("quiet finalize {height}"));
        }
        fn on_idle(_: Height, remaining: Weight) -> Weight {
            trace(format!("quiet idle {}", remaining.ref_time));
            Weight::new(40, 0)
        }
        fn on_runtime_upgrade() -> Weight {
            trace("quiet upgrade".into());
            Weight::ZERO
        }
    }
}

/// Nothing but the two required items; nothing is left to defaults elsewhere.
#[quids_support::pallet(name = "AlmostNothing")]
pub mod almost_nothing {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);
}
