//! Hand-written guests: a prelude with everything a runtime must export, and what a test adds to it.

use codec::Encode;
use quids_api::{RuntimeVersion, names};
use quids_core::well_known_keys;
use quids_executor::{Executor, ExecutorConfig, Runtime};
use quids_io::{
    Externalities, MemoryExternalities,
    abi::{HOST_FUNCTIONS, HOST_LEVEL, ValueType},
};
use std::sync::{Arc, LazyLock};

/// Where a guest's scratch buffer starts; `ANSWER` bytes of it are what most test APIs return.
pub const SCRATCH: u32 = 2048;
pub const ANSWER: u32 = 128;

/// One executor for all tests of a process: the engines reserve much address space.
pub fn executor() -> &'static Executor {
    static EXECUTOR: LazyLock<Executor> =
        LazyLock::new(|| Executor::new(ExecutorConfig { cache_dir: None }).expect("the pool can be reserved"));
    &EXECUTOR
}

/// Where code may import what guests do.
pub fn state() -> MemoryExternalities {
    let mut state = MemoryExternalities::default();
    state.set(well_known_keys::HOST_LEVEL, &HOST_LEVEL.encode()).unwrap();
    state
}

pub fn version() -> RuntimeVersion {
    RuntimeVersion {
        spec_name: "test".into(),
        impl_name: "wat".into(),
        authoring_version: 1,
        spec_version: 7,
        impl_version: 1,
        apis: vec![],
        transaction_version: 1,
        state_version: 1,
    }
}

/// All host functions as imports named `$ext_…`.
pub fn imports() -> String {
    let list = |kind: &str, types: &[ValueType]| {
        types
            .iter()
            .map(|value| format!("({kind} {})", if *value == ValueType::I32 { "i32" } else { "i64" }))
            .collect::<String>()
    };
    HOST_FUNCTIONS
        .iter()
        .map(|f| {
            let (name, parameters, results) = (f.name, list("param", f.parameters), list("result", f.results));
            format!("(import \"env\" \"{name}\" (func ${name} {parameters} {results}))\n")
        })
        .collect()
}

/// The parts of a guest that tests replace.
pub struct Guest {
    pub imports: String,
    pub memory: String,
    pub abi_version: u32,
    pub on_upgrade: String,
    pub body: String,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            imports: imports(),
            memory: "(memory (export \"memory\") 2)".into(),
            abi_version: 1,
            on_upgrade: "".into(),
            body: String::new(),
        }
    }
}

impl Guest {
    pub fn with(body: impl Into<String>) -> Self {
        Self {
            body: body.into(),
            ..Self::default()
        }
    }

    pub fn wat(&self) -> String {
        let version = version().encode();
        let packed = (version.len() as u64) << 32 | 1024;
        let version: String = version.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let Self {
            imports,
            memory,
            abi_version,
            on_upgrade,
            body,
        } = self;
        let stubs: String = names::REQUIRED
            .iter()
            .filter(|name| ![names::CORE_VERSION, names::CORE_ON_RUNTIME_UPGRADE, names::METADATA].contains(name))
            .filter(|name| !body.contains(&format!("\"{name}\"")))
            .map(|name| format!("(func (export \"{name}\") (param i32 i32) (result i64) (i64.const 0))\n"))
            .collect();
        format!(
            r#"(module
  {imports}
  {memory}
  (global $heap (mut i32) (i32.const 65536))
  (data (i32.const 1024) "{version}")
  (func (export "quids_abi_version") (result i32) (i32.const {abi_version}))
  (func (export "quids_alloc") (param $length i32) (result i32)
    (global.get $heap)
    (global.set $heap (i32.add (global.get $heap) (local.get $length))))
  (func (export "quids_reset") (global.set $heap (i32.const 65536)))
  (func (export "Core_version") (param i32 i32) (result i64) (i64.const {packed}))
  ;; the encoded bytes of an empty metadata: their length, magic, version
  (data (i32.const 1600) "\14meta\0e")
  (func (export "Metadata_metadata") (param i32 i32) (result i64) (i64.const {metadata}))
  (func (export "Core_on_runtime_upgrade") (param $p i32) (param $n i32) (result i64)
    {on_upgrade}
    ;; an encoded weight of zeros: two compact integers
    (i32.store16 (i32.const 4096) (i32.const 0))
    (i64.const {weight}))
  {stubs}
  {body}
)"#,
            weight = 2u64 << 32 | 4096,
            metadata = 6u64 << 32 | 1600,
        )
    }

    pub fn code(&self) -> Vec<u8> {
        wat::parse_str(self.wat()).expect("the guest is valid wat")
    }

    pub fn load(&self) -> Arc<Runtime> {
        executor().load(&self.code()).expect("the guest loads")
    }
}

/// An exported API named `name`; its parameters are `$p` and `$n`.
pub fn api(name: &str, body: &str) -> String {
    format!("(func (export \"{name}\") (param $p i32) (param $n i32) (result i64) (local $i i32) {body})\n")
}

/// An API that runs `body`, which leaves an i64, and answers with that i64 and the scratch buffer after it.
pub fn probe(name: &str, body: &str) -> String {
    let packed = u64::from(ANSWER + 8) << 32 | u64::from(SCRATCH - 8);
    api(
        name,
        &format!("(i64.store (i32.const {}) {body}) (i64.const {packed})", SCRATCH - 8),
    )
}

/// As `probe`, for a host function without a result.
pub fn action(name: &str, body: &str) -> String {
    probe(name, &format!("(block (result i64) {body} (i64.const 0))"))
}

/// The i64 and the scratch buffer of a probe's answer.
pub fn split(answer: &[u8]) -> (i64, &[u8]) {
    let (number, scratch) = answer.split_at(8);
    (i64::from_le_bytes(number.try_into().expect("eight bytes")), scratch)
}
