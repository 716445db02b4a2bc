//! What a host provides to a runtime, and the scope in which it is reachable.

use quids_core::{Hash, Header};
use std::{cell::Cell, ptr::NonNull};

/// A host call that could not be carried out. It ends the runtime's execution: in WASM as a trap.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtError {
    #[error("the backend could not be read: {0}")]
    Backend(String),
    #[error("add of {amount} to {current} at key 0x{key} overflows u128")]
    AddOverflow { key: String, current: u128, amount: u128 },
    #[error("value at key 0x{key} is not {expected} ({found} bytes)")]
    NotMergeable {
        key: String,
        expected: &'static str,
        found: usize,
    },
    #[error("{0} of a storage transaction without a begin")]
    NoTransaction(&'static str),
    #[error("storage transactions are nested more than {0} deep")]
    TooDeep(usize),
    #[error("{0} is not available here")]
    Unavailable(&'static str),
}

/// The result of a host call.
pub type ExtResult<T> = Result<T, ExtError>;

/// State and services that host functions act on. Semantics of each operation: `README.md` of this crate.
pub trait Externalities {
    /// Hands the value at `key` to `read`, without a copy where that is possible.
    fn get_with(&mut self, key: &[u8], read: &mut dyn FnMut(Option<&[u8]>)) -> ExtResult<()>;
    fn exists(&mut self, key: &[u8]) -> ExtResult<bool> {
        let mut found = false;
        self.get_with(key, &mut |value| found = value.is_some())?;
        Ok(found)
    }
    fn set(&mut self, key: &[u8], value: &[u8]) -> ExtResult<()>;
    fn clear(&mut self, key: &[u8]) -> ExtResult<()>;
    /// Removes at most `limit` keys that start with `prefix`, in key order.
    /// Returns how many were removed and whether more are left.
    fn clear_prefix(&mut self, prefix: &[u8], limit: u32) -> ExtResult<(u32, bool)>;
    /// Appends one SCALE-encoded item to the SCALE vector at `key`. Commutes with other appends up to order.
    fn append(&mut self, key: &[u8], item: &[u8]) -> ExtResult<()>;
    /// Adds to the little-endian u128 at `key` (absent counts as 0). Commutes with other adds.
    fn add(&mut self, key: &[u8], amount: u128) -> ExtResult<()>;
    /// The smallest key greater than `key` in byte order.
    fn next_key(&mut self, key: &[u8]) -> ExtResult<Option<Vec<u8>>>;
    fn begin_transaction(&mut self) -> ExtResult<()>;
    fn commit_transaction(&mut self) -> ExtResult<()>;
    fn rollback_transaction(&mut self) -> ExtResult<()>;
    /// Root of the state with all changes applied.
    fn root(&mut self) -> ExtResult<Hash>;
    /// Verifies a signature; the client overrides it to use what it already verified.
    fn verify_signature(&mut self, scheme: u8, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        quids_crypto::verify_raw(scheme, public_key, message, signature)
    }
    /// Trial run of a runtime: its checks, `Core_version`, metadata and migrations on a discarded overlay; with the header of the
    /// next block, that block without transactions too.
    /// `Ok` holds a SCALE-encoded `quids_api::CheckedRuntime`.
    fn check_runtime(&mut self, _code: &[u8], _next: Option<&Header>) -> ExtResult<Result<Vec<u8>, String>> {
        Err(ExtError::Unavailable("the trial run of a runtime"))
    }
    /// A line from the runtime. Levels: 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    fn log(&mut self, level: u8, message: &str) {
        if level <= 3 {
            eprintln!("runtime: {message}");
        }
    }

    /// The value at `key`, copied.
    fn get(&mut self, key: &[u8]) -> ExtResult<Option<Vec<u8>>> {
        let mut out = None;
        self.get_with(key, &mut |value| out = value.map(<[u8]>::to_vec))?;
        Ok(out)
    }
}

type Scope = NonNull<dyn Externalities>;

thread_local! {
    static CURRENT: Cell<Option<Scope>> = const { Cell::new(None) };
}

/// Runs `f` with `externalities` reachable by the host functions of this thread. May be nested;
/// the previous scope returns afterwards, also when `f` panics.
pub fn within<R>(externalities: &mut dyn Externalities, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Scope>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let pointer = NonNull::from(externalities);
    // SAFETY: only the lifetime is changed. The pointer is reachable through `CURRENT` alone, which `Restore`
    // resets before this function returns, so it never outlives the borrow it was made from.
    let pointer =
        unsafe { std::mem::transmute::<NonNull<dyn Externalities + '_>, NonNull<dyn Externalities>>(pointer) };
    let _restore = Restore(CURRENT.replace(Some(pointer)));
    f()
}

/// Hands the externalities of the innermost `within` to `f`.
///
/// # Panics
/// Outside `within`, and when called again from inside `f`.
pub fn with_externalities<R>(f: impl FnOnce(&mut dyn Externalities) -> R) -> R {
    struct PutBack(Scope);
    impl Drop for PutBack {
        fn drop(&mut self) {
            CURRENT.set(Some(self.0));
        }
    }
    let Some(pointer) = CURRENT.take() else {
        panic!("a host function was called outside `quids_io::within` (in a test: wrap it in externalities)");
    };
    let mut scope = PutBack(pointer);
    // SAFETY: the pointer comes from `within`, which is still on the stack and holds the only borrow; it was
    // taken out of `CURRENT`, so no second reference can be made while `f` runs.
    f(unsafe { scope.0.as_mut() })
}
