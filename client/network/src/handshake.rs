//! What two nodes tell each other first, inside TLS: a [`Hello`] each way, then a verdict each way. Who proves a validator's
//! key signs the TLS session, so a proof that is relayed proves nothing.

use crate::{Host, Lookup, ValidatorKey};
use codec::{Decode, DecodeAll, Encode};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::PeerId;
use quids_core::Hash;
use quids_crypto::{PublicKey, Signature, blake3_256, verify};
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Of the handshake and of all protocols inside.
pub const VERSION: u8 = 1;
/// The largest is a proof by ML-DSA-87: 4698 bytes.
pub const HELLO_BYTES_MAX: usize = 4800;
/// Label of the TLS exporter, whose context is the genesis hash.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-quids-validator/1";
/// What the exporter gives.
pub type Session = [u8; 64];

const DOMAIN: &[u8] = b"quids/validator-of-connection/1";
/// After a peer did not know our key, it is told none for so long.
const SILENT_FOR: Duration = Duration::from_secs(60);
/// Peers remembered for that.
const SILENT_MAX: usize = 256;

/// What one side says first. On the wire: its length (u16, little-endian), then SCALE.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// First, so that whoever has another one can tell.
    pub version: u8,
    pub genesis: Hash,
    pub proof: Option<Proof>,
}

/// That a validator's key stands behind this end of this session.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Proof {
    /// BLAKE3-256 of the key's SCALE encoding: an unknown one costs nobody a verification.
    pub key_hash: Hash,
    pub signature: Signature,
}

/// Why a handshake came to nothing. The number goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub enum Refusal {
    #[error("no hello, or one that is too large")]
    Malformed = 1,
    #[error("another version of the protocol")]
    Version = 2,
    #[error("another genesis")]
    Genesis = 3,
    #[error("the peer is this node")]
    Itself = 4,
    #[error("a validator's key that is not registered")]
    Unregistered = 5,
    #[error("a signature that does not prove the validator's key in this session")]
    Proof = 6,
    #[error("any other reason")]
    Other = 7,
}

impl Refusal {
    /// As in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Version => "version",
            Self::Genesis => "genesis",
            Self::Itself => "itself",
            Self::Unregistered => "unregistered",
            Self::Proof => "proof",
            Self::Other => "other",
        }
    }

    const fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Malformed,
            2 => Self::Version,
            3 => Self::Genesis,
            4 => Self::Itself,
            5 => Self::Unregistered,
            6 => Self::Proof,
            _ => Self::Other,
        }
    }
}

/// How a handshake fails.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("refused: {0}")]
    Refused(Refusal),
    #[error("refused by the peer: {0}")]
    RefusedByPeer(Refusal),
    #[error("the own key does not sign: {0}")]
    Sign(String),
}

/// What the peer has shown about validators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It claims nothing.
    Peer,
    /// Proven at the last block.
    Validator(PublicKey),
    /// To be looked at again when the node knows more.
    Claimed(Box<Claim>),
}

/// A proof that could not be checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    proof: Proof,
    message: Vec<u8>,
}

impl Claim {
    /// The key once it is known and did sign; `None` while the host cannot tell.
    pub fn check(&self, host: &dyn Host) -> Result<Option<PublicKey>, Refusal> {
        match host.validator(&self.proof.key_hash) {
            Lookup::Unregistered => Err(Refusal::Unregistered),
            Lookup::Unknown => Ok(None),
            Lookup::Registered(key) if key_hash(&key) != self.proof.key_hash => Err(Refusal::Proof),
            Lookup::Registered(key) if verify(&key, &self.message, &self.proof.signature) => Ok(Some(key)),
            Lookup::Registered(_) => Err(Refusal::Proof),
        }
    }
}

/// By what the host knows a validator's key.
pub fn key_hash(key: &PublicKey) -> Hash {
    blake3_256(&key.encode()).into()
}

/// What a validator signs.
pub fn message(is_dialer: bool, session: &Session, signer: &PeerId) -> Vec<u8> {
    [DOMAIN, &[u8::from(is_dialer)], session, &signer.to_bytes()].concat()
}

/// This node in handshakes.
pub struct Handshaker {
    local: PeerId,
    genesis: Hash,
    validator: Option<Arc<dyn ValidatorKey>>,
    host: Arc<dyn Host>,
    /// Peers that did not know our key, and until when they are told none.
    silent: Mutex<HashMap<PeerId, Instant>>,
}

impl Handshaker {
    pub fn new(local: PeerId, genesis: Hash, validator: Option<Arc<dyn ValidatorKey>>, host: Arc<dyn Host>) -> Self {
        Self {
            local,
            genesis,
            validator,
            host,
            silent: Mutex::default(),
        }
    }

