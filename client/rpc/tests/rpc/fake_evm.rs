//! The EVM of the fake node: each block but the first has two transactions, and calls do as their first byte says.

use crate::fake::Fake;
use alloy_consensus::{Signed, TxEip1559};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256 as Number};
use codec::{Decode, Encode};
use quids_api::evm::*;
use quids_api::signing::{SignedRequest, SigningState};
use quids_api::{InvalidTransaction, names};
use quids_core::*;
use quids_crypto::SignatureScheme;
use quids_ethereum::{QuantumTransaction, Transaction};
use quids_pobpc::{SeatIndex, SigningCertificate, SigningRequest};
use quids_rpc::*;
use quids_txpool::PoolError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::broadcast;

pub const CHAIN_ID: u64 = 20821;
pub const SENDER: H160 = H160([0x11; 20]);
pub const CONTRACT: H160 = H160([0xcc; 20]);
pub const TOPIC: H256 = H256([0x70; 32]);
/// A transaction of this nonce or a higher one is in a block at once.
pub const MINED_NONCE: u64 = 7;

/// By one seat, whose signature is none.
pub fn signed_request() -> SignedRequest {
    let signature = quids_crypto::Signature::new(SignatureScheme::Falcon512, &[0x39; 666]).unwrap();
    SignedRequest {
        request: SigningRequest {
            chain_id: CHAIN_ID,
            requester: AccountId20(CONTRACT.0),
            handle: H256([0x44; 32]),
            message_hash: H256([0x55; 32]),
        },
        certificate: SigningCertificate {
            height: Height(5),
            signatures: vec![(SeatIndex(2), signature)],
        },
    }
}

pub struct Evm {
    /// Transactions that were sent and are in a block.
    pub sent: Mutex<BTreeMap<Hash, Vec<Vec<u8>>>>,
    pub pool: Mutex<Vec<(bool, EvmTransaction)>>,
    pub feed: broadcast::Sender<Arc<EvmTransaction>>,
    /// What the development methods were asked to do.
    pub done: Mutex<Vec<String>>,
    /// Calls of the runtime, by name.
    pub calls: Mutex<Vec<String>>,
    /// Blocks that are gone with all that belongs to them.
    pub gone: Mutex<Vec<Hash>>,
}

impl Default for Evm {
    fn default() -> Self {
        Self {
            sent: Mutex::default(),
            pool: Mutex::default(),
            feed: broadcast::channel(16).0,
            done: Mutex::default(),
            calls: Mutex::default(),
            gone: Mutex::default(),
        }
    }
}

/// A transfer of this nonce; `salt` tells it from others.
pub fn envelope(nonce: u64, salt: u64) -> Vec<u8> {
    let transaction = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 100,
        max_priority_fee_per_gas: 3,
        to: TxKind::Call(Address::from(CONTRACT.0)),
        value: Number::from(salt),
        input: Bytes::from_static(&[1, 2, 3]),
        ..TxEip1559::default()
    };
    let signature = Signature::new(Number::from(1), Number::from(2), true);
    Transaction::Eip1559(Signed::new_unhashed(transaction, signature)).encode()
}

pub fn quantum(nonce: u64) -> Vec<u8> {
    let scheme = SignatureScheme::Falcon512;
    let transaction = QuantumTransaction {
        chain_id: CHAIN_ID,
        nonce,
        max_priority_fee_per_gas: 1,
        max_fee_per_gas: 50,
        gas_limit: 50_000,
        to: TxKind::Create,
        value: Number::ZERO,
        data: Bytes::from_static(&[0x60]),
        access_list: Default::default(),
        scheme,
        sender: Address::from(SENDER.0),
        public_key: Bytes::new(),
        signature: vec![5; scheme.signature_len()].into(),
    };
    Transaction::Quantum(transaction).encode()
}

fn log(data: u8) -> EvmLog {
    EvmLog {
        address: CONTRACT,
        topics: vec![TOPIC, H256::repeat_byte(data)],
        data: vec![data],
    }
}

