//! Every vector of `fixtures/wycheproof`: our verdict must be theirs, and no file or vector may go unread.
use quids_crypto::{KemCiphertext, KemKeyPair, decapsulate, verify_ml_dsa_87_with_context, verify_raw};
use serde::Deserialize;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// `$QUIDS_FIXTURES`, or `../shared/fixtures` from the workspace's root.
fn fixtures() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join(std::env::var_os("QUIDS_FIXTURES").unwrap_or_else(|| "../shared/fixtures".into()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File<G> {
    number_of_tests: usize,
    test_groups: Vec<G>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerifyGroup {
    public_key: String,
    tests: Vec<VerifyTest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerifyTest {
    tc_id: u32,
    msg: String,
    ctx: Option<String>,
    sig: String,
    result: String,
}

#[derive(Deserialize)]
struct KemGroup {
    #[serde(rename = "parameterSet")]
    parameter_set: String,
    tests: Vec<KemTest>,
}

#[derive(Deserialize)]
struct KemTest {
    #[serde(rename = "tcId")]
    tc_id: u32,
    seed: String,
    ek: Option<String>,
    c: String,
    #[serde(rename = "K")]
    shared: String,
    result: String,
}

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).expect("vectors are hexadecimal")
}

fn is_valid(result: &str) -> bool {
    match result {
        "valid" => true,
        "invalid" => false,
        other => panic!("verdict {other} is neither valid nor invalid"),
    }
}

/// Runs one file; the number of vectors run.
fn check_ml_dsa_87(json: &str) -> usize {
    let file: File<VerifyGroup> = serde_json::from_str(json).expect("the schema of mldsa_verify");
    let mut run = 0;
    for group in &file.test_groups {
        let public_key = bytes(&group.public_key);
        for test in &group.tests {
            let (message, signature) = (bytes(&test.msg), bytes(&test.sig));
            let context = test.ctx.as_deref().map(bytes).unwrap_or_default();
            let verdict = verify_ml_dsa_87_with_context(&public_key, &message, &context, &signature);
            assert_eq!(verdict, is_valid(&test.result), "ML-DSA-87 vector {}", test.tc_id);
            // The portable code says the same as the one this CPU chose: no verdict depends on the machine.
            assert_eq!(
                portable_verdict(&public_key, &message, &context, &signature),
                verdict,
                "vector {}",
                test.tc_id
            );
            if context.is_empty() {
                assert_eq!(
                    verify_raw(0, &public_key, &message, &signature),
                    verdict,
                    "vector {}",
                    test.tc_id
                );
            }
            run += 1;
        }
    }
    assert_eq!(run, file.number_of_tests, "the file names its number of vectors");
    run
}

/// PQClean's portable C and libcrux's portable Rust, which must agree.
fn portable_verdict(public_key: &[u8], message: &[u8], context: &[u8], signature: &[u8]) -> bool {
    use libcrux_ml_dsa::ml_dsa_87::{MLDSA87Signature, MLDSA87VerificationKey, portable};
    let (Ok(public), Ok(signature)) = (<[u8; 2592]>::try_from(public_key), <[u8; 4627]>::try_from(signature)) else {
        return false;
    };
    // SAFETY: borrowed arrays and slices with their own lengths.
    let pqclean = unsafe {
        pqcrypto_mldsa::ffi::PQCLEAN_MLDSA87_CLEAN_crypto_sign_verify_ctx(
            signature.as_ptr(),
            signature.len(),
            message.as_ptr(),
            message.len(),
            context.as_ptr(),
            context.len(),
            public.as_ptr(),
        )
    };
    let (public, signature) = (MLDSA87VerificationKey::new(public), MLDSA87Signature::new(signature));
    let libcrux = portable::verify(&public, message, context, &signature).is_ok();
    assert_eq!(pqclean == 0, libcrux, "two portable verifiers");
    libcrux
}

/// What a KEM vector exercises: key generation from the seed, then decapsulation. `None` where an input is refused.
fn shared_secret(test: &KemTest) -> Option<Vec<u8>> {
    let key = KemKeyPair::from_seed(bytes(&test.seed).as_slice().try_into().ok()?);
    if let Some(ek) = &test.ek {
        assert_eq!(
            hex::encode(key.public().as_bytes()),
            *ek,
            "ML-KEM-1024 vector {}",
            test.tc_id
        );
    }
    let ciphertext = KemCiphertext::new(&bytes(&test.c)).ok()?;
    Some(decapsulate(&key, &ciphertext).ok()?.to_vec())
}

fn check_ml_kem_1024(json: &str) -> usize {
    let file: File<KemGroup> = serde_json::from_str(json).expect("the schema of mlkem_test");
    let mut run = 0;
    for group in &file.test_groups {
        assert_eq!(group.parameter_set, "ML-KEM-1024");
        for test in &group.tests {
            let expected = is_valid(&test.result).then(|| bytes(&test.shared));
            assert_eq!(shared_secret(test), expected, "ML-KEM-1024 vector {}", test.tc_id);
            run += 1;
        }
    }
    assert_eq!(run, file.number_of_tests, "the file names its number of vectors");
    run
}

#[test]
fn every_wycheproof_vector_gets_its_verdict() {
    let folder = fixtures().join("wycheproof");
    if !folder.is_dir() {
        println!(
            "skipped: every_wycheproof_vector_gets_its_verdict ({} is absent)",
            folder.display()
        );
        return;
    }
    let (mut files, mut vectors) = (0, 0);
    for entry in fs::read_dir(&folder).expect("the folder is readable") {
        let path = entry.expect("the folder is readable").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let json = fs::read_to_string(&path).expect("the file is readable");
        vectors += match path.file_name().and_then(|name| name.to_str()) {
            Some("mldsa_87_verify_test.json") => check_ml_dsa_87(&json),
            Some("mlkem_1024_test.json") => check_ml_kem_1024(&json),
            _ => panic!("{} was left unread: no check knows it", path.display()),
        };
        files += 1;
    }
    assert!(files > 0 && vectors > 0, "{} holds no vectors", folder.display());
    println!("{vectors} vectors of {files} files");
}
