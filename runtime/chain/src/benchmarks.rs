//! The worst cases of this runtime's calls, and the exports by which `quids bench pallet` makes them. In the WASM only with
//! the feature `runtime-benchmarks`: chains have no such runtime.

use crate::{Balances, RuntimeCall, System, Template, Timestamp, Utility};
use alloc::{string::String, string::ToString, vec::Vec};
use codec::{DecodeAll, Encode};
use quids_core::{DispatchError, Weight};
use quids_support::{
    benchmark::{Benchmark, of_pallet},
    dispatch::{GetDispatchInfo, dispatch_transactional},
    origin::Origin,
};

/// Pallets that are not measured, and why.
pub const UNMEASURED: &[(&str, &str)] = &[
    (
        "Upgrade",
        "what counts is the host's trial run, which a block's limits bound",
    ),
    (
        "Qevm",
        "its weight is gas, which `quids bench evm` and `quids bench precompiles` measure",
    ),
    (
        "Pobpc",
        "what counts is signatures, whose keys are not made in WASM: `quids bench crypto`",
    ),
];

/// Pallet, call, and each component with its lowest and highest value.
pub type Listed = (String, String, Vec<(String, u32, u32)>);

/// Every benchmark, with its pallet's name.
pub fn all() -> Vec<(&'static str, Benchmark<RuntimeCall>)> {
    let all = of_pallet::<System, _>().chain(of_pallet::<Timestamp, _>());
    let all = all.chain(of_pallet::<Balances, _>()).chain(of_pallet::<Template, _>());
    all.chain(of_pallet::<Utility, _>()).collect()
}

/// What can be measured.
pub fn list() -> Vec<Listed> {
    let component = |of: &quids_support::benchmark::Component| (of.name.to_string(), of.low, of.high);
    let listed = |(pallet, benchmark): (&str, Benchmark<RuntimeCall>)| {
        let components = benchmark.components.iter().map(component).collect();
        (pallet.to_string(), benchmark.call.to_string(), components)
    };
    all().into_iter().map(listed).collect()
}

/// Sets the benchmark of this number up: the origin and the call, encoded, and what it declares.
pub fn set_up(number: u32, values: &[u32]) -> Result<(Vec<u8>, Weight), String> {
    let found = usize::try_from(number)
        .ok()
        .and_then(|number| all().into_iter().nth(number));
    let (_, benchmark) = found.ok_or("there is no such benchmark")?;
    let (origin, call) = benchmark.set_up(values)?;
    let weight = call.dispatch_info().weight;
    Ok(((origin, call).encode(), weight))
}

/// The origin and the call of a set-up.
fn made(encoded: &[u8]) -> Result<(Origin, RuntimeCall), String> {
    <(Origin, RuntimeCall)>::decode_all(&mut &encoded[..]).map_err(|error| error.to_string())
}

/// Decodes the call: what there is to be done before it is made.
pub fn decode(encoded: &[u8]) -> Result<(), String> {
    made(encoded).map(drop)
}

/// Makes the call.
pub fn dispatch(encoded: &[u8]) -> Result<Result<(), DispatchError>, String> {
    let (origin, call) = made(encoded)?;
    let made = dispatch_transactional(call, origin);
    Ok(made.map(drop).map_err(|failed| failed.error))
}

#[cfg(target_arch = "wasm32")]
mod exports {
    use super::*;
    use codec::Decode;

    fn input<I: Decode>(bytes: &[u8]) -> I {
        match I::decode_all(&mut &bytes[..]) {
            Ok(input) => input,
            Err(error) => panic!("the input of a benchmark does not decode: {error}"),
        }
    }

    macro_rules! exports {
        ($($name:ident($bytes:ident) $body:expr)*) => {
            $(
                /// # Safety
                /// `pointer` and `length` describe a buffer of `quids_alloc`, filled by the host.
                #[unsafe(no_mangle)]
                unsafe extern "C" fn $name(pointer: u32, length: u32) -> u64 {
                    // SAFETY: the host's promise, passed on.
                    unsafe { quids_io::guest::entry(pointer, length, |$bytes: &[u8]| $body.encode()) }
                }
            )*
        };
    }

    exports! {
        Benchmark_list(_bytes) list()
        Benchmark_set_up(bytes) { let (number, values): (u32, Vec<u32>) = input(bytes); set_up(number, &values) }
        Benchmark_decode(bytes) decode(&input::<Vec<u8>>(bytes))
        Benchmark_dispatch(bytes) dispatch(&input::<Vec<u8>>(bytes))
    }
}
