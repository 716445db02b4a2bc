//! The EVM's state in runtime storage: what revm reads, and what is written of an execution.

use crate::{
    Code, CodeHashes, Codes, Config, Pallet, Slots,
    convert::{account, amount, b256, h256, slot, word},
    deploy,
};
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256};
use core::convert::Infallible;
use pallet_system::{AccountData, AccountInfo as SystemAccount, OpenAccount};
use quids_core::{AccountId20, Balance, H160, H256, Nonce};
use quids_support::{storage::StorageRow, traits::FeePot};
use revm::{
    Database,
    context::{Journal, JournalTr},
    primitives::{StorageKey, StorageValue, hardfork::SpecId},
    state::{Account, AccountInfo, Bytecode, EvmState},
};

/// How many slots of a destroyed contract are removed: its gas pays for no more, and since Cancun only a contract that
/// was created in the same transaction is destroyed.
const DESTROYED_SLOTS_MAX: u32 = 1 << 20;

/// What an account with storage and balance alone has for revm as its nonce.
const ORPHAN_NONCE: u64 = 1 << 63;

/// Runtime storage as revm's database.
pub struct Store<T> {
    /// What other blocks' hashes are stated to be.
    block_hashes: Vec<(u64, H256)>,
    /// Whether accounts may have storage and neither nonce nor code, so that nothing may be created there (EIP-7610).
    /// State tests make such; on the chain none can come to be, and looking for it would cost every transfer.
    has_orphaned_storage: bool,
    /// Accounts that were looked for, and what was there.
    accounts: Accounts,
    /// Storage of contracts that was read from.
    rows: BTreeMap<Address, StorageRow<Slots<T>>>,
}

type Accounts = BTreeMap<Address, Option<SystemAccount>>;

/// What an execution changed, and what was there before. Nothing else may be written in between.
pub struct Changes {
    pub state: EvmState,
    accounts: Accounts,
}

impl Changes {
    /// Ends the execution.
    pub fn of<T: Config>(journal: &mut Journal<Store<T>>) -> Self {
        Self {
            state: journal.finalize(),
            accounts: core::mem::take(&mut journal.database.accounts),
        }
    }
}

impl<T> Store<T> {
    pub const fn new(block_hashes: Vec<(u64, H256)>, has_orphaned_storage: bool) -> Self {
        Self {
            block_hashes,
            has_orphaned_storage,
            accounts: Accounts::new(),
            rows: BTreeMap::new(),
        }
    }
}

/// What an account may spend: free and not frozen. Reserved balance is not in the EVM.
fn spendable(data: &AccountData) -> Balance {
    data.free.saturating_sub(data.frozen.saturating_sub(data.reserved))
}

fn has_storage<T: Config>(who: &AccountId20) -> bool {
    Slots::<T>::iter_prefix(who, None).next().is_some()
}

fn find<T: Config>(who: &AccountId20) -> Option<SystemAccount> {
    let key = pallet_system::Account::<T>::key_for(who);
    quids_io::storage::get_with(&key, |bytes| {
        bytes.and_then(|mut bytes| codec::Decode::decode(&mut bytes).ok())
    })
}

impl<T: Config> Database for Store<T> {
    type Error = Infallible;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        let who = account(address);
        let found = find::<T>(&who);
        self.accounts.insert(address, found);
        let Some(info) = found else {
            return Ok(None);
        };
        let mut code_hash = if info.data.flags & AccountData::CODE == 0 {
            KECCAK256_EMPTY
        } else {
            CodeHashes::<T>::get(&who).map_or(KECCAK256_EMPTY, b256)
        };
        let is_codeless = code_hash == KECCAK256_EMPTY;
        let balance = spendable(&info.data);
        let mut nonce = info.nonce.0;
        if is_codeless && self.has_orphaned_storage && nonce == 0 && has_storage::<T>(&who) {
            // revm lets nothing be created over a nonce or a code. Either stands in where no opcode can see it.
            if balance.is_zero() {
                code_hash = B256::ZERO;
            } else {
                nonce = ORPHAN_NONCE;
            }
        }
        Ok(Some(AccountInfo {
            balance: U256::from(balance.0),
            nonce,
            code_hash,
            code: is_codeless.then(Bytecode::default),
            account_id: None,
        }))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Infallible> {
        let code = quids_io::storage::get_with(&Codes::<T>::key_for(&h256(hash)), |bytes| {
            bytes.and_then(Code::bytecode_of)
        });
        Ok(code.unwrap_or_default())
    }

