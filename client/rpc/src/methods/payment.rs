//! `payment_*`: what an extrinsic costs, from the runtime's fee API.

use super::{Module, Registered, block_or_best, method};
use crate::Backend;
use crate::error::{RpcError, from_runtime_call, undecodable};
use crate::json;
use crate::params::Arguments;
use codec::{DecodeAll, Encode};
use quids_api::{FeeDetails, RuntimeDispatchInfo, names};

pub fn register(module: &mut Module) -> Registered {
    method(module, "payment_queryInfo", &[], |node, arguments| {
        let info: RuntimeDispatchInfo = ask(node, arguments, names::PAYMENT_QUERY_INFO)?;
        Ok(json::dispatch_info(&info))
    })?;
    method(module, "payment_queryFeeDetails", &[], |node, arguments| {
        let details: FeeDetails = ask(node, arguments, names::PAYMENT_QUERY_FEE_DETAILS)?;
        Ok(json::fee_details(&details))
    })
}

/// `len` is the length of the whole encoding, as Substrate counts it.
fn ask<T: DecodeAll>(node: &dyn Backend, arguments: &mut Arguments, api: &str) -> Result<T, RpcError> {
    let mut input = arguments.extrinsic()?.encode();
    let at = block_or_best(node, arguments)?;
    // UNWRAP: a request is far shorter than 4 GiB (`Config::max_request_bytes` is a u32).
    let length = u32::try_from(input.len()).expect("an extrinsic fits its request");
    length.encode_to(&mut input);
    let answer = node.call(at, api, &input).map_err(from_runtime_call)?;
    T::decode_all(&mut &answer[..]).map_err(|_| undecodable("fee"))
}
