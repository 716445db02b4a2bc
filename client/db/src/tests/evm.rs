//! The EVM's index against a plain list of logs: queries, forks, blocks taken back, damage, speed.

use super::{block, open, write};
use crate::{BlockCommit, Column, Database, DbError, LogFilter, LogQueryError, MatchingLog, evm::test_keys};
use quids_api::evm::{EvmBlock, EvmBlockEnv, EvmLog, EvmReceipt, ExecutedTransaction};
use quids_core::{H160, H256, Hash, Height};
use std::time::Instant;

fn address(n: u64) -> H160 {
    H160::from_low_u64_be(n)
}

fn topic(n: u64) -> H256 {
    H256::from_low_u64_be(n)
}

pub(super) fn log(from: u64, topics: &[u64]) -> EvmLog {
    EvmLog {
        address: address(from),
        topics: topics.iter().copied().map(topic).collect(),
        data: vec![from as u8; from as usize % 70],
    }
}

/// An EVM block with these logs by transaction.
pub(super) fn evm(number: u32, salt: u8, transactions: Vec<Vec<EvmLog>>) -> EvmBlock {
    let transaction = |(place, logs): (u32, Vec<EvmLog>)| ExecutedTransaction {
        extrinsic_index: place + 1,
        hash: super::blake3(&[&number.to_be_bytes()[..], &[salt], &place.to_be_bytes()].concat()),
        from: address(9),
        envelope: vec![2; 100],
        call: None,
        receipt: EvmReceipt {
            success: true,
            gas_used: 21_000,
            logs,
            ..EvmReceipt::default()
        },
    };
    EvmBlock {
        env: EvmBlockEnv {
            number: number.into(),
            timestamp: 1_000 + u64::from(number),
            ..EvmBlockEnv::default()
        },
        gas_used: 21_000 * transactions.len() as u64,
        transactions: (0..).zip(transactions).map(transaction).collect(),
    }
}

fn with_evm(number: u32, parent: Hash, salt: u8, transactions: Vec<Vec<EvmLog>>) -> BlockCommit {
    BlockCommit {
        evm: Some(evm(number, salt, transactions)),
        ..block(number, parent, salt)
    }
}

/// A cheap generator: tests say the same every time.
pub(super) struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn logs(&mut self) -> Vec<Vec<EvmLog>> {
        let logs = |dice: &mut Self| {
            let topics: Vec<u64> = (0..dice.roll(5)).map(|_| dice.roll(4)).collect();
            log(dice.roll(4), &topics)
        };
        (0..self.roll(4))
            .map(|_| (0..self.roll(4)).map(|_| logs(self)).collect())
            .collect()
    }
}

/// A chain of blocks with random logs.
fn random_chain(last: u32, dice: &mut Dice) -> Vec<BlockCommit> {
    let mut blocks = vec![with_evm(0, Hash::zero(), 0, Vec::new())];
    for number in 1..=last {
        let parent = blocks.last().unwrap().header.hash();
        blocks.push(with_evm(number, parent, 0, dice.logs()));
    }
    blocks
}

/// All logs of these blocks, in order.
fn all_logs(blocks: &[BlockCommit]) -> Vec<MatchingLog> {
    let mut all = Vec::new();
    for block in blocks {
        let evm = block.evm.as_ref().unwrap();
        let mut log_index = 0;
        for (place, transaction) in (0..).zip(&evm.transactions) {
            for log in &transaction.receipt.logs {
                all.push(MatchingLog {
                    height: block.header.number,
                    block: block.header.hash(),
                    timestamp: evm.env.timestamp,
                    transaction_index: place,
                    transaction: transaction.hash,
                    log_index,
                    log: log.clone(),
                });
                log_index += 1;
            }
        }
    }
    all
}

fn expected(all: &[MatchingLog], filter: &LogFilter) -> Vec<MatchingLog> {
    let is_wanted = |found: &&MatchingLog| {
        (filter.from..=filter.to).contains(&found.height)
            && (filter.addresses.is_empty() || filter.addresses.contains(&found.log.address))
            && filter.topics.iter().enumerate().all(|(place, wanted)| {
                found
                    .log
                    .topics
                    .get(place)
                    .is_some_and(|topic| wanted.is_empty() || wanted.contains(topic))
            })
    };
    all.iter().filter(is_wanted).cloned().collect()
}

pub(super) fn everything() -> LogFilter {
    LogFilter {
        from: Height(0),
        to: Height::MAX,
        addresses: Vec::new(),
        topics: Vec::new(),
        limit: usize::MAX,
    }
}

fn assert_indexed(db: &Database, blocks: &[BlockCommit]) {
    for block in blocks {
        let hash = block.header.hash();
        let evm = block.evm.as_ref().unwrap();
        assert_eq!(db.evm_block(&hash).unwrap().as_ref(), Some(evm));
        for (place, transaction) in (0..).zip(&evm.transactions) {
            assert_eq!(db.evm_transaction(&transaction.hash).unwrap(), Some((hash, place)));
        }
    }
    assert_eq!(db.evm_logs(&everything()).unwrap(), all_logs(blocks));
}