    fn storage(&mut self, address: Address, key: StorageKey) -> Result<StorageValue, Infallible> {
        let row = self.rows.entry(address);
        let row = row.or_insert_with(|| Slots::<T>::row(&account(address)));
        Ok(row.get(&slot(key)).map_or(U256::ZERO, word))
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Infallible> {
        if let Some((_, hash)) = self.block_hashes.iter().find(|(stated, _)| *stated == number) {
            return Ok(b256(*hash));
        }
        let hash = u32::try_from(number)
            .ok()
            .map(|number| pallet_system::BlockHash::<T>::get(&quids_core::Height(number)));
        Ok(hash.map_or(B256::ZERO, b256))
    }
}

/// Sums of what changed hands in an execution.
#[derive(Default)]
struct Ledger {
    before: u128,
    after: u128,
}

impl<T: Config> Pallet<T> {
    /// Writes what an execution changed. `tip` goes to the block's author; what is missing besides was burned.
    pub(crate) fn commit(changes: Changes, tip: u128, spec: SpecId) {
        let Changes { state, mut accounts } = changes;
        let mut ledger = Ledger::default();
        let mut touched: Vec<(Address, Account)> =
            state.into_iter().filter(|(_, account)| account.is_touched()).collect();
        // Accounts that come to be are told in events: in an order that hangs on no hash map.
        touched.sort_unstable_by_key(|(address, _)| *address);
        for (address, changed) in touched {
            let who = account(address);
            let open = match accounts.remove(&address) {
                Some(found) => OpenAccount::found(&who, found.unwrap_or_default()),
                None => OpenAccount::open(&who),
            };
            Self::write(&who, open, changed, spec, &mut ledger);
        }
        if tip > 0 {
            T::Fees::add_to_pot(Balance(tip));
        }
        let gone = ledger.before.saturating_sub(ledger.after).saturating_sub(tip);
        if gone > 0 {
            T::Fees::burn(Balance(gone));
        }
    }

    fn write(who: &AccountId20, mut open: OpenAccount<T>, changed: Account, spec: SpecId, ledger: &mut Ledger) {
        let existed = !changed.is_loaded_as_not_existing();
        if changed.is_selfdestructed() {
            ledger.before = ledger.before.saturating_add(balance(changed.original_info().balance));
            if existed {
                Self::destroy(who, open);
            }
            return;
        }
        let is_empty = changed.is_empty();
        let original = changed.original_info();
        let info = &changed.info;
        // EIP-161: what is empty is not there.
        if is_empty && !existed && spec.is_enabled_in(SpecId::SPURIOUS_DRAGON) {
            return;
        }
        let code_changed = info.code_hash != original.code_hash;
        if info.balance != original.balance || info.nonce != original.nonce || code_changed || !existed {
            let (old, new) = (balance(original.balance), balance(info.balance));
            ledger.before = ledger.before.saturating_add(old);
            ledger.after = ledger.after.saturating_add(new);
            let free = &mut open.info.data.free;
            *free = Balance(free.0.saturating_sub(old).saturating_add(new));
            open.info.nonce = Nonce(if info.nonce == ORPHAN_NONCE { 0 } else { info.nonce });
            open.info.data.flags |= AccountData::PROVIDING;
            if code_changed {
                let code = info.code.as_ref().map(Bytecode::original_byte_slice);
                Self::put_code(who, &mut open, info.code_hash, code);
            }
            open.store();
        }
        let mut slots = changed.changed_storage_slots().peekable();
        if slots.peek().is_some() {
            let row = Slots::<T>::row(who);
            for (key, value) in slots {
                put_slot(&row, slot(*key), value.present_value);
            }
        }
    }

    /// A destroyed contract: what it had is burned, unless it went elsewhere before.
    fn destroy(who: &AccountId20, mut open: OpenAccount<T>) {
        open.info.nonce = Nonce(0);
        open.info.data.free = open.info.data.free.saturating_sub(spendable(&open.info.data));
        open.info.data.flags &= !(AccountData::PROVIDING | AccountData::CODE);
        open.store();
        CodeHashes::<T>::remove(who);
        Slots::<T>::clear_prefix(who, DESTROYED_SLOTS_MAX);
    }

