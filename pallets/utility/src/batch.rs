//! Making the calls of a batch, and what they come to.

use crate::{Config, Error, Event, Pallet, costs, weights};
use alloc::vec::Vec;
use quids_core::{DispatchError, Weight};
use quids_support::{
    dispatch::{
        DispatchErrorWithPostInfo, DispatchResultWithPostInfo, Dispatchable, GetDispatchInfo, PostDispatchInfo,
        dispatch_transactional,
    },
    ensure,
    origin::Origin,
    traits::Get,
};

/// What a call that fails does to a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It ends it.
    UntilFailure,
    /// It undoes it.
    All,
    /// Nothing.
    Each,
}

impl Mode {
    /// What a batch of so many calls weighs by itself.
    fn weight(self, calls: u32) -> Weight {
        let measured = match self {
            Self::UntilFailure => weights::batch(calls),
            Self::All => weights::batch_all(calls),
            Self::Each => weights::force_batch(calls),
        };
        costs::of_batch(measured, calls)
    }
}

impl<T: Config> Pallet<T> {
    /// Makes the calls as `origin`: an account or root. Inherents and bare calls have no place in a batch.
    pub(crate) fn run(origin: Origin, calls: Vec<T::RuntimeCall>, mode: Mode) -> DispatchResultWithPostInfo {
        ensure!(origin != Origin::None, DispatchError::BadOrigin);
        let max = usize::try_from(T::CallsMax::get()).unwrap_or(usize::MAX);
        ensure!(calls.len() <= max, Error::<T>::TooManyCalls);
        match mode {
            Mode::All => Self::run_all(origin, calls),
            Mode::UntilFailure | Mode::Each => Ok(Self::run_each(origin, calls, mode)),
        }
    }

    /// A failure is the batch's own, which the storage transaction around every call undoes.
    fn run_all(origin: Origin, calls: Vec<T::RuntimeCall>) -> DispatchResultWithPostInfo {
        let mut of_calls = Weight::ZERO;
        let mut made = 0u32;
        for call in calls {
            let info = call.dispatch_info();
            let result = call.dispatch(origin);
            made = made.saturating_add(1);
            of_calls = of_calls.saturating_add(charged(&result, &info));
            if let Err(failed) = result {
                return Err(DispatchErrorWithPostInfo {
                    post_info: Some(of_calls.saturating_add(Mode::All.weight(made))).into(),
                    error: failed.error,
                });
            }
            Self::deposit_event(Event::ItemCompleted);
        }
        Self::deposit_event(Event::BatchCompleted);
        Ok(Some(of_calls.saturating_add(Mode::All.weight(made))).into())
    }

    fn run_each(origin: Origin, calls: Vec<T::RuntimeCall>, mode: Mode) -> PostDispatchInfo {
        let mut of_calls = Weight::ZERO;
        let mut made = 0u32;
        let mut failures = false;
        for (index, call) in (0u32..).zip(calls) {
            let info = call.dispatch_info();
            let result = dispatch_transactional(call, origin);
            made = made.saturating_add(1);
            of_calls = of_calls.saturating_add(charged(&result, &info));
            match result {
                Ok(_) => Self::deposit_event(Event::ItemCompleted),
                Err(failed) if mode == Mode::UntilFailure => {
                    let error = failed.error;
                    Self::deposit_event(Event::BatchInterrupted { index, error });
                    return Some(of_calls.saturating_add(mode.weight(made))).into();
                }
                Err(failed) => {
                    failures = true;
                    Self::deposit_event(Event::ItemFailed { error: failed.error });
                }
            }
        }
        Self::deposit_event(match failures {
            true => Event::BatchCompletedWithErrors,
            false => Event::BatchCompleted,
        });
        Some(of_calls.saturating_add(mode.weight(made))).into()
    }
}

/// The weight of a call that was made: what it used, never more than it declared.
fn charged(result: &DispatchResultWithPostInfo, info: &quids_support::dispatch::DispatchInfo) -> Weight {
    match result {
        Ok(post) => post.charged_weight(info),
        Err(failed) => failed.post_info.charged_weight(info),
    }
}
