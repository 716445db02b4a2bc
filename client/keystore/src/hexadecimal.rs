//! Hexadecimal of secrets, in buffers that are wiped. Strict where a file is read: `0x` and lowercase digits.

use zeroize::Zeroizing;

/// `0x` and lowercase digits.
pub(crate) fn encode(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 + 2 * bytes.len()));
    text.push_str("0x");
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            // UNWRAP: a nibble is below 16.
            text.push(char::from_digit(u32::from(digit), 16).expect("a hex digit"));
        }
    }
    text
}

/// What [`encode`] writes, and nothing else: one text for one value, so that no changed byte goes unnoticed.
pub(crate) fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = text.strip_prefix("0x")?;
    if digits.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    decode_digits(digits)
}

/// As people write it: any case, with or without `0x`.
pub(crate) fn decode_loose(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    decode_digits(text.strip_prefix("0x").unwrap_or(text))
}

/// Exactly `N` bytes, as [`decode`].
pub(crate) fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode(text)?.as_slice().try_into().ok()
}

fn decode_digits(digits: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; digits.len() / 2]);
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}
