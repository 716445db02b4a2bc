//! Storage migrations: versions of a pallet's storage, migrations in steps over many blocks, and helpers for the usual
//! cases. Single-block migrations are `Hooks::on_runtime_upgrade`. Both run guarded: one that fails leaves no trace and
//! takes the chain into safe mode (`README.md` of pallet upgrade).

use crate::{composition::PalletParts, limits::cost, storage::hasher::storage_prefix};
use alloc::vec::Vec;
use codec::{Decode, Encode};
use quids_api::upgrade::Suspension;
use quids_core::{Height, Weight};
use quids_io::storage;

/// Counts the weight of a step against what it may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WeightMeter {
    limit: Weight,
    used: Weight,
}

impl WeightMeter {
    pub const fn new(limit: Weight) -> Self {
        Self {
            limit,
            used: Weight::ZERO,
        }
    }

    pub const fn used(&self) -> Weight {
        self.used
    }

    /// Counts `weight` if there is room for it; otherwise nothing, and the step has to end.
    #[must_use]
    pub const fn try_use(&mut self, weight: Weight) -> bool {
        let sum = self.used.saturating_add(weight);
        if sum.any_gt(self.limit) {
            return false;
        }
        self.used = sum;
        true
    }

    /// Counts `weight` whether there is room or not: a step that used more than it may fails.
    pub const fn force_use(&mut self, weight: Weight) {
        self.used = self.used.saturating_add(weight);
    }
}

/// How far a migration is after a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The next step gets this cursor, 1024 bytes at most.
    Continue(Vec<u8>),
    Done,
}

/// A migration that takes as many blocks as it needs: one step a block.
pub trait SteppedMigration {
    /// Names it for ever, 64 bytes at most: one that is done is not done again, and one that was interrupted goes on from
    /// its cursor, also in later code.
    const ID: &'static str;
    /// Whether the chain takes no transactions until it is done, but those of governance.
    const PAUSES_TRANSACTIONS: bool;
    /// With more steps it counts as failed.
    const STEPS_MAX: u32;

    /// Goes on from the cursor of the step before; the first step has none. Returns the reason if it cannot; what this
    /// step wrote is then undone.
    fn step(cursor: Option<&[u8]>, meter: &mut WeightMeter) -> Result<Progress, &'static str>;
}

/// The stepped migrations of a runtime, in the order in which they run: a tuple of [`SteppedMigration`]s, or `()`.
pub trait Migrations {
    /// ID, whether it pauses transactions, and the most steps.
    fn describe(index: u32) -> Option<(&'static str, bool, u32)>;
    /// A step of the migration at `index`; `None`: there is no such migration.
    fn step(index: u32, cursor: Option<&[u8]>, meter: &mut WeightMeter) -> Option<Result<Progress, &'static str>>;
}

impl Migrations for () {
    fn describe(_: u32) -> Option<(&'static str, bool, u32)> {
        None
    }
    fn step(_: u32, _: Option<&[u8]>, _: &mut WeightMeter) -> Option<Result<Progress, &'static str>> {
        None
    }
}

macro_rules! tuples {
    ($($name:ident $index:literal),*) => {
        impl<$($name: SteppedMigration),*> Migrations for ($($name,)*) {
            fn describe(index: u32) -> Option<(&'static str, bool, u32)> {
                match index {
                    $($index => Some(($name::ID, $name::PAUSES_TRANSACTIONS, $name::STEPS_MAX)),)*
                    _ => None,
                }
            }
            fn step(
                index: u32,
                cursor: Option<&[u8]>,
                meter: &mut WeightMeter,
            ) -> Option<Result<Progress, &'static str>> {
                match index {
                    $($index => Some($name::step(cursor, meter)),)*
                    _ => None,
                }
            }
        }
    };
}
tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);

/// The port through which the executive has code replaced and migrations run.
pub trait MigrationPort {
    /// In the first block of a new code: its single-block migrations, which are `plain`, guarded. The weight they count.
    fn first_block(plain: fn() -> Weight) -> Weight;
    /// In every other block, before all else: the next step of the migration that is under way. The weight it counts.
    fn advance() -> Weight;
    /// Why the chain takes no transactions but those of governance; `None`: it takes all.
    fn suspended() -> Option<Suspension>;
    /// At a block's end, after all pallets: what the next block is made on is there, and new code may have to show that it makes one.
    fn end_block(height: Height);
}

/// Migrations run unguarded, and there are no stepped ones.
impl MigrationPort for () {
    fn first_block(plain: fn() -> Weight) -> Weight {
        plain()
    }
    fn advance() -> Weight {
        Weight::ZERO
    }
    fn suspended() -> Option<Suspension> {
        None
    }
    fn end_block(_: Height) {}
}

/// Where FRAME keeps it.
const fn version_key(pallet: &str) -> [u8; 32] {
    storage_prefix(pallet, ":__STORAGE_VERSION__:")
}

/// The version of a pallet's storage; absent is 0.
pub fn storage_version<P: PalletParts>() -> u16 {
    storage::get_with(&version_key(P::NAME), |bytes| {
        bytes
            .and_then(|mut bytes| u16::decode(&mut bytes).ok())
            .unwrap_or_default()
    })
}

