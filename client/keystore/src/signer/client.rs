//! A key in another process. Trusts nothing that comes back: every signature is verified.

use super::protocol::{AccountInfo, Lines, NoLine, RESPONSE_BYTES_MAX, SignParams, check_peer};
use super::{Purpose, SignError, Signer};
use crate::hexadecimal;
use quids_core::AccountId20;
use quids_crypto::{PublicKey, Signature, SignatureScheme, eip55, verify};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For everything but a signature.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// For a signature: a person may have to agree.
const SIGN_TIMEOUT: Duration = Duration::from_secs(300);

/// A key that a signer process holds, and the connection to it.
pub struct RemoteSigner {
    path: PathBuf,
    connection: Mutex<Connection>,
    public: PublicKey,
    account: AccountId20,
}

struct Connection {
    lines: Lines,
    next_id: u64,
}

impl RemoteSigner {
    /// Connects to a signer's socket and chooses its key of this account, or its only one. Refuses a socket whose
    /// process belongs to another user.
    pub fn connect(path: &Path, account: Option<AccountId20>) -> Result<Self, SignError> {
        let failed = |reason: String| SignError::Connection {
            path: path.to_owned(),
            reason,
        };
        let stream = UnixStream::connect(path).map_err(|error| failed(format!("cannot connect: {error}")))?;
        check_peer(&stream).map_err(failed)?;
        let mut connection = Connection {
            lines: Lines::new(stream, RESPONSE_BYTES_MAX),
            next_id: 0,
        };
        let infos: Vec<AccountInfo> = connection.request(path, "signer_accounts", json!({}), ANSWER_TIMEOUT)?;
        let keys: Vec<PublicKey> = infos
            .iter()
            .map(|info| public_key(path, info))
            .collect::<Result<_, _>>()?;
        // UNWRAP: `public_key` refuses a key without an account.
        let account_of = |key: &PublicKey| key.account_id().expect("checked");
        let known = || {
            let known: Vec<_> = keys.iter().map(|key| eip55(&account_of(key))).collect();
            known.join(", ")
        };
        let missing = |reason: String| SignError::Account {
            path: path.to_owned(),
            reason,
            known: known(),
        };
        let public = match (account, keys.as_slice()) {
            (None, [only]) => only,
            (None, keys) => return Err(missing(format!("has {} accounts and none was chosen", keys.len()))),
            (Some(account), keys) => keys
                .iter()
                .find(|key| account_of(key) == account)
                .ok_or_else(|| missing(format!("has no account {}", eip55(&account))))?,
        };
        Ok(Self {
            path: path.to_owned(),
            connection: Mutex::new(connection),
            account: account_of(public),
            public: public.clone(),
        })
    }
}

impl Signer for RemoteSigner {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn account_id(&self) -> AccountId20 {
        self.account
    }

    fn sign(&self, purpose: Purpose, message: &[u8]) -> Result<Signature, SignError> {
        #[derive(serde::Deserialize)]
        struct Signed {
            signature: String,
        }
        let wrong = |reason: &str| SignError::Answer {
            path: self.path.clone(),
            reason: reason.into(),
        };
        let params = SignParams {
            account: eip55(&self.account),
            context: purpose.name().into(),
            payload: hexadecimal::encode(message).to_string(),
        };
        // After a panic or a timeout the answer to an earlier request may still come; its id tells.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let signed: Signed = connection.request(&self.path, "signer_sign", json!(params), SIGN_TIMEOUT)?;
        let bytes = hexadecimal::decode(&signed.signature).ok_or_else(|| wrong("the signature is not hexadecimal"))?;
        let signature = Signature::new(self.public.scheme(), &bytes).map_err(|error| wrong(&error.to_string()))?;
        if !verify(&self.public, message, &signature) {
            return Err(wrong("the signature does not verify"));
        }
        Ok(signature)
    }
}

impl fmt::Debug for RemoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSigner")
            .field("path", &self.path)
            .field("account", &eip55(&self.account))
            .finish_non_exhaustive()
    }
}

impl Connection {
    fn request<T: DeserializeOwned>(
        &mut self,
        path: &Path,
        method: &str,
        params: Value,
        timeout: Duration,
    ) -> Result<T, SignError> {
        let failed = |reason: String| SignError::Connection {
            path: path.to_owned(),
            reason,
        };
        let wrong = |reason: &str| SignError::Answer {
            path: path.to_owned(),
            reason: reason.into(),
        };
        let id = self.next_id;
        self.next_id += 1;
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.lines
            .send(&format!("{request}\n"), ANSWER_TIMEOUT)
            .map_err(|error| failed(format!("cannot send {method}: {error}")))?;
        let deadline = Instant::now() + timeout;
        let mut response: Value = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.next(left).map_err(|ended| match ended {
                NoLine::Closed => failed("it closed the connection".into()),
                NoLine::TimedOut => failed(format!("no answer to {method} within {} s", timeout.as_secs())),
                NoLine::TooLong => wrong(&format!("longer than {RESPONSE_BYTES_MAX} bytes")),
                NoLine::Broken(error) => failed(error.to_string()),
            })?;
            let response: Value = serde_json::from_slice(&line).map_err(|_| wrong("no JSON"))?;
            match response.get("id") {
                // Late, for a request that was given up.
                Some(earlier) if earlier.as_u64().is_some_and(|earlier| earlier < id) => {}
                Some(own) if *own == json!(id) => break response,
                // What the signer could not read as a request, or has no room for, it answers without an id.
                None | Some(Value::Null) if response.get("error").is_some() => break response,
                _ => return Err(wrong("it answers another request")),
            }
        };
        if let Some(error) = response.get("error") {
            return Err(SignError::Refused {
                path: path.to_owned(),
                code: error.get("code").and_then(Value::as_i64).unwrap_or_default(),
                message: error
                    .get("message")
                    .and_then(Value::as_str)
                    .unwrap_or("no message")
                    .to_owned(),
            });
        }
        serde_json::from_value(response["result"].take()).map_err(|error| wrong(&error.to_string()))
    }
}

fn public_key(path: &Path, info: &AccountInfo) -> Result<PublicKey, SignError> {
    let wrong = |reason: String| SignError::Answer {
        path: path.to_owned(),
        reason,
    };
    let scheme: SignatureScheme = info.scheme.parse().map_err(|_| wrong("an unknown scheme".into()))?;
    let bytes = hexadecimal::decode(&info.public_key).ok_or_else(|| wrong("a public key is not hexadecimal".into()))?;
    let key = PublicKey::new(scheme, &bytes).map_err(|error| wrong(error.to_string()))?;
    match key.account_id() {
        Some(account) if eip55(&account) == info.address => Ok(key),
        _ => Err(wrong(format!("{} is not the address of its key", info.address))),
    }
}
