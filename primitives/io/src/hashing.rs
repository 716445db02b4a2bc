//! Hash functions, done by the host.

macro_rules! hash {
    ($(#[$doc:meta])* $name:ident, $len:literal, $guest:ident) => {
        $(#[$doc])*
        pub fn $name(data: &[u8]) -> [u8; $len] {
            #[cfg(target_arch = "wasm32")]
            return crate::guest::$guest(data);
            #[cfg(not(target_arch = "wasm32"))]
            quids_crypto::$name(data)
        }
    };
}

hash!(
    /// BLAKE3, 32 bytes.
    blake3_256, 32, hash_blake3_256
);
hash!(
    /// Keccak-256 as in Ethereum, 32 bytes.
    keccak_256, 32, hash_keccak_256
);
hash!(
    /// BLAKE2b, 16 bytes: the hasher of storage maps.
    blake2b_128, 16, hash_blake2b_128
);
hash!(
    /// BLAKE2b, 32 bytes: long signing payloads, as polkadot-js hashes them.
    blake2b_256, 32, hash_blake2b_256
);

/// The 512-bit quantum-resistant hash of `data` in `domain` (see `quids_crypto::hash_quantum_resistant`).
pub fn quantum_resistant(domain: &[u8], data: &[u8]) -> [u8; 64] {
    #[cfg(target_arch = "wasm32")]
    return crate::guest::hash_quantum_resistant(domain, data);
    #[cfg(not(target_arch = "wasm32"))]
    quids_crypto::hash_quantum_resistant(domain, data)
}
