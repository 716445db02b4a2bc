//! A disk that loses what was not synced, and keys whose signatures are hashes: whoever knows the public key could sign, but
//! nobody here does.

use codec::Encode;
use quids_consensus::{Entry, Host, HostError};
use quids_core::Height;
use quids_crypto::{PublicKey, Signature, SignatureScheme, blake3_256};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

/// What a node's machine is made of, which outlives the node.
#[derive(Default)]
pub struct Machine {
    durable: BTreeMap<Height, Vec<Entry>>,
    unsynced: Vec<(Height, Entry)>,
    /// Nothing is kept over a crash: what must not be.
    pub forgets: bool,
    /// Steps until the process ends.
    pub fuse: Option<u64>,
    /// It has ended.
    pub has_crashed: bool,
    /// From here on every call fails, for good.
    pub is_broken: bool,
    pub syncs: u64,
}

impl Machine {
    /// Passes a point where the process may end.
    pub fn step(&mut self) -> Result<(), HostError> {
        if self.is_broken {
            return Err(HostError("the disk is broken".into()));
        }
        if let Some(left) = &mut self.fuse {
            match left.checked_sub(1) {
                Some(less) => *left = less,
                None => {
                    self.fuse = None;
                    self.has_crashed = true;
                }
            }
        }
        match self.has_crashed {
            true => Err(HostError("the process ended".into())),
            false => Ok(()),
        }
    }

    /// After a crash: of what was not synced a beginning may have got to the disk.
    pub fn restart(&mut self, survived: usize) {
        for (height, entry) in self.unsynced.drain(..).take(survived) {
            self.durable.entry(height).or_default().push(entry);
        }
        if self.forgets {
            self.durable.clear();
        }
        self.has_crashed = false;
    }

    pub fn unsynced(&self) -> usize {
        self.unsynced.len()
    }
}

/// A node's access to its machine.
#[derive(Clone)]
pub struct Disk {
    pub machine: Rc<RefCell<Machine>>,
    pub key: PublicKey,
}

pub fn key(node: usize) -> PublicKey {
    let seed = blake3_256(&(node as u64).encode());
    let bytes: Vec<u8> = seed.iter().copied().cycle().take(897).collect();
    PublicKey::new(SignatureScheme::Falcon512, &bytes).unwrap()
}

pub fn sign(key: &PublicKey, message: &[u8]) -> Signature {
    let seed = blake3_256(&[&key.as_bytes()[..32], message].concat());
    let bytes: Vec<u8> = seed.iter().copied().cycle().take(666).collect();
    Signature::new(SignatureScheme::Falcon512, &bytes).unwrap()
}

pub fn verify(key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
    sign(key, message) == *signature
}

impl Host for Disk {
    fn append(&mut self, height: Height, entry: &Entry) -> Result<(), HostError> {
        let mut machine = self.machine.borrow_mut();
        machine.step()?;
        // As it would be read from the disk.
        let entry = codec::Decode::decode(&mut &entry.encode()[..]).unwrap();
        machine.unsynced.push((height, entry));
        Ok(())
    }

    fn sync(&mut self) -> Result<(), HostError> {
        let mut machine = self.machine.borrow_mut();
        machine.step()?;
        machine.syncs += 1;
        let entries = std::mem::take(&mut machine.unsynced);
        for (height, entry) in entries {
            machine.durable.entry(height).or_default().push(entry);
        }
        Ok(())
    }

    fn entries(&mut self, height: Height) -> Result<Vec<Entry>, HostError> {
        let mut machine = self.machine.borrow_mut();
        machine.step()?;
        Ok(machine.durable.get(&height).cloned().unwrap_or_default())
    }

    fn sign(&mut self, message: &[u8]) -> Result<Signature, HostError> {
        self.machine.borrow_mut().step()?;
        Ok(sign(&self.key, message))
    }

    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        verify(key, message, signature)
    }
}
