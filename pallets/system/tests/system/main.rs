//! Tests of the system pallet in a runtime of its own.

mod blocks;
mod extensions;
mod keys;
mod mock;
