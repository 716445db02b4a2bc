//! Extrinsics, their signed payload, and eras.

use crate::{RuntimeCall, ledger::pallet::Call};
use quids_api::TransactionValidityError;
use quids_support::{
    extension::{Transaction, TransactionExtension},
    extrinsic::{CALL_DEPTH_MAX, Era, PAYLOAD_PLAIN_MAX, UncheckedExtrinsic},
    prelude::*,
};

/// A minimal extension: something in the extrinsic, something only signed.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct Tip(#[codec(compact)] pub u128);

impl TransactionExtension for Tip {
    const IDENTIFIER: &'static str = "Tip";
    type Implicit = u16;
    type Pre = ();
    fn implicit(&self) -> Result<u16, TransactionValidityError> {
        Ok(0xBEEF)
    }
    fn pre_dispatch(self, _: &Transaction<'_>) -> Result<(), TransactionValidityError> {
        Ok(())
    }
}

type Extrinsic = UncheckedExtrinsic<RuntimeCall, (Tip,)>;

fn note(length: usize) -> RuntimeCall {
    Call::write { note: vec![7; length] }.into()
}

#[test]
fn a_bare_extrinsic_is_its_version_and_its_call() {
    let extrinsic = Extrinsic {
        signature: None,
        call: note(1),
    };
    let bytes = extrinsic.encode();
    assert_eq!(bytes, [4, 4, 0, 4, 7]);
    assert_eq!(Extrinsic::from_bytes(&bytes), Ok(extrinsic));
    for refused in [
        &[3, 4, 0, 4, 7][..],
        &[5, 4, 0, 4, 7],
        &[4, 4, 0, 4, 7, 0],
        &[4, 4, 0, 4],
        &[0x84],
        &[],
    ] {
        assert!(Extrinsic::from_bytes(refused).is_err(), "{refused:?}");
    }
}

#[test]
fn calls_nested_too_deep_are_refused() {
    let nested = |depth: u32| {
        let call = (0..depth).fold(note(0), |call, _| Call::nested { call: Box::new(call) }.into());
        Extrinsic { signature: None, call }.encode()
    };
    assert!(Extrinsic::from_bytes(&nested(CALL_DEPTH_MAX)).is_ok());
    assert!(Extrinsic::from_bytes(&nested(CALL_DEPTH_MAX + 1)).is_err());
}

#[test]
fn the_payload_is_call_extensions_and_what_these_add() {
    let payload = Extrinsic::payload(&note(1), &(Tip(2),)).expect("the extension has its part");
    assert_eq!(payload, [4, 0, 4, 7, 2 << 2, 0xEF, 0xBE]);

    // 256 bytes are signed as they are, more as their hash.
    let overhead = Extrinsic::payload(&note(200), &(Tip(2),))
        .expect("the extension has its part")
        .len()
        - 200;
    let plain = Extrinsic::payload(&note(PAYLOAD_PLAIN_MAX - overhead), &(Tip(2),)).expect("as before");
    assert_eq!(plain.len(), PAYLOAD_PLAIN_MAX);
    let hashed = Extrinsic::payload(&note(PAYLOAD_PLAIN_MAX - overhead + 1), &(Tip(2),)).expect("as before");
    assert_eq!(hashed.len(), 32);
}

#[test]
fn eras_have_substrates_encoding() {
    check_era(Era::Immortal, &[0]);
    check_era(Era::mortal(64, 42), &[5 + 42 % 16 * 16, 42 / 16]);
    check_era(
        Era::mortal(32_768, 20_000),
        &[(14 + 2500 % 16 * 16) as u8, (2500 / 16) as u8],
    );
    assert_eq!(Era::mortal(64, 42), Era::Mortal { period: 64, phase: 42 });
    assert_eq!(
        Era::mortal(1_000_000, 1_000_001),
        Era::Mortal {
            period: 1 << 16,
            phase: 1_000_001 % (1 << 16) / 16 * 16
        }
    );
    assert_eq!(Era::mortal(0, 5), Era::Mortal { period: 4, phase: 1 });
}

fn check_era(era: Era, bytes: &[u8]) {
    assert_eq!(era.encode(), bytes);
    assert_eq!(Era::decode(&mut &bytes[..]), Ok(era));
}

#[test]
fn every_era_decodes_to_what_it_was() {
    for exponent in 2..=16 {
        let period = 1u64 << exponent;
        let quantize = (period >> 12).max(1);
        for phase in (0..period).step_by(quantize as usize) {
            let era = Era::Mortal { period, phase };
            assert_eq!(Era::decode(&mut &era.encode()[..]), Ok(era));
        }
    }
}

#[test]
fn every_two_bytes_are_one_era_or_none() {
    for bytes in (0..=u16::MAX).map(u16::to_le_bytes) {
        match Era::decode(&mut &bytes[..]) {
            Ok(Era::Immortal) => assert_eq!(bytes[0], 0),
            Ok(era @ Era::Mortal { period, phase }) => {
                assert!(phase < period && period.is_power_of_two());
                assert_eq!(era.encode(), bytes);
            }
            Err(_) => assert_ne!(bytes[0], 0),
        }
    }
    assert!(Era::decode(&mut &[5u8][..]).is_err());
}

#[test]
fn an_era_begins_before_and_ends_after_the_heights_it_covers() {
    let era = Era::mortal(4, 6);
    for current in 6..10 {
        assert_eq!((era.birth(current), era.death(current)), (6, 10));
    }
    assert_ne!(era.birth(10), 6);
    for current in 0..5_000 {
        let era = Era::mortal(64, current);
        assert_eq!(era.birth(current), current);
        assert_eq!(era.death(current + 63), current + 64);
    }
    assert_eq!((Era::Immortal.birth(9), Era::Immortal.death(9)), (0, u64::MAX));
}
