//! Worst cases of the calls.

use crate::{Call, ChainPhase, Config, Pallet, weights};
use alloc::vec;
use alloc::vec::Vec;
use quids_core::{AccountId20, Weight};
use quids_support::{
    benchmark::{Benchmark, Benchmarks, Component},
    origin::Origin,
};

const WHO: Origin = Origin::Signed(AccountId20([1; 20]));
/// Bytes of the longest remark that is measured; the cost is linear.
const REMARK_MAX: u32 = 1 << 18;

impl<T: Config> Benchmarks for Pallet<T> {
    type Call = Call<T>;

    fn benchmarks() -> Vec<Benchmark<Call<T>>> {
        let bytes = || Component::new("bytes", 0, REMARK_MAX);
        let content = |[bytes]: [u32; 1]| vec![0x5a; bytes as usize];
        vec![
            Benchmark::new("remark", [bytes()], move |values| {
                let remark = content(values);
                Ok((WHO, Call::remark { remark }))
            }),
            Benchmark::new("remark_with_event", [bytes()], move |values| {
                let remark = content(values);
                Ok((WHO, Call::remark_with_event { remark }))
            }),
            Benchmark::new("set_phase", [], |[]| {
                let phase = ChainPhase::Hybrid;
                Ok((Origin::Root, Call::set_phase { phase }))
            }),
        ]
    }

    fn unmeasured() -> Vec<(&'static str, &'static str)> {
        let reason = "no key is made in WASM; what counts is the verification, which `quids bench crypto` measures";
        vec![("bind_key", reason), ("rotate_key", reason)]
    }

    fn generated(call: &str, components: &[u32]) -> Option<Weight> {
        weights::by_name(call, components)
    }
}
