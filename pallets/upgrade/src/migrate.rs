//! Migrations of new code, guarded: what fails is undone, and the chain is in safe mode until other code takes over.

use crate::{Completed, Config, Error, Event, Migrated, Motion, Pallet, Running, Suspended, costs, council::Governor};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use codec::{Decode, DecodeAll, Encode};
use quids_api::{
    names,
    upgrade::{RunningMigration, StepRequest, Stepped, Suspension},
};
use quids_core::{AccountId20, DispatchError, Height, Weight};
use quids_io::{log, storage};
use quids_support::{
    ensure,
    migrations::{MigrationPort, Migrations, Progress, WeightMeter},
    traits::{BlockHeight, Get},
};

/// Bytes of proof of the migrations in a block. A whole block can show 16 MiB (`client/state/src/batch`).
const PROOF_SIZE_MAX: u64 = 8 << 20;
/// Bytes of a cursor.
const CURSOR_MAX: usize = 1024;
/// Bytes kept of a reason.
const REASON_MAX: usize = 256;

fn now<T: Config>() -> Height {
    <pallet_system::Pallet<T> as BlockHeight>::height()
}

/// Runs an export of this code guarded. What it changed stays only if it ends and `judge` finds it in order.
fn guarded<O: Decode, R>(
    api: &str,
    input: &[u8],
    plain: impl FnOnce(&[u8]) -> Vec<u8>,
    judge: impl FnOnce(O) -> Result<R, String>,
) -> Result<R, String> {
    storage::with_transaction(|| {
        let output = quids_io::runtime::guarded(api, input, plain)?;
        let output = O::decode_all(&mut output.as_slice()).map_err(|_| "its answer does not decode".to_string())?;
        judge(output)
    })
}

fn ensure_within(used: Weight, limit: Weight) -> Result<(), String> {
    if used.any_gt(limit) {
        return Err(format!(
            "it weighs {} ps and {} bytes, at most {} and {} are allowed",
            used.ref_time, used.proof_size, limit.ref_time, limit.proof_size
        ));
    }
    Ok(())
}

impl<T: Config> MigrationPort for Pallet<T> {
    fn first_block(plain: fn() -> Weight) -> Weight {
        let limit = Self::migration_limit();
        Migrated::<T>::put(true);
        let was = Suspended::<T>::take();
        let single = guarded(
            names::CORE_ON_RUNTIME_UPGRADE,
            &[],
            |_| plain().encode(),
            |used: Weight| ensure_within(used, limit).map(|()| used),
        );
        match single {
            Ok(used) => {
                if matches!(was, Some(Suspension::SafeMode { .. })) {
                    Self::deposit_event(Event::SafeModeLeft);
                }
                let interrupted = Running::<T>::take();
                Self::begin_next(interrupted);
                used.saturating_add(costs::MIGRATION)
            }
            Err(reason) => {
                Self::fail("on_runtime_upgrade", reason);
                limit
            }
        }
    }

    fn advance() -> Weight {
        let Some(running) = Running::<T>::get() else {
            return costs::NO_MIGRATION;
        };
        if Self::is_in_safe_mode() {
            return costs::NO_MIGRATION;
        }
        Migrated::<T>::put(true);
        let id = running.id.clone();
        match Self::guarded_step(&running) {
            Ok(stepped) => {
                Self::note_step(running, stepped.next);
                stepped.used.saturating_add(costs::MIGRATION)
            }
            Err(reason) => {
                Self::fail(&id, reason);
                Self::step_limit()
            }
        }
    }

    fn suspended() -> Option<Suspension> {
        Suspended::<T>::get()
    }

    fn end_block(height: Height) {
        Self::replace_due(height);
    }
}

impl<T: Config> Pallet<T> {
    /// What the migrations of a first block may use: what normal transactions may, and no more proof than a block can show beside
    /// all else that is in it.
    pub(crate) fn migration_limit() -> Weight {
        let normal = T::BlockLimits::get().normal();
        Weight::new(normal.ref_time, normal.proof_size.min(PROOF_SIZE_MAX))
    }

    /// What a step may use: half of what normal transactions may, so that both find room.
    fn step_limit() -> Weight {
        let limit = Self::migration_limit();
        Weight::new(limit.ref_time / 2, limit.proof_size / 2)
    }

