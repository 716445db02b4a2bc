//! Published answers: hashes, addresses, key generation (NIST ACVP), fn-dsa's own vectors; and ours, pinned.
use quids_core::AccountId20;
use quids_crypto::*;

fn check(name: &str, got: &[u8], expected: &str) {
    assert_eq!(hex::encode(got), expected, "{name}");
}

#[test]
fn hashes_give_the_published_answers() {
    // BLAKE3: test_vectors.json of the reference implementation (input bytes 0, 1, …) and "abc".
    check(
        "blake3",
        &blake3_256(b""),
        "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    );
    check(
        "blake3",
        &blake3_256(&[0]),
        "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    );
    check(
        "blake3",
        &hash(b"abc"),
        "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
    );
    // FIPS 202.
    check(
        "sha3-512",
        &sha3_512(b"abc"),
        "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e\
         10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
    );
    check(
        "keccak",
        &keccak_256(b""),
        "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
    );
    check(
        "keccak",
        &keccak_256(b"abc"),
        "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
    );
    // RFC 7693's algorithm at 32 and 16 bytes (Python's hashlib).
    check(
        "blake2b",
        &blake2b_256(b"abc"),
        "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
    );
    check("blake2b", &blake2b_128(b"abc"), "cf4ab791c62b8d2b2109c90275287816");
    // Storage prefixes that every Substrate chain has.
    check("twox", &twox_128(b"System"), "26aa394eea5630e07c48ae0c9558cef7");
    check("twox", &twox_128(b"Account"), "b99d880ec681799c0cf30e8886371da9");
    check("twox", &twox_128(b"Balances"), "c2261276cc9d1f8598ea4b6a74b15c2f");
    check("twox", &twox_64(b"System"), "26aa394eea5630e0");
}

/// The combiner, spelled out a second time with the libraries, and pinned.
#[test]
fn quantum_resistant_hash_is_the_documented_construction() {
    use sha3::{Digest, Sha3_512};
    let blake3_xof = |context: &str, input: &[u8]| {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(input);
        let mut out = [0; 64];
        hasher.finalize_xof().fill(&mut out);
        out
    };
    let reference = |domain: &[u8], data: &[u8]| {
        let message = [&(domain.len() as u64).to_le_bytes()[..], domain, data].concat();
        let labelled = |label: &str, input: &[u8]| Sha3_512::digest([label.as_bytes(), input].concat());
        let mut z = blake3_xof("quids 2026 qr-hash v1 inner", &message).to_vec();
        z.extend(labelled("quids 2026 qr-hash v1 inner", &message));
        let outer = blake3_xof("quids 2026 qr-hash v1 outer", &z);
        let sha3 = labelled("quids 2026 qr-hash v1 outer", &z);
        outer.iter().zip(sha3).map(|(a, b)| a ^ b).collect::<Vec<_>>()
    };
    for (domain, data) in [
        (&b""[..], &b""[..]),
        (b"code", b""),
        (b"code", b"abc"),
        (b"co", b"deabc"),
        (b"x", &[7; 5000]),
    ] {
        assert_eq!(hash_quantum_resistant(domain, data).to_vec(), reference(domain, data));
    }
    assert_ne!(
        hash_quantum_resistant(b"code", b"abc"),
        hash_quantum_resistant(b"co", b"deabc")
    );
    check(
        "qr",
        &hash_quantum_resistant(b"code", b"abc"),
        "f349c9b184d93ca833f37ea3d3a2bd71f7d55e3c7b20c5eef0559cfdc15535235d10c4e152019dc9f7563856cb50683c250775563a2ac0764d27174c4caf2622",
    );
}

/// The accounts of the mnemonic `test test … junk`, as Hardhat and Anvil print them.
const LEGACY: [(&str, &str); 10] = [
    (
        "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    ),
    (
        "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
        "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    ),
    (
        "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
        "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    ),
    (
        "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
        "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
    ),
    (
        "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
        "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
    ),
    (
        "8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
        "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
    ),
    (
        "92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
        "0x976EA74026E726554dB657fA54763abd0C3a0aa9",
    ),
    (
        "4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
        "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955",
    ),
    (
        "dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
        "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f",
    ),
    (
        "2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
        "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
    ),
];

#[test]
fn legacy_accounts_have_their_known_addresses() {
    for (secret, address) in LEGACY {
        let secret: [u8; 32] = hex::decode(secret).unwrap().try_into().unwrap();
        let key = KeyPair::from_secp256k1_secret(&secret).unwrap();
        assert_eq!(eip55(&key.account_id()), address);
        assert_eq!(key.public().account_id(), Some(key.account_id()));
        let Signature::Secp256k1(signature) = key.sign(b"hello") else {
            panic!("another scheme signed")
        };
        assert_eq!(
            recover_secp256k1(&keccak_256(b"hello"), &signature),
            Some(key.account_id())
        );
    }
}

#[test]
fn eip55_gives_the_addresses_of_its_specification() {
    for address in [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0xde709f2102306220921060314715629080e2fb77",
    ] {
        let bytes: [u8; 20] = hex::decode(&address[2..]).unwrap().try_into().unwrap();
        assert_eq!(eip55(&AccountId20(bytes)), address);
    }
}

/// ML-DSA-87 key generation: NIST ACVP `ML-DSA-keyGen-FIPS204`, (seed, SHA3-512 of pk and sk, first 32 bytes).
#[test]
fn ml_dsa_keys_are_those_of_nist() {
    for (seed, public, secret) in [
        (
            "A16F5B0796703E2D1A0140A35CBF36EFABE70E752BA59B6A9A0E9C4B05302F73",
            "787961957afabfb1f4e5ee3c1f42c43c3260923f0135274b53939e24aef63bac",
            "1033396d46c948c1323e791074f167fe77ad95be7106e6092d9c52f72ae793d7",
        ),
        (
            "E46D458A660285930D9656A88D14E751730CAE7A4975B6E4FBE69E80E3F01E7F",
            "bd3395862eee06cbc029cee161bbd8a86c48f53dcb8b0c668ab82fc29e8cf507",
            "387b2fc8e657a8395aae7f16232c829f2a6746cf8719dff3bfdd2973f2b0fb64",
        ),
        (
            "719BCE87E014ABDB6A0F77EA1C84EAC7DD674D5B03B27ECE154BA7FDDE8A0458",
            "df98b5ce9a853ab7e54d455801e7c3eb73013260bce7f69c2d77c9bc91432a10",
            "530c829e687e9158584767b6d88446691b0759d01e48833663befd3f7dbfb903",
        ),
    ] {
        let seed: [u8; 32] = hex::decode(seed).unwrap().try_into().unwrap();
        let key = KeyPair::from_seed(SignatureScheme::MlDsa87, &seed).unwrap();
        check("pk", &sha3_512(key.public().as_bytes())[..32], public);
        check("sk", &sha3_512(key.secret_bytes())[..32], secret);
    }
}

/// SHA3-256 over (sk ‖ vk ‖ signature) for degree 512, from fn-dsa 0.3.0's own test: the library computes here what its
/// author published, AVX2 or not.
#[test]
fn fn_dsa_gives_its_known_answers() {
    const ANSWERS: [&str; 10] = [
        "53748d0bda7a655b160d1237687f606fc6d85a768af7e52accb320cdc02fea56",
        "566ff306b9e7a8509252fcbd315faa1c7d9a99e90a6e5a1e211dca0492fd2422",
        "3927502da6d66d09c71baad0fb307e767287bca9defd3e5658093758dd6f4eb6",
        "7d00e218c02ca8e2b0b475c67f06b544d74b24a0c79e775066f6d35b85bba168",
        "5c7e80b3b95bbb04272cf6cb5482f98c5f48303119be7c1864fda7d183cf8dd2",
        "8f8238dc09555fb6a06505af7d08ea909829bab3443c651791e91444d4f9ea29",
        "27dc1593aea3529c25112b536ba38bf7ff26796f7199aff8597db61c013316c4",
        "92770a08ede1e89721661b8812879ab2c1cae3ffe66056fa23e2ac4cc984998b",
        "31e9907ba30080033d48535b1ecbc3e25e6b6b450fb1b310935e8b278654700e",
        "779fb106eb89f09e1d09a7c3c3295d8b63fa93ca3e59de9a9adcc1eb3f392c0c",
    ];
    for (n, answer) in ANSWERS.into_iter().enumerate() {
        check("fn-dsa", &fn_dsa_vector(n as u8), answer);
    }
}

fn fn_dsa_vector(n: u8) -> [u8; 32] {
    use fn_dsa::*;
    let context = DomainContext(b"domain");
    let (mut secret, mut public, mut signature) = ([0; 1281], [0; 897], [0; 666]);
    let mut keygen_rng = Blocks::new([0, 9, n, 0, 0, 0], usize::MAX);
    KeyPairGeneratorStandard::default().keygen(FN_DSA_LOGN_512, &mut keygen_rng, &mut secret, &mut public);
    let mut signer = SigningKeyStandard::decode(&secret).unwrap();
    let mut sign_rng = Blocks::new([1, 9, n, 0, 0, 0], 96);
    if n.is_multiple_of(2) {
        signer.sign(&mut sign_rng, &context, &HASH_ID_RAW, b"message", &mut signature);
    } else {
        let digest: [u8; 32] = <sha3::Sha3_256 as sha3::Digest>::digest(b"message").into();
        signer.sign(&mut sign_rng, &context, &HASH_ID_SHA3_256, &digest, &mut signature);
    }
    <sha3::Sha3_256 as sha3::Digest>::digest([&secret[..], &public, &signature].concat()).into()
}

/// The generators of fn-dsa's test: SHAKE256 of the seed as one stream, or in blocks of SHAKE256(seed ‖ counter).
struct Blocks {
    seed: [u8; 6],
    block: usize,
    taken: usize,
}

impl Blocks {
    fn new(seed: [u8; 6], block: usize) -> Self {
        Self { seed, block, taken: 0 }
    }
}

impl fn_dsa::CryptoRng for Blocks {}

impl fn_dsa::RngCore for Blocks {
    fn next_u32(&mut self) -> u32 {
        unreachable!("fn-dsa draws bytes")
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("fn-dsa draws bytes")
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        use sha3::digest::{ExtendableOutput, Update, XofReader};
        for byte in dest {
            let mut shake = sha3::Shake256::default();
            shake.update(&self.seed);
            if self.block != usize::MAX {
                shake.update(&((self.taken / self.block) as u32).to_le_bytes());
            }
            let mut prefix = vec![0; self.taken % self.block + 1];
            shake.finalize_xof().read(&mut prefix);
            *byte = prefix[prefix.len() - 1];
            self.taken += 1;
        }
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), fn_dsa::RngError> {
        self.fill_bytes(dest);
        Ok(())
    }
}

/// Ours, pinned: the keys of the seed 0x2a… and their accounts. A change here moves every seeded account.
#[test]
fn seeds_give_the_same_keys_for_ever() {
    for (scheme, public, account) in [
        (
            SignatureScheme::MlDsa87,
            "ff1cf3046625f7a3f4192934ee7b29e75b0dbd1c78c9640be611c401c47fedaa",
            "0xCa7F0Ad90Ee95C5C012076fA27916082eE62894E",
        ),
        (
            SignatureScheme::Falcon512,
            "bfe71c46a0657232306bc7d3607b3e22962d0799c7ff6424fd6c17f00123c161",
            "0xc251CECd95639221C6d633d67E5ce444A6d2650F",
        ),
        (
            SignatureScheme::Secp256k1,
            "4c93f7cf5831dbac154feda6891a9d9b18e083a0977bced364152240f46f5810",
            "0x345222eBF3f52bAC504b43325b880083e9be8241",
        ),
        (
            SignatureScheme::SphincsShake256f,
            "05591982f57c8536b6a1889eb9c53b8cace7aa14089b896c4c1aa34d59a40294",
            "0xFb10BBa862e0D3988302a1EA901Fb3a37062A1F6",
        ),
    ] {
        let key = KeyPair::from_seed(scheme, &[0x2a; 32]).unwrap();
        check(scheme.name(), &blake3_256(key.public().as_bytes()), public);
        assert_eq!(eip55(&key.account_id()), account, "{scheme}");
    }
}
