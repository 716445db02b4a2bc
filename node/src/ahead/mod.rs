//! What a node does about upgrades beside executing blocks: it compiles code before the block that needs it, says if it
//! cannot, and shows how migrations go.

mod changes;
mod node;
mod readiness;
mod witness;

pub use changes::{UpgradeChange, changes_in};
pub use node::Ahead;
use readiness::Readiness;
pub use witness::WitnessAhead;
