//! Every host function, through a guest, against the model externalities.

use crate::guests::{Guest, SCRATCH, action, probe, split};
use codec::Decode;
use quids_crypto::{KeyPair, SignatureScheme};
use quids_executor::{ExecutorError, Runtime};
use quids_io::{ExtError, Externalities, MemoryExternalities, abi::HOST_FUNCTIONS};
use std::sync::Arc;

fn runtime() -> Arc<Runtime> {
    let s = SCRATCH;
    let apis = [
        probe(
            "get",
            &format!("(call $ext_storage_get_v1 (local.get $p) (local.get $n) (i32.const {s}) (i32.const 4))"),
        ),
        probe(
            "get_over_key",
            "(call $ext_storage_get_v1 (local.get $p) (local.get $n) (local.get $p) (local.get $n))",
        ),
        probe(
            "exists",
            "(i64.extend_i32_u (call $ext_storage_exists_v1 (local.get $p) (local.get $n)))",
        ),
        // The input is a key of one byte and a value or item.
        action(
            "set",
            "(call $ext_storage_set_v1 (local.get $p) (i32.const 1)
               (i32.add (local.get $p) (i32.const 1)) (i32.sub (local.get $n) (i32.const 1)))",
        ),
        action(
            "append",
            "(call $ext_storage_append_v1 (local.get $p) (i32.const 1)
               (i32.add (local.get $p) (i32.const 1)) (i32.sub (local.get $n) (i32.const 1)))",
        ),
        action("clear", "(call $ext_storage_clear_v1 (local.get $p) (local.get $n))"),
        probe(
            "clear_prefix",
            "(call $ext_storage_clear_prefix_v1 (local.get $p) (local.get $n) (i32.const 2))",
        ),
        action(
            "add",
            "(call $ext_storage_add_v1 (local.get $p) (local.get $n) (i64.const 5) (i64.const 1))",
        ),
        action(
            "add_max",
            "(call $ext_storage_add_v1 (local.get $p) (local.get $n) (i64.const -1) (i64.const -1))",
        ),
        probe(
            "next_key",
            &format!("(call $ext_storage_next_key_v1 (local.get $p) (local.get $n) (i32.const {s}) (i32.const 4))"),
        ),
        action(
            "keep_and_undo",
            "(call $ext_storage_begin_v1)
             (call $ext_storage_set_v1 (local.get $p) (i32.const 1) (local.get $p) (i32.const 1))
             (call $ext_storage_commit_v1)
             (call $ext_storage_begin_v1)
             (call $ext_storage_clear_v1 (local.get $p) (i32.const 1))
             (call $ext_storage_rollback_v1)",
        ),
        action("commit", "(call $ext_storage_commit_v1)"),
        action("rollback", "(call $ext_storage_rollback_v1)"),
        action("begin", "(call $ext_storage_begin_v1)"),
        action("begin_forever", "(loop $l (call $ext_storage_begin_v1) (br $l))"),
        action("root", &format!("(call $ext_storage_root_v1 (i32.const {s}))")),
        action("blake2b_128", &hash("blake2b_128")),
        action("blake2b_256", &hash("blake2b_256")),
        action("blake3_256", &hash("blake3_256")),
        action("keccak_256", &hash("keccak_256")),
        action(
            "quantum_resistant",
            &format!(
                "(call $ext_hash_quantum_resistant_v1 (local.get $p) (i32.const 1)
                   (i32.add (local.get $p) (i32.const 1)) (i32.sub (local.get $n) (i32.const 1)) (i32.const {s}))"
            ),
        ),
        // The input is a key, a one-byte message and a signature, of an ML-DSA-87 key.
        probe(
            "verify",
            &verify("(i32.load8_u (i32.add (local.get $p) (i32.const 7220)))"),
        ),
        probe("verify_unknown", &verify("(i32.const 999)")),
        // The input is a hash and a signature.
        probe(
            "recover",
            &format!(
                "(i64.extend_i32_u (call $ext_crypto_secp256k1_recover_v1
                   (local.get $p) (i32.add (local.get $p) (i32.const 32)) (i32.const {s})))"
            ),
        ),
        // The input is an operation's number and its input. An answer of up to 64 bytes is written.
        probe(
            "ethereum",
            &format!(
                "(call $ext_crypto_ethereum_v1 (i32.load8_u (local.get $p)) (i32.add (local.get $p) (i32.const 1))
                   (i32.sub (local.get $n) (i32.const 1)) (i32.const {s}) (i32.const 64))"
            ),
        ),
        // The input is an ML-DSA-44 key, a one-byte message and a signature, and the level.
        probe(
            "ml_dsa_verify",
            "(i64.extend_i32_u (call $ext_crypto_ml_dsa_verify_v1
               (i32.load8_u (i32.add (local.get $p) (i32.const 3733))) (local.get $p) (i32.const 1312)
               (i32.add (local.get $p) (i32.const 1312)) (i32.const 1)
               (i32.add (local.get $p) (i32.const 1313)) (i32.const 2420)))",
        ),
        action("log", "(call $ext_log_v1 (i32.const 2) (local.get $p) (local.get $n))"),
    ];
    Guest::with(apis.concat()).load()
}

