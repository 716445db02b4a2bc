//! Executing without keeping: a transaction on trial, a block once more to measure it or to see what it does.

use super::{CALL_DEADLINE, Chain, ChainError};
use crate::extrinsic_builder::Metadata;
use codec::{Decode, Encode};
use quids_api::names;
use quids_core::{Block, Digest, Hash, Header, OpaqueExtrinsic};
use quids_executor::ExecutorError;
use quids_io::{ExtError, ExtResult, Externalities};
use quids_rpc::{BlockStats, TraceRecord};
use quids_state::StateBackend;

/// A part of a block's execution.
enum Stage {
    Initialise,
    Extrinsic(usize),
    Finalise,
}

impl Chain {
    /// What the last block's runtime says about itself, version 15.
    pub fn metadata(&self) -> Result<Metadata, ChainError> {
        let (_, best) = self.best();
        let bytes: Option<Vec<u8>> = self.call_typed(best, names::METADATA_AT_VERSION, &15u32)?;
        Metadata::decode(&bytes.unwrap_or_default()).map_err(|error| ChainError::Task(error.to_string()))
    }

    /// Applies an extrinsic in a block after `at` that has no inherents; the SCALE of its `ApplyExtrinsicResult`.
    pub fn dry_run(&self, at: Hash, extrinsic: &[u8]) -> Result<Vec<u8>, ChainError> {
        let _permit = self.calls.acquire(CALL_DEADLINE).ok_or(ChainError::Busy)?;
        let parent = self.header(at)?;
        let header = Header {
            parent_hash: at,
            number: parent.number.next().unwrap_or(parent.number),
            state_root: Hash::zero(),
            extrinsics_root: Hash::zero(),
            digest: Digest::default(),
        };
        let mut session = self.runtime_at(at)?.session()?;
        let mut state = self.overlay_at(at)?;
        session.call_with_deadline(
            &mut state,
            names::CORE_INITIALIZE_BLOCK,
            &header.encode(),
            CALL_DEADLINE,
        )?;
        let input = (0u32, extrinsic).encode();
        Ok(session.call_with_deadline(&mut state, names::BLOCK_BUILDER_APPLY_EXTRINSIC, &input, CALL_DEADLINE)?)
    }

    /// Measures a block; `None` if it or its body is unknown.
    pub fn block_stats(&self, hash: Hash) -> Result<Option<BlockStats>, ChainError> {
        let _permit = self.calls.acquire(CALL_DEADLINE).ok_or(ChainError::Busy)?;
        let Some(block) = self.block(hash)? else {
            return Ok(None);
        };
        let parent = block.header.parent_hash;
        let mut state = self.overlay_at(parent)?.with_access_log();
        self.replay(&block, &mut state, |_, _| ())?;
        let log = state.take_access_log().unwrap_or_default();
        let mut keys: Vec<&[u8]> = [&log.reads, &log.writes, &log.merges]
            .into_iter()
            .flat_map(|keys| keys.iter().map(Vec::as_slice))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        let proof = self.state_at(parent)?.prove(&keys)?;
        let witness_len = proof.iter().map(|node| node.len() as u64).sum();
        Ok(Some(BlockStats {
            witness_len,
            witness_compact_len: witness_len,
            block_len: block.encoded_size() as u64,
            num_extrinsics: block.extrinsics.len() as u64,
        }))
    }

    /// Tells `sink` what a block does to the storage, until that answers false; the parent's hash. `None` if the block
    /// or its body is unknown.
    pub fn trace(&self, hash: Hash, sink: &mut dyn FnMut(TraceRecord) -> bool) -> Result<Option<Hash>, ChainError> {
        let _permit = self.calls.acquire(CALL_DEADLINE).ok_or(ChainError::Busy)?;
        let Some(block) = self.block(hash)? else {
            return Ok(None);
        };
        let mut recorder = Recorder {
            state: self.overlay_at(block.header.parent_hash)?,
            span: 0,
            sink: Some(sink),
        };
        self.replay(&block, &mut recorder, |recorder, stage| {
            let name = match stage {
                Stage::Initialise => "initialize_block".into(),
                Stage::Extrinsic(index) => format!("apply_extrinsic {index}"),
                Stage::Finalise => "finalize_block".into(),
            };
            recorder.span += 1;
            recorder.tell(TraceRecord::Span {
                id: recorder.span,
                name,
            });
        })?;
        Ok(Some(block.header.parent_hash))
    }

    pub(super) fn block(&self, hash: Hash) -> Result<Option<Block>, ChainError> {
        let header = self.db.header(&hash)?;
        let body = self.db.get_block_transactions(&hash)?;
        Ok(header
            .zip(body)
            .map(|(header, extrinsics)| Block { header, extrinsics }))
    }

