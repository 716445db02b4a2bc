//! Randomness: the operating system's, and streams expanded from a seed.
use crate::{CryptoError, Result};
use fn_dsa::{CryptoRng, RngCore, RngError};
use zeroize::{Zeroize, Zeroizing};

/// `N` bytes from the operating system; [`CryptoError::NoRandomness`] if it has none.
pub fn os_random<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|_| CryptoError::NoRandomness)?;
    Ok(bytes)
}

/// The XOF output of BLAKE3 in derive-key mode, as a random generator: the same context and inputs give the same
/// stream on every platform.
pub struct Expander(blake3::OutputReader);

impl Expander {
    /// A stream for one purpose (`context`, globally unique) from key material. The caller keeps `parts` injective.
    pub fn new(context: &str, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        for part in parts {
            hasher.update(part);
        }
        let reader = hasher.finalize_xof();
        hasher.zeroize();
        Self(reader)
    }

    /// The next `N` bytes.
    pub fn take<const N: usize>(&mut self) -> Zeroizing<[u8; N]> {
        let mut bytes = Zeroizing::new([0; N]);
        self.0.fill(&mut *bytes);
        bytes
    }
}

impl Drop for Expander {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl CryptoRng for Expander {}

impl RngCore for Expander {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(*self.take())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(*self.take())
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        self.0.fill(dest);
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> core::result::Result<(), RngError> {
        self.0.fill(dest);
        Ok(())
    }
}
