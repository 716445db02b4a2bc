//! Making the calls of a batch, and what they come to.

use crate::{Config, Error, Event, Pallet, weights};
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
        let mut used = weights::BATCH;
        for call in calls {
            let info = call.dispatch_info();
            let result = call.dispatch(origin);
            used = used
                .saturating_add(weights::ITEM)
                .saturating_add(charged(&result, &info));
            if let Err(failed) = result {
                return Err(DispatchErrorWithPostInfo {
                    post_info: Some(used).into(),
                    error: failed.error,
                });
            }
            Self::deposit_event(Event::ItemCompleted);
        }
        Self::deposit_event(Event::BatchCompleted);
        Ok(Some(used).into())
    }

    fn run_each(origin: Origin, calls: Vec<T::RuntimeCall>, mode: Mode) -> PostDispatchInfo {
        let mut used = weights::BATCH;
        let mut failures = false;
        for (index, call) in (0u32..).zip(calls) {
            let info = call.dispatch_info();
            let result = dispatch_transactional(call, origin);
            used = used
                .saturating_add(weights::ITEM)
                .saturating_add(charged(&result, &info));
            match result {
                Ok(_) => Self::deposit_event(Event::ItemCompleted),
                Err(failed) if mode == Mode::UntilFailure => {
                    let error = failed.error;
                    Self::deposit_event(Event::BatchInterrupted { index, error });
                    return Some(used).into();
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
        Some(used).into()
    }
}

/// The weight of a call that was made: what it used, never more than it declared.
fn charged(result: &DispatchResultWithPostInfo, info: &quids_support::dispatch::DispatchInfo) -> Weight {
    match result {
        Ok(post) => post.charged_weight(info),
        Err(failed) => failed.post_info.charged_weight(info),
    }
}
