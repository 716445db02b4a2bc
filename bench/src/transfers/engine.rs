//! The two forms of the runtime: WASM in a session, as the node runs it, and the same code compiled natively.

use crate::Result;
use codec::{Decode, Encode};
use quids_executor::{Executor, ExecutorConfig, Session};
use quids_io::{Externalities, within};

pub enum Engine {
    /// Boxed: a session is large.
    Wasm(Box<Session>),
    Native,
}

impl Engine {
    /// The runtime that nodes start with.
    pub fn wasm() -> Result<Self> {
        if quids_runtime_wasm::WASM.is_empty() {
            return Err("this binary was built with QUIDS_SKIP_WASM_BUILD: it has no runtime".into());
        }
        Self::of(quids_runtime_wasm::WASM)
    }

    /// A runtime's code.
    pub fn of(code: &[u8]) -> Result<Self> {
        let executor = Executor::new(ExecutorConfig::default())?;
        Ok(Self::Wasm(Box::new(executor.load(code)?.session()?)))
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Wasm(_) => "WASM",
            Self::Native => "native",
        }
    }

    pub fn call(&mut self, state: &mut dyn Externalities, api: &str, input: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Wasm(session) => Ok(session.call(state, api, input)?),
            Self::Native => within(state, || quids_runtime::call(api, input))
                .ok_or_else(|| format!("the runtime has no API {api}").into()),
        }
    }

    pub fn call_typed<O: Decode>(
        &mut self,
        state: &mut dyn Externalities,
        api: &str,
        input: &impl Encode,
    ) -> Result<O> {
        let output = self.call(state, api, &input.encode())?;
        O::decode(&mut output.as_slice()).map_err(|error| format!("the output of {api}: {error}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quids_api::names;
    use quids_core::{Balance, Weight};
    use quids_io::MemoryExternalities;

    /// 128-bit arithmetic is where WASM and native code differ most.
    #[test]
    fn both_engines_compute_the_same_fees() {
        let mut wasm = Engine::wasm().unwrap();
        let mut state = MemoryExternalities::default();
        let mut fee = |engine: &mut Engine, api, input: &dyn Fn() -> Vec<u8>| {
            Balance::decode(&mut engine.call(&mut state, api, &input()).unwrap().as_slice()).unwrap()
        };
        for value in (0..64)
            .map(|shift| 1u64 << shift)
            .flat_map(|value| [value - 1, value, value + 1, value.saturating_mul(3)])
        {
            for weight in [Weight::new(value, 0), Weight::new(0, value), Weight::new(value, value)] {
                let input = || weight.encode();
                let api = names::PAYMENT_WEIGHT_TO_FEE;
                assert_eq!(
                    fee(&mut wasm, api, &input),
                    fee(&mut Engine::Native, api, &input),
                    "{weight:?}"
                );
            }
            let input = || (value as u32).encode();
            let api = names::PAYMENT_LENGTH_TO_FEE;
            assert_eq!(
                fee(&mut wasm, api, &input),
                fee(&mut Engine::Native, api, &input),
                "{value} bytes"
            );
        }
    }
}
