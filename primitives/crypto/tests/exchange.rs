//! Keys, signatures and ciphertexts cross between independent libraries, both ways.
use pqcrypto_traits::{
    kem::{Ciphertext as _, PublicKey as _, SecretKey as _, SharedSecret as _},
    sign::{DetachedSignature as _, PublicKey as _, SecretKey as _},
};
use quids_crypto::*;

const MESSAGE: &[u8] = b"one message, two libraries";

#[test]
fn ml_dsa_crosses_between_fips204_and_pqclean() {
    use fips204::{
        ml_dsa_87,
        traits::{SerDes, Signer, Verifier},
    };
    use pqcrypto_mldsa::mldsa87;
    // Our key (made by fips204) in both libraries, signed by each, verified by the other and by us.
    let ours = KeyPair::from_seed(SignatureScheme::MlDsa87, &[1; 32]).unwrap();
    let public = ml_dsa_87::PublicKey::try_from_bytes(ours.public().as_bytes().try_into().unwrap()).unwrap();
    let secret = ml_dsa_87::PrivateKey::try_from_bytes(ours.secret_bytes().try_into().unwrap()).unwrap();
    assert!(public.verify(MESSAGE, ours.sign(MESSAGE).as_bytes().try_into().unwrap(), &[]));
    let theirs = secret.try_sign_with_seed(&[9; 32], MESSAGE, &[]).unwrap();
    assert!(verify_raw(0, ours.public().as_bytes(), MESSAGE, &theirs));
    // A key made by PQClean, through our expanded form.
    let (public, secret) = mldsa87::keypair();
    let imported = KeyPair::from_secret(SignatureScheme::MlDsa87, secret.as_bytes()).unwrap();
    assert_eq!(imported.public().as_bytes(), public.as_bytes());
    let signature = mldsa87::DetachedSignature::from_bytes(imported.sign(MESSAGE).as_bytes()).unwrap();
    assert!(mldsa87::verify_detached_signature(&signature, MESSAGE, &public).is_ok());
    assert!(verify_raw(
        0,
        public.as_bytes(),
        MESSAGE,
        mldsa87::detached_sign(MESSAGE, &secret).as_bytes()
    ));
    // With a context: fips204's signature verifies under that context only.
    let secret = ml_dsa_87::PrivateKey::try_from_bytes(ours.secret_bytes().try_into().unwrap()).unwrap();
    let signature = secret.try_sign_with_seed(&[9; 32], MESSAGE, b"context").unwrap();
    assert!(verify_ml_dsa_87_with_context(
        ours.public().as_bytes(),
        MESSAGE,
        b"context",
        &signature
    ));
    assert!(!verify_raw(0, ours.public().as_bytes(), MESSAGE, &signature));
}

#[test]
fn ml_kem_crosses_between_ml_kem_and_pqclean() {
    use ml_kem::{kem::Decapsulate, ml_kem_1024};
    use pqcrypto_mlkem::mlkem1024;
    let ours = KemKeyPair::from_seed(&[3; 64]);
    let reference = ml_kem_1024::DecapsulationKey::from_seed([3; 64].into());
    // We encapsulate (PQClean), ml-kem decapsulates.
    let (ciphertext, shared) = encapsulate(ours.public()).unwrap();
    let opened = reference.decapsulate(&ciphertext.as_bytes().try_into().unwrap());
    assert_eq!(opened.as_slice(), &shared[..]);
    // ml-kem encapsulates, we decapsulate.
    let (ciphertext, shared) = reference.encapsulation_key().encapsulate_deterministic(&[5; 32].into());
    assert_eq!(
        &decapsulate(&ours, &KemCiphertext::new(&ciphertext).unwrap()).unwrap()[..],
        shared.as_slice()
    );
    // A forged ciphertext: implicit rejection gives the same secret in both.
    let mut forged = ciphertext;
    forged[0] ^= 1;
    let rejected = decapsulate(&ours, &KemCiphertext::new(&forged).unwrap()).unwrap();
    assert_eq!(&rejected[..], reference.decapsulate(&forged).as_slice());
    assert_ne!(&rejected[..], shared.as_slice());
    // pqcrypto's own types, with our expanded key and with theirs.
    let secret = mlkem1024::SecretKey::from_bytes(ours.secret_bytes()).unwrap();
    let (ciphertext, shared) = encapsulate(ours.public()).unwrap();
    let opened = mlkem1024::decapsulate(
        &mlkem1024::Ciphertext::from_bytes(ciphertext.as_bytes()).unwrap(),
        &secret,
    );
    assert_eq!(opened.as_bytes(), &shared[..]);
    let (public, secret) = mlkem1024::keypair();
    let (ciphertext, shared) = encapsulate(&KemPublicKey::new(public.as_bytes()).unwrap()).unwrap();
    let opened = mlkem1024::decapsulate(
        &mlkem1024::Ciphertext::from_bytes(ciphertext.as_bytes()).unwrap(),
        &secret,
    );
    assert_eq!(opened.as_bytes(), &shared[..]);
}

#[test]
fn falcon_crosses_between_fn_dsa_and_pqclean() {
    use pqcrypto_falcon::falconpadded512 as falcon;
    // Our key signs with PQClean, and ours verifies there.
    let ours = KeyPair::from_seed(SignatureScheme::Falcon512, &[1; 32]).unwrap();
    let public = falcon::PublicKey::from_bytes(ours.public().as_bytes()).unwrap();
    let secret = falcon::SecretKey::from_bytes(ours.secret_bytes()).unwrap();
    for _ in 0..16 {
        let theirs = falcon::detached_sign(MESSAGE, &secret);
        assert!(verify_raw(1, ours.public().as_bytes(), MESSAGE, theirs.as_bytes()));
        let signature = falcon::DetachedSignature::from_bytes(ours.sign(MESSAGE).as_bytes()).unwrap();
        assert!(falcon::verify_detached_signature(&signature, MESSAGE, &public).is_ok());
    }
    // A key made by PQClean.
    let (public, secret) = falcon::keypair();
    let imported = KeyPair::from_secret(SignatureScheme::Falcon512, secret.as_bytes()).unwrap();
    assert_eq!(imported.public().as_bytes(), public.as_bytes());
    let signature = falcon::DetachedSignature::from_bytes(imported.sign(MESSAGE).as_bytes()).unwrap();
    assert!(falcon::verify_detached_signature(&signature, MESSAGE, &public).is_ok());
    assert!(verify_raw(
        1,
        public.as_bytes(),
        MESSAGE,
        falcon::detached_sign(MESSAGE, &secret).as_bytes()
    ));
}

#[test]
fn sphincs_crosses_with_pqcryptos_own_types() {
    use pqcrypto_sphincsplus::sphincsshake256fsimple as sphincs;
    let ours = KeyPair::from_seed(SignatureScheme::SphincsShake256f, &[1; 32]).unwrap();
    let public = sphincs::PublicKey::from_bytes(ours.public().as_bytes()).unwrap();
    let signature = sphincs::DetachedSignature::from_bytes(ours.sign(MESSAGE).as_bytes()).unwrap();
    assert!(sphincs::verify_detached_signature(&signature, MESSAGE, &public).is_ok());
    let (public, secret) = sphincs::keypair();
    let imported = KeyPair::from_secret(SignatureScheme::SphincsShake256f, secret.as_bytes()).unwrap();
    assert_eq!(imported.public().as_bytes(), public.as_bytes());
    assert!(verify_raw(
        3,
        public.as_bytes(),
        MESSAGE,
        sphincs::detached_sign(MESSAGE, &secret).as_bytes()
    ));
}
