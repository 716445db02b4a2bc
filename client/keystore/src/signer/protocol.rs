//! JSON-RPC 2.0 over a Unix socket, one object a line: what the two sides agree on.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A longer request is answered with an error, and the connection ends. The longest Ethereum transaction in hexadecimal
/// takes 256 KiB of it.
pub const REQUEST_BYTES_MAX: usize = 272 << 10;
/// A longer response is refused: 64 accounts with ML-DSA-87 keys take 350 kB, a SPHINCS+ signature 100 kB.
pub const RESPONSE_BYTES_MAX: usize = 512 << 10;
/// Of the protocol; told by `signer_version`.
pub const PROTOCOL_VERSION: u32 = 1;

pub const PARSE_ERROR: i64 = -32700;
pub const INVALID_REQUEST: i64 = -32600;
pub const UNKNOWN_METHOD: i64 = -32601;
pub const INVALID_PARAMS: i64 = -32602;
pub const UNKNOWN_ACCOUNT: i64 = -32001;
pub const REFUSED: i64 = -32002;
pub const PAYLOAD_NOT_ALLOWED: i64 = -32003;
pub const BUSY: i64 = -32004;

/// Of `signer_sign`.
#[derive(Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct SignParams {
    /// The account that the key derives, hexadecimal with 0x.
    pub account: String,
    /// `account`, `possession` or `ethereum`.
    pub context: String,
    /// Hexadecimal with 0x.
    pub payload: String,
}

/// An entry of the answer to `signer_accounts`.
#[derive(Serialize, Deserialize, Debug)]
pub struct AccountInfo {
    pub address: String,
    pub scheme: String,
    pub public_key: String,
}

/// What a method answers with: a result, or code and message.
pub type Answer = Result<Value, (i64, String)>;

/// The response's line.
pub fn response(id: &Value, answer: Answer) -> String {
    let response = match answer {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err((code, message)) => json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } }),
    };
    format!("{response}\n")
}

/// How reading a line ended without one.
#[derive(Debug)]
pub enum NoLine {
    /// The other side closed between two lines.
    Closed,
    /// Nothing, or no line end, within the time.
    TimedOut,
    /// No line end within the limit.
    TooLong,
    /// The connection broke, or closed within a line.
    Broken(Error),
}

/// Reads lines off a socket with a bound on their length and a deadline for each.
pub struct Lines {
    stream: UnixStream,
    buffer: Vec<u8>,
    bytes_max: usize,
}

impl Lines {
    pub fn new(stream: UnixStream, bytes_max: usize) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
            bytes_max,
        }
    }

    /// The next line without its end. The whole line has to come within `limit`, however slowly its bytes drip.
    pub fn next(&mut self, limit: Duration) -> Result<Vec<u8>, NoLine> {
        let deadline = Instant::now() + limit;
        let mut searched = 0;
        loop {
            if let Some(end) = self.buffer[searched..].iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(searched + end + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.pop();
                return if line.len() > self.bytes_max {
                    Err(NoLine::TooLong)
                } else {
                    Ok(line)
                };
            }
            searched = self.buffer.len();
            if searched > self.bytes_max {
                return Err(NoLine::TooLong);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(NoLine::TimedOut);
            }
            self.stream.set_read_timeout(Some(left)).map_err(NoLine::Broken)?;
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) if self.buffer.is_empty() => return Err(NoLine::Closed),
                Ok(0) => return Err(NoLine::Broken(ErrorKind::UnexpectedEof.into())),
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return Err(NoLine::TimedOut),
                    _ => return Err(NoLine::Broken(error)),
                },
            }
        }
    }

    /// Writes a line; each write may wait for `limit`.
    pub fn send(&mut self, line: &str, limit: Duration) -> Result<(), Error> {
        self.stream.set_write_timeout(Some(limit))?;
        self.stream.write_all(line.as_bytes())
    }
}

/// An error unless the process at the other end acts as this user, or as root.
pub fn check_peer(stream: &UnixStream) -> Result<(), String> {
    let peer =
        rustix::net::sockopt::socket_peercred(stream).map_err(|error| format!("cannot tell who it is: {error}"))?;
    let (own, peer) = (crate::private::own_uid(), peer.uid.as_raw());
    if peer != own && peer != 0 {
        return Err(format!("the process there belongs to user {peer}, not to {own}"));
    }
    Ok(())
}
