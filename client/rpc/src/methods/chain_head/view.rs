//! The chain's head as one subscriber has been told of it. Pure: notifications and headers in, events out.

use crate::Notification;
use quids_core::{DigestItem, Hash, Header, Height};
use std::collections::HashMap;

/// What a subscriber is told of blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A block that is not final. Its parent was told of before, or is the last final block.
    NewBlock {
        hash: Hash,
        parent: Hash,
        code_changed: bool,
    },
    /// The best block: told of before, or the last final block.
    BestBlockChanged(Hash),
    /// New final blocks, ascending; blocks that can no longer become final; the last final block before.
    Finalised {
        hashes: Vec<Hash>,
        pruned: Vec<Hash>,
        before: Hash,
    },
}

/// The chain went where the subscriber cannot be led: the subscription has to begin anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap;

#[derive(Clone, Copy, Debug)]
struct Block {
    parent: Hash,
    number: Height,
}

/// Where the subscriber stands.
#[derive(Debug)]
pub struct View {
    finalised: Hash,
    finalised_number: Height,
    best: Hash,
    /// Blocks told of that are neither final nor pruned. All descend from `finalised`.
    blocks: HashMap<Hash, Block>,
    blocks_max: usize,
}

/// Looks headers up.
type Headers<'a> = &'a dyn Fn(Hash) -> Option<Header>;

impl View {
    /// Told of nothing but the last final block. More than `blocks_max` blocks that are not final are a gap.
    pub fn new(finalised: Hash, number: Height, blocks_max: usize) -> Self {
        Self {
            finalised,
            finalised_number: number,
            best: finalised,
            blocks: HashMap::new(),
            blocks_max,
        }
    }

    /// What to tell when a subscription begins: all blocks that are not final, then the best.
    pub fn begin(&mut self, best: Hash, unfinalised: &[Hash], headers: Headers) -> Result<Vec<Event>, Gap> {
        let mut events = Vec::new();
        for hash in unfinalised {
            if let Some(header) = headers(*hash) {
                self.announce(*hash, &header, headers, &mut events)?;
            }
        }
        if best != self.finalised && !self.blocks.contains_key(&best) {
            self.announce(best, &headers(best).ok_or(Gap)?, headers, &mut events)?;
        }
        self.best = if self.blocks.contains_key(&best) {
            best
        } else {
            self.finalised
        };
        events.push(Event::BestBlockChanged(self.best));
        Ok(events)
    }

    /// What a notification adds to what has been told; nothing if it is old news.
    pub fn on(&mut self, block: &Notification, headers: Headers) -> Result<Vec<Event>, Gap> {
        if !block.retracted.is_empty() {
            // Final blocks are gone, which no event can say.
            return Err(Gap);
        }
        let mut events = Vec::new();
        let known = self.announce(block.hash, &block.header, headers, &mut events)?;
        if block.is_new_best && known && block.hash != self.best {
            self.best = block.hash;
            events.push(Event::BestBlockChanged(block.hash));
        }
        if block.is_finalised && block.header.number > self.finalised_number {
            if !known {
                return Err(Gap);
            }
            self.finalise(block.hash, block.header.number, &mut events)?;
        }
        for event in &mut events {
            if let Event::NewBlock { hash, code_changed, .. } = event {
                *code_changed |= *hash == block.hash && block.code_changed;
            }
        }
        Ok(events)
    }

    /// Tells of a block and of its ancestors that were not told of. False if it does not descend from the last final
    /// block, which makes it old news or a fork that is lost.
    fn announce(
        &mut self,
        hash: Hash,
        header: &Header,
        headers: Headers,
        events: &mut Vec<Event>,
    ) -> Result<bool, Gap> {
        if hash == self.finalised || self.blocks.contains_key(&hash) {
            return Ok(true);
        }
        let mut missing = vec![(hash, header.clone())];
        while let Some((_, header)) = missing.last() {
            let parent = header.parent_hash;
            if parent == self.finalised || self.blocks.contains_key(&parent) {
                break;
            }
            if header.number.0 <= self.finalised_number.0.saturating_add(1) {
                return Ok(false);
            }
            if self.blocks.len() + missing.len() >= self.blocks_max {
                return Err(Gap);
            }
            let above = headers(parent).ok_or(Gap)?;
            missing.push((parent, above));
        }
        if self.blocks.len() + missing.len() > self.blocks_max {
            return Err(Gap);
        }
        for (hash, header) in missing.into_iter().rev() {
            let (parent, number) = (header.parent_hash, header.number);
            self.blocks.insert(hash, Block { parent, number });
            let code_changed = header.digest.logs.contains(&DigestItem::RuntimeEnvironmentUpdated);
            events.push(Event::NewBlock {
                hash,
                parent,
                code_changed,
            });
        }
        Ok(true)
    }

    fn finalise(&mut self, hash: Hash, number: Height, events: &mut Vec<Event>) -> Result<(), Gap> {
        let mut hashes = vec![hash];
        let mut next = self.blocks.get(&hash).ok_or(Gap)?.parent;
        while next != self.finalised {
            hashes.push(next);
            next = self.blocks.get(&next).ok_or(Gap)?.parent;
        }
        hashes.reverse();
        // Parents before children.
        let mut order: Vec<_> = self.blocks.iter().map(|(hash, block)| (*hash, *block)).collect();
        order.sort_unstable_by_key(|(_, block)| block.number);
        let mut left = HashMap::new();
        let mut pruned = Vec::new();
        for (other, block) in order {
            if block.parent == hash || left.contains_key(&block.parent) {
                left.insert(other, block);
            } else if !hashes.contains(&other) {
                pruned.push(other);
            }
        }
        self.blocks = left;
        let before = std::mem::replace(&mut self.finalised, hash);
        self.finalised_number = number;
        // The best block is never one that has just been pruned or passed.
        if self.best != hash && !self.blocks.contains_key(&self.best) {
            self.best = hash;
            events.push(Event::BestBlockChanged(hash));
        }
        events.push(Event::Finalised { hashes, pruned, before });
        Ok(())
    }
}
