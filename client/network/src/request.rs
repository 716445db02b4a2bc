//! Requests and answers: kinds, their limits, and frames. A request is its kind, its length (u32, little-endian) and its bytes; an
//! answer is a verdict and, if that is 0, a length and bytes.

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{
    StreamProtocol,
    request_response::{self, Codec, ProtocolSupport},
};
use std::{io, time::Duration};

/// Streams of one connection, both ways.
const STREAMS_MAX: usize = 64;
/// After that a stream is given up, whatever its kind.
const STREAM_TIMEOUT: Duration = Duration::from_secs(20);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum RequestKind {
    /// What the peer has: its last blocks.
    Status = 0,
    /// A range of headers with justifications.
    Headers = 1,
    /// A final block: body, proof, justification.
    Block = 2,
    /// A range of final blocks.
    Blocks = 3,
    /// The body of a block that is not decided.
    Proposal = 4,
    /// The justification of a block.
    Justification = 5,
    /// A runtime's or contract's code by its hash.
    Code = 6,
    /// A proof of what is in a block's state.
    Proof = 7,
    /// A fraud proof.
    FraudProof = 8,
    /// Which fraud proofs the peer has.
    FraudProofs = 9,
}

impl RequestKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Status,
        Self::Headers,
        Self::Block,
        Self::Blocks,
        Self::Proposal,
        Self::Justification,
        Self::Code,
        Self::Proof,
        Self::FraudProof,
        Self::FraudProofs,
    ];

    /// As in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Headers => "headers",
            Self::Block => "block",
            Self::Blocks => "blocks",
            Self::Proposal => "proposal",
            Self::Justification => "justification",
            Self::Code => "code",
            Self::Proof => "proof",
            Self::FraudProof => "fraud_proof",
            Self::FraudProofs => "fraud_proofs",
        }
    }

    /// The most bytes in a request.
    #[must_use]
    pub const fn request_bytes_max(self) -> usize {
        match self {
            Self::Proof => 64 << 10,
            _ => 1 << 10,
        }
    }

    /// The most bytes in an answer.
    #[must_use]
    pub const fn answer_bytes_max(self) -> usize {
        match self {
            Self::Status | Self::FraudProofs => 4 << 10,
            Self::Justification => 1 << 20,
            Self::Headers => 8 << 20,
            Self::Code | Self::Proof => 16 << 20,
            Self::Block | Self::Proposal => 32 << 20,
            Self::Blocks | Self::FraudProof => 48 << 20,
        }
    }

    /// How long the whole may take.
    #[must_use]
    pub const fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::Status | Self::Justification | Self::FraudProofs => 3,
            Self::Proposal => 5,
            Self::Headers | Self::Block | Self::Code | Self::Proof => 10,
            Self::Blocks | Self::FraudProof => 20,
        })
    }

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// As on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub kind: RequestKind,
    pub bytes: Vec<u8>,
}

/// As on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    Bytes(Vec<u8>),
    Refused,
    Busy,
}

/// Reads and writes frames. A clone serves one stream, and knows what was asked on it when it reads the answer.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    asked: Option<RequestKind>,
}

pub type Behaviour = request_response::Behaviour<Frames>;

pub fn behaviour(protocol: StreamProtocol) -> Behaviour {
    let config = request_response::Config::default()
        .with_request_timeout(STREAM_TIMEOUT)
        .with_max_concurrent_streams(STREAMS_MAX);
    Behaviour::new([(protocol, ProtocolSupport::Full)], config)
}

pub async fn read_request(io: &mut (impl AsyncRead + Unpin)) -> io::Result<Request> {
    let mut kind = [0];
    io.read_exact(&mut kind).await?;
    let kind = RequestKind::from_byte(kind[0]).ok_or_else(|| invalid(format!("request kind {}", kind[0])))?;
    let bytes = read_bytes(io, kind.request_bytes_max()).await?;
    Ok(Request { kind, bytes })
}

pub async fn read_response(io: &mut (impl AsyncRead + Unpin), bytes_max: usize) -> io::Result<Response> {
    let mut verdict = [0];
    io.read_exact(&mut verdict).await?;
    match verdict[0] {
        0 => Ok(Response::Bytes(read_bytes(io, bytes_max).await?)),
        1 => Ok(Response::Refused),
        2 => Ok(Response::Busy),
        other => Err(invalid(format!("verdict {other}"))),
    }
}

/// Room is made as bytes come, not as they are announced.
async fn read_bytes(io: &mut (impl AsyncRead + Unpin), max: usize) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    io.read_exact(&mut length).await?;
    let length = u32::from_le_bytes(length);
    if usize::try_from(length).map_or(true, |length| length > max) {
        return Err(invalid(format!("{length} bytes, at most {max}")));
    }
    let mut bytes = Vec::new();
    let read = io.take(u64::from(length)).read_to_end(&mut bytes).await?;
    if read != length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

async fn write_frame(io: &mut (impl AsyncWrite + Unpin), first: u8, bytes: Option<&[u8]>) -> io::Result<()> {
    let mut head = vec![first];
    if let Some(bytes) = bytes {
        let length = u32::try_from(bytes.len()).map_err(|_| invalid("more than 4 GiB".into()))?;
        head.extend_from_slice(&length.to_le_bytes());
    }
    io.write_all(&head).await?;
    io.write_all(bytes.unwrap_or_default()).await?;
    io.flush().await
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

impl Codec for Frames {
    type Protocol = StreamProtocol;
    /// `None` is what was no request: libp2p tells nobody of reads that fail.
    type Request = Option<Request>;
    type Response = Response;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Option<Request>>
    where
        T: AsyncRead + Unpin + Send,
    {
        match read_request(io).await {
            Ok(request) => Ok(Some(request)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_response(io, self.asked.map_or(0, RequestKind::answer_bytes_max)).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Option<Request>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let request = request.ok_or_else(|| invalid("no request".into()))?;
        self.asked = Some(request.kind);
        write_frame(io, request.kind as u8, Some(&request.bytes)).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, response: Response) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        match response {
            Response::Bytes(bytes) => write_frame(io, 0, Some(&bytes)).await,
            Response::Refused => write_frame(io, 1, None).await,
            Response::Busy => write_frame(io, 2, None).await,
        }
    }
}
