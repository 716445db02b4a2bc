//! JSON-RPC over one HTTP connection that is kept alive. Raw sockets, so that the client costs next to nothing.

use crate::Result;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// A node that does not answer for so long is broken.
const PATIENCE: Duration = Duration::from_secs(120);
/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// The body of a request.
pub fn body(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

/// A whole request, head and body, to be written as it is.
pub fn request(body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// One connection.
pub struct Client {
    stream: BufReader<TcpStream>,
    answer: Vec<u8>,
}

impl Client {
    pub fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::with_capacity(1 << 16, stream),
            answer: Vec::new(),
        })
    }

    /// Sends a [`request`] and reads the answer's body.
    pub fn exchange(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream.get_mut().write_all(request)?;
        let (mut length, mut is_chunked) = (None, false);
        let status = self.line()?;
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = Some(value.parse::<usize>()?),
                "transfer-encoding" => is_chunked = value.eq_ignore_ascii_case("chunked"),
                _ => {}
            }
        }
        self.answer.clear();
        match (length, is_chunked) {
            (_, true) => loop {
                let line = self.line()?;
                let bytes = usize::from_str_radix(line.split(';').next().unwrap_or_default(), 16)?;
                self.read(bytes)?;
                self.line()?;
                if bytes == 0 {
                    break;
                }
            },
            (Some(bytes), false) => self.read(bytes)?,
            (None, false) => return Err(format!("an answer without a length: {status:?}").into()),
        }
        if !status.contains(" 200 ") {
            return Err(format!("{status:?}: {}", String::from_utf8_lossy(&self.answer)).into());
        }
        Ok(&self.answer)
    }

    /// Calls and takes the result out of the answer. The node's error is an error here.
    pub fn call(&mut self, method: &str, params: &Value) -> Result<Value> {
        let answer = self.exchange(&request(&body(method, params)))?;
        let mut answer: Value = serde_json::from_slice(answer)?;
        match answer.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(format!("{method} {params}: {}", answer["error"]).into()),
        }
    }

    /// As [`Client::call`] for a quantity.
    pub fn number(&mut self, method: &str, params: &Value) -> Result<u128> {
        quantity(&self.call(method, params)?)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err("the node closed the connection".into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn read(&mut self, bytes: usize) -> Result {
        let start = self.answer.len();
        if bytes > ANSWER_BYTES_MAX.saturating_sub(start) {
            return Err(format!("an answer of more than {ANSWER_BYTES_MAX} bytes").into());
        }
        self.answer.resize(start + bytes, 0);
        self.stream.read_exact(&mut self.answer[start..])?;
        Ok(())
    }
}

/// A number in Ethereum's JSON.
pub fn quantity(value: &Value) -> Result<u128> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    let digits = digits.ok_or_else(|| format!("{value} is no quantity"))?;
    Ok(u128::from_str_radix(digits, 16)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::TcpListener, thread};

    /// A server that gives these bytes to whoever asks, one after the other on one connection.
    fn served(answers: &'static [&'static str]) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for answer in answers {
                let mut seen = [0; 1024];
                let _ = stream.read(&mut seen).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        Client::connect(port).unwrap()
    }

    #[test]
    fn answers_come_with_a_length_or_in_chunks() {
        let mut client = served(&[
            "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"result\":\"0x1f\"",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{\"result\"\r\nc\r\n:\"0x20\" }   \r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n{\"error\":{\"code\":-32000,\"message\":\"no\"}}",
            "HTTP/1.1 429 Too Many\r\ncontent-length: 4\r\n\r\nslow",
        ]);
        assert!(client.exchange(&request("a")).unwrap().ends_with(b"0x1f\""));
        assert_eq!(client.number("a", &json!([])).unwrap(), 32);
        assert!(client.call("a", &json!([])).unwrap_err().to_string().contains("-32000"));
        assert!(client.call("a", &json!([])).unwrap_err().to_string().contains("slow"));
        assert!(client.call("a", &json!([])).is_err(), "closed");
    }
}
