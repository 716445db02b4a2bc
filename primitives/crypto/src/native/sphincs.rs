//! SPHINCS+ SHAKE-256f-simple (round 3.1), all by PQClean.
use super::{
    pqclean::{self, SPHINCS_PUBLIC, SPHINCS_SECRET, SPHINCS_SEED, SPHINCS_SIGNATURE},
    random::Expander,
};
use zeroize::Zeroizing;

pub const SECRET_LEN: usize = SPHINCS_SECRET;

const KEYGEN_CONTEXT: &str = "quids 2026 sphincs-shake-256f keygen v1";

/// `(pk, sk)` from a 32-byte seed, expanded to the 96 bytes that PQClean's `crypto_sign_seed_keypair` takes.
pub fn keypair_from_seed(seed: &[u8; 32]) -> (Vec<u8>, Zeroizing<Vec<u8>>) {
    keypair_of(&Expander::new(KEYGEN_CONTEXT, &[seed]).take())
}

fn keypair_of(seed: &[u8; SPHINCS_SEED]) -> (Vec<u8>, Zeroizing<Vec<u8>>) {
    let mut public = [0; SPHINCS_PUBLIC];
    let mut secret = Zeroizing::new([0; SPHINCS_SECRET]);
    let done = pqclean::sphincs_keypair(seed, &mut public, &mut secret);
    assert!(done, "crypto_sign_seed_keypair has no failing path");
    (public.to_vec(), Zeroizing::new(secret.to_vec()))
}

/// The public key of a secret key `SK.seed ‖ SK.prf ‖ PK.seed ‖ PK.root`; `None` for another length, or if the root
/// is not that of the seeds (recomputed: a few milliseconds).
pub fn public_of(secret: &[u8]) -> Option<Vec<u8>> {
    let secret: &[u8; SPHINCS_SECRET] = secret.try_into().ok()?;
    let (public, recomputed) = keypair_of(secret.first_chunk()?);
    (recomputed[..] == secret[..]).then_some(public)
}

/// Signs, hedged. `None` only if the library refuses.
pub fn sign(secret: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let mut signature = vec![0; SPHINCS_SIGNATURE];
    pqclean::sphincs_sign(secret.try_into().ok()?, message, (&mut signature[..]).try_into().ok()?).then_some(signature)
}

/// Verifies; `false` for any wrong length.
pub fn verify(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match (public_key.try_into(), signature.try_into()) {
        (Ok(public), Ok(signature)) => pqclean::sphincs_verify(public, message, signature),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST ACVP `SLH-DSA-keyGen-FIPS205`, SLH-DSA-SHAKE-256f, tests 119 and 120: key generation is the same in
    /// FIPS 205 and in round 3.1 (signatures are not: FIPS 205 prefixes the message).
    #[test]
    fn keys_are_those_of_nist() {
        for secret in [
            "CB5AED5933B01C1969E9BFA6816E9EB94635610399D9E5BC44CE34E91258E278\
             CEEA9A83CCF9EEF8B8CB5B1F882527C2A6F12B411341C0E8264832BE767D004C\
             4DA37B38CF7EC435F0ACD2C831710A2BED28D67EE59947568788BEE3024D0E8B\
             87DBDC8B8D1400BB82C1B2E2107DAEC938DF729A88CE8AE5248258FF8C86247B",
            "500E98ED6211208E2716C5CC4298361021AD78C0141D12F325AAD0F780DACE49\
             5B3747BED7F1B2B884C54156B9421EDDC38683646F964BA7B72E7C4B563B5517\
             5FF8568B999DB690D5F95555CF844D990BC2A72E819BE10893D5573C6BFDCD03\
             3DC972181AE99EC56059F43EE9C0659865819910B26840E51D9FB730DC0E8B01",
        ] {
            let secret = hex::decode(secret).unwrap();
            let (public, ours) = keypair_of(secret.first_chunk().unwrap());
            assert_eq!((&ours[..], &public[..]), (&secret[..], &secret[64..]));
            assert_eq!(public_of(&secret), Some(public));
        }
    }
}
