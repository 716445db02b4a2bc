//! Assertions on results, state and events.

use quids_core::DispatchError;
use quids_support::dispatch::DispatchErrorWithPostInfo;
use std::{collections::BTreeMap, fmt::Write};

/// All keys and values of a state.
pub type State = BTreeMap<Vec<u8>, Vec<u8>>;

/// How many differences a message lists.
const LISTED_MAX: usize = 8;

/// The state as it is behind the host functions.
pub fn snapshot() -> State {
    let mut state = State::new();
    let mut key = Vec::new();
    while let Some(next) = quids_io::storage::next_key(&key) {
        state.insert(next.clone(), quids_io::storage::get(&next).unwrap_or_default());
        key = next;
    }
    state
}

/// The keys in which two states differ, with both values; `None` if there is no difference.
pub fn changes(before: &State, after: &State) -> Option<String> {
    let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let differing: Vec<_> = keys
        .into_iter()
        .filter(|key| before.get(*key) != after.get(*key))
        .collect();
    if differing.is_empty() {
        return None;
    }
    let mut out = format!("{} keys", differing.len());
    for key in differing.iter().take(LISTED_MAX) {
        let value = |state: &State| state.get(*key).map_or("absent".to_owned(), |value| hex(value));
        let _ = write!(out, "\n  {}: {} → {}", hex(key), value(before), value(after));
    }
    Some(out)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// An error of a call, of a function of a pallet or of a pallet's enum, as the call's error.
pub fn as_error(error: impl Into<DispatchErrorWithPostInfo>) -> DispatchError {
    error.into().error
}

/// The value of an `Ok`, which may be compared with a second argument.
#[macro_export]
macro_rules! assert_ok {
    ($result:expr $(,)?) => {
        match $result {
            Ok(value) => value,
            Err(error) => panic!("expected Ok, found {error:?}: {}", stringify!($result)),
        }
    };
    ($result:expr, $value:expr $(,)?) => {
        assert_eq!($crate::assert_ok!($result), $value)
    };
}

/// The expression fails with this error and leaves the state as it was, key by key. A call that writes before it fails
/// passes only through `TestRuntime::call`, which undoes it as the executive does.
#[macro_export]
macro_rules! assert_noop {
    ($result:expr, $error:expr $(,)?) => {{
        let before = $crate::snapshot();
        $crate::assert_err!($result, $error);
        if let Some(changes) = $crate::changes(&before, &$crate::snapshot()) {
            panic!("{} failed and changed the state: {changes}", stringify!($result));
        }
    }};
}

/// The expression fails with this error, whatever it leaves behind. Where nothing may be left: `assert_noop!`.
#[macro_export]
macro_rules! assert_err {
    ($result:expr, $error:expr $(,)?) => {
        match $result {
            Ok(value) => panic!("expected an error, found Ok({value:?}): {}", stringify!($result)),
            Err(error) => assert_eq!(
                $crate::as_error(error),
                $crate::as_error($error),
                "{}",
                stringify!($result)
            ),
        }
    };
}

/// The expression leaves the state as it was, key by key, whether it fails or not; its value.
#[macro_export]
macro_rules! assert_storage_noop {
    ($expression:expr $(,)?) => {{
        let before = $crate::snapshot();
        let value = $expression;
        if let Some(changes) = $crate::changes(&before, &$crate::snapshot()) {
            panic!("{} changed the state: {changes}", stringify!($expression));
        }
        value
    }};
}

/// The runtime has deposited this event in the block; `last`: as the newest.
#[macro_export]
macro_rules! assert_event {
    ($runtime:ty, last $event:expr $(,)?) => {{
        let events = <$runtime as $crate::TestRuntime>::events();
        let expected =
            <$runtime as $crate::__private::quids_support::composition::Composition>::RuntimeEvent::from($event);
        assert_eq!(events.last(), Some(&expected), "the last event");
    }};
    ($runtime:ty, $event:expr $(,)?) => {{
        let events = <$runtime as $crate::TestRuntime>::events();
        let expected =
            <$runtime as $crate::__private::quids_support::composition::Composition>::RuntimeEvent::from($event);
        assert!(events.contains(&expected), "{expected:?} is not among {events:#?}");
    }};
}
