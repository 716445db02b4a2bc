//! Signing and verifying: the path that the runtime's host function takes, beside the library alone.

use super::{
    contest::{Operation, Pair},
    raw,
};
use crate::Result;
use quids_crypto::{KeyPair, SignatureScheme, verify_raw};

/// Like a transfer's payload.
const MESSAGE_LEN: usize = 140;

/// Keys, messages and signatures of one scheme. No two messages are equal.
pub struct Corpus {
    pub key: KeyPair,
    pub messages: Vec<Vec<u8>>,
    pub signatures: Vec<Vec<u8>>,
}

impl Corpus {
    fn new(scheme: SignatureScheme) -> Result<Self> {
        let count = if scheme == SignatureScheme::SphincsShake256f {
            8
        } else {
            64
        };
        let key = KeyPair::from_seed(scheme, &[7; 32])?;
        let message = |index: u8| {
            let mut message = vec![index; MESSAGE_LEN];
            message[..32].copy_from_slice(&quids_crypto::blake3_256(&[index]));
            message
        };
        let messages: Vec<_> = (0..count).map(message).collect();
        let signatures = messages
            .iter()
            .map(|message| key.sign(message).as_bytes().to_vec())
            .collect();
        Ok(Self {
            key,
            messages,
            signatures,
        })
    }

    pub fn message(&self, index: usize) -> &[u8] {
        &self.messages[index % self.messages.len()]
    }

    pub fn signature(&self, index: usize) -> &[u8] {
        &self.signatures[index % self.signatures.len()]
    }

    fn verify(&self) -> Operation<'_> {
        let (tag, key) = (self.key.scheme().tag(), self.key.public().as_bytes());
        Box::new(move |index| verify_raw(tag, key, self.message(index), self.signature(index)))
    }

    fn sign(&self) -> Operation<'_> {
        Box::new(|index| !self.key.sign(self.message(index)).as_bytes().is_empty())
    }
}

pub fn measure(wanted: &dyn Fn(&str) -> bool, measure: &mut dyn FnMut(Pair<'_>)) -> Result {
    for scheme in SignatureScheme::ALL.into_iter().filter(|scheme| wanted(scheme.name())) {
        let corpus = Corpus::new(scheme)?;
        for (how, raw) in raw::verifiers(&corpus)? {
            let first = how.is_empty();
            let name = format!("{scheme} verify{how}");
            measure(Pair {
                name,
                ours: corpus.verify(),
                raw,
                scales: first,
                has_floor: first,
            });
        }
        let name = format!("{scheme} sign");
        measure(Pair {
            name,
            ours: corpus.sign(),
            raw: raw::signer(&corpus)?,
            scales: true,
            has_floor: false,
        });
    }
    Ok(())
}
