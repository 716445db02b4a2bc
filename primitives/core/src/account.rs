//! The 20-byte account identifier: one address in MetaMask and in polkadot-js.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::{fmt, str::FromStr};
use scale_info::{Path, Type, TypeInfo, build::Fields};

/// An account: 20 bytes. For a post-quantum key the first 20 bytes of a BLAKE3 hash over scheme tag
/// and public key; for a legacy key the Keccak address of Ethereum.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
pub struct AccountId20(pub [u8; 20]);

impl TypeInfo for AccountId20 {
    type Identity = Self;
    /// polkadot-js recognises Ethereum-shaped accounts by this path.
    fn type_info() -> Type {
        Type::builder()
            .path(Path::new("AccountId20", "account"))
            .composite(Fields::unnamed().field(|f| f.ty::<[u8; 20]>().type_name("[u8; 20]")))
    }
}

impl AsRef<[u8]> for AccountId20 {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<[u8; 20]> for AccountId20 {
    fn from(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for AccountId20 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for AccountId20 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a string is no account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseAccountError {
    /// Not 40 hexadecimal digits (with or without `0x`); holds the number of characters found.
    Length(usize),
    /// A character that is no hexadecimal digit.
    Digit(char),
}

impl fmt::Display for ParseAccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(n) => write!(f, "an account is 40 hexadecimal digits, this has {n}"),
            Self::Digit(c) => write!(f, "{c:?} is not a hexadecimal digit"),
        }
    }
}

impl core::error::Error for ParseAccountError {}

impl FromStr for AccountId20 {
    type Err = ParseAccountError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        if digits.chars().count() != 40 {
            return Err(ParseAccountError::Length(digits.chars().count()));
        }
        let mut nibbles = digits
            .chars()
            .map(|c| c.to_digit(16).map(|d| d as u8).ok_or(ParseAccountError::Digit(c)));
        let mut out = [0u8; 20];
        for byte in &mut out {
            let (Some(high), Some(low)) = (nibbles.next(), nibbles.next()) else {
                return Err(ParseAccountError::Length(0));
            };
            *byte = high? << 4 | low?;
        }
        Ok(Self(out))
    }
}
