//! A hand-written guest that calls one host function many times, so that the price of crossing into the host is in the
//! figures and that of making a call of a runtime is not.

use crate::Result;
use codec::Encode;
use quids_api::{RuntimeVersion, names};
use quids_executor::{Executor, ExecutorConfig, Session};
use quids_io::MemoryExternalities;

/// A host function with its arguments, in the guest's memory from the second word of the input on.
#[derive(Clone, Debug)]
pub enum HostCall {
    /// Operation and input.
    Ethereum(u32, Vec<u8>),
    /// Level, key, message, signature.
    MlDsa(u32, [Vec<u8>; 3]),
    /// Scheme, key, message, signature.
    Verify(u32, [Vec<u8>; 3]),
    Blake3(Vec<u8>),
    QuantumResistant(Vec<u8>),
    Keccak(Vec<u8>),
}

impl HostCall {
    fn api(&self) -> &'static str {
        match self {
            Self::Ethereum(..) => "ethereum",
            Self::MlDsa(..) => "ml_dsa",
            Self::Verify(..) => "verify",
            Self::Blake3(_) => "blake3",
            Self::QuantumResistant(_) => "quantum_resistant",
            Self::Keccak(_) => "keccak",
        }
    }

    /// Four words (how often, the number, lengths of the first two parts), then the parts.
    fn input(&self, times: u32) -> Vec<u8> {
        let (number, parts) = match self {
            Self::Ethereum(number, input) => (*number, vec![input]),
            Self::MlDsa(number, parts) | Self::Verify(number, parts) => (*number, parts.iter().collect()),
            Self::Blake3(data) | Self::QuantumResistant(data) | Self::Keccak(data) => (0, vec![data]),
        };
        let length = |index: usize| parts.get(index).map_or(0, |part| part.len() as u32);
        let words = [times, number, length(0), length(1)].map(u32::to_le_bytes);
        [
            &words.concat()[..],
            &parts.into_iter().flatten().copied().collect::<Vec<_>>(),
        ]
        .concat()
    }
}

/// The guest in an instance.
pub struct Guest {
    session: Session,
    state: MemoryExternalities,
}

impl Guest {
    pub fn new() -> Result<Self> {
        let executor = Executor::new(ExecutorConfig::default())?;
        let session = executor.load(&wat::parse_str(source())?)?.session()?;
        Ok(Self {
            session,
            state: MemoryExternalities::default(),
        })
    }

    /// Calls `times` times; what the host function answered last.
    pub fn repeat(&mut self, call: &HostCall, times: u32) -> Result<i64> {
        let answer = self.session.call(&mut self.state, call.api(), &call.input(times))?;
        Ok(i64::from_le_bytes(
            answer.try_into().map_err(|_| "the guest answers eight bytes")?,
        ))
    }
}

fn source() -> String {
    let version = RuntimeVersion {
        spec_name: "bench".into(),
        impl_name: "wat".into(),
        authoring_version: 1,
        spec_version: 1,
        impl_version: 1,
        apis: vec![],
        transaction_version: 1,
        state_version: 1,
    }
    .encode();
    let packed = (version.len() as u64) << 32 | 1024;
    let version: String = version.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let stubs: String = names::REQUIRED
        .iter()
        .filter(|name| **name != names::CORE_VERSION)
        .map(|name| format!("(func (export \"{name}\") (param i32 i32) (result i64) (i64.const 0))\n"))
        .collect();
    let signed = |name: &str| {
        format!(
            "(i64.extend_i32_u (call ${name} (local.get $number) (local.get $data) (local.get $first)
               (i32.add (local.get $data) (local.get $first)) (local.get $second)
               (i32.add (i32.add (local.get $data) (local.get $first)) (local.get $second)) (local.get $rest)))"
        )
    };
    let hashed = |name: &str| {
        format!(
            "(block (result i64) (call ${name} (local.get $data) (local.get $first) (i32.const 4096)) (i64.const 0))"
        )
    };
    let apis = [
        (
            "ethereum",
            "(call $ethereum (local.get $number) (local.get $data) (local.get $first) (i32.const 4096) (i32.const 8192))"
                .to_owned(),
        ),
        ("ml_dsa", signed("ml_dsa")),
        ("verify", signed("verify")),
        ("blake3", hashed("blake3")),
        ("keccak", hashed("keccak")),
        (
            "quantum_resistant",
            "(block (result i64)
               (call $quantum_resistant (i32.const 0) (i32.const 26) (local.get $data) (local.get $first) (i32.const 4096))
               (i64.const 0))"
                .to_owned(),
        ),
    ]
    .map(|(name, call)| {
        format!(
            r#"(func (export "{name}") (param $p i32) (param $n i32) (result i64)
  (local $times i32) (local $number i32) (local $first i32) (local $second i32) (local $data i32) (local $rest i32)
  (local.set $times (i32.load (local.get $p)))
  (local.set $number (i32.load offset=4 (local.get $p)))
  (local.set $first (i32.load offset=8 (local.get $p)))
  (local.set $second (i32.load offset=12 (local.get $p)))
  (local.set $data (i32.add (local.get $p) (i32.const 16)))
  (local.set $rest (i32.sub (i32.sub (i32.sub (local.get $n) (i32.const 16)) (local.get $first)) (local.get $second)))
  (loop $again
    (i64.store (i32.const 2048) {call})
    (local.set $times (i32.sub (local.get $times) (i32.const 1)))
    (br_if $again (local.get $times)))
  (i64.const {answer}))
"#,
            answer = 8_u64 << 32 | 2048,
        )
    })
    .concat();
    format!(
        r#"(module
  (import "env" "ext_crypto_ethereum_v1" (func $ethereum (param i32 i32 i32 i32 i32) (result i64)))
  (import "env" "ext_crypto_ml_dsa_verify_v1" (func $ml_dsa (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "ext_crypto_verify_v1" (func $verify (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "ext_hash_blake3_256_v1" (func $blake3 (param i32 i32 i32)))
  (import "env" "ext_hash_keccak_256_v1" (func $keccak (param i32 i32 i32)))
  (import "env" "ext_hash_quantum_resistant_v1" (func $quantum_resistant (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 64)
  (global $heap (mut i32) (i32.const 65536))
  (data (i32.const 1024) "{version}")
  (func (export "quids_abi_version") (result i32) (i32.const 1))
  (func (export "quids_alloc") (param $length i32) (result i32)
    (global.get $heap)
    (global.set $heap (i32.add (global.get $heap) (local.get $length))))
  (func (export "quids_reset") (global.set $heap (i32.const 65536)))
  (func (export "Core_version") (param i32 i32) (result i64) (i64.const {packed}))
  {stubs}
  {apis}
)"#
    )
}
