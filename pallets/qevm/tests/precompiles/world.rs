//! A small EVM over memory with our precompiles, and contracts that pass calls on.

use pallet_qevm::precompiles::{BoundKey, PrecompileMap, QuidsPrecompiles};
use quids_core::H160;
use quids_io::MemoryExternalities;
use revm::{
    Context, Database, ExecuteCommitEvm, MainContext,
    bytecode::Bytecode,
    context::{Evm, TxEnv, result::ExecutionResult},
    database::InMemoryDB,
    handler::instructions::EthInstructions,
    primitives::{Address, Bytes, KECCAK_EMPTY, TxKind, U256, hardfork::SpecId},
    state::AccountInfo,
};

pub const CALLER: Address = Address::repeat_byte(0xca);

/// The contract at 0x5110.
pub fn quantum_safe() -> Address {
    Address::new(PrecompileMap::QUIDS.quantum_safe.0)
}

pub fn no_key(_: &H160) -> Option<(u8, Vec<u8>)> {
    None
}

/// How a relay passes a call on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Relay {
    Call,
    CallCode,
    DelegateCall,
    StaticCall,
    /// Calls, then reverts with what came back.
    CallThenRevert,
}

impl Relay {
    pub const ALL: [Self; 5] = [
        Self::Call,
        Self::CallCode,
        Self::DelegateCall,
        Self::StaticCall,
        Self::CallThenRevert,
    ];

    pub fn address(self) -> Address {
        Address::repeat_byte(0xe0 | self as u8)
    }

    /// Passes its input on to 0x5110 and returns or reverts with the answer.
    fn code(self) -> Vec<u8> {
        let (opcode, has_value) = match self {
            Self::Call | Self::CallThenRevert => (0xf1, true),
            Self::CallCode => (0xf2, true),
            Self::DelegateCall => (0xf4, false),
            Self::StaticCall => (0xfa, false),
        };
        // CALLDATACOPY(0, 0, CALLDATASIZE); push: return size and offset, argument size and offset.
        let mut code = vec![0x36, 0x5f, 0x5f, 0x37, 0x5f, 0x5f, 0x36, 0x5f];
        if has_value {
            code.push(0x5f);
        }
        code.extend([0x61, 0x51, 0x10, 0x5a, opcode]);
        // RETURNDATACOPY(0, 0, RETURNDATASIZE).
        code.extend([0x3d, 0x5f, 0x5f, 0x3e]);
        if self == Self::CallThenRevert {
            code.extend([0x3d, 0x5f, 0xfd]);
            return code;
        }
        let revert = code.len() as u8 + 7;
        code.extend([0x15, 0x60, revert, 0x57, 0x3d, 0x5f, 0xf3, 0x5b, 0x3d, 0x5f, 0xfd]);
        code
    }
}

/// State that transactions change one after the other.
pub struct World {
    pub state: InMemoryDB,
    pub spec: SpecId,
    pub precompiles: QuidsPrecompiles,
}

impl World {
    pub fn new(spec: SpecId, bound_key: BoundKey) -> Self {
        let mut state = InMemoryDB::default();
        for relay in Relay::ALL {
            let code = Bytecode::new_raw(relay.code().into());
            let info = AccountInfo {
                nonce: 1,
                code_hash: code.hash_slow(),
                code: Some(code),
                ..Default::default()
            };
            state.insert_account_info(relay.address(), info);
        }
        let rich = AccountInfo {
            balance: U256::from(u64::MAX),
            code_hash: KECCAK_EMPTY,
            ..Default::default()
        };
        state.insert_account_info(CALLER, rich);
        Self {
            state,
            spec,
            precompiles: QuidsPrecompiles::new(Some(PrecompileMap::QUIDS), bound_key),
        }
    }

    /// A transaction of `CALLER` to `to`; changes are kept.
    pub fn transact(&mut self, to: Address, input: &[u8], value: u64, gas_limit: u64) -> ExecutionResult {
        let context = Context::mainnet()
            .with_db(&mut self.state)
            .modify_cfg_chained(|cfg| cfg.set_spec_and_mainnet_gas_params(self.spec))
            .modify_block_chained(|block| block.number = U256::from(77));
        let mut evm = Evm::new(
            context,
            EthInstructions::new_mainnet_with_spec(self.spec),
            self.precompiles.clone(),
        );
        let nonce = evm.ctx.journaled_state.database.basic(CALLER).unwrap().unwrap().nonce;
        let transaction = TxEnv::builder()
            .caller(CALLER)
            .nonce(nonce)
            .kind(TxKind::Call(to))
            .data(Bytes::copy_from_slice(input))
            .value(U256::from(value))
            .gas_limit(gas_limit)
            .build()
            .unwrap();
        MemoryExternalities::default().execute_with(|| evm.transact_commit(transaction).unwrap())
    }

    /// What a successful call of a contract or precompile returns.
    #[track_caller]
    pub fn call(&mut self, to: Address, input: &[u8]) -> Vec<u8> {
        match self.transact(to, input, 0, 16_000_000) {
            ExecutionResult::Success { output, .. } => output.into_data().to_vec(),
            other => panic!("{other:?}"),
        }
    }

    pub fn slot(&mut self, at: Address, slot: U256) -> U256 {
        self.state.storage(at, slot).unwrap()
    }
}

/// A call of Solidity's ABI whose arguments are each a word or `bytes`.
pub enum Argument<'a> {
    Word([u8; 32]),
    Bytes(&'a [u8]),
}

pub fn encode(signature: &str, arguments: &[Argument<'_>]) -> Vec<u8> {
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    for argument in arguments {
        match argument {
            Argument::Word(word) => head.extend(word),
            Argument::Bytes(bytes) => {
                head.extend(U256::from(32 * arguments.len() + tail.len()).to_be_bytes::<32>());
                tail.extend(U256::from(bytes.len()).to_be_bytes::<32>());
                tail.extend(*bytes);
                tail.resize(tail.len().next_multiple_of(32), 0);
            }
        }
    }
    let selector = quids_io::hashing::keccak_256(signature.as_bytes());
    [&selector[..4], &head, &tail].concat()
}

/// A word with this number.
pub fn word(number: u64) -> [u8; 32] {
    U256::from(number).to_be_bytes()
}
