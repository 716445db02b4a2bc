//! stub
use quids_core::H160;
use revm::{context_interface::{ContextTr,Cfg}, handler::PrecompileProvider, interpreter::{CallInputs, InterpreterResult}, primitives::{AddressSet, hardfork::SpecId}};
use alloc::{string::String, vec::Vec};
use codec::{Encode,Decode}; use scale_info::TypeInfo;
/// stub
#[derive(Clone,Copy,PartialEq,Eq,Debug,Encode,Decode,TypeInfo)]
pub struct PrecompileMap { pub base: H160 }
impl PrecompileMap { pub fn at(_n: u16) -> Self { Self{base:H160::zero()} } pub fn named(&self) -> Vec<(&'static str, H160)> { Vec::new() } }
/// stub
pub struct QuidsPrecompiles { set: AddressSet }
impl QuidsPrecompiles { pub fn new(_s: SpecId, _m: Option<PrecompileMap>, _moved: &[(H160,H160)], _k: fn(&H160)->Option<(u8,Vec<u8>)>) -> Self { Self{set:AddressSet::default()} } }
impl<CTX: ContextTr<Cfg: Cfg<Spec = SpecId>>> PrecompileProvider<CTX> for QuidsPrecompiles {
  type Output = InterpreterResult;
  fn set_spec(&mut self, _s: SpecId) -> bool { false }
  fn run(&mut self, _c: &mut CTX, _i: &CallInputs) -> Result<Option<InterpreterResult>, String> { Ok(None) }
  fn warm_addresses(&self) -> &AddressSet { &self.set }
}
