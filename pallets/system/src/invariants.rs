//! What always holds of accounts, keys and hashes, for tests and dry runs.

use crate::{Account, BlockHash, Config, Keys, Number};
use alloc::{format, string::String};
use quids_core::Height;
use quids_support::{ensure, traits::Get};

/// Keys are post-quantum and keep their accounts; no more hashes are kept than the longest era needs, and genesis'.
pub(crate) fn check<T: Config>() -> Result<(), String> {
    for (who, key) in Keys::<T>::iter() {
        let scheme = key.scheme();
        ensure!(
            scheme.is_post_quantum(),
            format!(
                "the key bound to {who} is of {}, which is not post-quantum",
                scheme.name()
            )
        );
        ensure!(
            Account::<T>::get(&who).sufficients > 0,
            format!("{who} has a bound key, but nothing keeps its nonce")
        );
    }
    let oldest = Number::<T>::get()
        .saturating_sub(Height(1))
        .saturating_sub(T::BlockHashCount::get());
    for height in BlockHash::<T>::iter_keys() {
        ensure!(
            height.is_zero() || height > oldest,
            format!("the hash of block {height} is kept, nothing needs one up to {oldest}")
        );
        ensure!(
            height < Number::<T>::get(),
            format!("there is a hash of block {height}, which is not made yet")
        );
    }
    Ok(())
}
