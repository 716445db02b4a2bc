//! The signer over a real socket: its clients, and clients that mean harm. That another user is turned away is not
//! tested: it would take a second user. The check itself (SO_PEERCRED) runs in every test.

use quids_core::Hash;
use quids_crypto::{PublicKey, Signature, possession_message, verify};
use quids_keystore::*;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

struct Running {
    _folder: tempfile::TempDir,
    path: PathBuf,
    events: Arc<Mutex<Vec<SignerEvent>>>,
    _handle: SignerHandle,
}

fn keys(names: &[&str]) -> Vec<KeyPair> {
    names.iter().map(|name| dev_keypair(name).unwrap()).collect()
}

fn quick() -> SignerLimits {
    SignerLimits {
        connections_max: 3,
        request_timeout: Duration::from_millis(600),
        write_timeout: Duration::from_millis(600),
    }
}

fn start_with(names: &[&str], limits: SignerLimits, set: impl FnOnce(SignerServer) -> SignerServer) -> Running {
    let folder = tempfile::tempdir().unwrap();
    // In a folder that does not exist yet.
    let path = folder.path().join("run").join("signer.sock");
    let events = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&events);
    let server = SignerServer::bind(&path, keys(names), limits).unwrap();
    let handle = set(server.observe(move |event| log.lock().unwrap().push(event.clone()))).start();
    Running {
        _folder: folder,
        path,
        events,
        _handle: handle,
    }
}

fn start(names: &[&str]) -> Running {
    start_with(names, SignerLimits::default(), |server| server)
}

