//! Which item of which pallet an entry of the state belongs to, and whether its value is one.

use super::{
    interface::{Interface, type_name},
    report::ItemChange,
    same::is_same,
};
use crate::extrinsic_builder::skip;
use frame_metadata::v14::{StorageEntryType, StorageHasher};
use quids_core::well_known_keys;
use quids_crypto::twox_128;
use scale_info::PortableRegistry;
use std::collections::{BTreeMap, HashMap};

/// A pallet's hash and an item's.
pub const ITEM_PREFIX: usize = 32;
/// Of a key that no metadata knows.
const KEY_BYTES_SHOWN: usize = 16;

/// The items of a runtime's state.
pub struct Layout<'a> {
    types: &'a PortableRegistry,
    items: HashMap<[u8; ITEM_PREFIX], Item>,
}

struct Item {
    name: String,
    value: u32,
    /// How the rest of its keys is made, and of what. Of a plain value, nothing.
    key: Option<(Vec<StorageHasher>, u32)>,
}

impl<'a> Layout<'a> {
    pub fn of(interface: &'a Interface) -> Self {
        let mut items = HashMap::new();
        for pallet in &interface.0.pallets {
            let Some(storage) = &pallet.storage else { continue };
            for entry in &storage.entries {
                let mut prefix = [0; ITEM_PREFIX];
                prefix[..16].copy_from_slice(&twox_128(storage.prefix.as_bytes()));
                prefix[16..].copy_from_slice(&twox_128(entry.name.as_bytes()));
                let (key, value) = match &entry.ty {
                    StorageEntryType::Plain(value) => (None, value.id),
                    StorageEntryType::Map { hashers, key, value } => (Some((hashers.clone(), key.id)), value.id),
                };
                let name = format!("{}.{}", pallet.name, entry.name);
                items.insert(prefix, Item { name, value, key });
            }
        }
        Self {
            types: &interface.0.types,
            items,
        }
    }

    fn item(&self, key: &[u8]) -> Option<&Item> {
        self.items.get(key.first_chunk::<ITEM_PREFIX>()?)
    }

    /// `Pallet.Item`.
    pub fn name(&self, key: &[u8]) -> Option<&str> {
        self.item(key).map(|item| item.name.as_str())
    }

    /// What is wrong with a value, if it is not its item's. Nothing, where the key is no item's.
    pub fn fault(&self, key: &[u8], value: &[u8]) -> Option<String> {
        let item = self.item(key)?;
        let mut rest = value;
        match skip(self.types, item.value, &mut rest) {
            Ok(()) if rest.is_empty() => None,
            Ok(()) => Some(format!("{} of its {} bytes are left over", rest.len(), value.len())),
            Err(reason) => Some(reason),
        }
    }

    /// For each item of this layout whose entries `new` does not read as what they are, though they may decode: why.
    pub fn lost_in(&self, new: &Layout<'_>) -> Lost {
        let lost = self.items.iter().filter_map(|(prefix, was)| {
            let Some(is) = new.items.get(prefix) else {
                return Some((*prefix, "no pallet of the new runtime has this item".into()));
            };
            let same = |was, is| is_same((self.types, was), (new.types, is));
            let has_same_keys = match (&was.key, &is.key) {
                (None, None) => true,
                (Some((by, was)), Some((now_by, is))) => by == now_by && same(*was, *is),
                _ => false,
            };
            if !has_same_keys {
                return Some((*prefix, "the new runtime makes this item's keys otherwise".into()));
            }
            let reason = || {
                let (was, is) = (type_name(self.types, was.value), type_name(new.types, is.value));
                format!("it was written as {was} and is read as another {is}")
            };
            (!same(was.value, is.value)).then(|| (*prefix, reason()))
        });
        lost.collect()
    }
}

/// By the prefix of an item, why its entries have to be written anew.
pub type Lost = HashMap<[u8; ITEM_PREFIX], String>;

/// An item's name by both runtimes, or what can be said of a key that neither knows.
pub fn name_of(key: &[u8], layouts: [&Layout<'_>; 2]) -> String {
    if let Some(name) = layouts.iter().find_map(|layout| layout.name(key)) {
        return name.into();
    }
    match key.starts_with(b":") {
        true => String::from_utf8_lossy(key).into_owned(),
        false => format!("0x{}", hex::encode(key.get(..KEY_BYTES_SHOWN).unwrap_or(key))),
    }
}

/// Counts changes (key, value before, value after) by item. That the code is another is known.
pub fn by_item<'k>(
    changes: impl Iterator<Item = (&'k [u8], Option<&'k [u8]>, Option<&'k [u8]>)>,
    layouts: [&Layout<'_>; 2],
) -> Vec<ItemChange> {
    let mut items: BTreeMap<String, ItemChange> = BTreeMap::new();
    for (key, old, new) in changes.filter(|(key, old, new)| *key != well_known_keys::CODE && old != new) {
        let item = items.entry(name_of(key, layouts)).or_default();
        match (old, new) {
            (None, _) => item.added += 1,
            (Some(_), None) => item.removed += 1,
            (Some(_), Some(_)) => item.changed += 1,
        }
    }
    let named = items.into_iter().map(|(item, change)| ItemChange { item, ..change });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestChain;
    use codec::Encode;

    #[test]
    fn entries_have_names_and_values_that_fit() {
        let chain = TestChain::new().unwrap();
        let (_, best) = chain.chain.best();
        let bytes: Option<Vec<u8>> = chain
            .chain
            .call_typed(best, quids_api::names::METADATA_AT_VERSION, &15u32)
            .unwrap();
        let interface = Interface::decode(&bytes.unwrap()).unwrap();
        let layout = Layout::of(&interface);
        let now = TestChain::value_key("Timestamp", "Now");
        let check = |key: &[u8], value: &[u8], name: &str, is_right: bool| {
            assert_eq!(name_of(key, [&layout, &layout]), name);
            assert_eq!(layout.fault(key, value).is_none(), is_right, "{name}: {value:?}");
        };
        check(&now, &5u64.encode(), "Timestamp.Now", true);
        check(&now, &5u32.encode(), "Timestamp.Now", false);
        check(&now, &[5u64.encode(), vec![0]].concat(), "Timestamp.Now", false);
        check(&now, &[], "Timestamp.Now", false);
        check(b":code", &[1, 2], ":code", true);
        check(&[7; 40], &[1], "0x07070707070707070707070707070707", true);
    }

    #[test]
    fn changes_count_by_item_and_what_stays_the_same_does_not() {
        let layout = Layout {
            types: &PortableRegistry { types: Vec::new() },
            items: HashMap::new(),
        };
        type Change = (&'static [u8], Option<&'static [u8]>, Option<&'static [u8]>);
        let changes: [Change; 6] = [
            (b":a", None, Some(b"1")),
            (b":a", Some(b"1"), Some(b"2")),
            (b":a", Some(b"1"), None),
            (b":b", Some(b"1"), Some(b"1")),
            (b":b", None, None),
            (well_known_keys::CODE, Some(b"1"), Some(b"2")),
        ];
        let expected = ItemChange {
            item: ":a".into(),
            added: 1,
            changed: 1,
            removed: 1,
        };
        assert_eq!(by_item(changes.into_iter(), [&layout, &layout]), [expected]);
    }
}
