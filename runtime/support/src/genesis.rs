//! The state before the first block.

/// Writes a pallet's genesis state. `T` is the runtime.
pub trait BuildGenesis<T> {
    fn build(&self);
}

/// A pallet without genesis configuration.
impl<T> BuildGenesis<T> for () {
    fn build(&self) {}
}
