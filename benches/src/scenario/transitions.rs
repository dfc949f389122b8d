//! Decisions per second of the pure ledger, on one thread.
//!
//! Every round fills all slots and empties them: submit (granted at once while a slot is free), accept, a heartbeat for
//! every sixteen leases, report (which grants the next run that waits). Commands are made before the clock runs; decisions
//! are dropped while it does. A grant is counted with the submit or the report that made it, not by itself.

use crate::figure::Figure;
use crate::yard::{self, Yard};
use crate::{Error, Options, clock};
use ostler_core::command::Command;
use ostler_core::ids::{DeviceId, LeaseId};
use std::time::Duration;

/// Runs between sweeps: as many as a busy relay settles between two of its own.
const RUNS_PER_SWEEP: u64 = 20_000;

/// A yard with everything offered that has a slot.
#[derive(Debug)]
pub struct Mill {
    yard: Yard,
    offered: Vec<(DeviceId, LeaseId)>,
    slots: u64,
    since_sweep: u64,
}

/// What rounds took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Milled {
    /// Commands decided.
    pub decided: u64,
    /// Time in the ledger.
    pub took: Duration,
}

impl Mill {
    /// A fleet, with `backlog` runs more than it has slots for.
    #[must_use]
    pub fn new(workers: u64, slots: u32, backlog: u64) -> Self {
        let all = workers * u64::from(slots);
        let mut mill = Self { yard: Yard::new(workers, slots), offered: vec![], slots: all, since_sweep: 0 };
        let waiting = if backlog == 0 { 0 } else { backlog + all };
        let commands = mill.yard.submissions(waiting);
        mill.decide(commands);
        mill
    }

    /// Submits as many runs as there are slots, and ends as many.
    pub fn round(&mut self) -> Milled {
        let mut milled = Milled::default();
        let submitted = self.yard.submissions(self.slots);
        milled.add(self.decide(submitted));
        let held = std::mem::take(&mut self.offered);
        for commands in [yard::accepts(&held), yard::beats(&held), yard::reports(&held)] {
            milled.add(self.decide(commands));
        }
        self.since_sweep += self.slots;
        if self.since_sweep >= RUNS_PER_SWEEP {
            self.since_sweep = 0;
            milled.add(self.decide(vec![Command::Sweep]));
        }
        milled
    }

    fn decide(&mut self, commands: Vec<Command>) -> Milled {
        let (decided, started) = (commands.len() as u64, clock::now());
        for command in commands {
            let decision = self.yard.apply(command);
            debug_assert!(decision.answer.is_ok(), "a yard asks nothing wrong");
            self.offered.extend(yard::offers(&decision));
        }
        Milled { decided, took: started.elapsed() }
    }
}

impl Milled {
    fn add(&mut self, more: Self) {
        self.decided += more.decided;
        self.took += more.took;
    }
}

/// Rounds until `count` commands were decided.
pub(super) fn round(options: &Options) -> Result<Vec<Figure>, Error> {
    let (workers, slots) = (options.number("workers", 16), options.number("slots", 16));
    let mut mill = Mill::new(workers, u32::try_from(slots)?, options.number("backlog", 0));
    let mut all = Milled::default();
    while all.decided < options.number("count", 1_000_000) {
        all.add(mill.round());
    }
    Ok(vec![Figure::rate("transitions, one thread", all.decided, all.took)])
}