#[test]
fn queries_find_what_a_list_finds() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice(7);
    let blocks = random_chain(60, &mut dice);
    let db = open(folder.path());
    write(&db, &blocks);
    drop(db);
    let db = open(folder.path());
    assert_indexed(&db, &blocks);
    let all = all_logs(&blocks);
    let mut hits = 0;
    for _ in 0..3_000 {
        let from = dice.roll(62) as u32;
        let some = |dice: &mut Dice| (0..dice.roll(3)).map(|_| dice.roll(5)).collect::<Vec<_>>();
        let filter = LogFilter {
            from: Height(from),
            to: Height(from + dice.roll(30) as u32),
            addresses: some(&mut dice).into_iter().map(address).collect(),
            topics: (0..dice.roll(5))
                .map(|_| some(&mut dice).into_iter().map(topic).collect())
                .collect(),
            limit: usize::MAX,
        };
        let expected = expected(&all, &filter);
        hits += expected.len();
        assert_eq!(db.evm_logs(&filter).unwrap(), expected, "{filter:?}");
        // A limit that is just enough, and one that is not.
        let enough = LogFilter {
            limit: expected.len(),
            ..filter.clone()
        };
        assert_eq!(db.evm_logs(&enough).unwrap().len(), expected.len());
        if let Some(limit) = expected.len().checked_sub(1) {
            let short = LogFilter { limit, ..filter };
            assert_eq!(db.evm_logs(&short), Err(LogQueryError::TooMany { limit }));
        }
    }
    assert!(hits > 3_000, "{hits}");
}

#[test]
fn ranges_and_filters_at_their_limits() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let blocks = random_chain(20, &mut Dice(3));
    write(&db, &blocks);
    let all = all_logs(&blocks);
    let check = |filter: LogFilter| assert_eq!(db.evm_logs(&filter).unwrap(), expected(&all, &filter), "{filter:?}");
    // More values than there are cursors: they only filter.
    let many: Vec<H160> = (2..2_000).map(address).collect();
    check(LogFilter {
        addresses: many.clone(),
        ..everything()
    });
    check(LogFilter {
        addresses: many,
        topics: vec![vec![topic(1)]],
        ..everything()
    });
    // The same value often.
    check(LogFilter {
        addresses: vec![address(1); 1_000],
        ..everything()
    });
    check(LogFilter {
        from: Height::MAX,
        topics: vec![vec![topic(1)]],
        ..everything()
    });
    for nothing in [
        LogFilter {
            from: Height(5),
            to: Height(4),
            ..everything()
        },
        LogFilter {
            topics: vec![Vec::new(); 5],
            ..everything()
        },
        LogFilter {
            from: Height(21),
            ..everything()
        },
    ] {
        assert_eq!(db.evm_logs(&nothing), Ok(Vec::new()), "{nothing:?}");
    }
}

#[test]
fn a_query_that_is_too_much_work_ends() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let blocks = random_chain(2, &mut Dice(5));
    write(&db, &blocks);
    // One log of more bytes than a query may look at.
    let big = EvmLog {
        data: vec![0; 24 << 20],
        ..log(3, &[])
    };
    let parent = blocks[2].header.hash();
    db.commit_block(with_evm(3, parent, 0, vec![vec![big]])).unwrap();
    let error = db.evm_logs(&everything()).unwrap_err();
    assert!(
        matches!(error, LogQueryError::TooMuchWork { reached: Height(3), .. }),
        "{error}"
    );
}

