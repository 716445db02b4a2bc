//! What the pool does, one check per behaviour. Transactions are described by their bytes: `requires>provides@priority`.

use quids_api::{InvalidTransaction, TransactionSource, TransactionValidity, UnknownTransaction, ValidTransaction};
use quids_core::{Hash, Height};
use quids_txpool::{Limits, Pool, PoolError, PoolEvent, TransactionStatus, Validator, hash_of};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Reads the verdict out of the bytes, except for what it is told otherwise.
#[derive(Default)]
struct Runtime {
    invalid: RefCell<BTreeMap<String, InvalidTransaction>>,
    satisfied: RefCell<BTreeSet<String>>,
    asked: RefCell<Vec<String>>,
}

impl Validator for Runtime {
    fn validate(&self, _: TransactionSource, bytes: &[u8]) -> Result<TransactionValidity, String> {
        let text = String::from_utf8(bytes.to_vec()).map_err(|e| e.to_string())?;
        self.asked.borrow_mut().push(text.clone());
        match text.as_str() {
            "trap" => return Err("unreachable".into()),
            "lookup" => {
                return Ok(Err(quids_api::TransactionValidityError::Unknown(
                    UnknownTransaction::CannotLookup,
                )));
            }
            "bad" => return Ok(Err(InvalidTransaction::BadProof.into())),
            _ => {}
        }
        if let Some(reason) = self.invalid.borrow().get(&text) {
            return Ok(Err((*reason).into()));
        }
        let (requires, rest) = text.split_once('>').unwrap();
        let (provides, priority) = rest.split_once('@').unwrap();
        let satisfied = self.satisfied.borrow();
        let tags = |list: &str| -> Vec<Vec<u8>> {
            list.split(',')
                .filter(|tag| !tag.is_empty())
                .map(|tag| tag.as_bytes().to_vec())
                .collect()
        };
        let requires = requires
            .split(',')
            .filter(|tag| !satisfied.contains(*tag))
            .collect::<Vec<_>>()
            .join(",");
        let (priority, longevity) = priority.split_once('/').unwrap_or((priority, "100"));
        Ok(Ok(ValidTransaction {
            priority: priority.trim_end_matches('x').parse().unwrap(),
            requires: tags(&requires),
            provides: tags(provides),
            longevity: longevity.parse().unwrap(),
            propagate: true,
        }))
    }
}

struct Case {
    pool: Pool,
    runtime: Runtime,
}

impl Case {
    fn new(max_count: usize, max_bytes: usize) -> Self {
        let limits = Limits {
            max_count,
            max_bytes,
            max_per_transaction_bytes: 64,
        };
        Self {
            pool: Pool::new(limits),
            runtime: Runtime::default(),
        }
    }

    fn submit(&mut self, text: &str) -> Result<String, PoolError> {
        let bytes = text.as_bytes().to_vec();
        let (hash, events) = self
            .pool
            .submit(&self.runtime, TransactionSource::External, bytes, Height(1))?;
        assert_eq!((hash, events[0].hash), (hash_of(text.as_bytes()), hash));
        Ok(show(&events, &NAMES.with_borrow(|names| names.clone())))
    }

    fn ready(&self) -> Vec<String> {
        self.pool
            .ready()
            .map(|tx| String::from_utf8(tx.bytes().to_vec()).unwrap())
            .collect()
    }
}

thread_local! {
    static NAMES: RefCell<BTreeMap<Hash, String>> = const { RefCell::new(BTreeMap::new()) };
}

fn name(text: &str) -> &str {
    NAMES.with_borrow_mut(|names| names.insert(hash_of(text.as_bytes()), text.to_owned()));
    text
}

fn show(events: &[PoolEvent], names: &BTreeMap<Hash, String>) -> String {
    let name = |hash: &Hash| names.get(hash).cloned().unwrap_or_else(|| "block".into());
    let mut parts: Vec<String> = events
        .iter()
        .map(|event| {
            let status = match &event.status {
                TransactionStatus::Usurped(by) => format!("usurped by {}", name(by)),
                TransactionStatus::InBlock(_) => "in block".into(),
                TransactionStatus::Invalid(reason) => format!("invalid: {reason}"),
                other => format!("{other:?}").to_lowercase(),
            };
            format!("{} {status}", name(&event.hash))
        })
        .collect();
    parts[1.min(events.len())..].sort();
    parts.join("; ")
}

/// Submits all; the events of the last one and the ready order must be as given.
#[track_caller]
fn check_submit(transactions: &[&str], last: Result<&str, PoolError>, ready: &[&str]) {
    let mut case = Case::new(4, 100);
    let mut result = Ok(String::new());
    for text in transactions {
        result = case.submit(name(text));
    }
    assert_eq!(result, last.map(str::to_owned), "{transactions:?}");
    assert_eq!(case.ready(), ready, "{transactions:?}");
}