fn executed(index: u32, envelope: Vec<u8>, cumulative: u64) -> ExecutedTransaction {
    let decoded = Transaction::decode(&envelope).unwrap();
    ExecutedTransaction {
        extrinsic_index: index + 1,
        hash: decoded.hash(),
        from: SENDER,
        call: None,
        receipt: EvmReceipt {
            transaction_type: decoded.transaction_type(),
            success: index == 0,
            gas_used: 21_000,
            cumulative_gas_used: cumulative,
            effective_gas_price: 10 - u128::from(index),
            contract_address: decoded.to().is_none().then_some(CONTRACT),
            logs: match index {
                0 => vec![log(1), log(2)],
                _ => vec![log(3)],
            },
        },
        envelope,
    }
}

fn trace(options: TraceOptions) -> Option<Trace> {
    if options == TraceOptions::default() {
        return None;
    }
    let frame = |depth, parent, kind, input: &[u8]| CallFrame {
        kind,
        depth,
        parent,
        from: SENDER,
        to: CONTRACT,
        value: U256::from(depth),
        gas: 1000,
        gas_used: 900,
        input: input.to_vec(),
        output: vec![9],
        status: EvmStatus::Success,
        logs: vec![],
    };
    let mut first = frame(0, 0, CallKind::Call, &[0xde, 0xad, 0xbe, 0xef, 1]);
    first.logs = vec![(1, log(1))];
    let mut failed = frame(1, 0, CallKind::Create, &[0x60]);
    failed.status = EvmStatus::Revert;
    failed.output = vec![];
    let step = |pc, opcode, depth| Step {
        pc,
        opcode,
        depth,
        gas: 100,
        gas_cost: 3,
        refund: 0,
        stack: vec![U256::from(7)],
        memory: vec![0; 32],
        storage: (opcode == 0x55).then_some((H256::repeat_byte(1), H256::repeat_byte(2))),
        return_data: vec![],
        error: None,
    };
    let snapshot = |balance: u64, nonce| AccountSnapshot {
        balance: balance.into(),
        nonce,
        code: vec![0x60],
    };
    Some(Trace {
        calls: vec![
            first,
            frame(1, 0, CallKind::StaticCall, &[0xaa, 0xbb, 0xcc, 0xdd]),
            frame(2, 1, CallKind::DelegateCall, &[]),
            failed,
        ],
        steps: vec![step(0, 0x60, 1), step(2, 0x55, 1), step(3, 0x00, 1)],
        truncated: false,
        state: vec![
            TracedAccount {
                address: SENDER,
                before: Some(snapshot(100, 1)),
                after: Some(snapshot(90, 2)),
                storage: vec![(H256::zero(), H256::repeat_byte(1), H256::repeat_byte(2))],
            },
            TracedAccount {
                address: CONTRACT,
                before: None,
                after: Some(snapshot(10, 1)),
                storage: vec![],
            },
            TracedAccount {
                address: H160::repeat_byte(0xee),
                before: Some(snapshot(5, 5)),
                after: Some(snapshot(5, 5)),
                storage: vec![],
            },
        ],
        accesses: vec![AccessListItem {
            address: CONTRACT,
            storage_keys: vec![H256::repeat_byte(1)],
        }],
    })
}

fn revert(reason: &str) -> Vec<u8> {
    let mut out = vec![0x08, 0xc3, 0x79, 0xa0];
    out.extend(U256::from(32).to_big_endian());
    out.extend(U256::from(reason.len()).to_big_endian());
    out.extend(reason.as_bytes());
    out.extend(vec![0; 32 - reason.len()]);
    out
}

