//! Random block trees: what a client builds from follow events alone is always the node's chain, and each event keeps
//! what the specification promises of it.

use crate::chain_head::Session;
use crate::fake::Fake;
use crate::start_over;
use crate::wire::eventually;
use proptest::{collection::vec, prelude::*};
use quids_core::Hash;
use quids_rpc::{Backend, Config};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

/// Something that happens to the chain. Numbers choose among the blocks that qualify.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A block on a block that is not lost.
    Import(usize),
    /// A block on the best block, best at once.
    Extend,
    Best(usize),
    Finalise(usize),
    /// An earlier notification again.
    Repeat(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<usize>().prop_map(Step::Import),
        3 => Just(Step::Extend),
        2 => any::<usize>().prop_map(Step::Best),
        2 => any::<usize>().prop_map(Step::Finalise),
        1 => any::<usize>().prop_map(Step::Repeat),
    ]
}

/// A client's knowledge, from events alone.
#[derive(Default)]
struct Client {
    finalised: Vec<Value>,
    best: Value,
    /// Blocks that are neither final nor pruned, with their parents.
    blocks: HashMap<String, Value>,
    pinned: HashSet<String>,
    has_best: bool,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl Client {
    fn knows(&self, hash: &Value) -> bool {
        self.finalised.last() == Some(hash) || self.blocks.contains_key(hash.as_str().unwrap())
    }

    fn on(&mut self, event: &Value) {
        match event["event"].as_str().unwrap() {
            "initialized" => {
                assert!(self.finalised.is_empty());
                self.finalised = event["finalizedBlockHashes"].as_array().unwrap().clone();
                self.pinned.extend(self.finalised.iter().map(text));
            }
            "newBlock" => {
                assert!(self.knows(&event["parentBlockHash"]), "{event}");
                let hash = text(&event["blockHash"]);
                assert!(self.pinned.insert(hash.clone()), "told twice: {event}");
                self.blocks.insert(hash, event["parentBlockHash"].clone());
            }
            "bestBlockChanged" => {
                assert!(self.knows(&event["bestBlockHash"]), "{event}");
                self.best = event["bestBlockHash"].clone();
                self.has_best = true;
            }
            "finalized" => {
                assert!(self.has_best);
                let hashes = event["finalizedBlockHashes"].as_array().unwrap();
                assert!(!hashes.is_empty());
                for hash in hashes {
                    let parent = self.blocks.remove(hash.as_str().unwrap());
                    assert_eq!(parent.as_ref(), self.finalised.last(), "{event}");
                    self.finalised.push(hash.clone());
                }
                for hash in event["prunedBlockHashes"].as_array().unwrap() {
                    assert!(self.blocks.remove(hash.as_str().unwrap()).is_some(), "{event}");
                }
                assert!(self.knows(&self.best), "the best block was pruned or passed: {event}");
                // What is left descends from the last final block.
                for parent in self.blocks.values() {
                    assert!(self.knows(parent), "{event}");
                }
            }
            other => panic!("{other}"),
        }
    }

    fn agrees_with(&self, fake: &Fake) -> bool {
        let heads = fake.heads().unwrap();
        let unfinalised: HashSet<_> = heads.unfinalised.iter().map(|hash| format!("{hash:?}")).collect();
        self.finalised.last() == Some(&json!(format!("{:?}", heads.finalised)))
            && self.best == json!(format!("{:?}", heads.best))
            && unfinalised == self.blocks.keys().cloned().collect()
    }
}

struct Chain<'a> {
    fake: &'a Fake,
    salt: u8,
    told: Vec<(Hash, [bool; 3])>,
}

impl Chain<'_> {
    fn apply(&mut self, step: Step) {
        let fake = self.fake;
        let heads = fake.heads().unwrap();
        let among = |blocks: &[Hash], n: usize| blocks.get(n.checked_rem(blocks.len())?).copied();
        match step {
            Step::Import(n) => {
                let parents = [heads.unfinalised, vec![heads.finalised]].concat();
                self.import(among(&parents, n).unwrap());
            }
            Step::Extend => {
                let hash = self.import(heads.best);
                fake.make_best(hash);
                self.told.push((hash, [false, true, false]));
            }
            Step::Best(n) => {
                if let Some(hash) = among(&heads.unfinalised, n) {
                    fake.make_best(hash);
                }
            }
            Step::Finalise(n) => {
                if let Some(hash) = among(&heads.unfinalised, n) {
                    fake.finalise(hash);
                    self.told.push((hash, [false, false, true]));
                }
            }
            Step::Repeat(n) => {
                let Some((hash, what)) = n.checked_rem(self.told.len()).map(|n| self.told[n]) else {
                    return;
                };
                // Saying again that a block is best would be news.
                fake.tell(hash, [what[0], false, what[2]], false);
            }
        }
    }

    fn import(&mut self, parent: Hash) -> Hash {
        self.salt += 1;
        let hash = self.fake.import(parent, self.salt, 1 + u32::from(self.salt) % 3);
        self.told.push((hash, [true, false, false]));
        hash
    }
}

async fn check(steps: Vec<Step>, subscribe_at: usize) {
    let (server, fake) = start_over(Config::default(), Fake::with_channel(4096)).await;
    fake.forks.lock().unwrap().finalised = Some(fake.best_hash());
    let mut chain = Chain {
        fake: &fake,
        salt: 0,
        told: Vec::new(),
    };
    let mut session = Session::connect(server.local_addr()).await;
    let (before, after) = steps.split_at(subscribe_at.min(steps.len()));
    before.iter().for_each(|step| chain.apply(*step));
    let id = session.ask("chainHead_v1_follow", json!([true])).await;
    // From here on the subscription begins and catches up while the chain moves.
    after.iter().for_each(|step| chain.apply(*step));
    // A subscription that begins among old news of best blocks cannot know that the last was lost to finality, of which
    // nobody is told; the next best block, which every chain has, sets it right.
    fake.make_best(fake.best_hash());
    let mut client = Client::default();
    // The chain is at rest: the events must lead there, and end there.
    while !client.has_best || !client.agrees_with(&fake) {
        client.on(&session.event(&id).await);
    }
    let mark = chain.import(fake.best_hash());
    while !client.agrees_with(&fake) {
        client.on(&session.event(&id).await);
    }
    assert!(client.knows(&json!(format!("{mark:?}"))));
    // The node keeps exactly what was told, and lets it all go.
    let pinned: HashSet<_> = fake
        .pins
        .lock()
        .unwrap()
        .iter()
        .map(|hash| format!("{hash:?}"))
        .collect();
    assert_eq!(pinned, client.pinned);
    let all: Vec<_> = client.pinned.iter().collect();
    session.ask("chainHead_v1_unpin", json!([id, all])).await;
    eventually("all is unpinned", || fake.pins.lock().unwrap().is_empty()).await;
    assert_eq!(fake.pin_faults.load(Ordering::SeqCst), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_client_knows_the_chain_from_events_alone(steps in vec(any_step(), 0..40), subscribe_at in 0usize..40) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(check(steps, subscribe_at));
    }
}
