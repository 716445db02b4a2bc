//! WebSocket frames (RFC 6455, section 5) into messages: bytes in, events out, nothing in between.

use super::admission::Held;
use soketto::Parsing;
use soketto::base::{Codec, Error, Header, OpCode};

/// What a client sent.
#[derive(Debug)]
pub enum Event {
    /// A whole message, text or binary, with its share of the budget.
    Message(Vec<u8>, Held),
    Ping(Vec<u8>),
    Pong,
    Close,
}

/// Why a client is not listened to any longer.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("{0}")]
    Protocol(String),
    #[error("message of {bytes} bytes, at most {max}")]
    TooLarge { bytes: usize, max: usize },
    #[error("the node holds too many requests")]
    Memory,
}

/// The unread rest of a data frame.
#[derive(Debug)]
struct Payload {
    header: Header,
    read: usize,
}

/// Frames of one connection.
#[derive(Debug)]
pub struct Frames {
    codec: Codec,
    max: usize,
    /// What came and is not yet part of a message: at most one read, or one control frame.
    input: Vec<u8>,
    payload: Option<Payload>,
    message: Option<Vec<u8>>,
    held: Held,
}

impl Frames {
    /// `held` is empty; messages take their bytes from its budget.
    pub fn new(max: usize, held: Held) -> Self {
        let mut codec = Codec::new();
        codec.set_max_data_size(max);
        Self {
            codec,
            max,
            input: Vec::new(),
            payload: None,
            message: None,
            held,
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// Whether a message or a frame has begun and is not complete.
    pub fn is_within_message(&self) -> bool {
        self.message.is_some() || !self.input.is_empty()
    }

    /// The next event in what was pushed, if it is complete.
    pub fn next(&mut self) -> Result<Option<Event>, FrameError> {
        loop {
            if self.payload.is_some() {
                match self.take_payload()? {
                    Some(event) => return Ok(Some(event)),
                    None if self.payload.is_some() => return Ok(None),
                    None => continue,
                }
            }
            let (header, offset) = match self.codec.decode_header(&self.input) {
                Ok(Parsing::Done { value, offset }) => (value, offset),
                Ok(Parsing::NeedMore(_)) => return Ok(None),
                Err(Error::PayloadTooLarge { actual, .. }) => return Err(self.too_large(actual)),
                Err(error) => return Err(FrameError::Protocol(error.to_string())),
            };
            if !header.is_masked() {
                return Err(FrameError::Protocol("a frame that is not masked".into()));
            }
            if header.opcode().is_control() {
                let end = offset + header.payload_len();
                if self.input.len() < end {
                    return Ok(None);
                }
                let mut body = self.input.drain(..end).skip(offset).collect::<Vec<u8>>();
                Codec::apply_mask(&header, &mut body);
                return Ok(Some(match header.opcode() {
                    OpCode::Ping => Event::Ping(body),
                    OpCode::Pong => Event::Pong,
                    _ => Event::Close,
                }));
            }
            let continues = header.opcode() == OpCode::Continue;
            if continues != self.message.is_some() {
                let opcode = header.opcode();
                return Err(FrameError::Protocol(format!("{opcode} frame out of order")));
            }
            let bytes = self.message.get_or_insert_default().len() + header.payload_len();
            if bytes > self.max {
                return Err(self.too_large(bytes as u64));
            }
            self.input.drain(..offset);
            self.payload = Some(Payload { header, read: 0 });
        }
    }

    /// Moves what is there of the payload into the message.
    fn take_payload(&mut self) -> Result<Option<Event>, FrameError> {
        let (Some(payload), Some(message)) = (&mut self.payload, &mut self.message) else {
            return Ok(None);
        };
        let count = (payload.header.payload_len() - payload.read).min(self.input.len());
        if !self.held.cover(message.len() + count) {
            return Err(FrameError::Memory);
        }
        let mask = payload.header.mask().to_be_bytes();
        let masked = self.input.drain(..count).enumerate();
        message.extend(masked.map(|(at, byte)| byte ^ mask[(payload.read + at) % 4]));
        payload.read += count;
        if payload.read < payload.header.payload_len() {
            return Ok(None);
        }
        let is_last = payload.header.is_fin();
        self.payload = None;
        if !is_last {
            return Ok(None);
        }
        let held = self.held.renew();
        Ok(self.message.take().map(|message| Event::Message(message, held)))
    }

    fn too_large(&self, bytes: u64) -> FrameError {
        FrameError::TooLarge {
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            max: self.max,
        }
    }
}

/// A frame's header as the server sends it.
pub fn header(opcode: OpCode, payload_bytes: usize) -> Vec<u8> {
    let mut header = Header::new(opcode);
    header.set_payload_len(payload_bytes);
    Codec::new().encode_header(&header).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use crate::transport::admission::Budget;
    use std::sync::Arc;

    fn frames(max: usize) -> Frames {
        Frames::new(max, Arc::new(Budget::new(1000)).hold())
    }

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut frame = vec![first, 0xff];
        frame.extend((payload.len() as u64).to_be_bytes());
        if payload.len() < 126 {
            frame = vec![first, 0x80 | payload.len() as u8];
        } else if payload.len() < 1 << 16 {
            frame = vec![first, 0xfe];
            frame.extend((payload.len() as u16).to_be_bytes());
        }
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
        frame
    }

    /// Events as text, however the bytes are cut.
    fn check(max: usize, input: &[u8], expected: &[&str]) {
        for cut in [1, 2, 7, input.len().max(1)] {
            let mut frames = frames(max);
            let mut found = Vec::new();
            'all: for part in input.chunks(cut) {
                frames.push(part);
                loop {
                    match frames.next() {
                        Ok(None) => break,
                        Ok(Some(Event::Message(message, _))) => found.push(String::from_utf8(message).unwrap()),
                        Ok(Some(Event::Ping(body))) => found.push(format!("ping {}", String::from_utf8(body).unwrap())),
                        Ok(Some(event)) => found.push(format!("{event:?}")),
                        Err(error) => {
                            found.push(format!("error: {error}"));
                            break 'all;
                        }
                    }
                }
            }
            assert_eq!(found, expected, "in parts of {cut}");
        }
    }

