//! Traces of calls: as a tree (callTracer), as a list (flatCallTracer, `trace_*`), as counts (4byteTracer).

use super::super::call::{halt_text, reason};
use super::text::Text;
use quids_api::evm::{CallFrame, CallKind, EvmStatus};
use std::collections::BTreeMap;

/// go-ethereum's name of a frame.
pub const fn kind_text(kind: CallKind) -> &'static str {
    match kind {
        CallKind::Call => "CALL",
        CallKind::CallCode => "CALLCODE",
        CallKind::DelegateCall => "DELEGATECALL",
        CallKind::StaticCall => "STATICCALL",
        CallKind::Create => "CREATE",
        CallKind::Create2 => "CREATE2",
        CallKind::SelfDestruct => "SELFDESTRUCT",
    }
}

const fn is_creation(kind: CallKind) -> bool {
    matches!(kind, CallKind::Create | CallKind::Create2)
}

/// The tree of calls. The frames come in the order in which they began, so a frame's calls follow it; written without
/// recursion, since calls nest 1024 deep.
pub fn tree(text: &mut Text, frames: &[CallFrame], only_top: bool, with_logs: bool) {
    let mut open: Vec<u32> = Vec::new();
    let shown = if only_top {
        frames.get(..1).unwrap_or_default()
    } else {
        frames
    };
    let mut has_calls = Vec::new();
    for (index, frame) in shown.iter().enumerate() {
        if text.is_full() {
            return;
        }
        while open.last().is_some_and(|depth| *depth >= frame.depth) {
            open.pop();
            end(text, has_calls.pop().unwrap_or_default());
        }
        if let Some(begun @ false) = has_calls.last_mut() {
            *begun = true;
            text.name("calls");
            text.open("[");
        }
        let failed_above = with_logs && is_undone(frames, index);
        text.open("{");
        fields(text, frame, with_logs && !failed_above);
        open.push(frame.depth);
        has_calls.push(false);
    }
    while let Some(has_calls) = has_calls.pop() {
        end(text, has_calls);
    }
    if shown.is_empty() {
        text.open("{");
        text.close("}");
    }
}

fn end(text: &mut Text, has_calls: bool) {
    if has_calls {
        text.close("]");
    }
    text.close("}");
}

/// Whether a frame or one that it is part of failed, so that its logs are gone.
fn is_undone(frames: &[CallFrame], mut index: usize) -> bool {
    while let Some(frame) = frames.get(index) {
        if frame.status != EvmStatus::Success {
            return true;
        }
        let parent = frame.parent as usize;
        if parent >= index {
            return false;
        }
        index = parent;
    }
    false
}

fn fields(text: &mut Text, frame: &CallFrame, with_logs: bool) {
    text.name("from");
    text.bytes(frame.from);
    text.name("gas");
    text.quantity(frame.gas);
    text.name("gasUsed");
    text.quantity(frame.gas_used);
    if !(is_creation(frame.kind) && frame.status != EvmStatus::Success) {
        text.name("to");
        text.bytes(frame.to);
    }
    text.name("input");
    text.bytes(&frame.input);
    let has_output = match frame.status {
        EvmStatus::Success | EvmStatus::Revert => !frame.output.is_empty(),
        EvmStatus::Halt(_) => false,
    };
    if has_output {
        text.name("output");
        text.bytes(&frame.output);
    }
    match frame.status {
        EvmStatus::Success => {}
        EvmStatus::Revert => {
            text.name("error");
            text.string("execution reverted");
            if let Some(reason) = reason(&frame.output) {
                text.name("revertReason");
                text.string(&reason);
            }
        }
        EvmStatus::Halt(halt) => {
            text.name("error");
            text.string(halt_text(halt));
        }
    }
    if with_logs && !frame.logs.is_empty() {
        text.name("logs");
        text.open("[");
        for (position, log) in &frame.logs {
            text.open("{");
            text.name("address");
            text.bytes(log.address);
            text.name("topics");
            text.open("[");
            log.topics.iter().for_each(|topic| text.bytes(topic));
            text.close("]");
            text.name("data");
            text.bytes(&log.data);
            text.name("position");
            text.quantity(*position);
            text.close("}");
        }
        text.close("]");
    }
    if frame.kind != CallKind::StaticCall {
        text.name("value");
        text.quantity(frame.value);
    }
    text.name("type");
    text.string(kind_text(frame.kind));
}

