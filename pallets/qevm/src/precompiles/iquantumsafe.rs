//! `IQuantumSafe`: the contract that verifies self-describing signatures, hashes, and takes signing requests.
//!
//! What `qSign` records lies in the contract's own storage, written through the EVM's journal, so that reverts undo it:
//!
//! ```text
//! keccak256(requester as a word ‖ 0 as a word) → how many requests the requester has made
//! keccak256(handle ‖ 1 as a word)             → certificate's length (3 bytes) ‖ status (1 byte) ‖ block number (8 bytes)
//!                                               ‖ requester (20 bytes)
//! handle = keccak256("quids 2026 evm qsign v1" ‖ chain id (word) ‖ requester (20) ‖ count (word) ‖ BLAKE3(message))
//! ```

use super::{
    abi::{self, Arguments},
    database,
    quantum::{self, QHASH512_DOMAIN},
    words,
};
use alloc::{string::String, vec::Vec};
use quids_api::signing::SIGNING_LIFETIME;
use quids_core::{H160, Hash};
use quids_crypto::SignatureScheme;
use quids_io::{crypto::verify, hashing};
use revm::{
    context::{Block, Cfg, ContextTr, JournalTr},
    context_interface::{cfg::gas::GasTracker, journaled_state::account::JournaledAccountTr},
    interpreter::CallInputs,
    precompile::{PrecompileHalt, PrecompileOutput, PrecompileStatus},
    primitives::{Address, B256, Bytes, Log, LogData, U256, hardfork::SpecId, keccak256},
};

/// The key bound to an account: the tag of its scheme, and its bytes. `None` if none is.
pub type BoundKey = fn(&H160) -> Option<(u8, Vec<u8>)>;

/// The certificate of a signed request, as it is encoded; empty without one.
pub type CertificateOf = fn(Hash) -> Vec<u8>;

/// How a signing request stands. The numbers are those of `qSignature`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum SigningStatus {
    Unknown = 0,
    Pending = 1,
    Signed = 2,
}

/// Bytes of a message that validators can be asked to sign.
pub const QSIGN_MESSAGE_MAX: usize = 8192;

const HANDLE_DOMAIN: &[u8] = b"quids 2026 evm qsign v1";

/// `SigningRequested(bytes32 indexed handle, address indexed requester, bytes message)`.
pub(crate) const SIGNING_REQUESTED: B256 = B256::new([
    0xcf, 0x3a, 0x1d, 0x04, 0x16, 0x77, 0x88, 0x12, 0xfe, 0xdb, 0xff, 0x5b, 0x5b, 0x34, 0x10, 0xec, 0xd0, 0x7b, 0x83,
    0xf1, 0xbb, 0xbd, 0x79, 0x80, 0x4b, 0x5e, 0x52, 0xf6, 0x8e, 0xd3, 0x66, 0x4c,
]);

mod selector {
    pub const Q_VERIFY: [u8; 4] = [0x3c, 0xab, 0x8d, 0x5c];
    pub const Q_VERIFY_SIGNER: [u8; 4] = [0x5f, 0xd2, 0x3a, 0x8b];
    pub const Q_HASH: [u8; 4] = [0x42, 0x59, 0x3d, 0xb6];
    pub const Q_HASH_512: [u8; 4] = [0x9f, 0x1a, 0x23, 0x94];
    pub const Q_SIGN: [u8; 4] = [0x8b, 0xdc, 0xe3, 0x65];
    pub const Q_SIGNATURE: [u8; 4] = [0x82, 0x02, 0x43, 0xc6];
}

/// Gas beside that of the cryptography and of storage.
mod gas {
    /// Of any call: finding the function.
    pub const CALL: u64 = 100;
    /// Of a word of input: it is copied once.
    pub const INPUT_WORD: u64 = 3;
    /// Of reading the key bound to an account, as of an account that was not read before.
    pub const BOUND_KEY: u64 = 2_600;
    /// Of the hashes that make a handle and its two slots.
    pub const HANDLE: u64 = 200;
    /// Of a log, beside topics and data.
    pub const LOG: u64 = 375;
    /// Of the certificate that is kept for a request, and of signing: 200 a byte, as of deployed code, for five Falcon-512 seats.
    pub const CERTIFICATE: u64 = 680_000;
    /// Of reading a certificate: as of an account that was not read before,
    pub const CERTIFICATE_READ: u64 = 2_600;
    /// and of each word of it two a byte, which is twice what a byte of proof weighs.
    pub const CERTIFICATE_WORD: u64 = 64;
}

