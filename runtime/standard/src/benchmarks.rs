//! The worst cases of a runtime's calls, as `quids bench pallet` asks for them. In the WASM only with the feature
//! `runtime-benchmarks`: chains have no such runtime.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use codec::{Decode, DecodeAll, Encode};
use quids_core::{DispatchError, Weight};
use quids_support::{
    benchmark::{Benchmark, Component},
    dispatch::{Dispatchable, GetDispatchInfo, dispatch_transactional},
    origin::Origin,
};

/// Pallet, call, and each component with its lowest and highest value.
pub type Listed = (String, String, Vec<(String, u32, u32)>);

/// What can be measured: `all` are benchmarks with their pallets' names.
pub fn list<Call>(all: Vec<(&str, Benchmark<Call>)>) -> Vec<Listed> {
    let component = |of: &Component| (of.name.to_string(), of.low, of.high);
    let listed = |(pallet, benchmark): (&str, Benchmark<Call>)| {
        let components = benchmark.components.iter().map(component).collect();
        (pallet.to_string(), benchmark.call.to_string(), components)
    };
    all.into_iter().map(listed).collect()
}

/// Sets the benchmark of this number up: the origin and the call, encoded, and what it declares.
pub fn set_up<Call: Encode + GetDispatchInfo>(
    all: Vec<(&str, Benchmark<Call>)>,
    number: u32,
    values: &[u32],
) -> Result<(Vec<u8>, Weight), String> {
    let found = usize::try_from(number)
        .ok()
        .and_then(|number| all.into_iter().nth(number));
    let (_, benchmark) = found.ok_or("there is no such benchmark")?;
    let (origin, call) = benchmark.set_up(values)?;
    let weight = call.dispatch_info().weight;
    Ok(((origin, call).encode(), weight))
}

/// The origin and the call of a set-up.
fn made<Call: Decode>(encoded: &[u8]) -> Result<(Origin, Call), String> {
    <(Origin, Call)>::decode_all(&mut &encoded[..]).map_err(|error| error.to_string())
}

/// Decodes the call: what there is to be done before it is made.
pub fn decode<Call: Decode>(encoded: &[u8]) -> Result<(), String> {
    made::<Call>(encoded).map(drop)
}

/// Makes the call.
pub fn dispatch<Call: Decode + Dispatchable>(encoded: &[u8]) -> Result<Result<(), DispatchError>, String> {
    let (origin, call) = made::<Call>(encoded)?;
    let made = dispatch_transactional(call, origin);
    Ok(made.map(drop).map_err(|failed| failed.error))
}

/// The input of an export.
///
/// # Panics
/// If the bytes do not decode to the end.
#[doc(hidden)]
pub fn input<I: Decode>(bytes: &[u8]) -> I {
    match I::decode_all(&mut &bytes[..]) {
        Ok(input) => input,
        Err(error) => panic!("the input of a benchmark does not decode: {error}"),
    }
}

/// `export_benchmarks!(all)`, where `all` is a function that gives a runtime's benchmarks with their pallets' names and
/// `RuntimeCall` is in scope: the functions `list`, `set_up`, `decode` and `dispatch`, and their exports.
#[macro_export]
macro_rules! export_benchmarks {
    ($all:ident) => {
        /// What can be measured.
        pub fn list() -> $crate::__private::Vec<$crate::benchmarks::Listed> {
            $crate::benchmarks::list($all())
        }

        /// Sets the benchmark of this number up: the origin and the call, encoded, and what it declares.
        pub fn set_up(
            number: u32,
            values: &[u32],
        ) -> Result<($crate::__private::Vec<u8>, $crate::__private::quids_core::Weight), $crate::__private::String> {
            $crate::benchmarks::set_up($all(), number, values)
        }

        /// Decodes the call: what there is to be done before it is made.
        pub fn decode(encoded: &[u8]) -> Result<(), $crate::__private::String> {
            $crate::benchmarks::decode::<RuntimeCall>(encoded)
        }

        /// Makes the call.
        pub fn dispatch(
            encoded: &[u8],
        ) -> Result<Result<(), $crate::__private::quids_core::DispatchError>, $crate::__private::String> {
            $crate::benchmarks::dispatch::<RuntimeCall>(encoded)
        }

        #[cfg(target_arch = "wasm32")]
        mod exports {
            $crate::__export_benchmark!(Benchmark_list(_bytes) super::list());
            $crate::__export_benchmark!(Benchmark_set_up(bytes) {
                let (number, values): (u32, $crate::__private::Vec<u32>) = $crate::benchmarks::input(bytes);
                super::set_up(number, &values)
            });
            $crate::__export_benchmark!(Benchmark_decode(bytes) super::decode(
                &$crate::benchmarks::input::<$crate::__private::Vec<u8>>(bytes)
            ));
            $crate::__export_benchmark!(Benchmark_dispatch(bytes) super::dispatch(
                &$crate::benchmarks::input::<$crate::__private::Vec<u8>>(bytes)
            ));
        }
    };
}

/// One export of [`export_benchmarks!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __export_benchmark {
    ($name:ident($bytes:ident) $body:expr) => {
        /// # Safety
        /// `pointer` and `length` describe a buffer of `quids_alloc`, filled by the host.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(pointer: u32, length: u32) -> u64 {
            let answer = |$bytes: &[u8]| $crate::__private::codec::Encode::encode(&$body);
            // SAFETY: the host's promise, passed on.
            unsafe { $crate::__private::quids_io::guest::entry(pointer, length, answer) }
        }
    };
}
