//! Who signed an authorisation (EIP-7702).

use super::values::{address, read, u64, uint, unfit, word};
use crate::error::RpcError;
use alloy_eips::eip7702::{Authorization as Unsigned, SignedAuthorization};
use alloy_primitives::{Address, U256 as Number};
use quids_api::evm::Authorization;
use quids_core::{H256, U256};
use quids_crypto::recover_secp256k1;
use serde_json::Value;

/// Reads a signed authorisation; one whose signer cannot be recovered counts and does nothing.
pub fn authorization(name: &str, value: &Value) -> Result<Authorization, RpcError> {
    let missing = || unfit(name, "a list of signed authorisations");
    let chain_id = read(value, "chainId", uint)?.ok_or_else(missing)?;
    let delegate = read(value, "address", address)?.ok_or_else(missing)?;
    let nonce = read(value, "nonce", u64)?.ok_or_else(missing)?;
    let parity = match read(value, "yParity", u64)? {
        Some(parity) => Some(parity),
        None => read(value, "v", u64)?,
    };
    let (r, s) = (scalar(value, "r")?, scalar(value, "s")?);
    let signed = SignedAuthorization::new_unchecked(
        Unsigned {
            chain_id: Number::from_limbs(chain_id.0),
            address: Address::from(delegate.0),
            nonce,
        },
        u8::try_from(parity.unwrap_or_default()).unwrap_or(u8::MAX),
        Number::from_limbs(r.unwrap_or_default().0),
        Number::from_limbs(s.unwrap_or_default().0),
    );
    Ok(Authorization {
        chain_id,
        address: delegate,
        nonce,
        authority: signer(&signed),
    })
}

fn scalar(value: &Value, name: &str) -> Result<Option<U256>, RpcError> {
    // Some write all 32 bytes.
    let either = |name: &str, value: &Value| match word(name, value) {
        Ok(H256(bytes)) => Ok(U256::from_big_endian(&bytes)),
        Err(_) => uint(name, value),
    };
    read(value, name, either)
}

fn signer(signed: &SignedAuthorization) -> Option<quids_core::H160> {
    let signature = signed.signature().ok()?;
    let mut r_s = [0; 65];
    let (r, rest) = r_s.split_at_mut(32);
    r.copy_from_slice(&signature.r().to_be_bytes::<32>());
    rest.get_mut(..32)?.copy_from_slice(&signature.s().to_be_bytes::<32>());
    *rest.get_mut(32)? = signature.v().into();
    recover_secp256k1(&signed.signature_hash().0, &r_s).map(|account| quids_core::H160(account.0))
}