#[test]
fn blocks_taken_back_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice(11);
    let blocks = random_chain(20, &mut dice);
    let db = open(folder.path());
    write(&db, &blocks);
    let hashes: Vec<Hash> = blocks.iter().map(|block| block.header.hash()).collect();
    assert_eq!(db.take_back_to(&hashes[20]), Ok(Vec::new()));
    let removed: Vec<Hash> = hashes[8..].iter().rev().copied().collect();
    assert_eq!(db.take_back_to(&hashes[7]), Ok(removed));
    let check = |db: &Database| {
        assert_eq!(db.best(), Ok((Height(7), hashes[7])));
        assert_indexed(db, &blocks[..8]);
        for block in &blocks[8..] {
            let hash = block.header.hash();
            assert_eq!(
                (
                    db.header(&hash),
                    db.get_block_transactions(&hash),
                    db.hash_at(block.header.number),
                    db.evm_block(&hash)
                ),
                (Ok(None), Ok(None), Ok(None), Ok(None))
            );
            for transaction in &block.evm.as_ref().unwrap().transactions {
                assert_eq!(db.evm_transaction(&transaction.hash), Ok(None));
            }
        }
    };
    check(&db);
    drop(db);
    let db = open(folder.path());
    check(&db);
    for gone in [hashes[8], Hash::repeat_byte(9)] {
        assert_eq!(db.take_back_to(&gone), Err(DbError::UnknownBlock(gone)));
    }
    // Another chain grows from there, with some of the same transactions.
    let mut other = blocks[..8].to_vec();
    for number in 8..=14 {
        let mut next = with_evm(number, other.last().unwrap().header.hash(), 1, dice.logs());
        let old = blocks[number as usize].evm.as_ref().unwrap();
        let new = next.evm.as_mut().unwrap();
        for (new, old) in new.transactions.iter_mut().zip(&old.transactions) {
            new.hash = old.hash;
        }
        other.push(next);
    }
    write(&db, &other[8..]);
    assert_indexed(&db, &other);
    // Back to the beginning: no entry of the index but that of genesis is left.
    db.take_back_to(&hashes[0]).unwrap();
    for column in [Column::EvmTransactions, Column::EvmLogs, Column::EvmPostings] {
        assert!(db.raw.is_empty(column).unwrap(), "{column:?}");
    }
    assert_indexed(&db, &blocks[..1]);
}

/// Every bit of every kind of entry.
#[test]
fn damage_to_the_index_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let genesis = with_evm(0, Hash::zero(), 0, Vec::new());
    let one = with_evm(1, genesis.header.hash(), 0, vec![vec![], vec![log(1, &[1])]]);
    write(&db, &[genesis, one.clone()]);
    let hash = one.header.hash();
    let transaction = one.evm.as_ref().unwrap().transactions[1].hash;
    let query = |filter: &LogFilter| match db.evm_logs(filter) {
        Ok(found) => Ok(!found.is_empty()),
        Err(LogQueryError::Database(error)) => Err(error),
        Err(other) => panic!("{other}"),
    };
    let by_address = LogFilter {
        addresses: vec![address(1)],
        ..everything()
    };
    use super::damage::check;
    check(&db, Column::EvmBlocks, hash.as_bytes(), || {
        db.evm_block(&hash).map(|block| block.is_some())
    });
    check(&db, Column::EvmTransactions, transaction.as_bytes(), || {
        db.evm_transaction(&transaction).map(|place| place.is_some())
    });
    let logs = test_keys::logs(Height(1), hash, 1);
    check(&db, Column::EvmLogs, &logs, || query(&everything()));
    check(&db, Column::EvmLogs, &logs, || query(&by_address));
    check(&db, Column::EvmLogs, &logs, || {
        db.evm_block(&hash).map(|block| block.is_some())
    });
    let posting = test_keys::posting(address(1), Height(1), &hash);
    check(&db, Column::EvmPostings, &posting, || query(&by_address));
    // Logs that are missing are missed.
    let mut batch = rocksdb::WriteBatch::default();
    db.raw.delete(&mut batch, Column::EvmLogs, &logs).unwrap();
    db.raw.write(batch).unwrap();
    for result in [query(&by_address), db.evm_block(&hash).map(|block| block.is_some())] {
        assert!(
            matches!(result, Err(DbError::Damaged { column: "evm_logs", .. })),
            "{result:?}"
        );
    }
}

/// The floor of the issue: 100 hits in 100 000 blocks within 20 ms.
#[test]
fn a_hundred_hits_in_a_hundred_thousand_blocks_are_found_fast() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let mut parent = Hash::zero();
    for number in 0..=100_000u32 {
        // Every block has logs; every thousandth that of a rare address, and its topic.
        let mut logs = vec![log(1, &[1, u64::from(number) % 977])];
        if number % 1_000 == 500 {
            logs.push(log(2, &[1, 2_000]));
        }
        let next = BlockCommit {
            body: Vec::new(),
            aux: Vec::new(),
            ..with_evm(number, parent, 0, vec![logs])
        };
        parent = next.header.hash();
        write(&db, &[next]);
    }
    for (what, filter) in [
        (
            "by address",
            LogFilter {
                addresses: vec![address(2)],
                ..everything()
            },
        ),
        (
            "by topic",
            LogFilter {
                topics: vec![Vec::new(), vec![topic(2_000)]],
                ..everything()
            },
        ),
        (
            "by address and a topic that every block has",
            LogFilter {
                addresses: vec![address(2)],
                topics: vec![vec![topic(1)]],
                ..everything()
            },
        ),
    ] {
        let mut fastest = f64::INFINITY;
        for _ in 0..3 {
            let start = Instant::now();
            assert_eq!(db.evm_logs(&filter).unwrap().len(), 100, "{what}");
            fastest = fastest.min(start.elapsed().as_secs_f64() * 1_000.0);
        }
        println!("{what}: 100 hits in 100 000 blocks in {fastest:.2} ms");
        assert!(fastest <= 20.0, "{what}: {fastest} ms");
    }
}