    /// `None` of a code that is kept already.
    fn put_code(who: &AccountId20, open: &mut OpenAccount<T>, hash: B256, code: Option<&[u8]>) {
        if hash == KECCAK256_EMPTY {
            open.info.data.flags &= !AccountData::CODE;
            CodeHashes::<T>::remove(who);
            return;
        }
        open.info.data.flags |= AccountData::CODE;
        let hash = h256(hash);
        if let Some(code) = code {
            deploy::keep_code::<T>(hash, code);
        }
        CodeHashes::<T>::insert(who, hash);
    }

    pub(crate) fn put_slot(who: &AccountId20, key: H256, value: U256) {
        put_slot(&Slots::<T>::row(who), key, value);
    }

    /// The account as Ethereum's tools see it.
    pub fn account(address: H160) -> quids_api::evm::EvmAccount {
        let who = AccountId20(address.0);
        let info = find::<T>(&who).unwrap_or_default();
        quids_api::evm::EvmAccount {
            balance: amount(U256::from(spendable(&info.data).0)),
            nonce: info.nonce.0,
            code_hash: CodeHashes::<T>::get(&who).unwrap_or(h256(KECCAK256_EMPTY)),
        }
    }

    /// The number of the account's next transaction.
    pub(crate) fn nonce(address: H160) -> u64 {
        find::<T>(&AccountId20(address.0)).map_or(0, |info| info.nonce.0)
    }

    /// The account's code.
    pub fn code(address: H160) -> Vec<u8> {
        CodeHashes::<T>::get(&AccountId20(address.0))
            .and_then(|hash| Codes::<T>::get(&hash))
            .map(|code| code.bytes)
            .unwrap_or_default()
    }

    /// A slot of a contract.
    pub fn storage_at(address: H160, key: H256) -> H256 {
        Slots::<T>::get(&AccountId20(address.0), &key).unwrap_or_default()
    }

    /// Where an account lies in the state.
    pub fn storage_keys(address: H160, slots: &[H256]) -> quids_api::evm::EvmStorageKeys {
        let who = AccountId20(address.0);
        quids_api::evm::EvmStorageKeys {
            account: pallet_system::Account::<T>::key_for(&who),
            code_hash: CodeHashes::<T>::key_for(&who),
            slots: slots.iter().map(|slot| Slots::<T>::key_for(&who, slot)).collect(),
        }
    }

    /// The key bound to an account, with its scheme's tag.
    pub(crate) fn bound_key(address: &H160) -> Option<(u8, Vec<u8>)> {
        let key = pallet_system::Keys::<T>::get(&AccountId20(address.0))?;
        Some((key.scheme().tag(), key.as_bytes().to_vec()))
    }

    /// Gives an account what a simulation says it has.
    pub(crate) fn set_account(address: H160, balance: Option<Balance>, nonce: Option<u64>) {
        let mut open = OpenAccount::<T>::open(&AccountId20(address.0));
        if let Some(balance) = balance {
            open.info.data.free = balance;
            open.info.data.reserved = Balance::ZERO;
            open.info.data.frozen = Balance::ZERO;
        }
        if let Some(nonce) = nonce {
            open.info.nonce = Nonce(nonce);
        }
        open.info.data.flags |= AccountData::PROVIDING;
        open.store();
    }

    /// Gives an account this code.
    pub(crate) fn set_code(address: H160, code: &[u8]) {
        let who = AccountId20(address.0);
        let mut open = OpenAccount::<T>::open(&who);
        let hash = B256::new(quids_io::hashing::keccak_256(code));
        Self::put_code(&who, &mut open, hash, Some(code));
        open.store();
    }

    /// The number of the account's next transaction goes back by one: the EVM counts it itself.
    pub(crate) fn uncount(who: &AccountId20) -> u64 {
        let mut open = OpenAccount::<T>::open(who);
        open.info.nonce = Nonce(open.info.nonce.0.saturating_sub(1));
        let nonce = open.info.nonce.0;
        open.store();
        nonce
    }
}

fn put_slot<T: Config>(row: &StorageRow<Slots<T>>, key: H256, value: U256) {
    if value.is_zero() {
        row.remove(&key);
    } else {
        row.insert(&key, slot(value));
    }
}

/// Balances are below 2^128, since the issuance is.
fn balance(of: U256) -> u128 {
    of.saturating_to()
}

/// Reads the hard fork in force.
pub(crate) fn spec_from(number: u8) -> Option<SpecId> {
    SpecId::try_from_u8(number)
}

/// For tests and tools that know amounts as words.
pub(crate) fn to_balance(of: quids_core::U256) -> Option<Balance> {
    u128::try_from(of).ok().map(Balance)
}