/// As the first byte of the input says: 1 reverts, 2 runs out of gas, 3 cannot be paid; else echoes.
fn message(message: &EvmMessage, options: TraceOptions) -> Result<EvmOutcome, EvmError> {
    let (status, output) = match message.input.first() {
        Some(1) => (EvmStatus::Revert, revert("no")),
        Some(2) => (EvmStatus::Halt(EvmHalt::OutOfGas), vec![]),
        Some(3) => {
            return Err(EvmError {
                kind: EvmErrorKind::InsufficientFunds,
                message: "insufficient funds for gas * price + value: have 0 want 1".into(),
            });
        }
        _ => (EvmStatus::Success, message.input.clone()),
    };
    Ok(EvmOutcome {
        status,
        gas_used: 21_000 + 100 * message.access_list.len() as u64,
        gas_spent: 22_000,
        output,
        contract_address: message.to.is_none().then_some(CONTRACT),
        logs: vec![log(1)],
        trace: trace(options),
    })
}

fn simulate(simulation: Simulation, number: u64) -> SimulationOutcome {
    let blocks = simulation.blocks.into_iter().zip(number + 1..);
    let blocks = blocks.map(|(block, number)| {
        let overrides = block.block;
        SimulatedOutcome {
            env: EvmBlockEnv {
                number: overrides.number.unwrap_or(number),
                timestamp: overrides.timestamp.unwrap_or(1000 + number),
                beneficiary: overrides.beneficiary.unwrap_or_default(),
                gas_limit: overrides.gas_limit.unwrap_or(30_000_000),
                base_fee: overrides.base_fee.unwrap_or(7),
                prevrandao: overrides.prevrandao.unwrap_or_default(),
            },
            messages: block
                .messages
                .iter()
                .map(|one| message(one, simulation.trace))
                .collect(),
        }
    });
    SimulationOutcome {
        blocks: blocks.collect(),
        accounts: vec![],
    }
}

impl Fake {
    pub fn evm_call(&self, number: u32, api: &str, mut input: &[u8]) -> Option<Vec<u8>> {
        self.evm.calls.lock().unwrap().push(api.into());
        fn read<T: Decode>(input: &mut &[u8]) -> T {
            T::decode(input).unwrap()
        }
        Some(match api {
            names::QEVM_CHAIN => EvmChain {
                chain_id: CHAIN_ID,
                spec: 20,
                gas_limit: 30_000_000,
                transaction_gas_limit: 1 << 24,
                base_fee: 8,
                legacy_signatures: true,
                precompiles: vec![],
            }
            .encode(),
            names::QEVM_ACCOUNT => EvmAccount {
                balance: 1000.into(),
                nonce: 5,
                code_hash: H256::repeat_byte(0xc0),
            }
            .encode(),
            names::QEVM_CODE => vec![0x60u8, 0x00].encode(),
            names::QEVM_STORAGE => read::<(H160, H256)>(&mut input).1.encode(),
            names::QEVM_STORAGE_KEYS => {
                let (_, slots) = read::<(H160, Vec<H256>)>(&mut input);
                EvmStorageKeys {
                    account: vec![1],
                    code_hash: vec![2],
                    slots: slots.iter().map(|slot| slot.0.to_vec()).collect(),
                }
                .encode()
            }
            names::QEVM_SIMULATE => {
                let simulation = read::<Simulation>(&mut input);
                Ok::<_, EvmError>(simulate(simulation, number.into())).encode()
            }
            names::QEVM_ESTIMATE => {
                let (block, cap) = read::<(SimulatedBlock, u64)>(&mut input);
                let outcome = message(&block.messages[0], TraceOptions::default());
                let is_success = outcome
                    .as_ref()
                    .is_ok_and(|outcome| outcome.status == EvmStatus::Success);
                let answer: Result<Result<u64, EvmOutcome>, EvmError> = if is_success {
                    Ok(Ok(cap.min(21_001)))
                } else {
                    outcome.map(Err)
                };
                answer.encode()
            }
            names::QEVM_EXTRINSIC => [&[0xee][..], &read::<Vec<u8>>(&mut input).encode()].concat().encode(),
            names::QEVM_CHECK_TRANSACTION => Err::<EvmTransaction, _>(EvmError {
                kind: EvmErrorKind::NonceTooLow,
                message: "nonce too low: next nonce 5, tx nonce 1".into(),
            })
            .encode(),
            names::QEVM_SAFETY => match read::<H160>(&mut input) {
                H160([0x22, ..]) => None,
                _ => Some(ContractSafety {
                    version: 1,
                    ecrecover: true,
                    ..ContractSafety::default()
                }),
            }
            .encode(),
            // By the handle's first byte.
            names::QEVM_SIGNING_STATE => match read::<H256>(&mut input).0[0] {
                0x22 => SigningState::Unknown,
                0x33 => SigningState::Pending {
                    requester: AccountId20(CONTRACT.0),
                    height: Height(4),
                },
                _ => SigningState::Signed(signed_request()),
            }
            .encode(),
            _ => return None,
        })
    }

