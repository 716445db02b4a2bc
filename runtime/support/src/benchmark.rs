//! Worst cases of calls, from which weights are measured: each a set-up that leaves the state as the call finds it at its
//! most expensive, and the call.

use crate::{composition::PalletParts, origin::Origin};
use alloc::{boxed::Box, string::String, vec::Vec};
use quids_core::Weight;

/// What a call's cost grows with, such as the bytes of an argument; measured from `low` to `high`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Component {
    pub name: &'static str,
    pub low: u32,
    pub high: u32,
}

impl Component {
    pub const fn new(name: &'static str, low: u32, high: u32) -> Self {
        Self { name, low, high }
    }
}

/// Who calls, and what; or why it could not be set up.
pub type SetUp<Call> = Result<(Origin, Call), String>;

/// From a value for each component.
type SetUpOf<Call> = dyn Fn(&[u32]) -> SetUp<Call>;

/// From a call's name and a value for each component: the weight that was measured.
type Generated = fn(&str, &[u32]) -> Option<Weight>;

/// One worst case.
pub struct Benchmark<Call> {
    /// The call's name, as in metadata.
    pub call: &'static str,
    pub components: Vec<Component>,
    set_up: Box<SetUpOf<Call>>,
    generated: Generated,
}

impl<Call> Benchmark<Call> {
    /// `set_up` gets a value for each component.
    pub fn new<const N: usize>(
        call: &'static str,
        components: [Component; N],
        set_up: impl Fn([u32; N]) -> SetUp<Call> + 'static,
    ) -> Self {
        let set_up = move |values: &[u32]| match <[u32; N]>::try_from(values) {
            Ok(values) => set_up(values),
            Err(_) => Err(alloc::format!("{call} has {N} components, not {}", values.len())),
        };
        Self {
            call,
            components: components.into(),
            set_up: Box::new(set_up),
            generated: |_, _| None,
        }
    }

    /// The same, with the call as the runtime's.
    pub fn of_runtime<RuntimeCall: From<Call>>(self) -> Benchmark<RuntimeCall>
    where
        Call: 'static,
    {
        let set_up = self.set_up;
        Benchmark {
            call: self.call,
            components: self.components,
            set_up: Box::new(move |values| set_up(values).map(|(origin, call)| (origin, call.into()))),
            generated: self.generated,
        }
    }

    /// Writes the state that the worst case needs; the call to make on it.
    pub fn set_up(&self, values: &[u32]) -> SetUp<Call> {
        (self.set_up)(values)
    }

    /// What the pallet's generated `weights.rs` has for the call with these values; `None` if the pallet did not say or it has no
    /// such call.
    pub fn generated(&self, values: &[u32]) -> Option<Weight> {
        (self.generated)(self.call, values)
    }
}

/// A pallet that knows its worst cases. `quids bench pallet` measures them in the WASM runtime and on the database, the
/// pallet's tests make each once (`quids_testing::check_benchmarks`).
pub trait Benchmarks {
    type Call;
    /// One a call. Calls that are not here are in [`Self::unmeasured`].
    fn benchmarks() -> Vec<Benchmark<Self::Call>>;
    /// Calls without a benchmark, and why their weight is written by hand.
    fn unmeasured() -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
    /// The generated weight of a call: `weights::by_name`.
    fn generated(_call: &str, _components: &[u32]) -> Option<Weight> {
        None
    }
}

/// A pallet's benchmarks as the runtime's, each with the pallet's name.
pub fn of_pallet<P, RuntimeCall>() -> impl Iterator<Item = (&'static str, Benchmark<RuntimeCall>)>
where
    P: PalletParts + Benchmarks<Call: 'static>,
    RuntimeCall: From<<P as Benchmarks>::Call>,
{
    P::benchmarks().into_iter().map(|mut benchmark| {
        benchmark.generated = P::generated;
        (P::NAME, benchmark.of_runtime())
    })
}
