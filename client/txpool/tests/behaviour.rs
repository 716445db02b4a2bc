//! What the pool does, one check per behaviour. Transactions are described by their bytes:
//! `requires>provides@priority`, then `/longevity`, `#sender` and `!` for a local one, as far as they are wanted.

use quids_api::{
    InvalidTransaction, TransactionSource, TransactionValidityError, UnknownTransaction, ValidTransaction,
};
use quids_core::{AccountId20, Hash, Height};
use quids_txpool::{Limits, Pool, PoolError, PoolEvent, PoolStatus, Renewal, Submission, TransactionStatus, hash_of};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// A pool, and a runtime that reads its verdicts out of the bytes, except for what it is told otherwise.
struct Case {
    pool: Pool,
    height: Height,
    invalid: BTreeMap<String, InvalidTransaction>,
    unanswered: BTreeSet<String>,
    satisfied: BTreeSet<String>,
    asked: Vec<String>,
}

fn tags(list: &str) -> Vec<String> {
    list.split(',')
        .filter(|tag| !tag.is_empty())
        .map(str::to_owned)
        .collect()
}

impl Case {
    fn new(max_count: usize, max_bytes: usize) -> Self {
        Self::with(Limits {
            max_count,
            max_bytes,
            max_per_transaction_bytes: 64,
            ..Limits::default()
        })
    }

    fn with(limits: Limits) -> Self {
        Self {
            pool: Pool::new(limits, Height(1)),
            height: Height(1),
            invalid: BTreeMap::new(),
            unanswered: BTreeSet::new(),
            satisfied: BTreeSet::new(),
            asked: Vec::new(),
        }
    }

    fn verdict(&mut self, text: &str) -> Renewal {
        self.asked.push(text.into());
        if self.unanswered.contains(text) {
            return Renewal::Unanswered;
        }
        if let Some(reason) = self.invalid.get(text) {
            return Renewal::Invalid((*reason).into());
        }
        let text = text.trim_end_matches('!');
        let text = text.split_once('#').map_or(text, |(text, _)| text);
        let (requires, rest) = text.split_once('>').unwrap();
        let (provides, priority) = rest.split_once('@').unwrap();
        let (priority, longevity) = priority.split_once('/').unwrap_or((priority, "100"));
        let as_bytes = |tags: Vec<String>| tags.into_iter().map(String::into_bytes).collect::<Vec<_>>();
        let mut requires = tags(requires);
        requires.retain(|tag| !self.satisfied.contains(tag));
        Renewal::Valid(ValidTransaction {
            priority: priority.trim_end_matches('x').parse().unwrap(),
            requires: as_bytes(requires),
            provides: as_bytes(tags(provides)),
            longevity: longevity.parse().unwrap(),
            propagate: !text.contains('x'),
        })
    }

    fn submission(&mut self, text: &str) -> Submission {
        name(text);
        let sender = text
            .split_once('#')
            .map(|(_, rest)| AccountId20([rest.as_bytes()[0]; 20]));
        let Renewal::Valid(verdict) = self.verdict(text) else {
            panic!("{text}")
        };
        Submission {
            bytes: text.as_bytes().into(),
            source: if text.ends_with('!') {
                TransactionSource::Local
            } else {
                TransactionSource::External
            },
            sender,
            verdict,
            validated_at: self.height,
        }
    }

    fn submit(&mut self, text: &str) -> Result<String, PoolError> {
        let submission = self.submission(text);
        let (hash, events) = self.pool.submit(submission)?;
        assert_eq!((hash, events[0].hash), (hash_of(text.as_bytes()), hash));
        Ok(show(&events))
    }

    #[track_caller]
    fn submit_all(&mut self, transactions: &[&str]) {
        for text in transactions {
            self.submit(text).unwrap();
        }
    }

    /// A block of these transactions, and everything that is due after it.
    fn block(&mut self, included: &[&str], code_changed: bool) -> String {
        let mut events = self.tell(included, code_changed);
        events.extend(self.renew_all());
        show(&events)
    }

