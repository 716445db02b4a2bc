//! A byte vector with a maximum length that decoding enforces before it allocates.
use alloc::vec::Vec;
use codec::{Compact, CompactLen, Decode, DecodeWithMemTracking, Encode, EncodeLike, Input, MaxEncodedLen, Output};
use core::{fmt, ops::Deref};
use scale_info::{Type, TypeInfo};

/// At most `MAX` bytes; SCALE-encoded, and described in metadata, as `Vec<u8>`.
///
/// polkadot-js refuses fixed arrays over 2048 bytes, hence a vector. `Decode` reads the length first and refuses
/// more than `MAX` before it allocates or reads.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoundedBytes<const MAX: usize>(Vec<u8>);

/// More bytes than the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{actual} bytes, at most {max} allowed")]
pub struct TooLong {
    /// Bytes given.
    pub actual: usize,
    /// The bound.
    pub max: usize,
}

impl<const MAX: usize> BoundedBytes<MAX> {
    /// The bound, bytes.
    pub const MAX: usize = MAX;

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, owned.
    pub fn into_inner(self) -> Vec<u8> {
        self.0
    }
}

impl<const MAX: usize> TryFrom<Vec<u8>> for BoundedBytes<MAX> {
    type Error = TooLong;

    fn try_from(bytes: Vec<u8>) -> Result<Self, TooLong> {
        if bytes.len() > MAX {
            return Err(TooLong {
                actual: bytes.len(),
                max: MAX,
            });
        }
        Ok(Self(bytes))
    }
}

impl<const MAX: usize> TryFrom<&[u8]> for BoundedBytes<MAX> {
    type Error = TooLong;

    fn try_from(bytes: &[u8]) -> Result<Self, TooLong> {
        if bytes.len() > MAX {
            return Err(TooLong {
                actual: bytes.len(),
                max: MAX,
            });
        }
        Ok(Self(bytes.to_vec()))
    }
}

impl<const MAX: usize> From<BoundedBytes<MAX>> for Vec<u8> {
    fn from(bytes: BoundedBytes<MAX>) -> Self {
        bytes.0
    }
}

impl<const MAX: usize> Deref for BoundedBytes<MAX> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> AsRef<[u8]> for BoundedBytes<MAX> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for BoundedBytes<MAX> {
    /// The first eight bytes and the length: a signature of 50 kB has no place in a log line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        for byte in self.0.iter().take(8) {
            write!(f, "{byte:02x}")?;
        }
        write!(
            f,
            "{} ({} bytes)",
            if self.0.len() > 8 { "…" } else { "" },
            self.0.len()
        )
    }
}

impl<const MAX: usize> Encode for BoundedBytes<MAX> {
    fn size_hint(&self) -> usize {
        self.0.size_hint()
    }

    fn encode_to<T: Output + ?Sized>(&self, dest: &mut T) {
        self.0.encode_to(dest);
    }
}

impl<const MAX: usize> EncodeLike for BoundedBytes<MAX> {}
impl<const MAX: usize> EncodeLike<Vec<u8>> for BoundedBytes<MAX> {}

impl<const MAX: usize> Decode for BoundedBytes<MAX> {
    fn decode<I: Input>(input: &mut I) -> Result<Self, codec::Error> {
        let len = u32::from(Compact::<u32>::decode(input)?) as usize;
        if len > MAX {
            return Err("byte string exceeds its bound".into());
        }
        if input.remaining_len()?.is_some_and(|left| left < len) {
            return Err("byte string is cut short".into());
        }
        input.on_before_alloc_mem(len)?;
        let mut bytes = alloc::vec![0; len];
        input.read(&mut bytes)?;
        Ok(Self(bytes))
    }
}

impl<const MAX: usize> DecodeWithMemTracking for BoundedBytes<MAX> {}

impl<const MAX: usize> MaxEncodedLen for BoundedBytes<MAX> {
    fn max_encoded_len() -> usize {
        Compact::<u32>::compact_len(&(MAX as u32)) + MAX
    }
}

impl<const MAX: usize> TypeInfo for BoundedBytes<MAX> {
    /// What `Vec<u8>` itself is registered as, so that metadata holds one such type.
    type Identity = [u8];

    fn type_info() -> Type {
        Vec::<u8>::type_info()
    }
}
