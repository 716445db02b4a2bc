//! From passphrase to file key by argon2id (RFC 9106), and the AEAD under that key: XChaCha20-Poly1305.

use crate::{KeyError, Passphrase};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use chacha20poly1305::{AeadInOut, Key, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use quids_crypto::CryptoError;
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a salt.
pub const SALT_LEN: usize = 16;
/// Bytes of a nonce of XChaCha20-Poly1305. Random: 192 bits are enough for it.
pub const NONCE_LEN: usize = 24;
/// Bytes of a tag of Poly1305, at the end of a ciphertext.
pub const TAG_LEN: usize = 16;

/// What argon2id costs. [`Self::DEFAULT`] for files; [`Self::new`] holds what a file may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KdfParams {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl KdfParams {
    /// RFC 9106 §4's second recommendation (64 MiB, 3 passes), in one lane, since it is computed on one thread.
    pub const DEFAULT: Self = Self {
        memory_kib: 64 << 10,
        passes: 3,
        lanes: 1,
    };
    /// The most memory that a file may ask for, in KiB.
    pub const MEMORY_KIB_MAX: u32 = 256 << 10;
    /// The most passes that a file may ask for.
    pub const PASSES_MAX: u32 = 16;
    /// The most lanes that a file may ask for.
    pub const LANES_MAX: u32 = 4;

    /// Within the bounds of this type and those of argon2; the error says which value is out of them. A small cost is
    /// no danger when read: only who knows the passphrase can have made such a file.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, String> {
        for (what, value, max) in [
            ("memory_kib", memory_kib, Self::MEMORY_KIB_MAX),
            ("passes", passes, Self::PASSES_MAX),
            ("lanes", lanes, Self::LANES_MAX),
        ] {
            if value == 0 || value > max {
                return Err(format!("argon2id {what} {value} is outside 1 to {max}"));
            }
        }
        if memory_kib < 8 * lanes {
            return Err(format!(
                "argon2id memory_kib {memory_kib} is below 8 for each of {lanes} lanes"
            ));
        }
        Ok(Self {
            memory_kib,
            passes,
            lanes,
        })
    }

    /// KiB, passes, lanes.
    pub const fn get(&self) -> (u32, u32, u32) {
        (self.memory_kib, self.passes, self.lanes)
    }
}

/// Cost and salt: with a passphrase they give a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kdf {
    pub params: KdfParams,
    pub salt: [u8; SALT_LEN],
}

/// The key of a file, or of all the files of a node's keystore. Wiped on drop.
pub(crate) struct FileKey {
    pub kdf: Kdf,
    key: Zeroizing<[u8; 32]>,
}

impl FileKey {
    /// With a fresh salt.
    pub fn new(passphrase: &Passphrase, params: KdfParams) -> Result<Self, KeyError> {
        let salt = random()?;
        Self::derive(passphrase, Kdf { params, salt })
    }

    /// argon2id version 1.3, 32 bytes. Takes the memory that the parameters name, and wipes it.
    pub fn derive(passphrase: &Passphrase, kdf: Kdf) -> Result<Self, KeyError> {
        let (memory_kib, passes, lanes) = kdf.params.get();
        let failed = |error: &dyn fmt::Display| KeyError::Kdf(format!("{error} ({memory_kib} KiB, {passes} passes)"));
        let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(|error| failed(&error))?;
        // Ours rather than the crate's, which frees the blocks as they are.
        let mut blocks = Blocks(Vec::new());
        blocks
            .0
            .try_reserve_exact(params.block_count())
            .map_err(|error| failed(&error))?;
        blocks.0.resize(params.block_count(), Block::default());
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(passphrase.as_bytes(), &kdf.salt, &mut *key, &mut blocks.0[..])
            .map_err(|error| failed(&error))?;
        Ok(Self { kdf, key })
    }

    /// Encrypts under a fresh nonce, which it returns with `ciphertext ‖ tag`.
    pub fn seal(&self, header: &[u8], nonce: &[u8; NONCE_LEN], secret: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut buffer = Vec::with_capacity(secret.len() + TAG_LEN);
        buffer.extend_from_slice(secret);
        let tag = self
            .cipher()
            .encrypt_inout_detached(&XNonce::from(*nonce), header, (&mut buffer[..]).into())
            .map_err(|_| KeyError::Kdf("the secret is too long for the cipher".into()))?;
        buffer.extend_from_slice(&tag);
        Ok(buffer)
    }

    /// Decrypts `ciphertext ‖ tag`. `None`: another key, or a changed header, nonce or ciphertext.
    pub fn open(&self, header: &[u8], nonce: &[u8; NONCE_LEN], ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (body, tag) = ciphertext.split_last_chunk::<TAG_LEN>()?;
        let mut buffer = Zeroizing::new(body.to_vec());
        let opened = self.cipher().decrypt_inout_detached(
            &XNonce::from(*nonce),
            header,
            (&mut buffer[..]).into(),
            &Tag::from(*tag),
        );
        opened.ok().map(|()| buffer)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let mut key = Key::from(*self.key);
        let cipher = XChaCha20Poly1305::new(&key);
        key.as_mut_slice().zeroize();
        cipher
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKey")
            .field("kdf", &self.kdf)
            .finish_non_exhaustive()
    }
}

struct Blocks(Vec<Block>);

impl Drop for Blocks {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}

/// Bytes from the operating system, nothing secret.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| CryptoError::NoRandomness)?;
    Ok(bytes)
}
