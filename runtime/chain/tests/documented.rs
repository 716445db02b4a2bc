//! Clients read what calls, events and errors mean from the metadata: each says it. And what contracts may call is a list.

use quids_core::{AccountId20, Balance};
use quids_runtime::{Runtime, RuntimeCall};
use quids_support::composition::Composition;
use scale_info::{MetaType, TypeDef};

#[test]
fn every_call_event_and_error_has_docs() {
    let mut seen = 0;
    for (_, pallet) in Runtime::pallets_metadata() {
        assert!(!pallet.docs.is_empty(), "pallet {} has no docs", pallet.name);
        let parts: [Option<MetaType>; 3] = [pallet.calls, pallet.event, pallet.error];
        for part in parts.into_iter().flatten() {
            let TypeDef::Variant(variants) = part.type_info().type_def else {
                panic!("{} has something that is no enum", pallet.name);
            };
            for variant in variants.variants {
                let words: String = variant.docs.concat();
                assert!(
                    !words.trim().is_empty(),
                    "{}::{} has no docs",
                    pallet.name,
                    variant.name
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "only {seen} were found");
}

#[test]
fn contracts_may_call_what_is_on_the_list_and_nothing_else() {
    let dest = AccountId20([1; 20]);
    let value = Balance(1);
    let batch = |calls: Vec<RuntimeCall>| RuntimeCall::from(pallet_utility::Call::batch_all { calls });
    let transfer = || RuntimeCall::from(pallet_balances::Call::transfer_keep_alive { dest, value });
    let set_root = || RuntimeCall::from(pallet_upgrade::Call::set_root { new: dest });
    let cases: [(RuntimeCall, bool); 10] = [
        (transfer(), true),
        (pallet_balances::Call::reserve { value }.into(), true),
        (pallet_template::Call::give { amount: 1 }.into(), true),
        (pallet_system::Call::remark_with_event { remark: vec![] }.into(), true),
        (batch(vec![transfer(), batch(vec![transfer()])]), true),
        (batch(vec![transfer(), batch(vec![set_root()])]), false),
        (set_root(), false),
        (
            pallet_balances::Call::force_set_balance {
                who: dest,
                new_free: value,
            }
            .into(),
            false,
        ),
        (pallet_utility::Call::batch { calls: vec![] }.into(), false),
        (pallet_pobpc::Call::leave {}.into(), false),
    ];
    for (call, open) in cases {
        assert_eq!(Runtime::is_open_to_contracts(&call), open, "{call:?}");
    }
}