fn hash(name: &str) -> String {
    format!("(call $ext_hash_{name}_v1 (local.get $p) (local.get $n) (i32.const {SCRATCH}))")
}

/// Key 2592 bytes, message 1 byte, signature 4627 bytes, then the scheme's tag.
fn verify(scheme: &str) -> String {
    format!(
        "(i64.extend_i32_u (call $ext_crypto_verify_v1 {scheme} (local.get $p) (i32.const 2592)
           (i32.add (local.get $p) (i32.const 2592)) (i32.const 1)
           (i32.add (local.get $p) (i32.const 2593)) (i32.const 4627)))"
    )
}

fn state(entries: &[(&[u8], &[u8])]) -> MemoryExternalities {
    MemoryExternalities::new(
        entries
            .iter()
            .map(|(key, value)| (key.to_vec(), value.to_vec()))
            .collect(),
    )
}

#[test]
fn the_linker_has_exactly_the_functions_of_the_table() {
    let table: Vec<_> = HOST_FUNCTIONS.iter().map(|function| function.name).collect();
    assert_eq!(quids_executor::linked_host_functions(), table);
    // And with the types of the table: the guests of this file import all of them by those.
    runtime();
}

#[test]
fn reads_answer_with_the_whole_length_and_write_what_fits() {
    let (runtime, mut ext) = (runtime(), state(&[(b"a", b"123"), (b"b", b"123456"), (b"e", b"")]));
    let check = |ext: &mut MemoryExternalities, key: &[u8], length: i64, written: &[u8]| {
        let answer = runtime.session().unwrap().call(ext, "get", key).unwrap();
        let (found, scratch) = split(&answer);
        assert_eq!((found, &scratch[..4]), (length, written));
    };
    check(&mut ext, b"a", 3, b"123\0");
    check(&mut ext, b"b", 6, b"1234");
    check(&mut ext, b"e", 0, b"\0\0\0\0");
    check(&mut ext, b"missing", -1, b"\0\0\0\0");
    let answer = runtime.call(&mut ext, "get_over_key", b"a").unwrap();
    assert_eq!(split(&answer).0, 3, "an answer may overwrite its own key");
    assert_eq!(split(&runtime.call(&mut ext, "exists", b"a").unwrap()).0, 1);
    assert_eq!(split(&runtime.call(&mut ext, "exists", b"x").unwrap()).0, 0);
}

#[test]
fn writes_reach_the_state() {
    let (runtime, mut ext) = (runtime(), MemoryExternalities::default());
    runtime.call(&mut ext, "set", b"kvalue").unwrap();
    assert_eq!(ext.get(b"k").unwrap().as_deref(), Some(&b"value"[..]));
    runtime.call(&mut ext, "clear", b"k").unwrap();
    assert_eq!(ext.get(b"k").unwrap(), None);
    for item in [b"l\x01", b"l\x02"] {
        runtime.call(&mut ext, "append", item).unwrap();
    }
    assert_eq!(ext.get(b"l").unwrap().as_deref(), Some(&[8, 1, 2][..]));
    for _ in 0..2 {
        runtime.call(&mut ext, "add", b"n").unwrap();
    }
    let sum = ext.get(b"n").unwrap().unwrap();
    assert_eq!(u128::decode(&mut &sum[..]).unwrap(), 2 * ((1 << 64) + 5));
    let error = runtime.call(&mut ext, "add_max", b"n").unwrap_err();
    assert!(
        matches!(error, ExecutorError::Host(ExtError::AddOverflow { .. })),
        "{error}"
    );
}

#[test]
fn prefixes_and_iteration() {
    let (runtime, mut ext) = (
        runtime(),
        state(&[(b"a1", b""), (b"a2", b""), (b"a3", b""), (b"b", b"")]),
    );
    let answer = runtime.call(&mut ext, "next_key", b"a2").unwrap();
    assert_eq!((split(&answer).0, &split(&answer).1[..2]), (2, &b"a3"[..]));
    assert_eq!(split(&runtime.call(&mut ext, "next_key", b"b").unwrap()).0, -1);
    assert_eq!(
        split(&runtime.call(&mut ext, "clear_prefix", b"a").unwrap()).0,
        1 << 32 | 2
    );
    assert_eq!(split(&runtime.call(&mut ext, "clear_prefix", b"a").unwrap()).0, 1);
    assert_eq!(ext.state().len(), 1);
}

