//! Which key the chain holds for an account.

use crate::{AccountId20, QuidsConfig};
use codec::{DecodeAll, Encode};
use quids_api::names;
use quids_crypto::PublicKey;
use subxt::client::{ClientAtBlock, OnlineClientAtBlockT};

/// The key bound to the account at this block; `None` before its first post-quantum transaction.
pub async fn bound_key<C>(
    at: &ClientAtBlock<QuidsConfig, C>,
    account: &AccountId20,
) -> Result<Option<PublicKey>, subxt::Error>
where
    C: OnlineClientAtBlockT<QuidsConfig>,
{
    let answer = at
        .runtime_apis()
        .call_raw(names::ACCOUNT_KEY, Some(&account.encode()))
        .await?;
    Ok(Option::decode_all(&mut &answer[..])?)
}