    fn tell(&mut self, included: &[&str], code_changed: bool) -> Vec<PoolEvent> {
        self.height = self.height.next().unwrap();
        let included: Vec<Hash> = included.iter().map(|text| hash_of(text.as_bytes())).collect();
        self.pool.on_block(BLOCK, &included, self.height, code_changed)
    }

    fn renew_all(&mut self) -> Vec<PoolEvent> {
        self.asked.clear();
        let mut events = Vec::new();
        loop {
            let due = self.pool.due(3);
            if due.is_empty() {
                return events;
            }
            for due in due {
                assert_eq!(hash_of(&due.bytes), due.hash);
                let renewal = self.verdict(str::from_utf8(&due.bytes).unwrap());
                events.extend(self.pool.renew(&due.hash, renewal, self.height));
            }
        }
    }

    fn ready(&self) -> Vec<String> {
        let ready = self.pool.ready();
        ready
            .map(|tx| String::from_utf8(tx.bytes().to_vec()).unwrap())
            .collect()
    }
}

const BLOCK: Hash = Hash::repeat_byte(7);

thread_local! {
    static NAMES: RefCell<BTreeMap<Hash, String>> = const { RefCell::new(BTreeMap::new()) };
}

fn name(text: &str) {
    NAMES.with_borrow_mut(|names| names.insert(hash_of(text.as_bytes()), text.to_owned()));
}

