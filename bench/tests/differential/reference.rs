//! The other side: revm as it comes, over its own database in memory.

use super::{
    outcome::{Account, Aftermath, Ended, Outcome},
    world::{BASE_FEE, BENEFICIARY, CHAIN_ID, GAS_LIMIT, NUMBER, PREVRANDAO, TIMESTAMP, World},
};
use alloy_primitives::{Address, B256, TxKind, U256};
use quids_api::evm::{EvmHalt, EvmLog, EvmMessage};
use quids_core::{H160, H256};
use revm::{
    Context, ExecuteCommitEvm, InspectCommitEvm, Inspector, MainBuilder, MainContext,
    bytecode::Bytecode,
    context::{BlockEnv, CfgEnv, TxEnv},
    context_interface::{
        block::BlobExcessGasAndPrice,
        either::Either,
        result::{ExecutionResult, HaltReason, Output},
        transaction::{AccessList, AccessListItem, Authorization, RecoveredAuthority, RecoveredAuthorization},
    },
    database::{CacheDB, EmptyDB},
    handler::MainnetContext,
    interpreter::{CallInputs, CallOutcome, CreateInputs, CreateOutcome, InstructionResult, SuccessOrHalt},
    primitives::{eip4844::BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE, hardfork::SpecId},
    state::AccountInfo,
};

pub fn run(world: &World) -> Aftermath {
    let mut evm = context(world).build_mainnet();
    let outcomes = world.messages.iter().map(|message| {
        let done = evm.transact_commit(transaction(message));
        forget_empty(&mut evm.ctx.journaled_state.database, world);
        done.map(outcome).unwrap_or_else(|_| Outcome {
            ended: Ended::Refused,
            gas_used: 0,
            output: Vec::new(),
            contract: None,
            logs: Vec::new(),
        })
    });
    let outcomes = outcomes.collect();
    let database = &evm.ctx.journaled_state.database;
    let accounts = database.cache.accounts.iter().map(|(address, account)| {
        let code = database.cache.contracts.get(&account.info.code_hash);
        let slots = account.storage.iter().filter(|(_, value)| !value.is_zero());
        let kept = Account {
            balance: quids_core::U256(account.info.balance.into_limbs()),
            nonce: account.info.nonce,
            code: code.map(|code| code.original_byte_slice().to_vec()).unwrap_or_default(),
            storage: slots.map(|(key, value)| (h256(*key), h256(*value))).collect(),
        };
        (H160(address.into_array()), kept)
    });
    Aftermath::new(outcomes, accounts)
}

/// How the frames of each transaction ended, its own first, in the order of their beginning; none of one that is
/// refused.
pub fn frames(world: &World) -> Vec<Vec<Ended>> {
    let mut evm = context(world).build_mainnet_with_inspector(Frames::default());
    let frames = world.messages.iter().map(|message| {
        let done = evm.inspect_tx_commit(transaction(message));
        forget_empty(&mut evm.ctx.journaled_state.database, world);
        let frames = std::mem::take(&mut evm.inspector).ended;
        done.map(|_| frames).unwrap_or_default()
    });
    frames.collect()
}

/// Watches how frames end.
#[derive(Default)]
struct Frames {
    ended: Vec<Ended>,
    /// Places of those that have not.
    open: Vec<usize>,
}

impl Frames {
    fn begin(&mut self) {
        self.open.push(self.ended.len());
        self.ended.push(Ended::Refused);
    }

    fn end(&mut self, result: InstructionResult) {
        let place = self.open.pop().expect("what ends has begun");
        self.ended[place] = match SuccessOrHalt::<HaltReason>::from(result) {
            SuccessOrHalt::Success(_) => Ended::Success,
            SuccessOrHalt::Revert => Ended::Revert,
            SuccessOrHalt::Halt(reason) => Ended::Halt(halt(&reason)),
            SuccessOrHalt::FatalExternalError | SuccessOrHalt::Internal(_) => panic!("no end of a frame: {result:?}"),
        };
    }
}

impl<CTX> Inspector<CTX> for Frames {
    fn call(&mut self, _: &mut CTX, _: &mut CallInputs) -> Option<CallOutcome> {
        self.begin();
        None
    }

    fn call_end(&mut self, _: &mut CTX, _: &CallInputs, outcome: &mut CallOutcome) {
        self.end(outcome.result.result);
    }

    fn create(&mut self, _: &mut CTX, _: &mut CreateInputs) -> Option<CreateOutcome> {
        self.begin();
        None
    }

    fn create_end(&mut self, _: &mut CTX, _: &CreateInputs, outcome: &mut CreateOutcome) {
        self.end(outcome.result.result);
    }
}

fn context(world: &World) -> MainnetContext<CacheDB<EmptyDB>> {
    let spec = SpecId::try_from_u8(world.spec).expect("the fork is known");
    Context::mainnet()
        .with_db(database(world))
        .with_cfg(CfgEnv::new_with_spec(spec).with_chain_id(CHAIN_ID))
        .with_block(block(spec))
}

/// What revm leaves to the database: since EIP-161 no account is left empty. An authorisation of EIP-7702 has a refund
/// if its account is there.
fn forget_empty(database: &mut CacheDB<EmptyDB>, world: &World) {
    if world.spec >= SpecId::SPURIOUS_DRAGON as u8 {
        database.cache.accounts.retain(|_, account| !account.info.is_empty());
    }
}