/// Why a call does not return.
enum Failure {
    OutOfGas,
    Revert(&'static str),
    /// The whole execution ends.
    Fatal(String),
}

type Result<T> = core::result::Result<T, Failure>;

const MALFORMED: Failure = Failure::Revert("malformed arguments");

/// The slot of a signing request.
pub fn request_slot(handle: B256) -> U256 {
    keccak256([handle.0, abi::word(1)].concat()).into()
}

/// What the slot of a signing request says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// Bytes of the certificate, below 2^24; 0 without one.
    pub length: u32,
    pub status: SigningStatus,
    /// Of the block with the request.
    pub number: u64,
    pub requester: Address,
}

impl Record {
    pub fn of(word: U256) -> Self {
        let bytes = word.to_be_bytes::<32>();
        let [
            a,
            b,
            c,
            status,
            number @ ..,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
        ] = bytes;
        Self {
            length: u32::from_be_bytes([0, a, b, c]),
            status: match status {
                1 => SigningStatus::Pending,
                2 => SigningStatus::Signed,
                _ => SigningStatus::Unknown,
            },
            number: u64::from_be_bytes(number),
            requester: Address::from_word(bytes.into()),
        }
    }

    pub fn word(self) -> U256 {
        let [_, a, b, c] = self.length.to_be_bytes();
        let head = [a, b, c, self.status as u8];
        U256::from_be_slice(&[&head[..], &self.number.to_be_bytes(), self.requester.as_slice()].concat())
    }

    /// What is not signed in time never will be.
    pub fn status_at(&self, now: u64) -> SigningStatus {
        let is_late = now.saturating_sub(self.number) > u64::from(SIGNING_LIFETIME.0);
        match self.status {
            SigningStatus::Pending if is_late => SigningStatus::Unknown,
            status => status,
        }
    }
}

/// The message in the data of `SigningRequested`.
pub(crate) fn logged_message(data: &[u8]) -> Option<&[u8]> {
    Arguments::whole(data).bytes(0)
}

fn count_slot(requester: Address) -> U256 {
    keccak256([requester.into_word().0, abi::word(0)].concat()).into()
}

/// A call of the contract.
pub(super) struct Contract<'a, CTX> {
    /// Where storage and logs are, wherever a simulation moved the code to.
    home: Address,
    bound_key: BoundKey,
    certificate: CertificateOf,
    context: &'a mut CTX,
    inputs: &'a CallInputs,
    gas: GasTracker,
}

impl<'a, CTX: ContextTr<Cfg: Cfg<Spec = SpecId>>> Contract<'a, CTX> {
    pub fn new(
        home: Address,
        (bound_key, certificate): (BoundKey, CertificateOf),
        context: &'a mut CTX,
        inputs: &'a CallInputs,
    ) -> Self {
        Self {
            home,
            bound_key,
            certificate,
            context,
            inputs,
            gas: GasTracker::new(inputs.gas_limit, inputs.gas_limit, inputs.reservoir),
        }
    }

    /// Carries the call out. `Err` ends the whole execution.
    pub fn run(mut self) -> core::result::Result<PrecompileOutput, String> {
        let (status, bytes) = match self.call() {
            Ok(answer) => (PrecompileStatus::Success, answer),
            Err(Failure::Revert(reason)) => (PrecompileStatus::Revert, abi::error(reason)),
            Err(Failure::OutOfGas) => {
                return Ok(PrecompileOutput::halt(PrecompileHalt::OutOfGas, self.inputs.reservoir));
            }
            Err(Failure::Fatal(error)) => return Err(error),
        };
        Ok(PrecompileOutput::from_gas_tracker(status, Bytes::from(bytes), self.gas))
    }