/// How often each selector was called with how many bytes of arguments.
pub fn four_byte(text: &mut Text, frames: &[CallFrame]) {
    let mut counts = BTreeMap::<(&[u8], usize), u64>::new();
    for frame in frames {
        let is_call = matches!(
            frame.kind,
            CallKind::Call | CallKind::CallCode | CallKind::DelegateCall | CallKind::StaticCall
        );
        if let Some((selector, arguments)) = frame
            .input
            .split_at_checked(4)
            .filter(|_| is_call && !is_ancient(frame))
        {
            let count = counts.entry((selector, arguments.len())).or_default();
            *count = count.saturating_add(1);
        }
    }
    text.open("{");
    for ((selector, length), count) in counts {
        text.name(&format!("0x{}-{length}", const_hex::encode(selector)));
        text.number(count);
    }
    text.close("}");
}

/// Ethereum's precompiles, which have no selectors: 0x01 to 0x11, and 0x0100.
fn is_ancient(frame: &CallFrame) -> bool {
    let (high, low) = frame.to.0.split_at(18);
    high.iter().all(|byte| *byte == 0) && matches!(low, [0, 1..=0x11] | [1, 0])
}

/// Where a flat trace's calls belong.
#[derive(Clone, Copy, Debug)]
pub struct Belongs<'a> {
    pub block_hash: &'a [u8],
    pub block_number: u64,
    pub transaction_hash: &'a [u8],
    pub position: u32,
}

/// The calls as a list, as Parity and Erigon have them.
pub fn flat(text: &mut Text, frames: &[CallFrame], belongs: Option<Belongs<'_>>) {
    // Of each frame: how many calls it made, and which of its caller's calls it is.
    let mut children = vec![0u64; frames.len()];
    let mut places = Vec::with_capacity(frames.len());
    for (index, frame) in frames.iter().enumerate() {
        let parent = Some(frame.parent as usize).filter(|parent| *parent < index);
        let count = parent.and_then(|parent| children.get_mut(parent));
        places.push(count.map(|count| {
            *count = count.saturating_add(1);
            *count - 1
        }));
    }
    for ((index, frame), subtraces) in frames.iter().enumerate().zip(&children) {
        if text.is_full() {
            return;
        }
        text.open("{");
        flat_action(text, frame);
        if let Some(belongs) = belongs {
            text.name("blockHash");
            text.bytes(belongs.block_hash);
            text.name("blockNumber");
            text.number(belongs.block_number);
            text.name("transactionHash");
            text.bytes(belongs.transaction_hash);
            text.name("transactionPosition");
            text.number(belongs.position.into());
        }
        text.name("subtraces");
        text.number(*subtraces);
        text.name("traceAddress");
        text.open("[");
        address(frames, &places, index).for_each(|place| text.number(place));
        text.close("]");
        text.close("}");
    }
}

/// The way from the transaction to a frame.
fn address(frames: &[CallFrame], places: &[Option<u64>], mut index: usize) -> impl Iterator<Item = u64> {
    let mut way = Vec::new();
    while let Some((frame, Some(place))) = frames.get(index).zip(places.get(index).copied()) {
        way.push(place);
        index = frame.parent as usize;
    }
    way.into_iter().rev()
}

fn flat_action(text: &mut Text, frame: &CallFrame) {
    let creation = is_creation(frame.kind);
    text.name("type");
    text.string(match frame.kind {
        CallKind::SelfDestruct => "suicide",
        _ if creation => "create",
        _ => "call",
    });
    text.name("action");
    text.open("{");
    if frame.kind == CallKind::SelfDestruct {
        text.name("address");
        text.bytes(frame.from);
        text.name("refundAddress");
        text.bytes(frame.to);
        text.name("balance");
        text.quantity(frame.value);
    } else {
        text.name("from");
        text.bytes(frame.from);
        text.name("gas");
        text.quantity(frame.gas);
        text.name("value");
        text.quantity(frame.value);
        if creation {
            text.name("init");
            text.bytes(&frame.input);
            text.name("creationMethod");
            text.string(&kind_text(frame.kind).to_lowercase());
        } else {
            text.name("to");
            text.bytes(frame.to);
            text.name("input");
            text.bytes(&frame.input);
            text.name("callType");
            text.string(&kind_text(frame.kind).to_lowercase());
        }
    }
    text.close("}");
    match frame.status {
        EvmStatus::Success if frame.kind == CallKind::SelfDestruct => {
            text.name("result");
            text.bare("null");
        }
        EvmStatus::Success => {
            text.name("result");
            text.open("{");
            text.name("gasUsed");
            text.quantity(frame.gas_used);
            if creation {
                text.name("address");
                text.bytes(frame.to);
                text.name("code");
            } else {
                text.name("output");
            }
            text.bytes(&frame.output);
            text.close("}");
        }
        EvmStatus::Revert => {
            text.name("error");
            text.string("Reverted");
        }
        EvmStatus::Halt(halt) => {
            text.name("error");
            text.string(halt_text(halt));
        }
    }
}