#[test]
fn storage_transactions_nest_and_stay_within_the_call() {
    let (runtime, mut ext) = (runtime(), MemoryExternalities::default());
    runtime.call(&mut ext, "keep_and_undo", b"k").unwrap();
    assert_eq!(ext.get(b"k").unwrap().as_deref(), Some(&b"k"[..]));

    ext.begin_transaction().unwrap();
    for (api, what) in [("commit", "commit"), ("rollback", "rollback")] {
        let error = runtime.call(&mut ext, api, &[]).unwrap_err();
        assert_eq!(
            error,
            ExecutorError::Host(ExtError::NoTransaction(what)),
            "the caller's transaction is out of reach"
        );
    }
    assert_eq!(
        runtime.call(&mut ext, "begin", &[]).unwrap_err(),
        ExecutorError::OpenTransactions(1)
    );
    let error = runtime.call(&mut ext, "begin_forever", &[]).unwrap_err();
    assert!(matches!(error, ExecutorError::Host(ExtError::TooDeep(_))), "{error}");
    ext.commit_transaction().unwrap();
    assert!(
        ext.commit_transaction().is_err(),
        "what the guest left open was rolled back"
    );
}

#[test]
fn the_root_is_the_externalities() {
    let (runtime, mut ext) = (runtime(), state(&[(b"a", b"1")]));
    match ext.root() {
        Ok(root) => {
            let answer = runtime.call(&mut ext, "root", &[]).unwrap();
            assert_eq!(&split(&answer).1[..32], root.as_bytes());
        }
        Err(error) => assert_eq!(
            runtime.call(&mut ext, "root", &[]).unwrap_err(),
            ExecutorError::Host(error)
        ),
    }
}

#[test]
fn hashes_are_those_of_the_crypto_crate() {
    let (runtime, mut ext) = (runtime(), MemoryExternalities::default());
    let mut check = |api: &str, input: &[u8], expected: &[u8]| {
        let answer = runtime.call(&mut ext, api, input).unwrap();
        assert_eq!(&split(&answer).1[..expected.len()], expected, "{api}");
        assert!(
            split(&answer).1[expected.len()..].iter().all(|byte| *byte == 0),
            "{api} writes no more"
        );
    };
    check("blake2b_128", b"data", &quids_crypto::blake2b_128(b"data"));
    check("blake2b_256", b"data", &quids_crypto::blake2b_256(b"data"));
    check("blake3_256", b"data", &quids_crypto::blake3_256(b"data"));
    check("keccak_256", b"", &quids_crypto::keccak_256(b""));
    check(
        "quantum_resistant",
        b"ddata",
        &quids_crypto::hash_quantum_resistant(b"d", b"data"),
    );
}

#[test]
fn signatures_verify_and_recover() {
    let (runtime, mut ext) = (runtime(), MemoryExternalities::default());
    let pair = KeyPair::from_seed(SignatureScheme::MlDsa87, &[7; 32]).unwrap();
    let mut input = pair.public().as_bytes().to_vec();
    input.push(b'm');
    input.extend_from_slice(pair.sign(b"m").as_bytes());
    input.push(SignatureScheme::MlDsa87 as u8);
    assert_eq!(input.len(), 7221);
    assert_eq!(split(&runtime.call(&mut ext, "verify", &input).unwrap()).0, 1);
    assert_eq!(split(&runtime.call(&mut ext, "verify_unknown", &input).unwrap()).0, 0);
    input[2592] = b'n';
    assert_eq!(split(&runtime.call(&mut ext, "verify", &input).unwrap()).0, 0);

    let pair = KeyPair::from_seed(SignatureScheme::Secp256k1, &[7; 32]).unwrap();
    let input = [&quids_crypto::keccak_256(b"m")[..], pair.sign(b"m").as_bytes()].concat();
    let answer = runtime.call(&mut ext, "recover", &input).unwrap();
    assert_eq!(
        (split(&answer).0, &split(&answer).1[..20]),
        (1, &pair.account_id().0[..])
    );
    assert_eq!(split(&runtime.call(&mut ext, "recover", &[0xff; 97]).unwrap()).0, 0);
}

