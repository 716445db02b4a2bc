//! Blocks of a runtime with a clock, and of what calls say they have used.

use quids_support::{dispatch::GetDispatchInfo, prelude::*};
use quids_testing::{BLOCK_TIME_MS, TestExternalities, TestRuntime, account, assert_err, mock_runtime};
use std::panic::catch_unwind;

/// One whose call says what it used.
#[quids_support::pallet(name = "Frugal")]
pub mod frugal {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: pallet_system::Config {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Uses `used`; costs nothing if it is 0, fails if it is more than 50.
        #[pallet::call_index(0)]
        #[pallet::weight(Weight::new(100, 100))]
        pub fn work(origin: Origin, used: u64) -> DispatchResultWithPostInfo {
            ensure_signed(origin)?;
            let post_info = PostDispatchInfo {
                actual_weight: Some(Weight::new(used, 0)),
                pays_fee: if used == 0 { Pays::No } else { Pays::Yes },
            };
            if used > 50 {
                let error = DispatchError::Other("too much");
                return Err(quids_support::dispatch::DispatchErrorWithPostInfo { post_info, error });
            }
            Ok(post_info)
        }
    }
}

mock_runtime! {
    /// A test runtime.
    pub struct Runtime {
        Timestamp: pallet_timestamp = 1,
        Frugal: frugal = 2,
    }
}

quids_support::constant!(pub MinimumPeriod: u64 = 10);

impl pallet_timestamp::Config for Runtime {
    type MinimumPeriod = MinimumPeriod;
}
impl frugal::Config for Runtime {}

#[test]
fn the_clock_goes_on_with_the_blocks() {
    TestExternalities::<Runtime>::default().execute_with(|| {
        assert_eq!(Runtime::now_ms(), 0);
        Runtime::run_to_block(3);
        assert_eq!(Runtime::now_ms(), 3 * BLOCK_TIME_MS);
        Runtime::next_block_at(1_000_000);
        assert_eq!((Runtime::height(), Runtime::now_ms()), (Height(4), 1_000_000));
        // Time does not go back.
        Runtime::next_block_at(5);
        assert_eq!(Runtime::now_ms(), 1_000_010);
        Runtime::run_to_block(7);
        assert_eq!(Runtime::now_ms(), 1_000_010 + 2 * BLOCK_TIME_MS);
        Runtime::end_block();
    });
}

#[test]
fn a_block_whose_inherent_fails_is_none() {
    let second = || {
        TestExternalities::<Runtime>::default().execute_with(|| {
            Runtime::run_to_block(1);
            Runtime::apply_inherents(5_000);
        })
    };
    let failure = catch_unwind(second).unwrap_err();
    let failure = failure.downcast_ref::<String>().unwrap();
    assert!(failure.starts_with("invalid block: inherent Timestamp("), "{failure}");
}

#[test]
fn what_a_call_has_used_is_told() {
    TestExternalities::<Runtime>::default().execute_with(|| {
        for (used, pays) in [(0, false), (7, true), (50, true)] {
            let call = RuntimeCall::from(frugal::Call::work { used });
            let info = call.dispatch_info();
            let post = Runtime::dispatch(Origin::Signed(account(1)), call).unwrap();
            assert_eq!(post.charged_weight(&info), Weight::new(used, 0));
            assert_eq!(post.pays(&info), pays);
        }
        let failed = || Runtime::dispatch(Origin::Signed(account(1)), frugal::Call::work { used: 51 });
        assert_err!(failed(), DispatchError::Other("too much"));
        assert_eq!(failed().unwrap_err().post_info.actual_weight, Some(Weight::new(51, 0)));
    });
}
