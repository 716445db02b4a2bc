//! What a node does about upgrades beside executing blocks: it compiles code before the block that needs it, says if it
//! cannot, and shows how proposals and migrations go.

mod changes;
mod chronicle;
mod node;
mod readiness;
mod witness;

pub use changes::{UpgradeChange, changes_in};
pub use node::Ahead;
use readiness::Readiness;
pub use witness::WitnessAhead;

/// An open one whose code is not there yet.
#[cfg(test)]
fn sample_proposal() -> quids_api::upgrade::Proposal {
    use quids_api::upgrade::{Activation, Proposal, Stage};
    use quids_core::Height;
    Proposal {
        proposer: None,
        code_hash: [0; 64],
        code_size: 1,
        spec_version: 2,
        activation: Activation::After(Height(0)),
        notes: Vec::new(),
        approvals: Vec::new(),
        rejections: Vec::new(),
        is_approved: false,
        not_before: Height(0),
        chunks: 0,
        is_checked: false,
        stage: Stage::Open { expires: Height(99) },
    }
}