    /// The block as the EVM has it; `None` if it is unknown or gone.
    pub fn evm_of(&self, hash: Hash) -> Option<EvmBlock> {
        if self.evm.gone.lock().unwrap().contains(&hash) {
            return None;
        }
        let number = self.block(hash)?.header.number.0;
        let salt = u64::from_be_bytes(hash.0[..8].try_into().unwrap());
        let mut envelopes = match number {
            0 => vec![],
            _ => vec![envelope(number.into(), salt), quantum(salt)],
        };
        envelopes.extend(self.evm.sent.lock().unwrap().get(&hash).cloned().unwrap_or_default());
        let transactions = envelopes.into_iter().zip(0u32..);
        let transactions: Vec<_> = transactions
            .map(|(envelope, index)| executed(index, envelope, 21_000 * u64::from(index + 1)))
            .collect();
        Some(EvmBlock {
            env: EvmBlockEnv {
                number: number.into(),
                timestamp: 1_800_000_000 + u64::from(number),
                beneficiary: H160::repeat_byte(0xbe),
                gas_limit: 30_000_000,
                base_fee: 7,
                prevrandao: H256::repeat_byte(0xaa),
            },
            gas_used: 21_000 * transactions.len() as u64,
            transactions,
        })
    }

    pub fn find_transaction(&self, hash: H256) -> Option<(Hash, u32)> {
        let blocks = self.blocks.lock().unwrap().clone();
        let forks = self.forks.lock().unwrap().blocks.clone();
        blocks.iter().chain(&forks).find_map(|block| {
            let block = block.header.hash();
            let index = self
                .evm_of(block)?
                .transactions
                .iter()
                .position(|one| one.hash == hash)?;
            Some((block, index as u32))
        })
    }

    pub fn find_logs(&self, query: &LogQuery) -> Result<Vec<LogEntry>, BackendError> {
        let mut found = Vec::new();
        let mut chain = vec![self.best_hash()];
        while let Some(block) = self
            .block(*chain.last().unwrap())
            .filter(|block| block.header.number.0 > 0)
        {
            chain.push(block.header.parent_hash);
        }
        for hash in chain.into_iter().rev() {
            let height = self.block(hash).unwrap().header.number;
            let Some(block) = self.evm_of(hash).filter(|_| (query.from..=query.to).contains(&height)) else {
                continue;
            };
            let mut log_index = 0;
            for (transaction, index) in block.transactions.iter().zip(0..) {
                for log in &transaction.receipt.logs {
                    let address = query.addresses.is_empty() || query.addresses.contains(&log.address);
                    let topics = query.topics.iter().enumerate().all(|(place, choices)| {
                        log.topics
                            .get(place)
                            .is_some_and(|topic| choices.is_empty() || choices.contains(topic))
                    });
                    if address && topics {
                        found.push(LogEntry {
                            height,
                            block: hash,
                            timestamp: block.env.timestamp,
                            transaction_index: index,
                            transaction: transaction.hash,
                            log_index,
                            log: log.clone(),
                        });
                    }
                    log_index += 1;
                }
            }
        }
        match found.len() > query.limit {
            true => Err(BackendError::Refused("too many".into())),
            false => Ok(found),
        }
    }

