//! The worst cases of this runtime's calls, and the exports by which `quids bench pallet` makes them. In the WASM only with
//! the feature `runtime-benchmarks`: chains have no such runtime.

use crate::{Balances, Pobpc, Qevm, RuntimeCall, System, Template, Timestamp, Upgrade, Utility};
use alloc::{string::String, string::ToString, vec::Vec};
use codec::{DecodeAll, Encode};
use quids_core::{DispatchError, Weight};
use quids_support::{
    benchmark::{Benchmark, Benchmarks, of_pallet},
    composition::PalletParts,
    dispatch::{GetDispatchInfo, dispatch_transactional},
    origin::Origin,
};

/// Pallet, call, and each component with its lowest and highest value.
pub type Listed = (String, String, Vec<(String, u32, u32)>);

macro_rules! of_pallets {
    ($($pallet:ident)*) => {
        /// Every benchmark, with its pallet's name.
        pub fn all() -> Vec<(&'static str, Benchmark<RuntimeCall>)> {
            let mut all = Vec::new();
            $(all.extend(of_pallet::<$pallet, _>());)*
            all
        }

        /// Pallet, call, and why the call's weight is by hand.
        pub fn unmeasured() -> Vec<(&'static str, &'static str, &'static str)> {
            let mut all = Vec::new();
            $(all.extend($pallet::unmeasured().into_iter().map(|(call, reason)| (<$pallet as PalletParts>::NAME, call, reason)));)*
            all
        }
    };
}

of_pallets!(System Timestamp Balances Upgrade Template Qevm Pobpc Utility);

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