#[test]
fn orders_by_dependency_then_priority_then_arrival() {
    check_submit(&[">a@1"], Ok(">a@1 ready"), &[">a@1"]);
    check_submit(&[">a@1", ">b@2"], Ok(">b@2 ready"), &[">b@2", ">a@1"]);
    check_submit(&[">b@1", ">a@1"], Ok(">a@1 ready"), &[">b@1", ">a@1"]);
    check_submit(&["a>b@9", ">a@1"], Ok(">a@1 ready; a>b@9 ready"), &[">a@1", "a>b@9"]);
    check_submit(&["a>b@9"], Ok("a>b@9 future"), &[]);
    check_submit(
        &["b>c@9", "a>b@9", ">a@1"],
        Ok(">a@1 ready; a>b@9 ready; b>c@9 ready"),
        &[">a@1", "a>b@9", "b>c@9"],
    );
    check_submit(
        &["a,b>c@9", ">a@1", ">b@2"],
        Ok(">b@2 ready; a,b>c@9 ready"),
        &[">b@2", ">a@1", "a,b>c@9"],
    );
    check_submit(&["a>b@1", "b>a@1"], Ok("b>a@1 future"), &[]);
    check_submit(&["a>a@1"], Ok("a>a@1 future"), &[]);
}

#[test]
fn replaces_only_with_a_higher_priority() {
    let low = |priority, existing| Err(PoolError::TooLowPriority { priority, existing });
    check_submit(&[">a@1", ">a@2"], Ok(">a@2 ready; >a@1 usurped by >a@2"), &[">a@2"]);
    check_submit(&[">a@2", ">a@2x"], low(2, 2), &[">a@2"]);
    check_submit(&[">a@2", ">a@1"], low(1, 2), &[">a@2"]);
    check_submit(&[">a@1", ">b@5", ">a,b@4"], low(4, 5), &[">b@5", ">a@1"]);
    check_submit(
        &[">a@1", ">b@3", ">a,b@4"],
        Ok(">a,b@4 ready; >a@1 usurped by >a,b@4; >b@3 usurped by >a,b@4"),
        &[">a,b@4"],
    );
    // What required the replaced one keeps its place if the new one provides the tag too, else it waits.
    check_submit(
        &[">a@1", "a>b@1", ">a@2"],
        Ok(">a@2 ready; >a@1 usurped by >a@2"),
        &[">a@2", "a>b@1"],
    );
    check_submit(
        &[">a,c@1", "a>b@1", ">c@2"],
        Ok(">c@2 ready; >a,c@1 usurped by >c@2; a>b@1 future"),
        &[">c@2"],
    );
}

#[test]
fn refuses_with_a_stable_code() {
    let size = 65;
    let long = format!(">{}@1", "a".repeat(size - 3));
    for (transactions, error, code) in [
        (vec![">a@1", ">a@1"], PoolError::AlreadyKnown(hash_of(b">a@1")), 401),
        (vec![long.as_str()], PoolError::TooLarge { size, max: 64 }, 402),
        (
            vec![">a@2", ">a@1"],
            PoolError::TooLowPriority {
                priority: 1,
                existing: 2,
            },
            404,
        ),
        (
            vec!["a>@1"],
            PoolError::Tags {
                requires: 1,
                provides: 0,
            },
            405,
        ),
        (vec!["trap"], PoolError::Runtime("unreachable".into()), 406),
        (vec!["bad"], PoolError::Invalid(InvalidTransaction::BadProof), 5),
        (
            vec!["lookup"],
            PoolError::Unknown(UnknownTransaction::CannotLookup),
            501,
        ),
    ] {
        let mut case = Case::new(4, 1000);
        let mut results: Vec<_> = transactions.iter().map(|text| case.submit(name(text))).collect();
        let found = results.pop().unwrap().unwrap_err();
        assert_eq!((found.code(), !found.to_string().is_empty()), (code, true));
        assert_eq!(found, error);
    }
}