#[test]
fn ethereums_operations_are_those_of_the_crypto_crate() {
    use quids_crypto::{EthereumOperation as Operation, ethereum_operation};
    let (runtime, mut ext) = (runtime(), MemoryExternalities::default());
    for operation in Operation::ALL {
        for input in [&[][..], &[0; 96], &[0; 128], &[0; 192], &[1; 213], &[0; 384]] {
            let call = [&[operation.number() as u8], input].concat();
            let answer = runtime.call(&mut ext, "ethereum", &call).unwrap();
            let (length, written) = split(&answer);
            match ethereum_operation(operation, input) {
                Some(expected) => {
                    let fits = expected.len().min(64);
                    assert_eq!(length, expected.len() as i64, "{operation:?}");
                    assert_eq!(written[..fits], expected[..fits], "{operation:?}");
                    assert!(written[fits..].iter().all(|byte| *byte == 0), "{operation:?}");
                }
                None => assert_eq!(length, -1, "{operation:?} of {} bytes", input.len()),
            }
        }
    }
    for unknown in [17, 255] {
        assert_eq!(split(&runtime.call(&mut ext, "ethereum", &[unknown, 1]).unwrap()).0, -1);
    }
}

#[test]
fn ml_dsa_signatures_verify_at_their_level() {
    let (runtime, mut ext) = (runtime(), MemoryExternalities::default());
    let pair = libcrux_ml_dsa::ml_dsa_44::generate_key_pair([7; 32]);
    let signature = libcrux_ml_dsa::ml_dsa_44::sign(&pair.signing_key, b"m", &[], [8; 32]).unwrap();
    let mut input = pair.verification_key.as_ref().to_vec();
    input.push(b'm');
    input.extend_from_slice(signature.as_ref());
    assert_eq!(input.len(), 3733);
    let mut check = |level: u8, expected: i64| {
        let input = [&input[..], &[level]].concat();
        let answer = runtime.call(&mut ext, "ml_dsa_verify", &input).unwrap();
        assert_eq!(split(&answer).0, expected, "{level}");
    };
    check(44, 1);
    for other in [0, 43, 65, 87, 255] {
        check(other, 0);
    }
    input[1312] = b'n';
    let answer = runtime
        .call(&mut ext, "ml_dsa_verify", &[&input[..], &[44]].concat())
        .unwrap();
    assert_eq!(split(&answer).0, 0);
}

/// Externalities that keep the lines of the log, and verify nothing.
#[derive(Default)]
struct Recording {
    inner: MemoryExternalities,
    lines: Vec<(u8, String)>,
}

impl Externalities for Recording {
    fn get_with(&mut self, _: &[u8], _: &mut dyn FnMut(Option<&[u8]>)) -> Result<(), ExtError> {
        Err(ExtError::Backend("the disk is gone".into()))
    }
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), ExtError> {
        self.inner.set(key, value)
    }
    fn clear(&mut self, key: &[u8]) -> Result<(), ExtError> {
        self.inner.clear(key)
    }
    fn clear_prefix(&mut self, prefix: &[u8], limit: u32) -> Result<(u32, bool), ExtError> {
        self.inner.clear_prefix(prefix, limit)
    }
    fn append(&mut self, key: &[u8], item: &[u8]) -> Result<(), ExtError> {
        self.inner.append(key, item)
    }
    fn add(&mut self, key: &[u8], amount: u128) -> Result<(), ExtError> {
        self.inner.add(key, amount)
    }
    fn next_key(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, ExtError> {
        self.inner.next_key(key)
    }
    fn begin_transaction(&mut self) -> Result<(), ExtError> {
        self.inner.begin_transaction()
    }
    fn commit_transaction(&mut self) -> Result<(), ExtError> {
        self.inner.commit_transaction()
    }
    fn rollback_transaction(&mut self) -> Result<(), ExtError> {
        self.inner.rollback_transaction()
    }
    fn root(&mut self) -> Result<quids_core::Hash, ExtError> {
        self.inner.root()
    }
    fn verify_signature(&mut self, _: u8, _: &[u8], _: &[u8], _: &[u8]) -> bool {
        true
    }
    fn log(&mut self, level: u8, message: &str) {
        self.lines.push((level, message.into()));
    }
}

#[test]
fn log_and_verification_are_the_externalities_and_a_failing_backend_ends_the_call() {
    let (runtime, mut ext) = (runtime(), Recording::default());
    runtime.call(&mut ext, "log", b"a line \xff").unwrap();
    assert_eq!(ext.lines, [(2, "a line \u{fffd}".into())]);
    assert_eq!(
        split(&runtime.call(&mut ext, "verify", &[0; 7221]).unwrap()).0,
        1,
        "as already verified"
    );
    let error = runtime.call(&mut ext, "get", b"a").unwrap_err();
    assert_eq!(error, ExecutorError::Host(ExtError::Backend("the disk is gone".into())));
    assert!(error.is_local());
}
