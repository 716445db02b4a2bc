//! `payment_*`: what an extrinsic costs, from the runtime's fee API.

use super::block_or_best;
use super::registry::{Registered, Registry, method};
use crate::error::{self, RpcError, from_runtime_call, undecodable};
use crate::params::Arguments;
use crate::spec::shapes::{AT, EXTRINSIC};
use crate::spec::{Field, Method, Schema};
use crate::{Backend, BackendError, json};
use codec::{DecodeAll, Encode};
use quids_api::{FeeDetails, RuntimeDispatchInfo, names};

const ERRORS: &[i32] = &[error::RUNTIME, error::DECODE, error::BAD_EXTRINSIC, error::CLIENT];

const DISPATCH_INFO: Schema = Schema::Named(
    "RuntimeDispatchInfo",
    &Schema::Object(&[
        Field::required(
            "weight",
            Schema::Object(&[
                Field::required("ref_time", Schema::Number, "picoseconds"),
                Field::required("proof_size", Schema::Number, "bytes"),
            ]),
            "",
        ),
        Field::required("class", Schema::Word(&["normal", "operational", "mandatory"]), ""),
        Field::required("partialFee", Schema::Decimal, "without the tip"),
    ]),
);

const FEE_DETAILS: Schema = Schema::Named(
    "FeeDetails",
    &Schema::Object(&[Field::required(
        "inclusionFee",
        Schema::Nullable(&Schema::Object(&[
            Field::required("baseFee", Schema::Quantity, ""),
            Field::required("lenFee", Schema::Quantity, ""),
            Field::required("adjustedWeightFee", Schema::Quantity, ""),
        ])),
        "null if the extrinsic pays none",
    )]),
);

pub fn register(registry: &mut Registry) -> Registered {
    method(
        registry,
        const {
            &Method::new(
                "payment_queryInfo",
                "Weight, class and fee of an extrinsic.",
                &[EXTRINSIC, AT],
                DISPATCH_INFO,
            )
            .errors(ERRORS)
        },
        |node, arguments| {
            let info: RuntimeDispatchInfo = ask(node, arguments, names::PAYMENT_QUERY_INFO)?;
            Ok(json::dispatch_info(&info))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "payment_queryFeeDetails",
                "The parts of an extrinsic's fee.",
                &[EXTRINSIC, AT],
                FEE_DETAILS,
            )
            .errors(ERRORS)
        },
        |node, arguments| {
            let details: FeeDetails = ask(node, arguments, names::PAYMENT_QUERY_FEE_DETAILS)?;
            Ok(json::fee_details(&details))
        },
    )
}

/// `len` is the length of the whole encoding, as Substrate counts it.
fn ask<T: DecodeAll>(node: &dyn Backend, arguments: &Arguments, api: &str) -> Result<T, RpcError> {
    let mut input = arguments.extrinsic()?.encode();
    let at = block_or_best(node, arguments, "at")?;
    // UNWRAP: a request is far shorter than 4 GiB (`Config::max_request_bytes` is a u32).
    let length = u32::try_from(input.len()).expect("an extrinsic fits its request");
    length.encode_to(&mut input);
    let answer = node.call(at, api, &input).map_err(|cause| match cause {
        // The runtime has no way to refuse but to panic: bytes that are no extrinsic of this chain.
        BackendError::Execution(reason) => {
            let data = format!("code 105: the runtime tells no fee for this extrinsic: {reason}");
            RpcError::owned(error::RUNTIME, "Unable to query dispatch info.", Some(data))
        }
        cause => from_runtime_call(cause),
    })?;
    T::decode_all(&mut &answer[..]).map_err(|_| undecodable("fee"))
}