/// States the version of a pallet's storage: at genesis, and at the end of a migration.
pub fn set_storage_version<P: PalletParts>(version: u16) {
    storage::set(&version_key(P::NAME), &version.encode());
}

/// Runs `migration` if the storage has version `from`, and states version `to`; otherwise nothing but a look. For
/// `Hooks::on_runtime_upgrade`.
pub fn migrate_from<P: PalletParts>(from: u16, to: u16, migration: impl FnOnce() -> Weight) -> Weight {
    if storage_version::<P>() != from {
        return cost::of(0, 1, 0);
    }
    let used = migration();
    set_storage_version::<P>(to);
    used.saturating_add(cost::of(0, 1, 1))
}

/// The prefix of all that a pallet keeps.
pub fn pallet_prefix(pallet: &str) -> Vec<u8> {
    storage_prefix(pallet, "").into_iter().take(16).collect()
}

/// The prefix of a storage item; of a plain value it is the key.
pub const fn item_prefix(pallet: &str, item: &str) -> [u8; 32] {
    storage_prefix(pallet, item)
}

/// Reading a value, finding the next key, writing and removing one.
fn entry(bytes: usize) -> Weight {
    cost::of(2_000_000, 2, 2).saturating_add(Weight::new(0, bytes as u64))
}

/// The first key under `prefix` that is `prefix` itself or after `after`.
fn next_under(prefix: &[u8], after: Option<&[u8]>) -> Option<Vec<u8>> {
    match after {
        None if storage::exists(prefix) => Some(prefix.to_vec()),
        after => storage::next_key(after.unwrap_or(prefix)).filter(|key| key.starts_with(prefix)),
    }
}

/// The end of a step that has no room for more; without a cursor it did nothing, and no later one would.
fn unfinished(cursor: Option<Vec<u8>>) -> Result<Progress, &'static str> {
    cursor.map(Progress::Continue).ok_or("a step has no room for one entry")
}

/// Moves everything under `from` to the same place under `to`: renames an item (by [`item_prefix`]) or a pallet (by
/// [`pallet_prefix`]). Neither prefix may begin with the other. Needs no cursor: what is moved is gone.
pub fn move_prefix(from: &[u8], to: &[u8], meter: &mut WeightMeter) -> Result<Progress, &'static str> {
    if from.starts_with(to) || to.starts_with(from) {
        return Err("a prefix cannot be moved into itself");
    }
    // Within a step each search begins behind what is gone: from the prefix it would pass all of that again.
    let mut done = None;
    while let Some(key) = next_under(from, done.as_deref()) {
        let value = storage::get(&key).unwrap_or_default();
        if !meter.try_use(entry(value.len())) {
            return unfinished(done.map(|_| Vec::new()));
        }
        let rest = key.get(from.len()..).unwrap_or_default();
        storage::set(&[to, rest].concat(), &value);
        storage::clear(&key);
        done = Some(key);
    }
    Ok(Progress::Done)
}

/// Removes everything under `prefix`. Needs no cursor.
pub fn remove_prefix(prefix: &[u8], meter: &mut WeightMeter) -> Result<Progress, &'static str> {
    let mut done = None;
    while let Some(key) = next_under(prefix, done.as_deref()) {
        if !meter.try_use(entry(0)) {
            return unfinished(done.map(|_| Vec::new()));
        }
        storage::clear(&key);
        done = Some(key);
    }
    Ok(Progress::Done)
}

/// Replaces every value under `prefix` by what `translate` makes of it; `None` removes the entry, an error fails the
/// migration. `cursor` is that of the step before: the last key that was done.
pub fn translate_prefix(
    prefix: &[u8],
    cursor: Option<&[u8]>,
    meter: &mut WeightMeter,
    mut translate: impl FnMut(&[u8], Vec<u8>) -> Result<Option<Vec<u8>>, &'static str>,
) -> Result<Progress, &'static str> {
    let mut done = cursor.map(<[u8]>::to_vec);
    let mut translated = false;
    while let Some(key) = next_under(prefix, done.as_deref()) {
        let value = storage::get(&key).unwrap_or_default();
        if !meter.try_use(entry(value.len())) {
            let cursor = done.filter(|_| translated);
            return unfinished(cursor);
        }
        match translate(&key, value)? {
            Some(value) => storage::set(&key, &value),
            None => storage::clear(&key),
        }
        done = Some(key);
        translated = true;
    }
    Ok(Progress::Done)
}

/// As [`translate_prefix`], from values that decode as `O`.
pub fn translate_values<O: Decode, N: Encode>(
    prefix: &[u8],
    cursor: Option<&[u8]>,
    meter: &mut WeightMeter,
    mut translate: impl FnMut(O) -> Option<N>,
) -> Result<Progress, &'static str> {
    translate_prefix(prefix, cursor, meter, |_, bytes| {
        let old = O::decode(&mut bytes.as_slice()).map_err(|_| "a value does not decode as its old type")?;
        Ok(translate(old).map(|new| new.encode()))
    })
}
