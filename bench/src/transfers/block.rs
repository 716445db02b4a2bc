//! One block through the runtime, in the steps that the node takes, each under a stopwatch.

use super::{
    engine::Engine,
    meter::{Meter, Tally},
    world::TIMESTAMP,
};
use crate::{
    Result,
    clock::{Lap, timed},
};
use quids_api::{ApplyExtrinsicResult, ExtrinsicsCommitment, InherentData, TIMESTAMP_INHERENT, names};
use quids_core::{Header, OpaqueExtrinsic};
use quids_io::Externalities;
use quids_runtime::Runtime;
use quids_state::{Commit, Overlay, StateBackend};
use std::sync::Arc;

/// How long the steps took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steps {
    /// Of all transfers, one runtime call each.
    pub execution: Lap,
    /// `BlockBuilder_commit_extrinsics`: the extrinsics root.
    pub commitment: Lap,
    /// `BlockBuilder_finalize_block` without the state's root.
    pub finalization: Lap,
    /// The state's root, with all that has to be stored.
    pub root: Lap,
}

/// An executed block.
pub struct Outcome {
    pub steps: Steps,
    pub header: Header,
    pub commit: Commit,
    /// What the transfers asked of the host, if that was metered.
    pub tally: Tally,
}

/// Executes the block of `transfers` on `backend`. Metering costs time: figures come from runs without it.
pub fn execute<B: StateBackend>(
    engine: &mut Engine,
    backend: B,
    header: &Header,
    transfers: &[Vec<u8>],
    metered: bool,
) -> Result<Outcome> {
    // As in FRAME's measurement: signatures are taken as verified.
    let mut state = Overlay::new(backend).with_verifier(Arc::new(|_, _, _, _| true));
    engine.call_typed::<()>(&mut state, names::CORE_INITIALIZE_BLOCK, header)?;
    let mut inherents = InherentData::default();
    inherents.put(TIMESTAMP_INHERENT, &TIMESTAMP);
    let inherents: Vec<OpaqueExtrinsic> =
        engine.call_typed(&mut state, names::BLOCK_BUILDER_INHERENT_EXTRINSICS, &inherents)?;
    let mut extrinsics: Vec<&[u8]> = inherents
        .iter()
        .map(|OpaqueExtrinsic(bytes)| bytes.as_slice())
        .collect();
    apply(engine, &mut state, 0, &extrinsics, None)?;

    let first = extrinsics.len();
    extrinsics.extend(transfers.iter().map(Vec::as_slice));
    let mut steps = Steps::default();
    let mut tally = Tally::new();
    let (applied, lap) = timed(|| {
        apply(
            engine,
            &mut state,
            first,
            &extrinsics[first..],
            metered.then_some(&mut tally),
        )
    });
    applied?;
    steps.execution = lap;

    let (commitment, lap) =
        timed(|| engine.call_typed(&mut state, names::BLOCK_BUILDER_COMMIT_EXTRINSICS, &extrinsics));
    let mut commitment: ExtrinsicsCommitment = commitment?;
    steps.commitment = lap;

    // The block may be larger than the chain's limits on bytes and weight: FRAME's was measured without them as well.
    commitment.length = 0;
    state.clear(&pallet_system::ConsumedNormal::<Runtime>::key())?;
    let mut finishing = Tally::new();
    let mut meter = Meter::new(&mut state, &mut finishing);
    let (header, lap) = timed(|| engine.call_typed(&mut meter, names::BLOCK_BUILDER_FINALIZE_BLOCK, &commitment));
    let header: Header = header?;
    steps.root = finishing
        .get("storage_root")
        .map(|calls| calls.time)
        .unwrap_or_default();
    steps.finalization = Lap {
        wall: lap.wall.saturating_sub(steps.root.wall),
        cpu: lap.cpu.saturating_sub(steps.root.cpu),
    };
    let commit = state.into_commit()?;
    Ok(Outcome {
        steps,
        header,
        commit,
        tally,
    })
}

/// Applies extrinsics as the node does: each in a storage transaction that a refusal would undo. What the runtime
/// asks of the host goes into `tally`, if there is one.
fn apply<B: StateBackend>(
    engine: &mut Engine,
    state: &mut Overlay<B>,
    first: usize,
    extrinsics: &[&[u8]],
    mut tally: Option<&mut Tally>,
) -> Result {
    for (index, bytes) in extrinsics.iter().enumerate() {
        let index = (first + index) as u32;
        state.begin_transaction()?;
        let input = (index, bytes);
        let result: ApplyExtrinsicResult = match tally.as_deref_mut() {
            None => engine.call_typed(state, names::BLOCK_BUILDER_APPLY_EXTRINSIC, &input)?,
            Some(tally) => engine.call_typed(
                &mut Meter::new(state, tally),
                names::BLOCK_BUILDER_APPLY_EXTRINSIC,
                &input,
            )?,
        };
        match result {
            Ok(Ok(())) => state.commit_transaction()?,
            Ok(Err(error)) => return Err(format!("extrinsic {index} fails: {error:?}").into()),
            Err(error) => return Err(format!("extrinsic {index} is refused: {error:?}").into()),
        }
    }
    Ok(())
}
