//! A WebSocket: messages in, at most so many at work, answers and notifications out. Who does not read his answers is
//! not read any further, and is let go when he takes nothing for too long.

use super::dispatch::Session;
use super::frame::{Event, FrameError, Frames, header};
use super::reply::Reply;
use super::stall::Socket;
use super::{Shared, stopped};
use crate::Config;
use crate::error;
use ::http::{Request, Response};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use jsonrpsee::core::server::MethodSink;
use jsonrpsee::types::Id;
use serde_json::value::RawValue;
use soketto::base::OpCode;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// One read from the socket.
const CHUNK_BYTES: usize = 8 << 10;
/// Small messages are sent together up to this.
const TOGETHER_BYTES: usize = 32 << 10;
/// Pongs that wait to be sent; further pings go unanswered.
const CONTROLS: usize = 16;

// Codes of RFC 6455, section 7.4.1, and its registry.
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;
const PROTOCOL_ERROR: u16 = 1002;
const POLICY: u16 = 1008;
const TOO_BIG: u16 = 1009;
const TRY_AGAIN_LATER: u16 = 1013;

/// A request that becomes a WebSocket.
pub struct Upgrade {
    pub socket: OnUpgrade,
    pub session: Session,
}

type Answers = mpsc::Sender<(Reply, OwnedSemaphorePermit)>;

enum Control {
    Pong(Vec<u8>),
    /// The last words, and why.
    Close(Option<Reply>, u16),
}

/// How a connection ends.
struct End {
    code: u16,
    /// As `Observer::refused` names it.
    refused: Option<&'static str>,
    last: Option<Reply>,
}

impl End {
    fn new(code: u16, refused: Option<&'static str>) -> Self {
        Self {
            code,
            refused,
            last: None,
        }
    }
}

pub fn is_upgrade(request: &Request<Incoming>) -> bool {
    soketto::handshake::http::is_upgrade_request(request)
}

/// The answer that opens the WebSocket.
pub fn handshake(request: &Request<Incoming>) -> Result<Response<()>, soketto::handshake::Error> {
    soketto::handshake::http::Server::new().receive_request(request)
}

/// Serves the WebSocket to its end.
pub async fn run(shared: Arc<Shared>, upgrade: Upgrade) {
    let Upgrade { socket, mut session } = upgrade;
    let Some(parts) = socket
        .await
        .ok()
        .and_then(|upgraded| upgraded.downcast::<Socket>().ok())
    else {
        return;
    };
    let (input, output) = parts.io.inner.into_inner().into_split();
    let config = &shared.config;
    let (notify, notifications) = mpsc::channel(config.message_buffer.max(1) as usize);
    let (answer, answers) = mpsc::channel(config.max_requests_per_connection.max(1) as usize);
    let (control, controls) = mpsc::channel(CONTROLS);
    let subscriptions = shared.subscriptions.connection(config.max_subscriptions_per_connection);
    let sink = MethodSink::new_with_limit(notify, config.max_response_bytes);
    session.stream = Some((sink, subscriptions));
    let writer = Writer {
        output,
        controls,
        answers,
        notifications,
        shared: shared.clone(),
    };
    // The writer owns the receiving ends: when it is gone, every subscription of this connection ends.
    let mut writer = tokio::spawn(writer.run());
    let reader = Reader {
        input,
        frames: Frames::new(config.max_request_bytes as usize, shared.requests.hold()),
        session: Arc::new(session),
        at_work: Arc::new(Semaphore::new(config.max_requests_per_connection.max(1) as usize)),
        answer,
        control: control.clone(),
        heard_at: Instant::now(),
        message_since: None,
        control_frames: 0,
    };
    let end = reader.run(&parts.read_buf).await;
    if let Some(End { code, refused, last }) = end {
        if let Some(reason) = refused {
            shared.observer.refused(reason);
        }
        let _ = timeout(config.stop_timeout, control.send(Control::Close(last, code))).await;
    }
    drop(control);
    if timeout(config.stop_timeout, &mut writer).await.is_err() {
        writer.abort();
    }
}

