//! ML-DSA (FIPS 204). The chain's ML-DSA-87: keys from a seed by fips204, signing by PQClean, verification by libcrux.
//! The other sets are for contracts: verification only.
use super::pqclean::{self, ML_DSA_SECRET, ML_DSA_SIGNATURE};
use crate::MlDsaLevel;
use fips204::{
    ml_dsa_87::{KG, PrivateKey},
    traits::{KeyGen, SerDes, Signer},
};
use libcrux_ml_dsa::{
    ml_dsa_44::{self, MLDSA44Signature, MLDSA44VerificationKey},
    ml_dsa_65::{self, MLDSA65Signature, MLDSA65VerificationKey},
    ml_dsa_87::{self, MLDSA87Signature, MLDSA87VerificationKey},
};
use zeroize::{Zeroize, Zeroizing};

pub const SECRET_LEN: usize = ML_DSA_SECRET;

/// ML-DSA.KeyGen_internal (FIPS 204 algorithm 6): `(pk, sk)` of the 32-byte seed ξ.
pub fn keypair_from_seed(seed: &[u8; 32]) -> (Vec<u8>, Zeroizing<Vec<u8>>) {
    let (public, secret) = KG::keygen_from_seed(seed);
    let mut secret = secret.into_bytes();
    let owned = Zeroizing::new(secret.to_vec());
    secret.zeroize();
    (public.into_bytes().to_vec(), owned)
}

/// The public key of an encoded secret key; `None` unless it is one: right length, coefficients in range, and its
/// `tr` (FIPS 204 §4, `tr = H(pk)`) that of the key.
pub fn public_of(secret: &[u8]) -> Option<Vec<u8>> {
    let mut bytes: [u8; ML_DSA_SECRET] = secret.try_into().ok()?;
    let key = PrivateKey::try_from_bytes(bytes);
    bytes.zeroize();
    let public = key.ok()?.get_public_key().into_bytes();
    // skEncode (algorithm 24): ρ is bytes 0..32, tr bytes 64..128.
    let mut tr = [0; 64];
    {
        use sha3::digest::{ExtendableOutput, Update, XofReader};
        let mut hasher = sha3::Shake256::default();
        hasher.update(&public);
        hasher.finalize_xof().read(&mut tr);
    }
    (secret.get(64..128) == Some(&tr[..])).then(|| public.to_vec())
}

/// Signs, hedged, with the empty context. `None` only if the library refuses.
pub fn sign(secret: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let mut signature = vec![0; ML_DSA_SIGNATURE];
    pqclean::ml_dsa_sign(secret.try_into().ok()?, message, (&mut signature[..]).try_into().ok()?).then_some(signature)
}

/// ML-DSA-87.Verify (FIPS 204 algorithm 3) with a context string; `false` for any wrong length, or a context over
/// 255 bytes. The chain signs with the empty context.
///
/// By libcrux and not by PQClean: the AVX2 verifier in pqcrypto-mldsa 0.1.2 lacks the bound on `z` (algorithm 8, line 13)
/// and decides UseHint(1, r) the wrong way where r₀ = 0. It gives the wrong verdict on 50 Wycheproof vectors, where
/// PQClean's portable C gives the right one (pq-crystals/dilithium issue 113 and commit bba9534, after PQClean's last
/// copy), so the verdict would depend on the CPU and the chain could be forked by one crafted signature.
pub fn verify_with_context(public_key: &[u8], message: &[u8], context: &[u8], signature: &[u8]) -> bool {
    let (Ok(public), Ok(signature)) = (public_key.try_into(), signature.try_into()) else {
        return false;
    };
    let (public, signature) = (MLDSA87VerificationKey::new(public), MLDSA87Signature::new(signature));
    ml_dsa_87::verify(&public, message, context, &signature).is_ok()
}

/// ML-DSA.Verify of any parameter set with the empty context; `false` for any wrong length. By libcrux, as above.
pub fn verify_level(level: MlDsaLevel, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    macro_rules! verify {
        ($set:ident, $key:ident, $signature:ident) => {
            match (public_key.try_into(), signature.try_into()) {
                (Ok(public), Ok(signature)) => {
                    $set::verify(&$key::new(public), message, &[], &$signature::new(signature)).is_ok()
                }
                _ => false,
            }
        };
    }
    match level {
        MlDsaLevel::MlDsa44 => verify!(ml_dsa_44, MLDSA44VerificationKey, MLDSA44Signature),
        MlDsaLevel::MlDsa65 => verify!(ml_dsa_65, MLDSA65VerificationKey, MLDSA65Signature),
        MlDsaLevel::MlDsa87 => verify!(ml_dsa_87, MLDSA87VerificationKey, MLDSA87Signature),
    }
}