impl Running {
    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.path).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// What the signer answers to a line, on a connection of its own.
    fn ask(&self, line: &str) -> Value {
        let mut stream = self.connect();
        // Beyond its connections the server answers and hangs up before it has read.
        let _ = writeln!(stream, "{line}");
        answer(&mut BufReader::new(stream))
    }

    fn call(&self, method: &str, params: Value) -> Value {
        self.ask(&json!({ "jsonrpc": "2.0", "id": "x", "method": method, "params": params }).to_string())
    }

    /// It still serves after all that.
    fn assert_alive(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.call("signer_version", json!({}))["result"]["protocol"] != 1 {
            assert!(Instant::now() < deadline, "the signer does not answer any more");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn dropped(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        let dropped = events.iter().filter_map(|event| match event {
            SignerEvent::Dropped(reason) => Some(reason.clone()),
            _ => None,
        });
        dropped.collect()
    }
}

fn answer(reader: &mut impl BufRead) -> Value {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

#[test]
fn a_remote_key_signs_like_a_local_one() {
    let names = ["alice", "alice-falcon", "alice-sphincs", "eth0"];
    let running = start(&names);
    for key in keys(&names) {
        let remote = RemoteSigner::connect(&running.path, Some(key.account_id())).unwrap();
        let remote: &dyn Signer = &remote;
        assert_eq!((remote.public(), remote.account_id()), (key.public(), key.account_id()));
        for payload in [&[7; 1][..], &[8; 32], &[9; 256]] {
            let signature = remote.sign(Purpose::Account, payload).unwrap();
            assert!(verify(key.public(), payload, &signature));
        }
        let proof = possession_message(&Hash::repeat_byte(1), &key.account_id(), key.public());
        assert!(verify(
            key.public(),
            &proof,
            &remote.sign(Purpose::Possession, &proof).unwrap()
        ));
    }
    let signed = running.events.lock().unwrap().len();
    assert_eq!(signed, 4 * 4, "every signature is told");
    // What EIP-1559 signs, of every length that the chain takes; a post-quantum key has another kind of transaction.
    for (name, good) in [("eth0", true), ("alice", false)] {
        let key = dev_keypair(name).unwrap();
        let remote = RemoteSigner::connect(&running.path, Some(key.account_id())).unwrap();
        let mut payload = vec![0; ETHEREUM_PAYLOAD_BYTES_MAX];
        payload[..2].copy_from_slice(&[2, 0xf8]);
        let signed = remote.sign(Purpose::Ethereum, &payload);
        assert_eq!(
            signed.is_ok_and(|signature| verify(key.public(), &payload, &signature)),
            good,
            "{name}"
        );
        for wrong in [
            &[][..],
            &[2],
            &[1, 0xc0],
            &[2, 0xbf],
            &[payload.as_slice(), &[0]].concat(),
        ] {
            let error = remote.sign(Purpose::Ethereum, wrong).unwrap_err();
            assert!(matches!(error, SignError::Refused { code: -32003, .. }), "{error}");
        }
    }
    let known = RemoteSigner::connect(&running.path, None).unwrap_err().to_string();
    assert!(
        known.contains("has 4 accounts and none was chosen; it has 0x"),
        "{known}"
    );
    let stranger = dev_keypair("bob").unwrap().account_id();
    let error = RemoteSigner::connect(&running.path, Some(stranger))
        .unwrap_err()
        .to_string();
    assert!(error.contains("has no account 0x"), "{error}");
    // The only key need not be named.
    let single = start(&["bob"]);
    let remote = RemoteSigner::connect(&single.path, None).unwrap();
    assert_eq!(remote.account_id(), stranger);
}

#[test]
fn the_documented_session_works() {
    let running = start(&["eth0"]);
    let mut stream = running.connect();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut ask = |method: &str, params: Value| {
        let id = method.len();
        writeln!(
            stream,
            "{}",
            json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
        )
        .unwrap();
        let answer = answer(&mut reader);
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(id)));
        answer["result"].clone()
    };
    let version = ask("signer_version", json!({}));
    assert_eq!(
        (&version["name"], &version["protocol"]),
        (&json!("quids-signer"), &json!(1))
    );
    let accounts = ask("signer_accounts", json!({}));
    assert_eq!(accounts[0]["address"], "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    assert_eq!(accounts[0]["scheme"], "secp256k1");
    let signed = ask(
        "signer_sign",
        json!({ "account": accounts[0]["address"], "context": "account", "payload": "0x00112233" }),
    );
    let bytes = |value: &Value| hex::decode(&value.as_str().unwrap()[2..]).unwrap();
    let public = PublicKey::new(SignatureScheme::Secp256k1, &bytes(&accounts[0]["public_key"])).unwrap();
    let signature = Signature::new(SignatureScheme::Secp256k1, &bytes(&signed["signature"])).unwrap();
    assert!(verify(&public, &[0, 0x11, 0x22, 0x33], &signature));
}

#[test]
fn only_what_has_a_purpose_is_signed() {
    let running = start(&["eth0"]);
    let key = dev_keypair("eth0").unwrap();
    let address = quids_crypto::eip55(&key.account_id());
    let proof = possession_message(&Hash::repeat_byte(1), &key.account_id(), key.public());
    let hex = |bytes: &[u8]| format!("0x{}", hex::encode(bytes));
    let bob = quids_crypto::eip55(&dev_keypair("bob").unwrap().account_id());
    for (account, context, payload, code) in [
        (&address, "account", hex(&proof), -32003),
        (&address, "possession", hex(&[1; 32]), -32003),
        (&address, "account", hex(&[1; 257]), -32003),
        (&address, "possession", hex(&[&proof[..], &[0; 2600]].concat()), -32003),
        (&address, "account", "0x".into(), -32003),
        (&address, "vote", hex(&[1]), -32602),
        (&address, "account", "0x1".into(), -32602),
        (&address, "account", "11".into(), -32602),
        (&"nobody".to_owned(), "account", hex(&[1]), -32602),
        (&bob, "account", hex(&[1]), -32001),
    ] {
        let params = json!({ "account": account, "context": context, "payload": payload });
        let answer = running.call("signer_sign", params);
        assert_eq!(answer["error"]["code"], code, "{context} {payload:.40}: {answer}");
        assert_eq!(answer["id"], "x");
    }
    assert!(running.events.lock().unwrap().is_empty(), "nothing was signed");
}

#[test]
fn the_operator_may_refuse() {
    let limits = SignerLimits::default();
    let running = start_with(&["eth0"], limits, |server| {
        server.confirm(|request| match request.payload_bytes {
            32 => Ok(()),
            other => Err(format!("{other} bytes look odd")),
        })
    });
    let remote = RemoteSigner::connect(&running.path, None).unwrap();
    let refused = remote.sign(Purpose::Account, &[1; 31]).unwrap_err();
    assert!(
        matches!(&refused, SignError::Refused { code: -32002, message, .. } if message == "31 bytes look odd"),
        "{refused}"
    );
    // The connection goes on.
    assert!(remote.sign(Purpose::Account, &[1; 32]).is_ok());
    let events = running.events.lock().unwrap();
    let [SignerEvent::Refused(refused, _), SignerEvent::Signed(signed)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(refused.payload_hash, quids_crypto::blake3_256(&[1; 31]));
    assert_eq!(signed.payload_hash, quids_crypto::blake3_256(&[1; 32]));
}

#[test]
fn what_is_no_request_is_answered_with_its_code() {
    let running = start(&["eth0"]);
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let version = |rest: &str| format!("{{\"jsonrpc\":\"2.0\",\"method\":\"signer_version\"{rest}}}");
    for (line, code) in [
        ("garbage", -32700),
        ("", -32700),
        ("\u{0}\u{1}", -32700),
        (&deep, -32700),
        ("[]", -32600),
        ("7", -32600),
        (&version(""), -32600),
        (&version(",\"id\":null"), -32600),
        (&version(",\"id\":[1]"), -32600),
        (&version(",\"id\":1,\"more\":2"), -32600),
        (&version(",\"id\":1").replace("2.0", "1.0"), -32600),
        (&version(",\"id\":1").replace("version", "export"), -32601),
        (&version(",\"id\":1").replace("version", "sign"), -32602),
        (
            &version(",\"id\":1,\"params\":[1,2]").replace("version", "sign"),
            -32602,
        ),
    ] {
        assert_eq!(running.ask(line)["error"]["code"], code, "{line:.60}");
    }
    // One connection survives its mistakes.
    let mut stream = running.connect();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    for _ in 0..3 {
        stream.write_all(b"garbage\n").unwrap();
        assert_eq!(answer(&mut reader)["error"]["code"], -32700);
    }
    // Two requests in one write, one in many.
    let request = version(",\"id\":1");
    stream.write_all(format!("{request}\n{request}\n").as_bytes()).unwrap();
    for byte in format!("{request}\n").as_bytes() {
        stream.write_all(&[*byte]).unwrap();
    }
    for _ in 0..3 {
        assert_eq!(answer(&mut reader)["result"]["protocol"], 1);
    }
}

#[test]
fn an_endless_line_ends_the_connection() {
    let running = start_with(&["eth0"], quick(), |server| server);
    let mut stream = running.connect();
    let chunk = [b'x'; 4096];
    // Either the answer comes, or the pipe breaks while writing.
    for _ in 0..(4 * REQUEST_BYTES_MAX / chunk.len()) {
        if stream.write_all(&chunk).is_err() {
            break;
        }
    }
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    assert!(text.is_empty() || text.contains("-32600"), "{text}");
    running.assert_alive();
    assert!(
        running.dropped().contains(&"request too long".to_owned()),
        "{:?}",
        running.dropped()
    );
}

#[test]
fn slow_and_silent_clients_are_closed_and_others_are_served() {
    let running = start_with(&["eth0"], quick(), |server| server);
    let mut silent = running.connect();
    let mut dripping = running.connect();
    // A byte now and then resets no deadline.
    let start = Instant::now();
    while dripping.write_all(b"x").is_ok() {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "a dripping client is not closed"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(start.elapsed() >= Duration::from_millis(500), "{:?}", start.elapsed());
    let mut text = String::new();
    assert_eq!(silent.read_to_string(&mut text).unwrap(), 0);
    // One that asks but never reads: the answers fill the socket's buffer.
    let mut deaf = running.connect();
    let request = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"signer_accounts\"}\n".repeat(50);
    let start = Instant::now();
    deaf.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    while deaf.write_all(&request).is_ok() {
        assert!(start.elapsed() < Duration::from_secs(10), "a deaf client is not closed");
    }
    running.assert_alive();
    let dropped = running.dropped();
    assert_eq!(
        dropped.iter().filter(|reason| *reason == "no request in time").count(),
        2,
        "{dropped:?}"
    );
    assert!(
        dropped.iter().any(|reason| reason.contains("response not taken")),
        "{dropped:?}"
    );
}

#[test]
fn connections_are_bounded_and_given_back() {
    let running = start_with(&["eth0"], quick(), |server| server);
    for _ in 0..3 {
        let held: Vec<_> = (0..3).map(|_| running.connect()).collect();
        // The fourth is told why.
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut text = String::new();
        while !text.contains("-32004") {
            assert!(Instant::now() < deadline, "{text:?}");
            text.clear();
            let mut fourth = running.connect();
            fourth.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let _ = fourth.read_to_string(&mut text);
        }
        drop(held);
        running.assert_alive();
    }
    // Clients that vanish within a request take no place with them.
    for _ in 0..20 {
        let _ = running.connect().write_all(b"{\"jsonrpc\":");
    }
    running.assert_alive();
}

#[test]
fn the_socket_is_private_and_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run").join("signer.sock");
    let bind = |path: &Path| SignerServer::bind(path, keys(&["eth0"]), SignerLimits::default());
    let refused = |path: &Path| match bind(path) {
        Ok(_) => panic!("bound"),
        Err(error) => error.to_string(),
    };
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let handle = bind(&path).unwrap().start();
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert!(refused(&path).contains("another process listens there"));
    drop(handle);
    assert!(!path.exists(), "the socket stays");

    // One that nobody listens at any more is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    drop(bind(&path).unwrap().start());

    // One whose name another has taken leaves it to that one.
    let old = bind(&path).unwrap().start();
    fs::remove_file(&path).unwrap();
    let new = bind(&path).unwrap().start();
    drop(old);
    RemoteSigner::connect(&path, None).unwrap();
    drop(new);
    assert!(!path.exists(), "the socket stays");

    fs::write(&path, "precious").unwrap();
    assert!(refused(&path).contains("no socket"));
    assert_eq!(fs::read(&path).unwrap(), b"precious");

    fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(refused(&path.with_file_name("other")).contains("chmod 700"));

    let none = RemoteSigner::connect(&folder.path().join("none"), None)
        .unwrap_err()
        .to_string();
    assert!(none.contains("cannot connect"), "{none}");
}

/// A signer that lies: the client finds out.
#[test]
fn wrong_answers_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let key = dev_keypair("eth0").unwrap();
    let other = dev_keypair("eth1").unwrap();
    let info = |key: &KeyPair, address: &KeyPair| {
        json!([{
            "address": quids_crypto::eip55(&address.account_id()),
            "scheme": "secp256k1",
            "public_key": format!("0x{}", hex::encode(key.public().as_bytes())),
        }])
    };
    let signature = |key: &KeyPair| json!({ "signature": format!("0x{}", hex::encode(key.sign(&[1; 32]).as_bytes())) });
    let result = |id: u64, result: Value| json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string();
    let error =
        |id: Value| json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32004, "message": "busy" } }).to_string();
    let long = format!("\"{}\"", "x".repeat(RESPONSE_BYTES_MAX + 10));
    for (number, (answers, expected)) in [
        (vec![result(0, info(&key, &key)), result(1, signature(&key))], "ok"),
        (
            vec![result(0, info(&key, &key)), result(1, signature(&other))],
            "does not verify",
        ),
        (
            vec![result(0, info(&key, &key)), result(1, json!({ "signature": "0x11" }))],
            "1 bytes, expected 65",
        ),
        (
            vec![result(0, info(&key, &key)), result(1, json!({ "signature": 1 }))],
            "wrong answer",
        ),
        (
            vec![result(0, info(&key, &key)), result(7, signature(&key))],
            "answers another request",
        ),
        // Late answers to a request that was given up are passed over, errors too.
        (
            vec![
                result(0, info(&key, &key)),
                format!(
                    "{}\n{}\n{}",
                    result(0, json!([])),
                    error(0.into()),
                    result(1, signature(&key))
                ),
            ],
            "ok",
        ),
        (vec![result(0, info(&key, &key)), error(1.into())], "busy"),
        (vec![result(0, info(&key, &key)), error(Value::Null)], "busy"),
        (
            vec![result(0, info(&key, &key)), error(7.into())],
            "answers another request",
        ),
        (vec![result(0, info(&key, &key))], "closed the connection"),
        (vec![result(0, info(&key, &other))], "is not the address of its key"),
        (vec![result(0, json!([]))], "has 0 accounts"),
        (vec!["garbage".into()], "no JSON"),
        (vec![long], "longer than"),
        (vec![], "closed the connection"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(number.to_string());
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let liar = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            for answer in answers {
                let mut line = String::new();
                let _ = reader.read_line(&mut line);
                let _ = stream.write_all(format!("{answer}\n").as_bytes());
            }
            // The last question is read, so that closing is an end and no reset.
            let _ = reader.read_line(&mut String::new());
        });
        let signed = RemoteSigner::connect(&path, None).and_then(|remote| remote.sign(Purpose::Account, &[1; 32]));
        match signed {
            Ok(_) => assert_eq!(expected, "ok"),
            Err(error) => assert!(error.to_string().contains(expected), "{error} should say {expected}"),
        }
        liar.join().unwrap();
    }
}
