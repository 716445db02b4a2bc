//! What authors reveal, and how dependable that makes them. The beacon is what draws hang on; nobody can give it a value,
//! but whoever has the turn can keep his reveal back, or his block: both cost reliability.

use crate::{Beacon, Config, Member, Pallet, Reliability, Seats, SelectAnew, Validators};
use quids_api::pobpc::POBPC_ENGINE_ID;
use quids_core::{AccountId20, DigestItem, Hash, Height};
use quids_pobpc::{Role, Round, chain_hash, proposer_of};
use quids_support::traits::Get;

/// Separates the beacon's steps from every other hash.
const BEACON_DOMAIN: &[u8] = b"quids/beacon/v1";
/// Separates the seeds of draws.
const SEED_DOMAIN: &[u8] = b"quids/draw-seed/v1";

impl<T: Config> Pallet<T> {
    /// Looks at who should have made the block, who did, and what he revealed. Returns the reveal, if it is right.
    pub(crate) fn observe(height: Height, seats: &[Member]) -> Option<Hash> {
        let author = T::Author::get()?;
        let revealed = Self::take_reveal(&author, height);
        // Where all sit nobody has to reveal, and who stood by would weigh less than who comes when seats become few.
        if !SelectAnew::<T>::get() {
            return revealed;
        }
        let roles: alloc::vec::Vec<Role> = seats.iter().map(|one| one.role).collect();
        let turn = proposer_of(&roles, height, Round::ZERO);
        let turn = seats.get(usize::from(turn.0)).filter(|one| one.account != author);
        if let Some(missing) = turn {
            Self::rate(&missing.account, Reliability::worse);
        }
        let rated = match revealed {
            Some(_) => Reliability::better,
            None => Reliability::worse,
        };
        Self::rate(&author, rated);
        revealed
    }

    /// Makes a validator more or less reliable; one that is not known any more is left alone.
    pub(crate) fn rate(account: &AccountId20, change: impl FnOnce(Reliability) -> Reliability) {
        let Some(mut validator) = Validators::<T>::get(account) else {
            return;
        };
        let before = validator.reliability;
        validator.reliability = change(before);
        if validator.reliability != before {
            Validators::<T>::insert(account, validator);
        }
    }

    /// The author's reveal, if it is the link before the one that he is committed to; he then is committed to it. What
    /// is no such link counts as nothing.
    fn take_reveal(author: &AccountId20, height: Height) -> Option<Hash> {
        let link = pallet_system::Digest::<T>::get()
            .logs
            .iter()
            .find_map(|item| match item {
                DigestItem::PreRuntime(POBPC_ENGINE_ID, bytes) => <[u8; 32]>::try_from(bytes.as_slice()).ok(),
                _ => None,
            })?;
        let link = Hash::from(link);
        let mut validator = Validators::<T>::get(author)?;
        let commitment = validator.commitment.as_mut()?;
        if height < commitment.from || chain_hash(&link) != commitment.hash {
            return None;
        }
        commitment.hash = link;
        Validators::<T>::insert(author, validator);
        Some(link)
    }

    /// `beacon' = BLAKE3(domain ‖ beacon ‖ reveal)`
    pub(crate) fn mix(reveal: &Hash) {
        let step = [BEACON_DOMAIN, Beacon::<T>::get().as_bytes(), reveal.as_bytes()].concat();
        Beacon::<T>::put(Hash::from(quids_io::hashing::blake3_256(&step)));
    }

    /// What the draw of a height hangs on: the beacon as it is now, and the height, since not every block reveals.
    pub(crate) fn seed(height: Height) -> Hash {
        let seed = [SEED_DOMAIN, Beacon::<T>::get().as_bytes(), &height.0.to_le_bytes()].concat();
        quids_io::hashing::blake3_256(&seed).into()
    }

    /// From when on a chain that is chosen now may be revealed from: when the weights of now count, which is at least an
    /// epoch of others' reveals away.
    pub(crate) fn reveals_from() -> Height {
        let epochs = T::EpochLength::get().0.saturating_mul(2);
        pallet_system::Number::<T>::get().saturating_add(Height(epochs))
    }

    /// Whether the account sits in the block in execution or in the next.
    pub(crate) fn is_seated(account: &AccountId20) -> bool {
        let height = pallet_system::Number::<T>::get();
        let sits = |height| {
            let seats = Seats::<T>::get(&height).unwrap_or_default();
            seats.iter().any(|one| one.account == *account)
        };
        sits(height) || sits(height.saturating_add(Height(1)))
    }
}
