//! JSON over bare sockets: what is really sent and answered.

use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

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
        // A masked text frame; the mask is zero.
        let mut frame = vec![0x81, 0xfe];
        frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.0.write_all(&frame).await.unwrap();
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
