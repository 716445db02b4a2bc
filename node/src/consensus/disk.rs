//! What the engine asks of this node: its journal, in which the blocks are too that it votes for, and its key.

use codec::{Decode, DecodeAll, Encode};
use quids_consensus::{Entry, Host, HostError};
use quids_core::{Block, Height};
use quids_crypto::{KeyPair, PublicKey, Signature};
use quids_db::{Journal, crash_point};
use quids_pobpc::Round;

/// Something in the journal.
#[derive(Encode, Decode)]
enum Record {
    #[codec(index = 0)]
    Entry(Entry),
    /// A block of this height. Members may be bound to it, and then somebody has to have it, whoever crashed.
    #[codec(index = 1)]
    Block { rounds: Vec<Round>, block: Block },
}

/// Journal and key.
pub struct Disk {
    journal: Journal,
    /// `None`: this node votes nowhere.
    key: Option<KeyPair>,
}

impl Disk {
    pub fn new(journal: Journal, key: Option<KeyPair>) -> Self {
        Self { journal, key }
    }

    pub fn public(&self) -> Option<&PublicKey> {
        self.key.as_ref().map(KeyPair::public)
    }

    /// Keeps a block that was proposed in these rounds, before the engine hears of it. It is on the disk with the vote for it.
    pub fn keep(&mut self, height: Height, rounds: Vec<Round>, block: Block) -> Result<(), HostError> {
        self.add(height, &Record::Block { rounds, block })
    }

    /// The blocks of a height that were kept, with the rounds in which they had been proposed until then.
    pub fn blocks(&self, height: Height) -> Result<Vec<(Vec<Round>, Block)>, HostError> {
        let records = self.records(height)?.into_iter();
        let blocks = records.filter_map(|record| match record {
            Record::Block { rounds, block } => Some((rounds, block)),
            Record::Entry(_) => None,
        });
        Ok(blocks.collect())
    }

    fn add(&mut self, height: Height, record: &Record) -> Result<(), HostError> {
        self.journal.append(height, &record.encode()).map_err(failed)?;
        crash_point("consensus-noted");
        Ok(())
    }

    fn records(&self, height: Height) -> Result<Vec<Record>, HostError> {
        let stored = self.journal.entries(height).map_err(failed)?;
        let records = stored.iter().map(|bytes| Record::decode_all(&mut &bytes[..]));
        records.collect::<Result<_, _>>().map_err(failed)
    }
}

fn failed(error: impl ToString) -> HostError {
    HostError(error.to_string())
}

impl Host for Disk {
    fn append(&mut self, height: Height, entry: &Entry) -> Result<(), HostError> {
        self.add(height, &Record::Entry(entry.clone()))
    }

    fn sync(&mut self) -> Result<(), HostError> {
        crash_point("consensus-before-sync");
        self.journal.sync().map_err(failed)?;
        crash_point("consensus-after-sync");
        Ok(())
    }

    fn entries(&mut self, height: Height) -> Result<Vec<Entry>, HostError> {
        let records = self.records(height)?.into_iter();
        let entries = records.filter_map(|record| match record {
            Record::Entry(entry) => Some(entry),
            Record::Block { .. } => None,
        });
        Ok(entries.collect())
    }

    fn sign(&mut self, message: &[u8]) -> Result<Signature, HostError> {
        let key = self
            .key
            .as_ref()
            .ok_or_else(|| failed("this node has no key to vote with"))?;
        Ok(key.sign(message))
    }

    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        quids_crypto::verify(key, message, signature)
    }
}
