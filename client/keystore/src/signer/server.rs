//! The process that holds the keys: a Unix socket, one thread a connection, nothing signed that is not asked for in
//! its name.

use super::protocol::{
    AccountInfo, Answer, BUSY, INVALID_PARAMS, INVALID_REQUEST, Lines, NoLine, PARSE_ERROR, PAYLOAD_NOT_ALLOWED,
    PROTOCOL_VERSION, REFUSED, REQUEST_BYTES_MAX, SignParams, UNKNOWN_ACCOUNT, UNKNOWN_METHOD, check_peer, response,
};
use super::{Purpose, SignError};
use crate::{KeyError, hexadecimal, private};
use quids_core::AccountId20;
use quids_crypto::{KeyPair, SignatureScheme, blake3_256, eip55};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// More keys would make the answer to `signer_accounts` too long.
const KEYS_MAX: usize = 64;

/// What one client may cost.
#[derive(Clone, Copy, Debug)]
pub struct SignerLimits {
    /// Connections at a time; another is told so and closed.
    pub connections_max: usize,
    /// Within which a request has to come, from the answer before it: a silent or slow client is closed.
    pub request_timeout: Duration,
    /// Within which a response has to be taken.
    pub write_timeout: Duration,
}

impl Default for SignerLimits {
    fn default() -> Self {
        Self {
            connections_max: 16,
            request_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(10),
        }
    }
}

/// A request to sign, as the operator sees it.
#[derive(Clone, Copy, Debug)]
pub struct SignRequest {
    /// Whose key.
    pub account: AccountId20,
    /// What for.
    pub purpose: Purpose,
    /// BLAKE3 of the payload.
    pub payload_hash: [u8; 32],
    /// Bytes of the payload.
    pub payload_bytes: usize,
}

/// Why the operator's rule does not let a request through.
pub type Refusal = String;

/// What happens at the socket. Nothing in it is secret.
#[derive(Clone, Debug)]
pub enum SignerEvent {
    /// A signature was made.
    Signed(SignRequest),
    /// The operator refused one.
    Refused(SignRequest, Refusal),
    /// A client was turned away or cut off; says why.
    Dropped(String),
}

type Confirm = Box<dyn Fn(&SignRequest) -> Result<(), Refusal> + Send + Sync>;
type Observer = Box<dyn Fn(&SignerEvent) + Send + Sync>;

/// A signer that listens but does not answer yet.
pub struct SignerServer {
    listener: Arc<UnixListener>,
    path: PathBuf,
    socket: SocketId,
    service: Service,
    limits: SignerLimits,
}

struct Service {
    keys: Vec<KeyPair>,
    confirm: Confirm,
    observer: Observer,
}

