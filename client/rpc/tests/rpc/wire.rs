//! JSON over bare sockets: what is really sent and answered.

use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Waits for what must come within 20 s.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..2000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} within 20 s");
}

/// One HTTP request; status and body.
pub async fn http(addr: SocketAddr, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {addr}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server may answer and close before it has read all of an oversized body.
    let _ = stream.write_all(body.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// One call over HTTP: the whole JSON-RPC answer.
pub async fn call(addr: SocketAddr, method: &str, params: Value) -> Value {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let (status, body) = http(addr, &request.to_string()).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// One call over HTTP that succeeds.
pub async fn result(addr: SocketAddr, method: &str, params: Value) -> Value {
    let answer = call(addr, method, params).await;
    answer
        .get("result")
        .unwrap_or_else(|| panic!("{method}: {answer}"))
        .clone()
}

/// One call over HTTP that fails: code, message, data.
pub async fn failure(addr: SocketAddr, method: &str, params: Value) -> (i64, String, Value) {
    let answer = call(addr, method, params).await;
    let error = answer.get("error").unwrap_or_else(|| panic!("{method}: {answer}"));
    let message = error["message"].as_str().unwrap().to_owned();
    (error["code"].as_i64().unwrap(), message, error["data"].clone())
}

/// An answer to bytes.
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// Sends these bytes; the answer's head, and its body if the server closes after it.
pub async fn raw(addr: SocketAddr, bytes: &[u8]) -> Answer {
    let mut client = Raw::connect(addr).await;
    client.write(bytes).await;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(client.0.read_u8().await.unwrap());
    }
    let head = String::from_utf8(answer).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer {
        status,
        head,
        body: String::new(),
    };
    // A refused upgrade leaves the connection open for the next request.
    let length = answer.header("content-length").map_or(0, |text| text.parse().unwrap());
    if status != 101 && !bytes.starts_with(b"HEAD") {
        let mut body = vec![0; length];
        client.0.read_exact(&mut body).await.unwrap();
        answer.body = String::from_utf8(body).unwrap();
    }
    answer
}

/// A socket that says what it is told to.
pub struct Raw(TcpStream);

impl Raw {
    pub async fn connect(addr: SocketAddr) -> Self {
        Self(TcpStream::connect(addr).await.unwrap())
    }

    /// The server may have closed already.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    /// False if the server does not take it, or is gone.
    pub async fn try_write(&mut self, bytes: &[u8]) -> bool {
        let written = timeout(Duration::from_millis(50), self.0.write_all(bytes)).await;
        matches!(written, Ok(Ok(())))
    }

    /// What comes until the server closes, within 20 seconds.
    pub async fn read_to_end(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = timeout(Duration::from_secs(20), self.0.read_to_end(&mut bytes)).await;
        let _ = read.expect("the server closes");
        String::from_utf8(bytes).unwrap()
    }
}

/// A WebSocket with the least that RFC 6455 asks of a client.
pub struct Ws(TcpStream);

impl Ws {
    pub async fn connect(addr: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let head = format!(
            "GET / HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        assert!(
            answer.starts_with(b"HTTP/1.1 101"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
        Self(stream)
    }

    pub async fn send(&mut self, method: &str, params: Value) {
        let text = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        self.send_bytes(0x81, text.as_bytes()).await;
    }

    /// One frame whose first byte this is.
    pub async fn send_bytes(&mut self, first: u8, payload: &[u8]) {
        self.write(&frame(first, payload)).await;
    }

    /// False if the server does not take it, or is gone.
    pub async fn try_send_bytes(&mut self, first: u8, payload: &[u8]) -> bool {
        let written = timeout(Duration::from_millis(50), self.0.write_all(&frame(first, payload))).await;
        matches!(written, Ok(Ok(())))
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    /// The code that the server closes with, whatever comes before; `None` if it just closes.
    pub async fn close_code(&mut self) -> Option<u16> {
        let read = async {
            loop {
                let opcode = self.0.read_u8().await.ok()? & 15;
                let length = match self.0.read_u8().await.ok()? {
                    126 => u64::from(self.0.read_u16().await.ok()?),
                    127 => self.0.read_u64().await.ok()?,
                    short => u64::from(short),
                };
                let mut payload = vec![0; usize::try_from(length).unwrap()];
                self.0.read_exact(&mut payload).await.ok()?;
                if opcode == 8 {
                    return Some(u16::from_be_bytes(payload[..2].try_into().unwrap()));
                }
            }
        };
        timeout(Duration::from_secs(20), read).await.expect("the server closes")
    }

    /// The next text message, within 20 seconds.
    pub async fn receive(&mut self) -> Value {
        timeout(Duration::from_secs(20), self.frame())
            .await
            .expect("a message in time")
    }

    async fn frame(&mut self) -> Value {
        loop {
            let opcode = self.0.read_u8().await.unwrap() & 15;
            let length = match self.0.read_u8().await.unwrap() {
                126 => u64::from(self.0.read_u16().await.unwrap()),
                127 => self.0.read_u64().await.unwrap(),
                short => u64::from(short),
            };
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut payload).await.unwrap();
            if opcode == 1 {
                return serde_json::from_slice(&payload).unwrap();
            }
        }
    }

    /// Subscribes; the subscription's id.
    pub async fn subscribe(&mut self, method: &str, params: Value) -> Value {
        self.send(method, params).await;
        let answer = self.receive().await;
        answer
            .get("result")
            .unwrap_or_else(|| panic!("{method}: {answer}"))
            .clone()
    }

    /// The next notification, which must have this name and id: its result.
    pub async fn notification(&mut self, name: &str, id: &Value) -> Value {
        let message = self.receive().await;
        assert_eq!(
            (&message["method"], &message["params"]["subscription"]),
            (&json!(name), id),
            "{message}"
        );
        message["params"]["result"].clone()
    }
}

/// A masked frame; the mask is zero.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u16::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.push(0x80 | payload.len() as u8),
        Ok(length) => {
            frame.push(0xfe);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => {
            frame.push(0xff);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}
