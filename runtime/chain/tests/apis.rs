//! What the runtime exports is what clients may call: the list of `quids_api::names`, no more and no less.

use std::collections::BTreeSet;

#[test]
fn every_named_api_is_exported_and_nothing_else() {
    let exported: BTreeSet<_> = quids_runtime::EXPORTED.iter().collect();
    let named: BTreeSet<_> = quids_api::names::ALL.iter().collect();
    assert_eq!(exported, named);
    assert_eq!(
        exported.len(),
        quids_runtime::EXPORTED.len(),
        "an API is exported twice"
    );
    assert!(quids_api::names::REQUIRED.iter().all(|name| named.contains(name)));
}