struct Reader {
    input: OwnedReadHalf,
    frames: Frames,
    session: Arc<Session>,
    at_work: Arc<Semaphore>,
    answer: Answers,
    control: mpsc::Sender<Control>,
    heard_at: Instant,
    message_since: Option<Instant>,
    control_frames: u32,
}

impl Reader {
    /// `None` if there is nobody left to say goodbye to.
    async fn run(mut self, already_read: &[u8]) -> Option<End> {
        let shared = self.session.shared.clone();
        let config = &shared.config;
        let mut stop = shared.stop.clone();
        let period = config.ping_interval.min(config.body_timeout) / 2;
        let mut ticks = interval(period.max(Duration::from_millis(5)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pinged_at = Instant::now();
        let mut chunk = vec![0; CHUNK_BYTES];
        self.frames.push(already_read);
        loop {
            loop {
                match self.frames.next() {
                    Ok(None) => break,
                    Ok(Some(event)) => {
                        if let Some(end) = self.take(event, &mut stop).await {
                            return end;
                        }
                    }
                    Err(cause) => return Some(self.broken(&cause)),
                }
            }
            self.message_since = match self.message_since {
                _ if !self.frames.is_within_message() => None,
                None => Some(Instant::now()),
                since => since,
            };
            tokio::select! {
                read = read_some(&self.input, &mut chunk) => match read {
                    Ok(0) | Err(_) => return None,
                    Ok(count) => {
                        self.heard_at = Instant::now();
                        self.frames.push(&chunk[..count]);
                    }
                },
                _ = ticks.tick() => {
                    if self.message_since.is_some_and(|since| since.elapsed() > config.body_timeout) {
                        return Some(End::new(POLICY, Some("request_timeout")));
                    }
                    if self.heard_at.elapsed() > config.ping_interval * 2 {
                        return Some(End::new(POLICY, Some("inactive")));
                    }
                    if pinged_at.elapsed() > config.ping_interval {
                        pinged_at = Instant::now();
                        self.control_frames = 0;
                    }
                }
                () = self.control.closed() => return None,
                () = stopped(&mut stop) => return Some(self.finish().await),
            }
        }
    }

    /// Does what an event asks for; `Some` if the connection ends.
    async fn take(&mut self, event: Event, stop: &mut tokio::sync::watch::Receiver<bool>) -> Option<Option<End>> {
        match event {
            Event::Message(bytes, held) => {
                self.message_since = None;
                let permit = tokio::select! {
                    permit = self.at_work.clone().acquire_owned() => permit.ok()?,
                    () = self.control.closed() => return Some(None),
                    () = stopped(stop) => return Some(Some(self.finish().await)),
                };
                // While it waited, nothing was read: that was not the client's silence.
                self.heard_at = Instant::now();
                let (session, answer) = (self.session.clone(), self.answer.clone());
                tokio::spawn(async move {
                    // Nobody works for a client that has hung up.
                    let reply = tokio::select! {
                        reply = session.answer(&bytes) => reply,
                        () = answer.closed() => return,
                    };
                    drop((bytes, held));
                    if let Some(mut reply) = reply {
                        let queued = reply.take_notifier();
                        let is_queued = answer.send((reply, permit)).await.is_ok();
                        if let Some(queued) = queued {
                            queued.notify(is_queued);
                        }
                    }
                });
                return None;
            }
            Event::Close => return Some(Some(End::new(NORMAL, None))),
            Event::Pong => {}
            Event::Ping(body) => {
                let _ = self.control.try_send(Control::Pong(body));
            }
        }
        self.control_frames += 1;
        (self.control_frames > Config::CONTROL_FRAMES_MAX).then(|| Some(End::new(POLICY, Some("protocol"))))
    }

    fn broken(&self, cause: &FrameError) -> End {
        tracing::debug!(target: "rpc", %cause, "WebSocket ended");
        match *cause {
            FrameError::Protocol(_) => End::new(PROTOCOL_ERROR, Some("protocol")),
            FrameError::TooLarge { bytes, max } => End {
                last: Some(Reply::error(
                    Id::Null,
                    error::limit(error::REQUEST_BYTES, Some(bytes), max),
                )),
                ..End::new(TOO_BIG, Some("request_bytes"))
            },
            FrameError::Memory => End {
                last: Some(Reply::error(
                    Id::Null,
                    error::busy("too many large requests are being received"),
                )),
                ..End::new(TRY_AGAIN_LATER, Some("request_memory"))
            },
        }
    }

    /// Waits until what is at work is answered.
    async fn finish(&self) -> End {
        let config = &self.session.shared.config;
        let all = config.max_requests_per_connection.max(1);
        let _ = timeout(config.stop_timeout / 2, self.at_work.acquire_many(all)).await;
        End::new(GOING_AWAY, None)
    }
}

struct Writer {
    output: OwnedWriteHalf,
    controls: mpsc::Receiver<Control>,
    answers: mpsc::Receiver<(Reply, OwnedSemaphorePermit)>,
    notifications: mpsc::Receiver<Box<RawValue>>,
    shared: Arc<Shared>,
}

impl Writer {
    async fn run(mut self) {
        let config = &self.shared.config;
        let mut pings = interval(config.ping_interval.max(Duration::from_millis(5)));
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut bytes = Vec::new();
        // An answer's share of the limits is given back when it is written.
        let mut sent = Vec::new();
        let mut is_last = false;
        while !is_last {
            tokio::select! {
                biased;
                control = self.controls.recv() => match control {
                    None => return,
                    Some(Control::Pong(body)) => frame(&mut bytes, OpCode::Pong, &body),
                    Some(Control::Close(last, code)) => {
                        if let Some(last) = &last {
                            frame(&mut bytes, OpCode::Text, last.as_ref());
                        }
                        frame(&mut bytes, OpCode::Close, &code.to_be_bytes());
                        is_last = true;
                    }
                },
                Some(answer) = self.answers.recv() => {
                    frame(&mut bytes, OpCode::Text, answer.0.as_ref());
                    sent.push(answer);
                }
                Some(json) = self.notifications.recv() => frame(&mut bytes, OpCode::Text, json.get().as_bytes()),
                _ = pings.tick() => frame(&mut bytes, OpCode::Ping, &[]),
            }
            while !is_last && bytes.len() < TOGETHER_BYTES {
                let length = bytes.len();
                if let Ok(answer) = self.answers.try_recv() {
                    frame(&mut bytes, OpCode::Text, answer.0.as_ref());
                    sent.push(answer);
                }
                if let Ok(json) = self.notifications.try_recv() {
                    frame(&mut bytes, OpCode::Text, json.get().as_bytes());
                }
                if bytes.len() == length {
                    break;
                }
            }
            match write_all(&self.output, &bytes, config.write_timeout).await {
                Ok(()) => {}
                Err(error) => {
                    if error.kind() == io::ErrorKind::TimedOut {
                        self.shared.observer.refused("slow_reader");
                    }
                    return;
                }
            }
            sent.clear();
            bytes.clear();
            bytes.shrink_to(TOGETHER_BYTES);
        }
    }
}

fn frame(bytes: &mut Vec<u8>, opcode: OpCode, payload: &[u8]) {
    bytes.extend(header(opcode, payload.len()));
    bytes.extend_from_slice(payload);
}

/// At least one byte, or none at the end.
pub async fn read_some(input: &OwnedReadHalf, chunk: &mut [u8]) -> io::Result<usize> {
    loop {
        input.readable().await?;
        match input.try_read(chunk) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

/// Every part must be taken in time.
async fn write_all(output: &OwnedWriteHalf, mut bytes: &[u8], patience: Duration) -> io::Result<()> {
    while !bytes.is_empty() {
        // Most often there is room, which costs no timer.
        match output.try_write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => timeout(patience, output.writable())
                .await
                .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
