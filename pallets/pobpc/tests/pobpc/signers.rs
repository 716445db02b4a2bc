//! Committees as those who sign for contracts: which one is asked, and what it has to prove.

use crate::mock::*;
use pallet_pobpc::{Call, CurrentParameters, Parameters};
use quids_core::{Hash, Height};
use quids_crypto::KeyPair;
use quids_pobpc::{SeatIndex, SigningCertificate, SigningRequest, Threshold};
use quids_support::{origin::Origin, traits::Signers};
use quids_testing::TestRuntime;

fn request() -> SigningRequest {
    SigningRequest {
        chain_id: 1,
        requester: account(200),
        handle: Hash::repeat_byte(3),
        message_hash: Hash::repeat_byte(4),
    }
}

/// Of the committee of a height, by the validators in these seats.
fn certificate(height: u32, by: &[u16]) -> SigningCertificate {
    let height = Height(height);
    let committee = Pobpc::committee_at(height);
    let bytes = request().signed_bytes(&GENESIS, height);
    let key = |seat: &u16| -> &KeyPair {
        let seat = committee.as_ref().and_then(|all| all.seat(SeatIndex(*seat)));
        let public = seat.map_or(key(1).public(), |seat| &seat.key);
        (1..=12).map(key).find(|pair| pair.public() == public).unwrap()
    };
    let sign = |seat: &u16| (SeatIndex(*seat), key(seat).sign(&bytes));
    SigningCertificate {
        height,
        signatures: by.iter().map(sign).collect(),
    }
}

fn has_signed(height: u32, by: &[u16]) -> bool {
    Pobpc::has_signed(&request(), &certificate(height, by))
}

#[test]
fn a_quorum_of_the_heights_committee_signs() {
    with_validators("ffffw", || {
        blocks(4);
        start(account(1));
        for (by, is_signed) in [
            (&[0, 1, 2, 4][..], true),
            (&[0, 1, 2, 3, 4], true),
            (&[0, 1, 2], false),
            (&[0, 1, 2, 5], false),
        ] {
            assert_eq!(has_signed(5, by), is_signed, "{by:?}");
        }
        for height in 1..=5 {
            assert!(
                Pobpc::are_there(Height(height)) && has_signed(height, &[0, 1, 2, 3]),
                "{height}"
            );
        }
        assert!(!Pobpc::are_there(Height(6)) && !has_signed(6, &[0, 1, 2, 3]));
        let other = SigningRequest {
            chain_id: 2,
            ..request()
        };
        assert!(!Pobpc::has_signed(&other, &certificate(5, &[0, 1, 2, 3])));
        // What decides more decides this too.
        let parameters = Parameters {
            consensus_threshold: Threshold::new(1_000_000).unwrap(),
            ..CurrentParameters::<Runtime>::get()
        };
        Runtime::call(Origin::Root, Call::<Runtime>::set_parameters { parameters }).unwrap();
        assert!(!has_signed(5, &[0, 1, 2, 3]) && has_signed(5, &[0, 1, 2, 3, 4]));
    });
    with_genesis(serde_json::json!({}), || {
        start_with(None, Vec::new());
        assert!(!Pobpc::are_there(Height(1)) && !has_signed(1, &[0]));
    });
}

/// Where committees are drawn, one's signatures are none of another's.
#[test]
fn each_height_has_signers_of_its_own() {
    with_validators("ffffffffffff", || {
        blocks(12);
        let certificates: Vec<_> = (6..12).map(|height| certificate(height, &[0, 1, 2, 3, 4])).collect();
        let distinct =
            (6..12).filter(|height| Pobpc::committee_at(Height(*height)) != Pobpc::committee_at(Height(height + 1)));
        assert!(distinct.count() > 0);
        for right in certificates {
            assert!(Pobpc::has_signed(&request(), &right));
            let wrong = SigningCertificate {
                height: right.height.next().unwrap(),
                ..right
            };
            assert!(!Pobpc::has_signed(&request(), &wrong));
        }
    });
}
