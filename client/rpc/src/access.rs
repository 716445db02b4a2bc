//! What the caller of one request may do.

/// Travels with every request, in its extensions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Access {
    /// Whether methods that change the node may be called.
    pub is_unsafe_allowed: bool,
}