/// A signer that answers. Dropped, it takes no further connection and removes its socket, if the name is still its own.
pub struct SignerHandle {
    /// As long as it is open, no other file has its inode.
    listener: Arc<UnixListener>,
    path: PathBuf,
    socket: SocketId,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl SignerServer {
    /// Listens at a new socket of mode 0600, in a folder of mode 0700 that is made if it is missing. A socket that
    /// nobody listens at any more is replaced.
    pub fn bind(path: &Path, keys: Vec<KeyPair>, limits: SignerLimits) -> Result<Self, SignError> {
        let failed = |reason: String| SignError::Connection {
            path: path.to_owned(),
            reason,
        };
        if keys.is_empty() || keys.len() > KEYS_MAX {
            return Err(failed(format!(
                "it would have {} keys, 1 to {KEYS_MAX} are possible",
                keys.len()
            )));
        }
        private::folder(&private::parent(path)).map_err(|error: KeyError| failed(error.to_string()))?;
        if let Ok(metadata) = fs::symlink_metadata(path) {
            if !metadata.file_type().is_socket() {
                return Err(failed("there is a file of this name that is no socket".into()));
            }
            match UnixStream::connect(path) {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    fs::remove_file(path).map_err(|error| failed(error.to_string()))?;
                }
                _ => return Err(failed("another process listens there".into())),
            }
        }
        let listener = UnixListener::bind(path).map_err(|error| failed(error.to_string()))?;
        // The folder keeps others out until this is done.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(|error| failed(error.to_string()))?;
        let socket = socket_id(path).map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            listener: Arc::new(listener),
            path: path.to_owned(),
            socket,
            service: Service {
                keys,
                confirm: Box::new(|_| Ok(())),
                observer: Box::new(|_| ()),
            },
            limits,
        })
    }

    /// Asks before every signature. Called from one thread a connection, so it may have to serialise.
    pub fn confirm(mut self, confirm: impl Fn(&SignRequest) -> Result<(), Refusal> + Send + Sync + 'static) -> Self {
        self.service.confirm = Box::new(confirm);
        self
    }

    /// Is told what happens, for a log.
    pub fn observe(mut self, observer: impl Fn(&SignerEvent) + Send + Sync + 'static) -> Self {
        self.service.observer = Box::new(observer);
        self
    }

    /// Answers, on threads of its own, until the handle is dropped.
    pub fn start(self) -> SignerHandle {
        let Self {
            listener,
            path,
            socket,
            service,
            limits,
        } = self;
        let accepting = Arc::clone(&listener);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let service = Arc::new(service);
        let thread = thread::spawn(move || {
            let open = Arc::new(AtomicUsize::new(0));
            for stream in accepting.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                match stream {
                    Ok(stream) => accept(stream, &service, limits, &open),
                    // Out of file descriptors, most likely: pass on without a busy loop.
                    Err(error) => {
                        (service.observer)(&SignerEvent::Dropped(format!("cannot accept: {error}")));
                        thread::sleep(Duration::from_millis(100));
                    }
                }
            }
        });
        SignerHandle {
            listener,
            path,
            socket,
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for SignerHandle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts. A connection would too, but another signer may have the name by now.
        let woken = rustix::net::shutdown(&*self.listener, rustix::net::Shutdown::Both).is_ok();
        if socket_id(&self.path).is_ok_and(|found| found == self.socket) {
            let _ = fs::remove_file(&self.path);
        }
        if let (true, Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

/// Device and inode.
type SocketId = (u64, u64);

fn socket_id(path: &Path) -> std::io::Result<SocketId> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// One of the places that `connections_max` counts, given back on drop.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn accept(stream: UnixStream, service: &Arc<Service>, limits: SignerLimits, open: &Arc<AtomicUsize>) {
    let drop_with = |reason: String| (service.observer)(&SignerEvent::Dropped(reason));
    if let Err(reason) = check_peer(&stream) {
        return drop_with(reason);
    }
    let taken = open.fetch_add(1, Ordering::SeqCst);
    let place = Place(Arc::clone(open));
    if taken >= limits.connections_max {
        // Fits the socket's buffer, so the thread that accepts does not wait for anybody.
        let line = response(
            &Value::Null,
            Err((BUSY, format!("{taken} connections are open, the most there may be"))),
        );
        let _ = Lines::new(stream, 0).send(&line, Duration::from_millis(10));
        return drop_with(format!("{taken} connections are open"));
    }
    let service = Arc::clone(service);
    let spawned = thread::Builder::new().spawn(move || {
        let _place = place;
        converse(stream, &service, limits);
    });
    if let Err(error) = spawned {
        drop_with(format!("no thread for a connection: {error}"));
    }
}

fn converse(stream: UnixStream, service: &Service, limits: SignerLimits) {
    let mut lines = Lines::new(stream, REQUEST_BYTES_MAX);
    let dropped = |reason: &str| (service.observer)(&SignerEvent::Dropped(reason.into()));
    loop {
        let line = match lines.next(limits.request_timeout) {
            Ok(line) => line,
            Err(NoLine::Closed) => return,
            Err(NoLine::TimedOut) => return dropped("no request in time"),
            Err(NoLine::Broken(error)) => return dropped(&format!("connection broken: {error}")),
            Err(NoLine::TooLong) => {
                let message = format!("a request has at most {REQUEST_BYTES_MAX} bytes");
                let line = response(&Value::Null, Err((INVALID_REQUEST, message)));
                let _ = lines.send(&line, limits.write_timeout);
                return dropped("request too long");
            }
        };
        if let Err(error) = lines.send(&service.handle(&line), limits.write_timeout) {
            return dropped(&format!("response not taken: {error}"));
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    jsonrpc: String,
    id: Value,
    method: String,
    #[serde(default)]
    params: Value,
}

impl Service {
    fn handle(&self, line: &[u8]) -> String {
        // Twice, to tell what is no JSON from what is no request. The depth is bounded by serde_json.
        let Ok(value) = serde_json::from_slice::<Value>(line) else {
            return response(&Value::Null, Err((PARSE_ERROR, "no JSON".into())));
        };
        match serde_json::from_value::<Request>(value) {
            Ok(request) if request.jsonrpc == "2.0" && (request.id.is_number() || request.id.is_string()) => {
                response(&request.id, self.answer(&request.method, request.params))
            }
            _ => response(
                &Value::Null,
                Err((INVALID_REQUEST, "no single request of JSON-RPC 2.0".into())),
            ),
        }
    }

    fn answer(&self, method: &str, params: Value) -> Answer {
        match method {
            "signer_version" => Ok(json!({
                "name": "quids-signer",
                "version": env!("CARGO_PKG_VERSION"),
                "protocol": PROTOCOL_VERSION,
            })),
            "signer_accounts" => Ok(self.keys.iter().map(|key| json!(info(key))).collect()),
            "signer_sign" => self.sign(params),
            _ => Err((
                UNKNOWN_METHOD,
                "the methods are signer_version, signer_accounts, signer_sign".into(),
            )),
        }
    }

    fn sign(&self, params: Value) -> Answer {
        let wrong = |reason: &str| (INVALID_PARAMS, reason.to_owned());
        let params: SignParams = serde_json::from_value(params)
            .map_err(|_| wrong("the parameters are { account, context, payload }, texts"))?;
        let account: AccountId20 = params.account.parse().map_err(|_| wrong("the account is no address"))?;
        let purpose = Purpose::from_name(&params.context);
        let purpose = purpose.ok_or_else(|| wrong("the context is none of account, possession, ethereum"))?;
        let payload = params.payload.strip_prefix("0x").and_then(hexadecimal::decode_loose);
        let payload = payload.ok_or_else(|| wrong("the payload is not 0x and hexadecimal"))?;
        purpose
            .check(&payload)
            .map_err(|reason| (PAYLOAD_NOT_ALLOWED, reason))?;
        let key = self.keys.iter().find(|key| key.account_id() == account);
        let key = key.ok_or_else(|| (UNKNOWN_ACCOUNT, format!("no key of account {}", eip55(&account))))?;
        if purpose == Purpose::Ethereum && key.scheme() != SignatureScheme::Secp256k1 {
            let reason = format!("a key of {} signs no transaction of EIP-1559", key.scheme());
            return Err((PAYLOAD_NOT_ALLOWED, reason));
        }
        let request = SignRequest {
            account,
            purpose,
            payload_hash: blake3_256(&payload),
            payload_bytes: payload.len(),
        };
        if let Err(reason) = (self.confirm)(&request) {
            (self.observer)(&SignerEvent::Refused(request, reason.clone()));
            return Err((REFUSED, reason));
        }
        let signature = key.sign(&payload);
        (self.observer)(&SignerEvent::Signed(request));
        Ok(json!({
            "scheme": key.scheme().name(),
            "signature": hexadecimal::encode(signature.as_bytes()).as_str(),
        }))
    }
}

fn info(key: &KeyPair) -> AccountInfo {
    AccountInfo {
        address: eip55(&key.account_id()),
        scheme: key.scheme().name().into(),
        public_key: hexadecimal::encode(key.public().as_bytes()).to_string(),
    }
}