    fn guarded_step(running: &RunningMigration) -> Result<Stepped, String> {
        let limit = Self::step_limit();
        let (_, _, steps_max) = T::Migrations::describe(running.index).ok_or("there is no such migration")?;
        if running.steps >= steps_max {
            return Err(format!("it did not end within {steps_max} steps"));
        }
        let request = StepRequest {
            index: running.index,
            cursor: running.cursor.clone(),
            limit,
        };
        guarded(
            names::CORE_MIGRATION_STEP,
            &request.encode(),
            |input| {
                StepRequest::decode(&mut &*input)
                    .map_err(|error| error.to_string())
                    .and_then(Self::run_step)
                    .encode()
            },
            |stepped: Result<Stepped, String>| {
                let stepped = stepped?;
                ensure_within(stepped.used, limit)?;
                match &stepped.next {
                    Some(cursor) if cursor.len() > CURSOR_MAX => Err(format!("its cursor has {} bytes", cursor.len())),
                    _ => Ok(stepped),
                }
            },
        )
    }

    /// A step, unguarded: what the export does. `Err`: the migration's reason, and the caller undoes the step.
    pub fn run_step(request: StepRequest) -> Result<Stepped, String> {
        let mut meter = WeightMeter::new(request.limit);
        let progress = T::Migrations::step(request.index, request.cursor.as_deref(), &mut meter)
            .ok_or("there is no such migration")??;
        Ok(Stepped {
            used: meter.used(),
            next: match progress {
                Progress::Continue(cursor) => Some(cursor),
                Progress::Done => None,
            },
        })
    }

    fn note_step(mut running: RunningMigration, next: Option<Vec<u8>>) {
        running.steps = running.steps.saturating_add(1);
        let (id, steps) = (running.id.clone(), running.steps);
        match next {
            Some(cursor) => {
                running.cursor = Some(cursor);
                Running::<T>::put(running);
                Self::deposit_event(Event::MigrationAdvanced { id, steps });
            }
            None => {
                Completed::<T>::insert(&id, now::<T>());
                Self::deposit_event(Event::MigrationCompleted { id, steps });
                Self::begin_next(None);
            }
        }
    }

    /// Begins the first migration that is not done; one that was interrupted goes on where it was.
    fn begin_next(interrupted: Option<RunningMigration>) {
        let next = (0..)
            .map_while(|index| T::Migrations::describe(index).map(|described| (index, described)))
            .find(|(_, (id, ..))| !Completed::<T>::contains_key(&(*id).to_string()));
        let Some((index, (id, pauses, _))) = next else {
            Running::<T>::kill();
            Suspended::<T>::kill();
            return;
        };
        let fresh = RunningMigration {
            index,
            id: id.to_string(),
            cursor: None,
            steps: 0,
            since: now::<T>(),
        };
        let running = match interrupted {
            Some(interrupted) if interrupted.id == id => RunningMigration {
                index,
                steps: 0,
                ..interrupted
            },
            _ => fresh,
        };
        Self::deposit_event(Event::MigrationBegun { id: running.id.clone() });
        Suspended::<T>::set(pauses.then(|| Suspension::Migration { id: running.id.clone() }));
        Running::<T>::put(running);
    }

    /// What the migration did is undone already.
    fn fail(id: &str, reason: String) {
        log::write(
            log::Level::Error,
            &format!("migration {id} failed, the chain is in safe mode: {reason}"),
        );
        Self::enter_safe_mode(id, reason);
    }

    fn enter_safe_mode(id: &str, mut reason: String) {
        while reason.len() > REASON_MAX {
            reason.pop();
        }
        Self::deposit_event(Event::SafeModeEntered {
            id: id.to_string(),
            reason: reason.clone(),
        });
        Suspended::<T>::put(Suspension::SafeMode {
            since: now::<T>(),
            id: id.to_string(),
            reason,
        });
    }

    /// Ends the migration with this ID, if it is the one under way. What it did stays, its next step does not come; the chain is in
    /// safe mode, and other code is the way out.
    pub(crate) fn stop_as(by: Governor, id: String) -> Result<(), DispatchError> {
        let is_running = Self::is_migrating() && Running::<T>::get().is_some_and(|running| running.id == id);
        ensure!(is_running, Error::<T>::NoMigration);
        if Self::decides(by, Motion::StopMigration { id: id.clone() })? {
            log::write(
                log::Level::Warn,
                &format!("migration {id} was stopped, the chain is in safe mode"),
            );
            Self::enter_safe_mode(&id, "those who govern stopped it".to_string());
        }
        Ok(())
    }

    fn is_in_safe_mode() -> bool {
        matches!(Suspended::<T>::get(), Some(Suspension::SafeMode { .. }))
    }

    /// Whether a migration is under way that other code would interrupt. In safe mode none is: other code is the way out.
    pub(crate) fn is_migrating() -> bool {
        Running::<T>::exists() && !Self::is_in_safe_mode()
    }

    /// Whether the account may send calls of this pallet while the chain takes no other transactions.
    pub fn has_say(who: &AccountId20) -> bool {
        let council = crate::Council::<T>::get();
        council.has(who) || council.recovery == Some(*who) || crate::RootKey::<T>::get() == Some(*who)
    }
}
