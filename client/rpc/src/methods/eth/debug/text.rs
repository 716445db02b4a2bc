//! JSON written as text, of bounded length: a trace as values would take many times its size.

use crate::error::{self, RpcError};
use serde_json::value::RawValue;
use std::fmt::Write;

/// JSON that grows until it is too long; then it stays as it is, and [`Text::finish`] fails.
#[derive(Debug)]
pub struct Text {
    out: String,
    max: usize,
    is_full: bool,
    /// Whether a comma goes before the next entry.
    needs_comma: bool,
}

impl Text {
    pub const fn new(max: usize) -> Self {
        Self {
            out: String::new(),
            max,
            is_full: false,
            needs_comma: false,
        }
    }

    /// Whether all that follows is in vain.
    pub const fn is_full(&self) -> bool {
        self.is_full
    }

    fn put(&mut self, text: &str) {
        if self.is_full || self.out.len().saturating_add(text.len()) > self.max {
            self.is_full = true;
            return;
        }
        self.out.push_str(text);
    }

    fn comma(&mut self) {
        if self.needs_comma {
            self.put(",");
        }
        self.needs_comma = true;
    }

    /// `{` or `[`, as an entry of what is around it.
    pub fn open(&mut self, bracket: &str) {
        self.comma();
        self.put(bracket);
        self.needs_comma = false;
    }

    /// `}` or `]`.
    pub fn close(&mut self, bracket: &str) {
        self.put(bracket);
        self.needs_comma = true;
    }

    /// A field's name, which is plain letters; its value follows.
    pub fn name(&mut self, name: &str) {
        self.comma();
        self.put("\"");
        self.put(name);
        self.put("\":");
        self.needs_comma = false;
    }

    /// A string of characters that need no escape, or a number, `true`, `null`.
    pub fn bare(&mut self, text: &str) {
        self.comma();
        self.put(text);
    }

    pub fn number(&mut self, number: u64) {
        let mut text = String::new();
        // UNWRAP: writing to a string cannot fail, and if it could nothing would be missing but digits.
        let _ = write!(text, "{number}");
        self.bare(&text);
    }

    /// Any string.
    pub fn string(&mut self, text: &str) {
        let quoted = serde_json::to_string(text).unwrap_or_default();
        self.bare(&quoted);
    }

    /// A number in hex.
    pub fn quantity(&mut self, number: impl std::fmt::LowerHex) {
        let mut text = String::new();
        let _ = write!(text, "\"{number:#x}\"");
        self.bare(&text);
    }

    /// Bytes in hex.
    pub fn bytes(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        if self.out.len().saturating_add(bytes.len().saturating_mul(2)) > self.max {
            self.is_full = true;
            return;
        }
        self.comma();
        self.put("\"0x");
        self.put(&const_hex::encode(bytes));
        self.put("\"");
    }

    /// The whole, if it was not too long.
    pub fn finish(self) -> Result<Box<RawValue>, RpcError> {
        if self.is_full {
            return Err(error::limit(error::RESPONSE_BYTES, None, self.max));
        }
        RawValue::from_string(self.out).map_err(|_| error::internal("the trace is no JSON"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_well_formed_and_bounded() {
        let write = |max| {
            let mut text = Text::new(max);
            text.open("{");
            text.name("a");
            text.open("[");
            text.number(1);
            text.quantity(255u8);
            text.bytes([1, 2]);
            text.open("{");
            text.close("}");
            text.close("]");
            text.name("b");
            text.string("q\"\n");
            text.close("}");
            text.finish()
        };
        let whole = write(1000).unwrap();
        assert_eq!(whole.get(), r#"{"a":[1,"0xff","0x0102",{}],"b":"q\"\n"}"#);
        for max in 0..whole.get().len() {
            assert_eq!(write(max).unwrap_err().code(), error::RESPONSE_BYTES);
        }
    }
}