    #[test]
    fn messages_come_whole_whatever_lies_between() {
        let parts = [
            frame(0x01, b"on"),
            frame(0x89, b"x"),
            frame(0x00, b""),
            frame(0x80, b"e"),
        ]
        .concat();
        check(3, &parts, &["ping x", "one"]);
        check(
            9,
            &[frame(0x82, b"binary"), frame(0x8a, b""), frame(0x88, b"")].concat(),
            &["binary", "Pong", "Close"],
        );
        let long = "l".repeat(300);
        check(300, &frame(0x81, long.as_bytes()), &[&long]);
        check(9, &frame(0x81, b""), &[""]);
    }

    #[test]
    fn broken_rules_are_named() {
        check(9, &[0x81, 0x01, b'x'], &["error: a frame that is not masked"]);
        check(9, &frame(0x80, b"x"), &["error: Continue frame out of order"]);
        check(
            9,
            &[frame(0x01, b"x"), frame(0x01, b"y")].concat(),
            &["error: Text frame out of order"],
        );
        check(9, &frame(0x81, &[b'x'; 10]), &["error: message of 10 bytes, at most 9"]);
        check(
            9,
            &[frame(0x01, b"12345"), frame(0x80, b"67890")].concat(),
            &["error: message of 10 bytes, at most 9"],
        );
        check(9, &frame(0xc1, b"x"), &["error: invalid reserved bit: 1"]);
        check(9, &frame(0x83, b"x"), &["error: reserved opcode"]);
        check(9, &frame(0x09, b"x"), &["error: fragmented control frame"]);
    }

    #[test]
    fn the_budget_covers_what_has_come_not_what_is_announced() {
        let mut frames = frames(1 << 20);
        frames.push(&frame(0x81, &vec![b'x'; Config::SMALL_BYTES + 1001])[..100]);
        assert!(frames.next().unwrap().is_none());
        frames.push(&vec![b'x'; Config::SMALL_BYTES + 1001]);
        assert!(matches!(frames.next(), Err(FrameError::Memory)));
    }
}
