//! A witness: decides blocks with others and keeps no state. It executes each on its batch proof, and stores its header with the
//! proof that it is final.

mod answers;
mod backend;
mod ledger;
mod node;
mod proofs;

pub use ledger::Witness;
pub use node::WitnessNode;