/// The first event, then the others in the order of their text.
fn show(events: &[PoolEvent]) -> String {
    let name = |hash: &Hash| NAMES.with_borrow(|names| names[hash].clone());
    let mut parts: Vec<String> = events
        .iter()
        .map(|event| {
            let status = match &event.status {
                TransactionStatus::Usurped(by) => format!("usurped by {}", name(by)),
                TransactionStatus::InBlock(block) => {
                    assert_eq!(*block, BLOCK);
                    "in block".into()
                }
                TransactionStatus::Invalid(TransactionValidityError::Invalid(reason)) => format!("invalid {reason:?}"),
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
    check_submit_at(Case::new(4, 100), transactions, last, ready);
}

#[track_caller]
fn check_submit_at(mut case: Case, transactions: &[&str], last: Result<&str, PoolError>, ready: &[&str]) {
    let mut result = Ok(String::new());
    for text in transactions {
        result = case.submit(text);
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
fn replaces_only_with_a_tenth_more_priority() {
    let low = |priority, existing, needed| {
        Err(PoolError::TooLowPriority {
            priority,
            existing,
            needed,
        })
    };
    check_submit(&[">a@1", ">a@2"], Ok(">a@2 ready; >a@1 usurped by >a@2"), &[">a@2"]);
    check_submit(&[">a@2", ">a@2x"], low(2, 2, 3), &[">a@2"]);
    check_submit(&[">a@2", ">a@1"], low(1, 2, 3), &[">a@2"]);
    check_submit(&[">a@100", ">a@109"], low(109, 100, 110), &[">a@100"]);
    check_submit(
        &[">a@100", ">a@110"],
        Ok(">a@110 ready; >a@100 usurped by >a@110"),
        &[">a@110"],
    );
    check_submit(&[">a@109", ">a@118"], low(118, 109, 119), &[">a@109"]);
    let max = u64::MAX;
    check_submit(
        &[">a@18446744073709551615", ">a@18446744073709551615x"],
        low(max, max, u128::from(max) + u128::from(max / 10)),
        &[">a@18446744073709551615"],
    );
    check_submit(&[">a@1", ">b@5", ">a,b@5"], low(5, 5, 6), &[">b@5", ">a@1"]);
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
    // The new one requires what depends on the old one: neither can be ready, though the old one was.
    check_submit(
        &[">a@1", "a>b@1", "b>a@2"],
        Ok("b>a@2 future; >a@1 usurped by b>a@2; a>b@1 future"),
        &[],
    );
}

#[test]
fn refuses_with_a_stable_code() {
    let long = format!(">{}@1", "a".repeat(62));
    let too_low = PoolError::TooLowPriority {
        priority: 1,
        existing: 2,
        needed: 3,
    };
    let tags = PoolError::Tags {
        requires: 1,
        provides: 0,
    };
    for (transactions, error, code) in [
        (vec![">a@1", ">a@1"], PoolError::AlreadyKnown(hash_of(b">a@1")), 401),
        (vec![long.as_str()], PoolError::TooLarge { size: 65, max: 64 }, 402),
        (vec![">a@2", ">a@1"], too_low, 404),
        (vec!["a>@1"], tags, 405),
    ] {
        let mut case = Case::new(4, 1000);
        let mut results: Vec<_> = transactions.iter().map(|text| case.submit(text)).collect();
        let found = results.pop().unwrap().unwrap_err();
        assert_eq!((found.code(), found), (code, error));
    }
    let account = AccountId20([0xab; 20]);
    let (count, bytes) = (7, 9);
    for (error, code, says) in [
        (PoolError::Invalid(InvalidTransaction::BadProof), 5, "signature"),
        (PoolError::Invalid(InvalidTransaction::KEY_MISSING), 101, "no key"),
        (PoolError::Full { count, bytes }, 403, "7 transactions, 9 bytes"),
        (PoolError::Runtime("unreachable".into()), 406, "unreachable"),
        (PoolError::AccountFull { account, count, bytes }, 407, "0xabab"),
        (PoolError::Banned { until: Height(33) }, 408, "until block 33"),
        (PoolError::FutureFull { count, bytes }, 409, "7 transactions of 9 bytes"),
        (PoolError::Unknown(UnknownTransaction::CannotLookup), 501, ""),
        (PoolError::Unknown(UnknownTransaction::NoUnsignedValidator), 502, ""),
        (PoolError::Unknown(UnknownTransaction::Custom(7)), 607, ""),
    ] {
        assert_eq!(error.code(), code);
        let text = error.to_string();
        assert!(!text.is_empty() && text.contains(says), "{text}");
    }
}

#[test]
fn refuses_verdicts_with_absurd_tags_and_stays_as_it_is() {
    let many = |count: usize| (0..count).map(|n| n.to_le_bytes().to_vec()).collect::<Vec<_>>();
    for (requires, provides, is_taken) in [
        (many(0), many(Limits::TAGS_MAX), true),
        (many(0), many(Limits::TAGS_MAX + 1), false),
        (many(Limits::TAGS_MAX + 1), many(1), false),
        (vec![vec![0; Limits::TAG_BYTES_MAX]], many(1), true),
        (vec![vec![0; Limits::TAG_BYTES_MAX + 1]], many(1), false),
        (many(0), vec![vec![0; Limits::TAG_BYTES_MAX + 1]], false),
        (vec![vec![]], vec![vec![]], true),
        // The same tag often is one tag.
        (many(0), vec![vec![1]; Limits::TAGS_MAX], true),
    ] {
        let mut case = Case::new(4, 100);
        let mut submission = case.submission(">a@1");
        (submission.verdict.requires, submission.verdict.provides) = (requires, provides);
        let result = case.pool.submit(submission);
        let status = case.pool.status();
        assert_eq!(
            (result.is_ok(), status.ready + status.future),
            (is_taken, usize::from(is_taken))
        );
        case.pool.remove(&hash_of(b">a@1"));
        assert_eq!(
            (case.pool.len(), case.pool.bytes(), case.pool.provides(&[1])),
            (0, 0, false)
        );
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
        case.submit(text).unwrap();
    }
    assert_eq!(
        case.submit(&large).unwrap(),
        format!("{large} ready; >a@2 dropped; >b@3 dropped")
    );
    assert_eq!((case.pool.len(), case.pool.bytes()), (2, 17));
}

#[test]
fn what_waits_in_a_circle_makes_room_too() {
    // Neither is ready, so no ready transaction would wait for want of them.
    check_submit(
        &["a>b@9", "b>a@9", "c>c@9", ">d@1", ">e@1"],
        Ok(">e@1 ready; c>c@9 dropped"),
        &[">d@1", ">e@1"],
    );
}

#[test]
fn making_room_goes_up_a_chain_from_its_end() {
    // Two must go for the large one: the end of the chain, then what only that end kept.
    let mut case = Case::new(100, 20);
    case.submit_all(&[">a@1", "a>b@2", "b>c@3"]);
    assert_eq!(
        case.submit(">zzzzzzzzzz@9").unwrap(),
        ">zzzzzzzzzz@9 ready; a>b@2 dropped; b>c@3 dropped"
    );
    assert_eq!(case.ready(), [">zzzzzzzzzz@9", ">a@1"]);
}

#[test]
fn bounds_what_one_account_has() {
    let account = AccountId20([b's'; 20]);
    let full = |count, bytes| Err(PoolError::AccountFull { account, count, bytes });
    let limits = Limits {
        max_per_account_count: 4,
        max_per_account_bytes: 28,
        ..Limits::default()
    };
    let check = |transactions: &[&str], last: Result<&str, PoolError>| {
        let mut case = Case::with(limits);
        let results: Vec<_> = transactions.iter().map(|text| case.submit(text)).collect();
        assert!(results.iter().rev().skip(1).all(Result::is_ok), "{results:?}");
        assert_eq!(
            results.last().unwrap().clone().map(drop),
            last.map(drop),
            "{transactions:?}"
        );
    };
    let four = [">a@1#s", ">b@1#s", ">c@1#s", ">d@1#s"];
    check(&four, Ok(""));
    check(&[&four[..], &[">e@9#s"]].concat(), full(4, 24));
    check(&[&four[..], &[">e@1#t"]].concat(), Ok(""));
    check(&[&four[..], &[">e@1"]].concat(), Ok(""));
    check(&[&four[..], &[">a@2#s"]].concat(), Ok(""));
    check(&[&four[..3], &[">eeeeeeee@1#s"]].concat(), full(3, 18));
    // Of four, two may wait: whoever closes the gap finds room.
    check(&["a>b@1#s", "b>c@1#s", "c>d@1#s"], full(2, 14));
    check(&["a>b@1#s", "b>c@1#s", ">a@1#s"], Ok(""));
}

#[test]
fn bounds_what_waits_for_others() {
    let limits = |max_future_count, max_future_bytes| {
        Case::with(Limits {
            max_future_count,
            max_future_bytes,
            ..Limits::default()
        })
    };
    let full = |count, bytes| Err(PoolError::FutureFull { count, bytes });
    let two = ["x>a@2", "x>b@3"];
    let with = |last| [&two[..], &[last]].concat();
    check_submit_at(limits(2, 100), &with("x>c@2"), full(2, 10), &[]);
    check_submit_at(limits(2, 100), &with("x>c@3"), Ok("x>c@3 future; x>a@2 dropped"), &[]);
    check_submit_at(limits(2, 100), &with(">c@1"), Ok(">c@1 ready"), &[">c@1"]);
    check_submit_at(limits(9, 12), &with("x>c@2"), full(2, 10), &[]);
    check_submit_at(limits(9, 12), &with("x>c@9"), Ok("x>c@9 future; x>a@2 dropped"), &[]);
    // A replacement takes the place of its own kind.
    check_submit_at(
        limits(2, 100),
        &with("x>a@9"),
        Ok("x>a@9 future; x>a@2 usurped by x>a@9"),
        &[],
    );
}

#[test]
fn keeps_local_transactions_longest_but_not_without_bound() {
    let case = |max_count, max_local_count| {
        Case::with(Limits {
            max_count,
            max_local_count,
            ..Limits::default()
        })
    };
    check_submit_at(
        case(2, 9),
        &[">a@1!", ">b@5", ">c@7"],
        Ok(">c@7 ready; >b@5 dropped"),
        &[">c@7", ">a@1!"],
    );
    check_submit_at(
        case(2, 9),
        &[">a@8", ">b@5", ">c@1!"],
        Ok(">c@1! ready; >b@5 dropped"),
        &[">a@8", ">c@1!"],
    );
    check_submit_at(
        case(2, 9),
        &[">a@1!", ">b@2!", ">c@9"],
        Err(PoolError::Full { count: 2, bytes: 10 }),
        &[">b@2!", ">a@1!"],
    );
    check_submit_at(
        case(2, 9),
        &[">a@1!", ">b@2!", ">c@9!"],
        Ok(">c@9! ready; >a@1! dropped"),
        &[">c@9!", ">b@2!"],
    );
    // Past the bound a local transaction is one like others.
    check_submit_at(
        case(3, 1),
        &[">a@1!", ">b@2!", ">c@4", ">d@3"],
        Ok(">d@3 ready; >b@2! dropped"),
        &[">c@4", ">d@3", ">a@1!"],
    );
    // One that waits is kept before others that wait, but before none that is ready.
    check_submit_at(
        case(2, 9),
        &["x>a@9!", ">b@5", ">c@1"],
        Ok(">c@1 ready; x>a@9! dropped"),
        &[">b@5", ">c@1"],
    );
    check_submit_at(
        case(2, 9),
        &[">a@1", ">b@1", "x>c@9!"],
        Err(PoolError::Full { count: 2, bytes: 8 }),
        &[">a@1", ">b@1"],
    );
    check_submit_at(
        case(2, 9),
        &["x>a@1!", "x>b@9", ">c@1"],
        Ok(">c@1 ready; x>b@9 dropped"),
        &[">c@1"],
    );
}

#[test]
fn follows_the_chain() {
    let mut case = Case::new(100, 1000);
    case.submit_all(&[">a@1", "a>b@1", "b>c@1", ">x@5/3", ">y@1", "q>r@1"]);
    case.satisfied.insert("a".into());
    case.invalid.insert(">y@1".into(), InvalidTransaction::Stale);
    assert_eq!(
        case.block(&["inherent", ">a@1"], false),
        ">a@1 in block; >y@1 invalid Stale"
    );
    assert_eq!(case.ready(), [">x@5/3", "a>b@1", "b>c@1"]);
    assert!(case.pool.get(&hash_of(b"a>b@1")).unwrap().requires().is_empty());
    // What the block touched is asked about first, what it holds not at all.
    assert_eq!(case.asked[0], "a>b@1");
    assert!(!case.asked.contains(&">a@1".into()));

    // An author finds one that does not apply: what required it waits.
    let payment: TransactionValidityError = InvalidTransaction::Payment.into();
    let events = case.pool.remove_invalid(&hash_of(b"a>b@1"), payment);
    assert_eq!(show(&events), "a>b@1 invalid Payment; b>c@1 future");
    assert_eq!(case.pool.remove_invalid(&hash_of(b"a>b@1"), payment), []);

    // A block that holds a provider makes the requirer ready without the runtime.
    case.submit_all(&[">q@1"]);
    assert_eq!(show(&case.tell(&[">q@1"], false)), ">q@1 in block");
    assert!(case.ready().contains(&"q>r@1".to_owned()));
}

#[test]
fn a_whole_chain_in_a_block_leaves_what_comes_after_it_ready() {
    let mut case = Case::new(100, 1000);
    case.submit_all(&[">a@1", "a>b@1", "b>c@1", "c>d@1", "b,d>e@1"]);
    assert_eq!(
        show(&case.tell(&[">a@1", "a>b@1", "b>c@1"], false)),
        ">a@1 in block; a>b@1 in block; b>c@1 in block"
    );
    assert_eq!(case.ready(), ["c>d@1", "b,d>e@1"]);
    let due: Vec<_> = case.pool.due(9).into_iter().map(|due| due.hash).collect();
    assert_eq!(due[..2], [hash_of(b"c>d@1"), hash_of(b"b,d>e@1")]);
}

/// The chain has a block before the pool hears of it: the runtime then says that a transaction is stale, and it is in the block.
#[test]
fn what_a_block_holds_that_the_pool_has_not_heard_of_is_not_invalid() {
    for is_in_it in [true, false] {
        let mut case = Case::new(100, 1000);
        case.submit_all(&[">a@1", ">b@1"]);
        let stale = Renewal::Invalid(InvalidTransaction::Stale.into());
        let next = Height(case.height.0 + 1);
        assert_eq!(case.pool.renew(&hash_of(b">a@1"), stale, next), []);
        assert_eq!(case.ready(), [">a@1", ">b@1"]);
        let included = if is_in_it { vec![hash_of(b">a@1")] } else { vec![] };
        let events = case.pool.on_block(BLOCK, &included, next, false);
        assert_eq!(show(&events), if is_in_it { ">a@1 in block" } else { "" });
        // What is stale for another reason is found so after that block.
        case.height = next;
        case.invalid.insert(">a@1".into(), InvalidTransaction::Stale);
        let expected = if is_in_it { "" } else { ">a@1 invalid Stale" };
        assert_eq!(show(&case.renew_all()), expected);
    }
}

#[test]
fn a_verdict_that_a_block_overtook_is_asked_for_again() {
    // Submitted: the runtime said that it requires `a`, which is in a block by then.
    let mut case = Case::new(100, 1000);
    case.submit_all(&[">a@1"]);
    let late = case.submission("a>b@1");
    case.tell(&[">a@1"], false);
    let (_, events) = case.pool.submit(late).unwrap();
    assert_eq!(show(&events), "a>b@1 future");
    case.satisfied.insert("a".into());
    assert_eq!(show(&case.renew_all()), "a>b@1 ready");
    assert_eq!(case.asked, ["a>b@1"]);

    // Renewed: the same. What the block fulfilled is not required again.
    let mut case = Case::new(100, 1000);
    case.submit_all(&[">a@1", "a>b@1"]);
    let (old, before) = (case.verdict("a>b@1"), case.height);
    case.tell(&[">a@1"], false);
    assert_eq!(case.pool.renew(&hash_of(b"a>b@1"), old, before), []);
    assert_eq!(case.ready(), ["a>b@1"]);
    case.satisfied.insert("a".into());
    assert_eq!(
        (case.renew_all(), case.asked.clone()),
        (vec![], vec!["a>b@1".to_owned()])
    );
}

#[test]
fn renews_a_bounded_number_of_verdicts_per_block() {
    let mut case = Case::new(1000, 100_000);
    for i in 0..300 {
        case.submit(&format!(">t{i}@1")).unwrap();
    }
    case.submit_all(&[">z@1/1"]);
    for height in 2..6 {
        case.block(&[], false);
        assert_eq!(case.asked.len(), Limits::RENEWED_PER_BLOCK_MAX + 1, "height {height}");
        assert_eq!(case.asked[0], ">z@1/1", "what has ended comes first");
    }
    assert_eq!(case.pool.stats().renewed, 4 * 129);
}

#[test]
fn new_code_has_to_confirm_everything_the_best_first() {
    let mut case = Case::new(100, 1000);
    case.submit_all(&[">a@1", "a>b@9", ">c@5", "x>d@7", ">e@3", ">f@2"]);
    case.invalid.insert(">c@5".into(), InvalidTransaction::BadProof);
    assert_eq!(show(&case.tell(&[">f@2"], true)), ">f@2 in block");
    // Until then an author finds none of them, and a new one is not kept waiting behind them.
    assert_eq!(case.ready(), [""; 0]);
    case.submit_all(&[">n@1"]);
    assert_eq!(case.ready(), [">n@1"]);
    assert_eq!((case.pool.status().ready, case.pool.status().future), (5, 1));
    assert_eq!(show(&case.renew_all()), ">c@5 invalid BadProof");
    assert_eq!(case.asked, ["a>b@9", ">c@5", ">e@3", ">a@1", "x>d@7"]);
    assert_eq!(case.ready(), [">e@3", ">a@1", "a>b@9", ">n@1"]);

    // A verdict by the old code, which comes late, counts for nothing.
    let (old, before) = (case.verdict(">a@1"), case.height);
    case.tell(&[], true);
    case.pool.renew(&hash_of(b">a@1"), old, before);
    case.pool.renew(
        &hash_of(b">e@3"),
        Renewal::Invalid(InvalidTransaction::Call.into()),
        before,
    );
    assert_eq!((case.ready().len(), case.pool.len()), (0, 5));
    let late = Submission {
        validated_at: before,
        ..case.submission(">m@1")
    };
    case.pool.submit(late).unwrap();
    assert_eq!(case.ready(), [""; 0]);
    case.renew_all();
    assert_eq!(case.ready(), [">e@3", ">a@1", "a>b@9", ">n@1", ">m@1"]);
}

#[test]
fn new_code_may_give_other_tags() {
    let mut case = Case::new(100, 1000);
    case.submit_all(&[">a@2", "a>b@1", ">c@1"]);
    case.tell(&[], true);
    let verdict = |provides: &str, priority| {
        Renewal::Valid(ValidTransaction {
            priority,
            requires: vec![],
            provides: vec![provides.into()],
            longevity: 100,
            propagate: true,
        })
    };
    let height = case.height;
    let mut renew = |text: &str, renewal| show(&case.pool.renew(&hash_of(text.as_bytes()), renewal, height));
    // It would have to replace another and may not; it may; it leaves what required it waiting.
    assert_eq!(renew(">c@1", verdict("a", 1)), ">c@1 dropped");
    assert_eq!(renew(">a@2", verdict("b", 2)), "a>b@1 usurped by >a@2");
    assert_eq!(case.ready(), [">a@2"]);
}

#[test]
fn what_the_runtime_cannot_answer_is_asked_again_next_block() {
    let mut case = Case::new(100, 1000);
    case.submit_all(&[">a@1/1", ">b@1"]);
    case.unanswered.extend([">a@1/1".to_owned(), ">b@1".to_owned()]);
    for code_changed in [false, true, false] {
        assert_eq!(case.block(&[], code_changed), "");
        assert_eq!(case.asked.len(), 2, "once a block");
    }
    assert_eq!(case.pool.len(), 2);
    case.unanswered.clear();
    case.block(&[], false);
    assert_eq!(case.ready(), [">a@1/1", ">b@1"]);
}

#[test]
fn a_chain_taken_back_has_everything_judged_anew() {
    let mut case = Case::new(100, 1000);
    case.submit_all(&[">a@1", "a>b@1", ">c@1", ">d@1"]);
    case.invalid.insert(">c@1".into(), InvalidTransaction::Stale);
    assert_eq!(show(&case.tell(&[">a@1"], false)), ">a@1 in block");
    let verdict = case.verdict(">c@1");
    let events = case.pool.renew(&hash_of(b">c@1"), verdict, case.height);
    assert_eq!(show(&events), ">c@1 invalid Stale");
    assert_eq!(case.ready(), ["a>b@1", ">d@1"]);
    // Back to before the block: what it had fulfilled is missing again, what was invalid may not be.
    case.height = Height(1);
    case.pool.on_taken_back(case.height);
    case.invalid.clear();
    assert_eq!(show(&case.renew_all()), "a>b@1 future");
    assert_eq!(case.ready(), [">d@1"]);
    case.submit_all(&[">c@1", ">a@1"]);
    assert_eq!(case.ready(), [">d@1", ">c@1", ">a@1", "a>b@1"]);
    case.tell(&[">a@1"], false);
    assert_eq!(case.ready().len(), 3);
}

#[test]
fn what_is_not_renewed_in_time_expires() {
    let mut case = Case::new(100, 1000);
    case.submit_all(&[">a@1/1", "a>b@1/50", ">c@1/1"]);
    case.unanswered.insert(">a@1/1".into());
    case.invalid.insert(">c@1/1".into(), InvalidTransaction::BadProof);
    assert_eq!(case.block(&[], false), ">c@1/1 invalid BadProof");
    assert_eq!(
        (case.pool.stats().expired, case.pool.stats().invalid),
        (1, 0),
        "its time was over"
    );
    // The verdict of `a` ended at block 2; grace is 16 blocks.
    for _ in 3..19 {
        assert_eq!(case.block(&[], false), "");
    }
    assert_eq!(case.height, Height(18));
    assert_eq!(
        case.block(&[], false),
        ">a@1/1 invalid AncientBirthBlock; a>b@1/50 future"
    );
    assert_eq!((case.pool.stats().expired, case.pool.len()), (2, 1));
}

#[test]
fn what_turned_invalid_is_refused_for_some_blocks() {
    let mut case = Case::new(100, 1000);
    case.submit_all(&[">a@1", ">b@1", ">c@1"]);
    case.invalid.insert(">a@1".into(), InvalidTransaction::Payment);
    case.block(&[], false);
    case.invalid.clear();
    case.pool
        .remove_invalid(&hash_of(b">b@1"), InvalidTransaction::Stale.into());
    assert_eq!(show(&case.pool.remove(&hash_of(b">c@1"))), ">c@1 dropped");
    assert_eq!(case.pool.status().banned, 3);
    for text in [">a@1", ">b@1", ">c@1"] {
        let until = Height(2 + 16);
        assert_eq!(case.pool.check(text.as_bytes()), Err(PoolError::Banned { until }));
        assert_eq!(case.submit(text), Err(PoolError::Banned { until }));
    }
    assert_eq!(case.pool.stats().banned, 6);
    for _ in 2..18 {
        assert!(case.pool.check(b">a@1").is_err());
        case.block(&[], false);
    }
    assert_eq!(case.submit(">a@1").unwrap(), ">a@1 ready");
    // What had to make room is not refused.
    let mut case = Case::new(1, 100);
    case.submit_all(&[">a@1", ">b@2"]);
    assert_eq!(case.pool.check(b">a@1"), Ok(hash_of(b">a@1")));
}

#[test]
fn names_each_ready_transaction_once_for_peers() {
    let mut case = Case::new(100, 1000);
    // `x` after the priority: the runtime wants it kept here.
    case.submit_all(&[">a@1", "b>c@1", ">d@9", ">e@1x", ">f@1"]);
    let take = |case: &mut Case, max| case.pool.take_unannounced(max);
    assert_eq!(take(&mut case, 2), [hash_of(b">a@1"), hash_of(b">d@9")]);
    // The network may have sent one by itself, after a peer asked for it.
    let peers = vec!["peer".to_owned()];
    let event = case.pool.broadcast_to(&hash_of(b">f@1"), peers.clone()).unwrap();
    assert_eq!((event.hash, event.status.is_final()), (hash_of(b">f@1"), false));
    assert_eq!(event.status, TransactionStatus::Broadcast(peers));
    assert_eq!(take(&mut case, 9), []);
    case.submit_all(&[">b@1"]);
    assert_eq!(take(&mut case, 9), [hash_of(b"b>c@1"), hash_of(b">b@1")]);
    case.block(&[], true);
    assert_eq!(take(&mut case, 9), []);
    assert_eq!(case.pool.broadcast_to(&Hash::zero(), vec![]), None);
    // One that a peer sent is passed on as it came, unless it did not come alone.
    case.submit_all(&[">g@1"]);
    case.pool.set_announced(&hash_of(b">g@1"), true);
    assert_eq!(take(&mut case, 9), []);
    case.pool.set_announced(&hash_of(b">g@1"), false);
    assert_eq!(take(&mut case, 9), [hash_of(b">g@1")]);
    case.pool.set_announced(&Hash::zero(), true);
}

#[test]
fn counts_what_it_holds_and_does() {
    let mut case = Case::new(3, 1000);
    case.submit_all(&[">a@1", ">a@2", "x>b@1!", "x>c@1", ">d@7"]);
    case.block(&[">d@7"], false);
    let status = PoolStatus {
        ready: 1,
        future: 1,
        bytes: 10,
        future_bytes: 6,
        local: 1,
        banned: 0,
    };
    assert_eq!(case.pool.status(), status);
    let stats = case.pool.stats();
    let counts = (
        stats.submitted,
        stats.included,
        stats.replaced,
        stats.dropped,
        stats.renewed,
    );
    assert_eq!(counts, (5, 1, 1, 1, 2));
    assert_eq!(case.pool.future().count(), 1);
    assert_eq!(case.pool.iter().count(), 2);
    assert_eq!(case.pool.status_of(&hash_of(b">a@2")), Some(TransactionStatus::Ready));
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
