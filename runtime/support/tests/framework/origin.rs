//! Who may make a call.

use quids_support::prelude::*;

const ALICE: AccountId20 = AccountId20([1; 20]);
const BOB: AccountId20 = AccountId20([2; 20]);
const CAROL: AccountId20 = AccountId20([3; 20]);
const READ: Weight = cost::of(0, 1, 0);

quids_support::constant!(Admins: Vec<AccountId20> = vec![ALICE, BOB]);
quids_support::constant!(Nobody: Vec<AccountId20> = Vec::new());

/// One who is looked for.
struct EnsureCarol;

impl EnsureOrigin for EnsureCarol {
    type Success = AccountId20;
    const WEIGHT: Weight = READ;

    fn ensure(origin: Origin) -> Result<AccountId20, DispatchError> {
        ensure_signed(origin).and_then(|who| {
            if who == CAROL {
                Ok(who)
            } else {
                Err(DispatchError::BadOrigin)
            }
        })
    }

    fn passing() -> Option<Origin> {
        Some(Origin::Signed(CAROL))
    }
}

/// Those of `who` pass and nobody else, looking for them weighs so much, and so does one for benchmarks if there are any.
fn check<E: EnsureOrigin>(who: &[Origin], weight: Weight) {
    let accounts = [ALICE, BOB, CAROL].map(Origin::Signed);
    for origin in [Origin::None, Origin::Root].into_iter().chain(accounts) {
        let error = E::ensure(origin).err();
        let expected = (!who.contains(&origin)).then_some(DispatchError::BadOrigin);
        assert_eq!(error, expected, "{origin:?}");
    }
    assert_eq!(E::passing().is_some(), !who.is_empty());
    assert!(E::passing().is_none_or(|origin| E::ensure(origin).is_ok()));
    assert_eq!(E::WEIGHT, weight);
}

#[test]
fn each_lets_its_own_pass() {
    let [alice, bob, carol] = [ALICE, BOB, CAROL].map(Origin::Signed);
    type Either<A, B> = EitherOf<A, Anonymous<B>>;
    check::<EnsureRoot>(&[Origin::Root], Weight::ZERO);
    check::<EnsureSigned>(&[alice, bob, carol], Weight::ZERO);
    check::<EnsureSignedBy<Admins>>(&[alice, bob], Weight::ZERO);
    check::<EnsureSignedBy<Nobody>>(&[], Weight::ZERO);
    check::<EnsureCarol>(&[carol], READ);
    check::<Either<EnsureRoot, EnsureSignedBy<Admins>>>(&[Origin::Root, alice, bob], Weight::ZERO);
    check::<EitherOf<EnsureSignedBy<Nobody>, EnsureCarol>>(&[carol], READ);
    check::<Either<Anonymous<EnsureCarol>, EnsureCarol>>(&[carol], READ.saturating_mul(2));
}

#[test]
fn it_is_known_who_passes() {
    let alice = Origin::Signed(ALICE);
    assert_eq!(EnsureSigned::ensure(alice), Ok(ALICE));
    assert_eq!(EnsureSignedBy::<Admins>::ensure(alice), Ok(ALICE));
    assert_eq!(
        EitherOf::<EnsureCarol, EnsureSignedBy<Admins>>::ensure(alice),
        Ok(ALICE)
    );
    assert_eq!(Anonymous::<EnsureSigned>::ensure(alice), Ok(()));
}
