//! The precompiled contracts: Ethereum's by hard fork, the post-quantum ones where the chain's configuration puts them.

mod abi;
mod dispatch;
mod ethereum;
mod iquantumsafe;
mod quantum;

pub(crate) use dispatch::requested;
pub use dispatch::{DISPATCH_CALL_MAX, DispatchGas};
pub use iquantumsafe::{BoundKey, CertificateOf, QSIGN_MESSAGE_MAX, Record, SigningStatus, request_slot};
pub(crate) use iquantumsafe::{SIGNING_REQUESTED, logged_message};
pub use quantum::{PrecompileMap, QHASH512_DOMAIN, gas};

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use dispatch::Dispatcher;
use iquantumsafe::Contract;
use quantum::Quantum;
use quids_core::H160;
use revm::{
    context::{Cfg, ContextTr, JournalTr, LocalContextTr},
    handler::{PrecompileProvider, precompile_output_to_interpreter_result},
    interpreter::{CallInputs, InterpreterResult},
    precompile::{PrecompileHalt, PrecompileOutput},
    primitives::{Address, AddressSet, Bytes, hardfork::SpecId},
};

/// How many addresses there are, with room: Ethereum's 18 and ours.
const ADDRESSES_EXPECTED: usize = 28;

/// The precompiles of one execution.
#[derive(Clone, Debug)]
pub struct QuidsPrecompiles {
    quantum: Option<PrecompileMap>,
    bound_key: BoundKey,
    dispatch_gas: DispatchGas,
    certificate: CertificateOf,
    /// From where to where, for simulations.
    moved: Vec<(Address, Address)>,
    /// `None` until the first `set_spec`.
    spec: Option<SpecId>,
    addresses: AddressSet,
}

/// What lies at an address.
enum Precompiled {
    Ethereum(revm::precompile::Precompile),
    Quantum(Quantum),
}

impl QuidsPrecompiles {
    /// With the post-quantum contracts at the addresses of `quantum`, in every hard fork; `None`: Ethereum's alone.
    /// `bound_key` answers for `qVerify` with a signer's address.
    pub fn new(quantum: Option<PrecompileMap>, bound_key: BoundKey) -> Self {
        Self {
            quantum,
            bound_key,
            dispatch_gas: |_| Err("there is no runtime here"),
            certificate: |_| Vec::new(),
            moved: Vec::new(),
            spec: None,
            addresses: AddressSet::default(),
        }
    }

    /// As these, with what says of calls of the runtime whether contracts may make them; without it they may make none.
    pub fn with_dispatch(mut self, dispatch_gas: DispatchGas) -> Self {
        self.dispatch_gas = dispatch_gas;
        self
    }

    /// As these, with what answers for `qSignature` of a signed request; without it such certificates are empty.
    pub fn with_certificates(mut self, certificate: CertificateOf) -> Self {
        self.certificate = certificate;
        self
    }

    /// As these, with the precompile at each first address found at the second instead (`eth_simulateV1`). An address
    /// without a precompile moves nothing.
    pub fn with_moved(mut self, moved: impl IntoIterator<Item = (H160, H160)>) -> Self {
        self.moved = moved
            .into_iter()
            .map(|(from, to)| (address(from), address(to)))
            .collect();
        self.spec = None;
        self
    }

    /// The precompile that calls of `at` reach.
    fn find(&self, at: &Address) -> Option<Precompiled> {
        if self.moved.is_empty() {
            return self.original(at);
        }
        match self.moved.iter().find(|(_, to)| to == at) {
            Some((from, _)) => self.original(from),
            None if self.moved.iter().any(|(from, _)| from == at) => None,
            None => self.original(at),
        }
    }

    /// The precompile whose own address this is.
    fn original(&self, at: &Address) -> Option<Precompiled> {
        // Nearly every call is to a contract: those whose addresses begin with anything are told apart at once.
        if let Some(found) = ethereum::find(self.spec?, at) {
            return Some(Precompiled::Ethereum(found));
        }
        self.quantum.as_ref()?.find(at).map(Precompiled::Quantum)
    }

    fn collect_addresses(&mut self) {
        let Some(spec) = self.spec else { return };
        let mut addresses = AddressSet::with_capacity_and_hasher(ADDRESSES_EXPECTED, Default::default());
        addresses.extend(ethereum::addresses(spec).chain(self.quantum.iter().flat_map(PrecompileMap::addresses)));
        if !self.moved.is_empty() {
            addresses.extend(self.moved.iter().map(|(_, to)| *to));
            addresses.retain(|at| self.find(at).is_some());
        }
        self.addresses = addresses;
    }

    fn execute<CTX>(
        &self,
        found: Precompiled,
        context: &mut CTX,
        inputs: &CallInputs,
    ) -> Result<PrecompileOutput, String>
    where
        CTX: ContextTr<Cfg: Cfg<Spec = SpecId>>,
    {
        let (gas_limit, reservoir) = (inputs.gas_limit, inputs.reservoir);
        match found {
            Precompiled::Ethereum(precompile) => precompile
                .execute(&inputs.input.as_bytes(context), gas_limit, reservoir)
                .map_err(|error| error.to_string()),
            Precompiled::Quantum(Quantum::Contract(home)) => {
                Contract::new(home, (self.bound_key, self.certificate), context, inputs).run()
            }
            Precompiled::Quantum(Quantum::Dispatch(home)) => {
                Ok(Dispatcher::new(home, self.dispatch_gas, context, inputs).run())
            }
            Precompiled::Quantum(function) => Ok(function.run(&inputs.input.as_bytes(context), gas_limit, reservoir)),
        }
    }
}

impl<CTX: ContextTr<Cfg: Cfg<Spec = SpecId>>> PrecompileProvider<CTX> for QuidsPrecompiles {
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: SpecId) -> bool {
        if self.spec == Some(spec) {
            return false;
        }
        self.spec = Some(spec);
        self.collect_addresses();
        true
    }

    fn run(&mut self, context: &mut CTX, inputs: &CallInputs) -> Result<Option<InterpreterResult>, String> {
        let Some(found) = self.find(&inputs.bytecode_address) else {
            return Ok(None);
        };
        let output = self.execute(found, context, inputs)?;
        // As revm's own provider: what failed a call of the transaction itself is told in the outcome.
        if let Some(reason) = output.halt_reason()
            && !reason.is_oog()
            && context.journal().depth() == 1
        {
            let reason = reason.to_string();
            context.local_mut().set_precompile_error_context(reason);
        }
        Ok(Some(precompile_output_to_interpreter_result(output, inputs.gas_limit)))
    }

    fn warm_addresses(&self) -> &AddressSet {
        &self.addresses
    }

    fn contains(&self, at: &Address) -> bool {
        self.find(at).is_some()
    }
}

fn address(at: H160) -> Address {
    Address::new(at.0)
}

/// `bytes` for `gas`, or out of gas.
fn priced(gas: u64, limit: u64, reservoir: u64, bytes: impl FnOnce() -> Bytes) -> PrecompileOutput {
    if gas > limit {
        return PrecompileOutput::halt(PrecompileHalt::OutOfGas, reservoir);
    }
    PrecompileOutput::new(gas, bytes(), reservoir)
}

/// Words of 32 bytes that hold `length` bytes.
fn words(length: usize) -> u64 {
    u64::try_from(length.div_ceil(32)).unwrap_or(u64::MAX)
}

/// Why the database could not be read, for the execution that ends there.
fn database(error: impl core::fmt::Display) -> String {
    format!("the state could not be read: {error}")
}