    pub fn replay(
        &self,
        hash: Hash,
        position: Option<u32>,
        options: TraceOptions,
    ) -> Result<Vec<EvmOutcome>, BackendError> {
        let block = self.evm_of(hash).ok_or(BackendError::UnknownBlock(hash))?;
        let all = block.transactions.iter().zip(0u32..);
        let wanted = all.filter(|(_, index)| position.is_none_or(|position| position == *index));
        Ok(wanted
            .map(|(transaction, _)| {
                let decoded = Transaction::decode(&transaction.envelope).unwrap();
                message(
                    &EvmMessage {
                        input: vec![],
                        ..decoded.message(SENDER, &[])
                    },
                    options,
                )
                .unwrap()
            })
            .collect())
    }

    /// The pool's verdict on an Ethereum transaction, by its nonce.
    pub fn submit_envelope(&self, envelope: &[u8]) -> Result<(), SubmitError> {
        let decoded = Transaction::decode(envelope).unwrap();
        let transaction = EvmTransaction {
            hash: decoded.hash(),
            from: SENDER,
            nonce: decoded.nonce(),
            envelope: envelope.to_vec(),
        };
        match decoded.nonce() {
            1 => Err(PoolError::Invalid(InvalidTransaction::Stale).into()),
            2 => Err(PoolError::AlreadyKnown(Hash::zero()).into()),
            3 => Err(PoolError::TooLowPriority {
                priority: 1,
                existing: 2,
                needed: 3,
            }
            .into()),
            4 => Err(PoolError::Full { count: 1, bytes: 1 }.into()),
            MINED_NONCE.. => {
                let parent = self.blocks.lock().unwrap().last().unwrap().clone();
                // The block's hash is known before it is told of.
                let header = Header {
                    parent_hash: parent.header.hash(),
                    number: Height(parent.header.number.0 + 1),
                    digest: Digest { logs: vec![] },
                    ..parent.header
                };
                self.evm
                    .sent
                    .lock()
                    .unwrap()
                    .insert(header.hash(), vec![envelope.to_vec()]);
                assert_eq!(self.push(parent.state, 1, vec![]), header);
                Ok(())
            }
            nonce => {
                self.evm.pool.lock().unwrap().push((nonce < 6, transaction.clone()));
                let _ = self.evm.feed.send(Arc::new(transaction));
                Ok(())
            }
        }
    }

    fn did(&self, what: String) {
        self.evm.done.lock().unwrap().push(what);
    }
}

impl Development for Fake {
    fn mine(&self, blocks: u64, interval_s: Option<u64>) -> Result<(), BackendError> {
        self.did(format!("mine {blocks} {interval_s:?}"));
        Ok(())
    }
    fn increase_time(&self, seconds: u64) -> Result<u64, BackendError> {
        self.did(format!("increase {seconds}"));
        Ok(seconds)
    }
    fn set_next_timestamp(&self, timestamp: u64) -> Result<(), BackendError> {
        if timestamp == 0 {
            return Err(BackendError::Refused(format!("timestamp {timestamp} is in the past")));
        }
        self.did(format!("next {timestamp}"));
        Ok(())
    }
    fn snapshot(&self) -> Result<u64, BackendError> {
        self.did("snapshot".into());
        Ok(1)
    }
    fn revert(&self, snapshot: u64) -> Result<bool, BackendError> {
        self.did(format!("revert {snapshot}"));
        Ok(snapshot == 1)
    }
    fn set_balance(&self, who: H160, balance: U256) -> Result<(), BackendError> {
        self.did(format!("balance {who:?} {balance}"));
        Ok(())
    }
    fn set_automine(&self, on: bool) -> Result<(), BackendError> {
        self.did(format!("automine {on}"));
        Ok(())
    }
    fn accounts(&self) -> Vec<H160> {
        vec![SENDER]
    }
    fn sign(&self, who: H160, payload: &[u8]) -> Option<[u8; 65]> {
        if !payload.is_empty() {
            self.did(format!("sign {}", const_hex::encode(payload)));
        }
        let mut signature = [0; 65];
        (signature[31], signature[63], signature[64]) = (1, 2, 1);
        (who == SENDER).then_some(signature)
    }
}
