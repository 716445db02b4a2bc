//! A chain of headers with the proofs that they are final, and nothing else: what a witness keeps.

use crate::{
    block::number_key,
    columns::Column,
    database::{AuxEntry, Database, meta},
    error::DbError,
};
use codec::Encode;
use quids_core::{Hash, Header, Height};
use rocksdb::WriteBatch;
use std::sync::atomic::Ordering;

impl Database {
    /// Whether this is a chain of headers. Then there are no bodies and no states, and [`Database::commit_block`] is an error.
    pub fn is_of_headers(&self) -> bool {
        self.is_of_headers.load(Ordering::SeqCst)
    }

    /// Writes the header of block 0 into an empty database, which is one of headers from then on. Again with the same header it
    /// does nothing; with another, or where a chain with states is, it is an error.
    pub fn write_genesis_header(&self, header: &Header, aux: &[AuxEntry]) -> Result<Hash, DbError> {
        let wanted = header.hash();
        if header.number != Height::ZERO {
            return Err(DbError::NotGenesis { number: header.number });
        }
        if let Some(found) = self.genesis()? {
            self.check_of_headers(true)?;
            return match found == wanted {
                true => Ok(found),
                false => Err(DbError::OtherGenesis { found, wanted }),
            };
        }
        self.write_imported((Height::ZERO, wanted), |batch| {
            self.check_not_importing()?;
            self.raw
                .put_checked(batch, Column::Meta, meta::GENESIS, &wanted.encode())?;
            self.raw.put_checked(batch, Column::Meta, meta::OF_HEADERS, &[])?;
            self.put_header(batch, header, wanted, aux)
        })?;
        self.is_of_headers.store(true, Ordering::SeqCst);
        Ok(wanted)
    }

    /// Writes the header after the last one, with `proof`, the SCALE of what shows that its block is final, and entries of the
    /// extras column; all or nothing. When this returns, with `StorageConfig::sync`, it is on the disk.
    ///
    /// Errors: a chain with states; a header that does not follow the last one; a failed write, after which the database refuses
    /// to write.
    pub fn store_state_update(&self, header: &Header, proof: &[u8], aux: &[AuxEntry]) -> Result<Hash, DbError> {
        self.check_of_headers(true)?;
        let hash = header.hash();
        self.write_imported((header.number, hash), |batch| {
            self.check_follows(header)?;
            self.raw
                .put_checked(batch, Column::Justifications, hash.as_bytes(), proof)?;
            self.put_header(batch, header, hash, aux)?;
            self.forget_journal(batch, header.number)
        })?;
        Ok(hash)
    }

    /// An error if it is not as expected.
    pub(crate) fn check_of_headers(&self, expected: bool) -> Result<(), DbError> {
        match (expected, self.is_of_headers()) {
            (true, false) => Err(DbError::HasStates),
            (false, true) => Err(DbError::OfHeaders),
            _ => Ok(()),
        }
    }

    fn put_header(&self, batch: &mut WriteBatch, header: &Header, hash: Hash, aux: &[AuxEntry]) -> Result<(), DbError> {
        self.raw
            .put(batch, Column::Headers, hash.as_bytes(), &header.encode())?;
        self.raw
            .put_checked(batch, Column::Numbers, &number_key(header.number), &hash.encode())?;
        for (key, value) in aux {
            self.raw.put_checked(batch, Column::Extras, key, value)?;
        }
        Ok(())
    }
}
