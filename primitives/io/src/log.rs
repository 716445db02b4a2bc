//! Lines from the runtime to the node's log. Arguments are formatted in the runtime, so keep them rare.

/// How serious a line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Level {
    Error = 1,
    Warn = 2,
    Info = 3,
    Debug = 4,
    Trace = 5,
}

/// Writes a line to the node's log.
pub fn write(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::guest::log(level as u8, message);
    #[cfg(not(target_arch = "wasm32"))]
    crate::with_externalities(|e| e.log(level as u8, message));
}
