//! The ERC-20 of `contracts/Token.sol`, as calls to it are encoded.

use crate::Result;
use alloy_primitives::{Address, Bytes, U256, hex, keccak256};

/// Creation code; see `README.md` for how it was compiled.
const CREATION: &str = include_str!("../../contracts/Token.hex");

/// Creation with this supply, all of it the creator's.
pub fn creation(supply: U256) -> Result<Bytes> {
    let code = hex::decode(CREATION.trim())?;
    Ok([code, supply.to_be_bytes_vec()].concat().into())
}

fn encoded(signature: &str, arguments: &[U256]) -> Bytes {
    let mut input = keccak256(signature)[..4].to_vec();
    for argument in arguments {
        input.extend(argument.to_be_bytes::<32>());
    }
    input.into()
}

fn word(address: Address) -> U256 {
    U256::from_be_slice(address.as_slice())
}

pub fn transfer(to: Address, value: U256) -> Bytes {
    encoded("transfer(address,uint256)", &[word(to), value])
}

pub fn balance_of(who: Address) -> Bytes {
    encoded("balanceOf(address)", &[word(who)])
}

/// Topics of `Transfer`s to somebody, as `eth_getLogs` takes them.
pub fn transfers_to(to: Address) -> serde_json::Value {
    let event = keccak256("Transfer(address,address,uint256)");
    serde_json::json!([event, null, to.into_word()])
}
