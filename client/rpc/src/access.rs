//! Who may call what: unsafe methods change the node or cost it much, and are for its owner.

use jsonrpsee::Extensions;

/// What a connection may do. The server puts it into the extensions of each request; without it nothing unsafe is
/// allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Whether methods marked unsafe answer.
    pub is_unsafe_allowed: bool,
}

impl Access {
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().copied().unwrap_or_default()
    }
}
