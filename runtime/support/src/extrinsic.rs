//! Extrinsics, version 4 of Substrate's format: `0x84 ‖ account ‖ signature ‖ extensions ‖ call`, or `0x04 ‖ call`.

use crate::extension::Extensions;
use alloc::{format, vec, vec::Vec};
use codec::{Decode, DecodeLimit, Encode, Error, Input, Output};
use quids_api::TransactionValidityError;
use quids_core::AccountId20;
use quids_crypto::AccountSignature;
use scale_info::{Path, Type, TypeInfo, TypeParameter, build::Fields, build::Variants, meta_type};

/// The version byte's low bits.
pub const VERSION: u8 = 4;
const SIGNED: u8 = 0x80;
/// How deep calls may contain calls.
pub const CALL_DEPTH_MAX: u32 = 32;
/// Payloads longer than this are signed as their BLAKE2b-256, as clients do it.
pub const PAYLOAD_PLAIN_MAX: usize = 256;

/// An extrinsic whose signature nobody has looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UncheckedExtrinsic<Call, Extra> {
    pub signature: Option<(AccountId20, AccountSignature, Extra)>,
    pub call: Call,
}

impl<Call: Encode + Decode, Extra: Extensions> UncheckedExtrinsic<Call, Extra> {
    /// Decodes all of `bytes`; trailing bytes and calls nested too deep are errors.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::decode_all_with_depth_limit(CALL_DEPTH_MAX, &mut &bytes[..])
    }

    /// The bytes that are signed: call, extensions, and what these add from the chain.
    pub fn payload(call: &Call, extra: &Extra) -> Result<Vec<u8>, TransactionValidityError> {
        let mut out = call.encode();
        extra.encode_to(&mut out);
        extra.append_implicit(&mut out)?;
        Ok(if out.len() > PAYLOAD_PLAIN_MAX {
            quids_io::hashing::blake2b_256(&out).to_vec()
        } else {
            out
        })
    }

    /// The bytes that the extrinsics root commits to: the extrinsic with its post-quantum signature emptied.
    pub fn without_signature(mut self) -> Vec<u8> {
        if let Some((_, signature, _)) = &mut self.signature {
            blank(signature);
        }
        self.encode()
    }
}

/// Empties a post-quantum signature; a recoverable one stays, since the account may hang on it alone.
fn blank(signature: &mut AccountSignature) {
    match signature {
        AccountSignature::MlDsa87 { signature, .. } => *signature = Default::default(),
        AccountSignature::Falcon512 { signature, .. } => *signature = Default::default(),
        AccountSignature::SphincsShake256f { signature, .. } => *signature = Default::default(),
        AccountSignature::Secp256k1(_) => {}
    }
}

impl<Call: Encode, Extra: Encode> Encode for UncheckedExtrinsic<Call, Extra> {
    fn encode_to<O: Output + ?Sized>(&self, out: &mut O) {
        match &self.signature {
            Some(signed) => {
                out.push_byte(SIGNED | VERSION);
                signed.encode_to(out);
            }
            None => out.push_byte(VERSION),
        }
        self.call.encode_to(out);
    }
}

impl<Call: Decode, Extra: Decode> Decode for UncheckedExtrinsic<Call, Extra> {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        let signature = match input.read_byte()? {
            byte if byte == SIGNED | VERSION => Some(Decode::decode(input)?),
            VERSION => None,
            _ => return Err("extrinsic version is not 4".into()),
        };
        Ok(Self {
            signature,
            call: Call::decode(input)?,
        })
    }
}

impl<Call: TypeInfo + 'static, Extra: TypeInfo + 'static> TypeInfo for UncheckedExtrinsic<Call, Extra> {
    type Identity = Self;
    /// Clients find address, call, signature and extension types as parameters of the type at this path.
    fn type_info() -> Type {
        Type::builder()
            .path(Path::new(
                "UncheckedExtrinsic",
                "sp_runtime::generic::unchecked_extrinsic",
            ))
            .type_params(vec![
                TypeParameter::new("Address", Some(meta_type::<AccountId20>())),
                TypeParameter::new("Call", Some(meta_type::<Call>())),
                TypeParameter::new("Signature", Some(meta_type::<AccountSignature>())),
                TypeParameter::new("Extra", Some(meta_type::<Extra>())),
            ])
            .composite(Fields::unnamed().field(|f| f.ty::<Vec<u8>>()))
    }
}

/// How long a transaction may be included. Substrate's encoding: one byte for immortal, two for mortal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Era {
    Immortal,
    /// `period`: a power of two from 4 to 65536 blocks; `phase`: the first height modulo the period.
    Mortal {
        period: u64,
        phase: u64,
    },
}

impl Era {
    /// The era of about `period` blocks that starts at `current`.
    pub fn mortal(period: u64, current: u64) -> Self {
        let period = period.checked_next_power_of_two().unwrap_or(1 << 16).clamp(4, 1 << 16);
        let quantize = (period >> 12).max(1);
        Self::Mortal {
            period,
            phase: current % period / quantize * quantize,
        }
    }

    /// The height whose block hash is signed: the last start of the era at or before `current`.
    pub fn birth(self, current: u64) -> u64 {
        match self {
            Self::Immortal => 0,
            Self::Mortal { period, phase } => {
                current
                    .max(phase)
                    .saturating_sub(phase)
                    .checked_div(period)
                    .unwrap_or(0)
                    * period
                    + phase
            }
        }
    }

    /// The first height at which the transaction is no longer valid.
    pub fn death(self, current: u64) -> u64 {
        match self {
            Self::Immortal => u64::MAX,
            Self::Mortal { period, .. } => self.birth(current).saturating_add(period),
        }
    }
}

impl Encode for Era {
    fn encode_to<O: Output + ?Sized>(&self, out: &mut O) {
        match self {
            Self::Immortal => out.push_byte(0),
            Self::Mortal { period, phase } => {
                let quantize = (period >> 12).max(1);
                let low = (period.trailing_zeros().saturating_sub(1)).clamp(1, 15) as u16;
                (low | ((phase / quantize) as u16) << 4).encode_to(out);
            }
        }
    }
}

impl Decode for Era {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        let first = input.read_byte()?;
        if first == 0 {
            return Ok(Self::Immortal);
        }
        let encoded = u64::from(first) | u64::from(input.read_byte()?) << 8;
        let period = 2u64 << (encoded % 16);
        let quantize = (period >> 12).max(1);
        let phase = (encoded >> 4) * quantize;
        if period >= 4 && phase < period {
            Ok(Self::Mortal { period, phase })
        } else {
            Err("era phase is not below its period".into())
        }
    }
}

impl TypeInfo for Era {
    type Identity = Self;
    /// One variant a first byte, as clients without a built-in era type need it.
    fn type_info() -> Type {
        let mut variants = Variants::new().variant("Immortal", |v| v.index(0));
        for index in 1..=255u8 {
            // A name must be static; metadata is made once per call of a runtime API, whose heap is then forgotten.
            let name: &'static str = format!("Mortal{index}").leak();
            variants = variants.variant(name, |v| {
                v.index(index).fields(Fields::unnamed().field(|f| f.ty::<u8>()))
            });
        }
        Type::builder()
            .path(Path::new("Era", "sp_runtime::generic::era"))
            .variant(variants)
    }
}