fn database(world: &World) -> CacheDB<EmptyDB> {
    let mut database = CacheDB::<EmptyDB>::default();
    for account in &world.accounts {
        let address = address(account.address);
        let code = Bytecode::new_raw(account.code.clone().into());
        let info = AccountInfo::new(U256::from(account.balance), account.nonce, code.hash_slow(), code);
        database.insert_account_info(address, info);
        for (slot, value) in &account.storage {
            let done = database.insert_account_storage(address, word(*slot), word(*value));
            done.expect("a database in memory has no errors");
        }
    }
    database
}

fn block(spec: SpecId) -> BlockEnv {
    BlockEnv {
        number: U256::from(NUMBER),
        beneficiary: address(BENEFICIARY),
        timestamp: U256::from(TIMESTAMP),
        gas_limit: GAS_LIMIT,
        basefee: BASE_FEE,
        difficulty: if spec.is_enabled_in(SpecId::MERGE) {
            U256::ZERO
        } else {
            word(PREVRANDAO)
        },
        prevrandao: Some(B256::from(PREVRANDAO.0)),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new(0, BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE)),
        ..BlockEnv::default()
    }
}

fn transaction(message: &EvmMessage) -> TxEnv {
    let item = |item: &quids_api::evm::AccessListItem| AccessListItem {
        address: address(item.address),
        storage_keys: item.storage_keys.iter().map(|key| B256::from(key.0)).collect(),
    };
    TxEnv {
        tx_type: message.transaction_type,
        caller: address(message.from),
        gas_limit: message.gas_limit,
        gas_price: message.max_fee_per_gas,
        kind: message.to.map_or(TxKind::Create, |to| TxKind::Call(address(to))),
        value: U256::from_limbs(message.value.0),
        data: message.input.clone().into(),
        nonce: message.nonce.expect("every message has a nonce"),
        chain_id: Some(CHAIN_ID),
        access_list: AccessList(message.access_list.iter().map(item).collect()),
        gas_priority_fee: match message.transaction_type {
            2 | 4 => Some(message.max_priority_fee_per_gas.unwrap_or_default()),
            _ => None,
        },
        authorization_list: message
            .authorizations
            .iter()
            .map(|of| Either::Right(authorization(of)))
            .collect(),
        ..TxEnv::default()
    }
}

fn authorization(of: &quids_api::evm::Authorization) -> RecoveredAuthorization {
    let inner = Authorization {
        chain_id: U256::from_limbs(of.chain_id.0),
        address: address(of.address),
        nonce: of.nonce,
    };
    let authority = of.authority.map_or(RecoveredAuthority::Invalid, |who| {
        RecoveredAuthority::Valid(address(who))
    });
    RecoveredAuthorization::new_unchecked(inner, authority)
}

fn outcome(result: ExecutionResult) -> Outcome {
    let gas_used = result.tx_gas_used();
    let (ended, output, contract, logs) = match result {
        ExecutionResult::Success { output, logs, .. } => match output {
            Output::Call(bytes) => (Ended::Success, bytes, None, logs),
            Output::Create(bytes, made) => (Ended::Success, bytes, made, logs),
        },
        ExecutionResult::Revert { output, .. } => (Ended::Revert, output, None, Vec::new()),
        ExecutionResult::Halt { reason, .. } => (Ended::Halt(halt(&reason)), Default::default(), None, Vec::new()),
    };
    let log = |log: alloy_primitives::Log| EvmLog {
        address: H160(log.address.into_array()),
        topics: log.topics().iter().map(|topic| H256(topic.0)).collect(),
        data: log.data.data.to_vec(),
    };
    Outcome {
        ended,
        gas_used,
        output: output.to_vec(),
        contract: contract.map(|made| H160(made.into_array())),
        logs: logs.into_iter().map(log).collect(),
    }
}

/// As the interface names them.
fn halt(reason: &HaltReason) -> EvmHalt {
    match reason {
        HaltReason::OutOfGas(_) => EvmHalt::OutOfGas,
        HaltReason::OpcodeNotFound | HaltReason::InvalidFEOpcode | HaltReason::NotActivated => EvmHalt::InvalidOpcode,
        HaltReason::InvalidJump => EvmHalt::InvalidJump,
        HaltReason::StackUnderflow => EvmHalt::StackUnderflow,
        HaltReason::StackOverflow => EvmHalt::StackOverflow,
        HaltReason::OutOfOffset => EvmHalt::ReturnDataOutOfBounds,
        HaltReason::CreateCollision => EvmHalt::CreateCollision,
        HaltReason::NonceOverflow => EvmHalt::NonceOverflow,
        HaltReason::CreateContractSizeLimit => EvmHalt::CreateCodeSizeLimit,
        HaltReason::CreateContractStartingWithEF => EvmHalt::CreateCodeStartingWithEf,
        HaltReason::CreateInitCodeSizeLimit => EvmHalt::CreateInitCodeSizeLimit,
        HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => EvmHalt::StaticStateChange,
        HaltReason::OutOfFunds => EvmHalt::OutOfFunds,
        HaltReason::CallTooDeep => EvmHalt::CallTooDeep,
        HaltReason::PrecompileError | HaltReason::PrecompileErrorWithContext(_) => EvmHalt::Precompile,
        HaltReason::OverflowPayment => EvmHalt::Other,
    }
}

fn address(of: H160) -> Address {
    Address::from(of.0)
}

fn word(of: H256) -> U256 {
    U256::from_be_bytes(of.0)
}

fn h256(of: U256) -> H256 {
    H256(of.to_be_bytes())
}
