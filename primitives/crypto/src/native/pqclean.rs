//! The one file with `unsafe`: PQClean's C, called on borrowed arrays of the exact size, so that nothing is copied
//! and no secret is left in a type that cannot be wiped. Picks the AVX2 or NEON build as the pqcrypto crates do.
use core::ffi::c_int;
use pqcrypto_mldsa::ffi as mldsa;
use pqcrypto_mlkem::ffi as mlkem;
use pqcrypto_sphincsplus::ffi as sphincs;

pub const ML_DSA_SECRET: usize = mldsa::PQCLEAN_MLDSA87_CLEAN_CRYPTO_SECRETKEYBYTES;
pub const ML_DSA_SIGNATURE: usize = mldsa::PQCLEAN_MLDSA87_CLEAN_CRYPTO_BYTES;
pub const SPHINCS_PUBLIC: usize = sphincs::PQCLEAN_SPHINCSSHAKE256FSIMPLE_CLEAN_CRYPTO_PUBLICKEYBYTES;
pub const SPHINCS_SECRET: usize = sphincs::PQCLEAN_SPHINCSSHAKE256FSIMPLE_CLEAN_CRYPTO_SECRETKEYBYTES;
pub const SPHINCS_SIGNATURE: usize = sphincs::PQCLEAN_SPHINCSSHAKE256FSIMPLE_CLEAN_CRYPTO_BYTES;
/// `CRYPTO_SEEDBYTES` of sphincs-shake-256f-simple's api.h: 3·n.
pub const SPHINCS_SEED: usize = 96;
pub const ML_KEM_PUBLIC: usize = mlkem::PQCLEAN_MLKEM1024_CLEAN_CRYPTO_PUBLICKEYBYTES;
pub const ML_KEM_SECRET: usize = mlkem::PQCLEAN_MLKEM1024_CLEAN_CRYPTO_SECRETKEYBYTES;
pub const ML_KEM_CIPHERTEXT: usize = mlkem::PQCLEAN_MLKEM1024_CLEAN_CRYPTO_CIPHERTEXTBYTES;

unsafe extern "C" {
    // Declared in PQClean's api.h, not in pqcrypto-sphincsplus's ffi.rs.
    fn PQCLEAN_SPHINCSSHAKE256FSIMPLE_CLEAN_crypto_sign_seed_keypair(
        pk: *mut u8,
        sk: *mut u8,
        seed: *const u8,
    ) -> c_int;
}

/// Calls the AVX2 variant where the CPU has it, the clean one otherwise. Windows has no AVX2 build of ML-DSA.
macro_rules! avx2_or_clean {
    ($avx2:path, $clean:path, ($($arg:expr),*)) => {{
        #[cfg(all(target_arch = "x86_64", not(windows)))]
        if std::is_x86_feature_detected!("avx2") {
            return $avx2($($arg),*) == 0;
        }
        $clean($($arg),*) == 0
    }};
}

/// As [`avx2_or_clean`], and NEON on aarch64, where every CPU has it.
macro_rules! simd_or_clean {
    ($avx2:path, $neon:ident in $module:ident, $clean:path, ($($arg:expr),*)) => {{
        #[cfg(target_arch = "aarch64")]
        {
            $module::$neon($($arg),*) == 0
        }
        #[cfg(not(target_arch = "aarch64"))]
        avx2_or_clean!($avx2, $clean, ($($arg),*))
    }};
}

/// ML-DSA.Sign, hedged (FIPS 204 algorithm 2), empty context. `false` if the library refused.
pub fn ml_dsa_sign(secret: &[u8; ML_DSA_SECRET], message: &[u8], signature: &mut [u8; ML_DSA_SIGNATURE]) -> bool {
    let mut len = 0;
    // SAFETY: reads ML_DSA_SECRET bytes of the key and `mlen` of the message, writes at most ML_DSA_SIGNATURE bytes to
    // `signature` and the length to `len`; a null context of length 0 is what pqcrypto-mldsa itself passes.
    unsafe {
        simd_or_clean!(
            mldsa::PQCLEAN_MLDSA87_AVX2_crypto_sign_signature_ctx,
            PQCLEAN_MLDSA87_AARCH64_crypto_sign_signature_ctx in mldsa,
            mldsa::PQCLEAN_MLDSA87_CLEAN_crypto_sign_signature_ctx,
            (
                signature.as_mut_ptr(),
                &mut len,
                message.as_ptr(),
                message.len(),
                core::ptr::null(),
                0,
                secret.as_ptr()
            )
        )
    }
}