    fn call(&mut self) -> Result<Vec<u8>> {
        let copied = words(self.inputs.input.len()).saturating_mul(gas::INPUT_WORD);
        self.charge(copied.saturating_add(gas::CALL))?;
        if self.inputs.transfers_value() {
            return Err(Failure::Revert("not payable"));
        }
        let input = self.inputs.input.bytes(&*self.context);
        let (selector, arguments) = Arguments::split(&input).ok_or(Failure::Revert("no function named"))?;
        match selector {
            selector::Q_VERIFY => {
                let message = arguments.bytes(0).ok_or(MALFORMED)?;
                self.verify(message, arguments.bytes(1).ok_or(MALFORMED)?)
            }
            selector::Q_VERIFY_SIGNER => {
                let signer = arguments.address(0).ok_or(MALFORMED)?;
                let message = arguments.bytes(1).ok_or(MALFORMED)?;
                self.verify_signer(signer, message, arguments.bytes(2).ok_or(MALFORMED)?)
            }
            selector::Q_HASH => {
                let message = arguments.bytes(0).ok_or(MALFORMED)?;
                self.charge(quantum::gas::blake3(message.len()))?;
                Ok(hashing::blake3_256(message).to_vec())
            }
            selector::Q_HASH_512 => {
                let message = arguments.bytes(0).ok_or(MALFORMED)?;
                self.charge(quantum::gas::resistant(message.len()))?;
                Ok(hashing::quantum_resistant(QHASH512_DOMAIN, message).to_vec())
            }
            selector::Q_SIGN => self.sign(arguments.bytes(0).ok_or(MALFORMED)?),
            selector::Q_SIGNATURE => self.signature(arguments.word(0).ok_or(MALFORMED)?),
            _ => Err(Failure::Revert("unknown function")),
        }
    }

    /// `signature`: scheme tag ‖ public key ‖ signature.
    fn verify(&mut self, message: &[u8], signature: &[u8]) -> Result<Vec<u8>> {
        let Some((scheme, rest)) = scheme_of(signature) else {
            return Ok(truth(false));
        };
        self.charge(quantum::gas::signature(scheme, message.len()))?;
        let parts = rest.split_at_checked(scheme.public_key_len());
        let verifies = parts.is_some_and(|(key, signature)| verify(scheme.tag(), key, message, signature));
        Ok(truth(verifies))
    }

    /// `signature`: scheme tag ‖ signature.
    fn verify_signer(&mut self, signer: Address, message: &[u8], signature: &[u8]) -> Result<Vec<u8>> {
        self.charge(gas::BOUND_KEY)?;
        let Some((scheme, signature)) = scheme_of(signature) else {
            return Ok(truth(false));
        };
        self.charge(quantum::gas::signature(scheme, message.len()))?;
        let bound = (self.bound_key)(&H160(signer.into_array())).filter(|(tag, _)| *tag == scheme.tag());
        Ok(truth(
            bound.is_some_and(|(tag, key)| verify(tag, &key, message, signature)),
        ))
    }

    fn sign(&mut self, message: &[u8]) -> Result<Vec<u8>> {
        let inputs = self.inputs;
        if inputs.is_static {
            return Err(Failure::Revert("qSign in a static call"));
        }
        if !inputs.scheme.is_call() || inputs.target_address != inputs.bytecode_address {
            return Err(Failure::Revert("qSign by delegation"));
        }
        if message.len() > QSIGN_MESSAGE_MAX {
            return Err(Failure::Revert("message longer than 8192 bytes"));
        }
        self.charge(gas::HANDLE)?;
        self.charge(gas::CERTIFICATE)?;
        self.charge(quantum::gas::blake3(message.len()))?;
        let requester = inputs.caller;
        let count_slot = count_slot(requester);
        let count = self.load(count_slot)?;
        let handle = self.handle(requester, count, message);
        self.keep_alive()?;
        self.store(count_slot, count.saturating_add(U256::from(1)))?;
        self.store(request_slot(handle), self.request(requester))?;
        self.log(handle, requester, message)?;
        Ok(handle.to_vec())
    }

    fn handle(&self, requester: Address, count: U256, message: &[u8]) -> B256 {
        let chain_id = U256::from(self.context.cfg().chain_id());
        let parts = [
            HANDLE_DOMAIN,
            &chain_id.to_be_bytes::<32>(),
            requester.as_slice(),
            &count.to_be_bytes::<32>(),
            &hashing::blake3_256(message),
        ];
        keccak256(parts.concat())
    }

    /// The word that says that a request is pending.
    fn request(&self, requester: Address) -> U256 {
        let record = Record {
            length: 0,
            status: SigningStatus::Pending,
            number: self.number(),
            requester,
        };
        record.word()
    }

    fn number(&self) -> u64 {
        u64::try_from(self.context.block().number()).unwrap_or(u64::MAX)
    }