    pub fn genesis(&self) -> &Hash {
        &self.genesis
    }

    /// Says who we are and learns who the peer is. `remote` is what its certificate says.
    pub async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        remote: PeerId,
        is_dialer: bool,
        session: &Session,
    ) -> Result<(S, Standing), HandshakeError> {
        let hello = encode(&self.hello(&remote, is_dialer, session).await?);
        // Both write first: neither may wait for the other to read.
        let (mut reader, mut writer) = (&mut stream).split();
        let write = async {
            writer.write_all(&hello).await?;
            writer.flush().await
        };
        let (written, read) = futures::join!(write, read_hello(&mut reader));
        written?;
        let verdict = read?.and_then(|hello| self.judge(hello, remote, !is_dialer, session));

        let byte = verdict.as_ref().map_or_else(|refusal| *refusal as u8, |_| 0);
        let mut theirs = [0];
        let write = async {
            writer.write_all(&[byte]).await?;
            writer.flush().await
        };
        if let Err(refusal) = verdict {
            // That it cannot be told changes nothing.
            let _ = write.await;
            let _ = writer.close().await;
            return Err(HandshakeError::Refused(refusal));
        }
        let (written, read) = futures::join!(write, reader.read_exact(&mut theirs));
        if read.is_ok() && theirs != [0] {
            return Err(HandshakeError::RefusedByPeer(self.refused(remote, theirs[0])));
        }
        written?;
        read?;
        drop((reader, writer));
        let standing = verdict.unwrap_or(Standing::Peer);
        Ok((stream, standing))
    }

    async fn hello(&self, remote: &PeerId, is_dialer: bool, session: &Session) -> Result<Hello, HandshakeError> {
        let mut hello = Hello {
            version: VERSION,
            genesis: self.genesis,
            proof: None,
        };
        let Some(validator) = &self.validator else {
            return Ok(hello);
        };
        let key_hash = key_hash(&validator.public());
        // Others at our height would refuse it.
        if self.host.validator(&key_hash) == Lookup::Unregistered || self.is_silent(remote) {
            return Ok(hello);
        }
        let (validator, message) = (validator.clone(), message(is_dialer, session, &self.local));
        let signed = tokio::task::spawn_blocking(move || validator.sign(&message)).await;
        let signature = signed
            .map_err(|error| HandshakeError::Sign(error.to_string()))?
            .map_err(HandshakeError::Sign)?;
        hello.proof = Some(Proof { key_hash, signature });
        Ok(hello)
    }

    fn judge(&self, hello: Hello, remote: PeerId, is_dialer: bool, session: &Session) -> Result<Standing, Refusal> {
        if hello.genesis != self.genesis {
            return Err(Refusal::Genesis);
        }
        if remote == self.local {
            return Err(Refusal::Itself);
        }
        let Some(proof) = hello.proof else {
            return Ok(Standing::Peer);
        };
        let message = message(is_dialer, session, &remote);
        let claim = Claim { proof, message };
        Ok(match claim.check(&*self.host)? {
            Some(key) => Standing::Validator(key),
            None => Standing::Claimed(Box::new(claim)),
        })
    }

    /// The peer may know less than we, or more: it gets us as a peer that claims nothing.
    fn refused(&self, remote: PeerId, byte: u8) -> Refusal {
        let refusal = Refusal::from_byte(byte);
        if refusal == Refusal::Unregistered && self.validator.is_some() {
            let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            silent.retain(|_, until| *until > now);
            if silent.len() < SILENT_MAX {
                silent.insert(remote, now + SILENT_FOR);
            }
        }
        refusal
    }

    fn is_silent(&self, remote: &PeerId) -> bool {
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.get(remote).is_some_and(|until| *until > Instant::now())
    }
}

/// A hello as it goes out.
pub fn encode(hello: &Hello) -> Vec<u8> {
    let body = hello.encode();
    // A signature of a scheme that no validator has would not fit; the peer refuses the length.
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    [&length.to_le_bytes(), &body[..]].concat()
}

/// The body of a hello.
pub fn decode(body: &[u8]) -> Result<Hello, Refusal> {
    match body.first() {
        Some(&VERSION) => Hello::decode_all(&mut &body[..]).map_err(|_| Refusal::Malformed),
        Some(_) => Err(Refusal::Version),
        None => Err(Refusal::Malformed),
    }
}

/// The length is checked before there is room for it.
async fn read_hello(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Result<Hello, Refusal>> {
    let mut length = [0; 2];
    reader.read_exact(&mut length).await?;
    let length = usize::from(u16::from_le_bytes(length));
    if length > HELLO_BYTES_MAX {
        return Ok(Err(Refusal::Malformed));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await?;
    Ok(decode(&body))
}