    /// Executes a block of this chain on `ext`, its parent's state. An error if the outcome is not the block's header.
    fn replay<E: Externalities>(
        &self,
        block: &Block,
        ext: &mut E,
        mut entering: impl FnMut(&mut E, Stage),
    ) -> Result<(), ChainError> {
        let host = |error: ExtError| ChainError::Executor(ExecutorError::Host(error));
        let mut session = self.runtime_at(block.header.parent_hash)?.session()?;
        let mut call = |ext: &mut E, api, input: &[u8]| session.call_with_deadline(ext, api, input, CALL_DEADLINE);
        entering(ext, Stage::Initialise);
        call(ext, names::CORE_INITIALIZE_BLOCK, &block.header.encode())?;
        for (index, OpaqueExtrinsic(bytes)) in block.extrinsics.iter().enumerate() {
            entering(ext, Stage::Extrinsic(index));
            ext.begin_transaction().map_err(host)?;
            call(
                ext,
                names::BLOCK_BUILDER_APPLY_EXTRINSIC,
                &(index as u32, bytes).encode(),
            )?;
            ext.commit_transaction().map_err(host)?;
        }
        entering(ext, Stage::Finalise);
        let bodies: Vec<&Vec<u8>> = block.extrinsics.iter().map(|OpaqueExtrinsic(bytes)| bytes).collect();
        let commitment = call(ext, names::BLOCK_BUILDER_COMMIT_EXTRINSICS, &bodies.encode())?;
        let header = call(ext, names::BLOCK_BUILDER_FINALIZE_BLOCK, &commitment)?;
        let header =
            Header::decode(&mut &header[..]).map_err(ChainError::decode(names::BLOCK_BUILDER_FINALIZE_BLOCK))?;
        if header != block.header {
            return Err(ChainError::InvalidBlock {
                number: block.header.number,
                hash: block.header.hash(),
                reason: format!("executing it again gives {header:?}"),
            });
        }
        Ok(())
    }
}

/// Passes everything on to a state and tells of it.
struct Recorder<'a, E> {
    state: E,
    span: u64,
    /// `None` once it has had enough.
    sink: Option<&'a mut dyn FnMut(TraceRecord) -> bool>,
}

impl<E> Recorder<'_, E> {
    fn tell(&mut self, record: TraceRecord) {
        if let Some(sink) = &mut self.sink
            && !sink(record)
        {
            self.sink = None;
        }
    }

    fn access(&mut self, method: &'static str, key: &[u8], values: Vec<(&'static str, String)>) {
        if self.sink.is_some() {
            self.tell(TraceRecord::Access {
                span: self.span,
                method,
                key: key.to_vec(),
                values,
            });
        }
    }
}

/// As Substrate writes optional bytes: `Some(00ff)` or `None`.
fn optional(value: Option<&[u8]>) -> String {
    value.map_or_else(|| "None".into(), |bytes| format!("Some({})", hex::encode(bytes)))
}

impl<E: Externalities> Externalities for Recorder<'_, E> {
    fn get_with(&mut self, key: &[u8], read: &mut dyn FnMut(Option<&[u8]>)) -> ExtResult<()> {
        let is_recording = self.sink.is_some();
        let mut result = String::new();
        self.state.get_with(key, &mut |value| {
            if is_recording {
                result = optional(value);
            }
            read(value);
        })?;
        self.access("Get", key, vec![("result", result)]);
        Ok(())
    }

    fn exists(&mut self, key: &[u8]) -> ExtResult<bool> {
        let found = self.state.exists(key)?;
        self.access("Exists", key, vec![("result", found.to_string())]);
        Ok(found)
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> ExtResult<()> {
        self.access("Put", key, vec![("value", optional(Some(value)))]);
        self.state.set(key, value)
    }

    fn clear(&mut self, key: &[u8]) -> ExtResult<()> {
        self.access("Clear", key, Vec::new());
        self.state.clear(key)
    }

    fn clear_prefix(&mut self, prefix: &[u8], limit: u32) -> ExtResult<(u32, bool)> {
        let (removed, more) = self.state.clear_prefix(prefix, limit)?;
        let values = vec![
            ("limit", limit.to_string()),
            ("result", format!("{removed}, more: {more}")),
        ];
        self.access("ClearPrefix", prefix, values);
        Ok((removed, more))
    }

    fn append(&mut self, key: &[u8], item: &[u8]) -> ExtResult<()> {
        self.access("Append", key, vec![("value", optional(Some(item)))]);
        self.state.append(key, item)
    }

    fn add(&mut self, key: &[u8], amount: u128) -> ExtResult<()> {
        self.access("Add", key, vec![("value", amount.to_string())]);
        self.state.add(key, amount)
    }

    fn next_key(&mut self, key: &[u8]) -> ExtResult<Option<Vec<u8>>> {
        let next = self.state.next_key(key)?;
        self.access("NextKey", key, vec![("result", optional(next.as_deref()))]);
        Ok(next)
    }

    fn begin_transaction(&mut self) -> ExtResult<()> {
        self.state.begin_transaction()
    }

    fn commit_transaction(&mut self) -> ExtResult<()> {
        self.state.commit_transaction()
    }

    fn rollback_transaction(&mut self) -> ExtResult<()> {
        self.state.rollback_transaction()
    }

    fn root(&mut self) -> ExtResult<Hash> {
        let root = self.state.root()?;
        self.access("Root", &[], vec![("result", hex::encode(root.as_bytes()))]);
        Ok(root)
    }

    fn verify_signature(&mut self, scheme: u8, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        self.state.verify_signature(scheme, public_key, message, signature)
    }

    fn check_runtime(&mut self, code: &[u8], next: Option<&Header>) -> ExtResult<Result<Vec<u8>, String>> {
        self.state.check_runtime(code, next)
    }

    fn log(&mut self, _level: u8, _message: &str) {
        // It was logged when the block was new.
    }
}