#[test]
fn makes_room_at_the_limits() {
    let full = |count, bytes| Err(PoolError::Full { count, bytes });
    let four = [">a@2", ">b@3", ">c@4", ">d@5"];
    let with = |last| [&four[..], &[last]].concat();
    check_submit(&with(">e@2"), full(4, 16), &[">d@5", ">c@4", ">b@3", ">a@2"]);
    check_submit(
        &with(">e@3"),
        Ok(">e@3 ready; >a@2 dropped"),
        &[">d@5", ">c@4", ">b@3", ">e@3"],
    );
    // A future one never pushes out a ready one, and goes first.
    check_submit(&with("z>e@9"), full(4, 16), &[">d@5", ">c@4", ">b@3", ">a@2"]);
    check_submit(
        &[">a@2", ">b@3", ">c@4", "z>y@9", ">e@1"],
        Ok(">e@1 ready; z>y@9 dropped"),
        &[">c@4", ">b@3", ">a@2", ">e@1"],
    );
    // What others require stays; so does what the new one requires; a replacement needs no room.
    check_submit(
        &[">a@1", "a>b@7", ">c@4", ">d@5", ">e@6"],
        Ok(">e@6 ready; >c@4 dropped"),
        &[">e@6", ">d@5", ">a@1", "a>b@7"],
    );
    check_submit(
        &[">a@1", ">b@2", ">c@4", ">d@5", "a>e@9"],
        Ok("a>e@9 ready; >b@2 dropped"),
        &[">d@5", ">c@4", ">a@1", "a>e@9"],
    );
    check_submit(
        &with(">a@3"),
        Ok(">a@3 ready; >a@2 usurped by >a@3"),
        &[">d@5", ">c@4", ">b@3", ">a@3"],
    );

    // Bytes count too: one large transaction pushes out two small ones.
    let large = format!(">{}@9", "e".repeat(10));
    let mut case = Case::new(100, 20);
    for text in [">a@2", ">b@3", ">c@4"] {
        case.submit(name(text)).unwrap();
    }
    assert_eq!(
        case.submit(name(&large)).unwrap(),
        format!("{large} ready; >a@2 dropped; >b@3 dropped")
    );
    assert_eq!((case.pool.len(), case.pool.bytes()), (2, 17));
}

#[test]
fn follows_the_chain() {
    let mut case = Case::new(100, 1000);
    for text in [">a@1", "a>b@1", "b>c@1", ">x@5/3", ">y@1", "q>r@1"] {
        case.submit(name(text)).unwrap();
    }
    case.runtime.satisfied.borrow_mut().insert("a".into());
    case.runtime
        .invalid
        .borrow_mut()
        .insert(">y@1".into(), InvalidTransaction::Stale);
    case.runtime.asked.borrow_mut().clear();
    let names = NAMES.with_borrow(|names| names.clone());
    let block = Hash::repeat_byte(7);
    let included = [b"inherent".to_vec(), b">a@1".to_vec()];
    let events = case.pool.on_block(&case.runtime, block, &included, Height(2));
    assert_eq!(
        show(&events, &names),
        ">a@1 in block; >y@1 invalid: the nonce is too low: it was used already",
    );
    assert_eq!(events[0].status, TransactionStatus::InBlock(block));
    assert_eq!(case.ready(), [">x@5/3", "a>b@1", "b>c@1"]);
    assert!(case.pool.get(&hash_of(b"a>b@1")).unwrap().requires().is_empty());
    assert!(!case.runtime.asked.borrow().iter().any(|text| text == ">a@1"));

    // An author finds one that does not apply: what required it waits.
    let events = case
        .pool
        .remove_invalid(&hash_of(b"a>b@1"), InvalidTransaction::Payment.into());
    assert!(show(&events, &names).ends_with("b>c@1 future"), "{events:?}");
    assert_eq!(
        case.pool
            .remove_invalid(&hash_of(b"a>b@1"), InvalidTransaction::Payment.into()),
        []
    );

    // A block that holds a provider makes the requirer ready without the runtime.
    case.submit(name(">q@1")).unwrap();
    let events = case.pool.remove_included(block, &[hash_of(b">q@1")]);
    assert_eq!(
        show(&events, &NAMES.with_borrow(|names| names.clone())),
        ">q@1 in block"
    );
    assert!(case.ready().contains(&"q>r@1".to_owned()));
}

#[test]
fn a_transaction_is_named_by_its_encoding_with_the_length_prefix() {
    // One byte of compact length, two, four.
    for length in [0, 3, 63, 64, 16_383, 16_384, 100_000] {
        let bytes = vec![0xab; length];
        let encoded = codec::Encode::encode(&quids_core::OpaqueExtrinsic(bytes.clone()));
        assert_eq!(hash_of(&bytes).0, *blake3::hash(&encoded).as_bytes(), "{length}");
    }
}

#[test]
fn renews_a_bounded_number_of_verdicts_per_block() {
    let mut case = Case::new(1000, 100_000);
    for i in 0..300 {
        case.submit(name(&format!(">t{i}@1"))).unwrap();
    }
    case.submit(name(">z@1/1")).unwrap();
    for (height, expected) in [(2, 129), (3, 129), (4, 129), (5, 129)] {
        case.runtime.asked.borrow_mut().clear();
        case.pool.on_block(&case.runtime, Hash::zero(), &[], Height(height));
        assert_eq!(case.runtime.asked.borrow().len(), expected, "height {height}");
    }
}
