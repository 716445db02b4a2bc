//! Renewing verdicts after each block, in a thread of its own: a few transactions at a time, the pool unlocked while
//! the runtime thinks, one question at once. Authoring never waits for it.

use super::SharedPool;
use crate::chain::ChainError;
use parking_lot::{Condvar, Mutex};
use quids_api::InvalidTransaction;
use quids_core::Height;
use quids_txpool::{Due, Renewal};
use std::{
    sync::Arc,
    thread::{self, JoinHandle},
};

/// Transactions taken from the pool at once.
const CHUNK: usize = 32;

/// Says that there may be work, or that there will be no more.
#[derive(Default)]
pub struct Signal {
    state: Mutex<Wanted>,
    changed: Condvar,
}

#[derive(Default)]
struct Wanted {
    work: bool,
    end: bool,
}

impl Signal {
    pub fn raise(&self) {
        self.state.lock().work = true;
        self.changed.notify_all();
    }

    fn end(&self) {
        self.state.lock().end = true;
        self.changed.notify_all();
    }

    fn has_ended(&self) -> bool {
        self.state.lock().end
    }

    /// Waits for work; false if there will be none.
    fn wait(&self) -> bool {
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, |state| !state.work && !state.end);
        state.work = false;
        !state.end
    }
}

/// The thread; dropped, it ends after the transaction at hand.
pub struct Revalidation {
    pool: Arc<SharedPool>,
    thread: Option<JoinHandle<()>>,
}

impl Revalidation {
    pub fn start(pool: Arc<SharedPool>) -> std::io::Result<Self> {
        let shared = pool.clone();
        let thread = thread::Builder::new().name("pool".into()).spawn(move || {
            while shared.signal.wait() {
                shared.revalidate();
            }
        })?;
        Ok(Self {
            pool,
            thread: Some(thread),
        })
    }
}

impl Drop for Revalidation {
    fn drop(&mut self) {
        self.pool.signal.end();
        if let Some(thread) = self.thread.take() {
            // It panicked or it did not: either way it ended.
            let _ = thread.join();
        }
    }
}

impl SharedPool {
    /// Renews every verdict that is due, and deletes what left the pool from the database.
    pub fn revalidate(&self) {
        if let Err(error) = self.journal.flush() {
            tracing::error!("local transactions could not be deleted: {error}");
        }
        loop {
            let due = self.state.lock().pool.due(CHUNK);
            if due.is_empty() {
                break;
            }
            let mut has_answered = true;
            for due in due {
                if self.signal.has_ended() {
                    return;
                }
                let (renewal, height) = self.ask_again(&due);
                has_answered &= renewal != Renewal::Unanswered;
                let mut state = self.state.lock();
                let events = state.pool.renew(&due.hash, renewal, height);
                self.publish(&mut state, events);
            }
            // What may be in a block again is known to an author who waits for transactions.
            if self.has_ready() {
                self.arrived.notify_one();
            }
            if !has_answered {
                break;
            }
        }
    }

    fn ask_again(&self, due: &Due) -> (Renewal, Height) {
        match self.chain.validate(due.source, &due.bytes) {
            Ok((Ok(verdict), height)) => (Renewal::Valid(verdict), height),
            Ok((Err(reason), height)) => (Renewal::Invalid(reason), height),
            // The runtime failed on this transaction, and would again.
            Err(ChainError::Executor(error)) if !error.is_local() => {
                tracing::error!("transaction {:?} made the runtime fail: {error}", due.hash);
                (Renewal::Invalid(InvalidTransaction::Call.into()), self.chain.best().0)
            }
            Err(error) => {
                tracing::warn!("transaction {:?} could not be checked again: {error}", due.hash);
                (Renewal::Unanswered, self.chain.best().0)
            }
        }
    }
}