    fn signature(&mut self, handle: B256) -> Result<Vec<u8>> {
        let record = Record::of(self.load(request_slot(handle))?);
        let status = record.status_at(self.number());
        let certificate = match status {
            SigningStatus::Signed => {
                // Its length is known before it is read, and paid for.
                let words = words(usize::try_from(record.length).unwrap_or(usize::MAX));
                let copied = words.saturating_mul(gas::CERTIFICATE_WORD);
                self.charge(copied.saturating_add(gas::CERTIFICATE_READ))?;
                (self.certificate)(Hash::from(handle.0))
            }
            SigningStatus::Unknown | SigningStatus::Pending => Vec::new(),
        };
        Ok([
            &abi::word(usize::from(status as u8))[..],
            &abi::word(64),
            &abi::tail(&certificate),
        ]
        .concat())
    }

    fn charge(&mut self, cost: u64) -> Result<()> {
        self.gas
            .record_regular_cost(cost)
            .then_some(())
            .ok_or(Failure::OutOfGas)
    }

    fn is_enabled(&self, spec: SpecId) -> bool {
        self.context.cfg().spec().is_enabled_in(spec)
    }

    /// An account without nonce, balance and code is removed when touched (EIP-161), with all storage.
    fn keep_alive(&mut self) -> Result<()> {
        let mut account = self
            .context
            .journal_mut()
            .load_account_mut(self.home)
            .map_err(|error| Failure::Fatal(database(error)))?;
        if account.nonce() == 0 {
            account.set_nonce(1);
        }
        account.touch();
        Ok(())
    }

    /// A slot of the contract, priced as `SLOAD`.
    fn load(&mut self, slot: U256) -> Result<U256> {
        let warm = if self.is_enabled(SpecId::BERLIN) {
            self.context.cfg().gas_params().warm_storage_read_cost()
        } else {
            800
        };
        self.charge(warm)?;
        let loaded = self
            .context
            .journal_mut()
            .sload(self.home, slot)
            .map_err(|error| Failure::Fatal(database(error)))?;
        if loaded.is_cold {
            self.charge(self.context.cfg().gas_params().cold_storage_additional_cost())?;
        }
        Ok(loaded.data)
    }

    /// Writes a slot of the contract, priced as `SSTORE`. There is nothing to refund: no slot is ever cleared.
    fn store(&mut self, slot: U256, value: U256) -> Result<()> {
        let is_istanbul = self.is_enabled(SpecId::ISTANBUL);
        let params = self.context.cfg().gas_params();
        if is_istanbul && self.gas.remaining() <= params.call_stipend() {
            return Err(Failure::OutOfGas);
        }
        let fixed = params.sstore_static_gas();
        self.charge(fixed)?;
        let stored = self
            .context
            .journal_mut()
            .sstore(self.home, slot, value)
            .map_err(|error| Failure::Fatal(database(error)))?;
        let cfg = self.context.cfg();
        let regular = cfg
            .gas_params()
            .sstore_dynamic_gas(is_istanbul, &stored.data, stored.is_cold);
        let state = if cfg.is_amsterdam_eip8037_enabled() {
            cfg.gas_params().sstore_state_gas(&stored.data)
        } else {
            0
        };
        self.charge(regular)?;
        self.gas.record_state_cost(state).then_some(()).ok_or(Failure::OutOfGas)
    }

    fn log(&mut self, handle: B256, requester: Address, message: &[u8]) -> Result<()> {
        let data = [&abi::word(32)[..], &abi::tail(message)].concat();
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        let cost = self.context.cfg().gas_params().log_cost(3, length);
        self.charge(cost.saturating_add(gas::LOG))?;
        let topics = [SIGNING_REQUESTED, handle, requester.into_word()].to_vec();
        self.context.journal_mut().log(Log {
            address: self.home,
            data: LogData::new_unchecked(topics, data.into()),
        });
        Ok(())
    }
}

/// The post-quantum scheme that a self-describing signature names, and what follows its tag.
fn scheme_of(signature: &[u8]) -> Option<(SignatureScheme, &[u8])> {
    let (tag, rest) = signature.split_first()?;
    let scheme = SignatureScheme::from_tag(*tag).filter(|scheme| *scheme != SignatureScheme::Secp256k1)?;
    Some((scheme, rest))
}

fn truth(holds: bool) -> Vec<u8> {
    abi::word(holds.into()).to_vec()
}