/// Verifies a SPHINCS+ signature.
pub fn sphincs_verify(public: &[u8; SPHINCS_PUBLIC], message: &[u8], signature: &[u8; SPHINCS_SIGNATURE]) -> bool {
    // SAFETY: reads `siglen` and `mlen` bytes of the borrowed slices and SPHINCS_PUBLIC bytes of the key.
    unsafe {
        avx2_or_clean!(
            sphincs::PQCLEAN_SPHINCSSHAKE256FSIMPLE_AVX2_crypto_sign_verify,
            sphincs::PQCLEAN_SPHINCSSHAKE256FSIMPLE_CLEAN_crypto_sign_verify,
            (
                signature.as_ptr(),
                signature.len(),
                message.as_ptr(),
                message.len(),
                public.as_ptr()
            )
        )
    }
}

/// Signs with SPHINCS+, hedged. `false` if the library refused.
pub fn sphincs_sign(secret: &[u8; SPHINCS_SECRET], message: &[u8], signature: &mut [u8; SPHINCS_SIGNATURE]) -> bool {
    let mut len = 0;
    // SAFETY: reads SPHINCS_SECRET bytes of the key and `mlen` of the message, writes at most SPHINCS_SIGNATURE bytes to
    // `signature` and the length to `len`.
    unsafe {
        avx2_or_clean!(
            sphincs::PQCLEAN_SPHINCSSHAKE256FSIMPLE_AVX2_crypto_sign_signature,
            sphincs::PQCLEAN_SPHINCSSHAKE256FSIMPLE_CLEAN_crypto_sign_signature,
            (
                signature.as_mut_ptr(),
                &mut len,
                message.as_ptr(),
                message.len(),
                secret.as_ptr()
            )
        )
    }
}

/// The SPHINCS+ key pair of `SK.seed ‖ SK.prf ‖ PK.seed`.
pub fn sphincs_keypair(
    seed: &[u8; SPHINCS_SEED],
    public: &mut [u8; SPHINCS_PUBLIC],
    secret: &mut [u8; SPHINCS_SECRET],
) -> bool {
    // SAFETY: reads SPHINCS_SEED bytes, writes SPHINCS_PUBLIC and SPHINCS_SECRET bytes.
    unsafe {
        PQCLEAN_SPHINCSSHAKE256FSIMPLE_CLEAN_crypto_sign_seed_keypair(
            public.as_mut_ptr(),
            secret.as_mut_ptr(),
            seed.as_ptr(),
        ) == 0
    }
}

/// ML-KEM.Encaps (FIPS 203 algorithm 20), without the modulus check of §7.2, which is the caller's.
pub fn ml_kem_encapsulate(
    public: &[u8; ML_KEM_PUBLIC],
    ciphertext: &mut [u8; ML_KEM_CIPHERTEXT],
    shared: &mut [u8; 32],
) -> bool {
    // SAFETY: reads ML_KEM_PUBLIC bytes, writes ML_KEM_CIPHERTEXT and 32 bytes.
    unsafe {
        simd_or_clean!(
            mlkem::PQCLEAN_MLKEM1024_AVX2_crypto_kem_enc,
            PQCLEAN_MLKEM1024_AARCH64_crypto_kem_enc in mlkem,
            mlkem::PQCLEAN_MLKEM1024_CLEAN_crypto_kem_enc,
            (ciphertext.as_mut_ptr(), shared.as_mut_ptr(), public.as_ptr())
        )
    }
}

/// ML-KEM.Decaps (FIPS 203 algorithm 21), implicit rejection included.
pub fn ml_kem_decapsulate(
    secret: &[u8; ML_KEM_SECRET],
    ciphertext: &[u8; ML_KEM_CIPHERTEXT],
    shared: &mut [u8; 32],
) -> bool {
    // SAFETY: reads ML_KEM_SECRET and ML_KEM_CIPHERTEXT bytes, writes 32.
    unsafe {
        simd_or_clean!(
            mlkem::PQCLEAN_MLKEM1024_AVX2_crypto_kem_dec,
            PQCLEAN_MLKEM1024_AARCH64_crypto_kem_dec in mlkem,
            mlkem::PQCLEAN_MLKEM1024_CLEAN_crypto_kem_dec,
            (shared.as_mut_ptr(), ciphertext.as_ptr(), secret.as_ptr())
        )
    }
}
