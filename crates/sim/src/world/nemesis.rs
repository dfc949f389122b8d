//! The nemesis: what goes wrong, by the weights its world has drawn; and the heal.
//!
//! Owns the faults. After the heal nothing new goes wrong, and what was broken works.

use super::people::OPERATORS;
use super::relay::From;
use super::{Happening, World};
use crate::options::Fault;
use crate::seen::Situation;
use ostler_core::command::Command;
use ostler_core::ids::{DeviceId, RunId};
use ostler_core::run::{Life, State};

/// Runners that may join in the middle of the chaos.
const JOINERS_MAX: usize = 2;

impl World {
    pub(crate) fn nemesis(&mut self) {
        if self.healed {
            return;
        }
        let all: u64 = self.options.weights.iter().map(|(_, weight)| weight).sum();
        let mut drawn = self.roll(all);
        let fault = self.options.weights.iter().find(|(_, weight)| {
            let hit = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            hit
        });
        if let Some((fault, _)) = fault.copied() {
            self.say(|| format!("  fault {fault:?}"));
            self.strike(fault);
        }
        let pause = 1 + self.roll(self.options.fault_every_ms * 2);
        self.after(pause, Happening::Nemesis);
    }

    fn strike(&mut self, fault: Fault) {
        let at = usize::try_from(self.dice.roll(self.runners.len() as u64)).unwrap_or(0);
        let (ttl_ms, grace_ms) = (self.options.policy.lease_ttl_ms, self.options.policy.grace_ms);
        let long = self.roll((ttl_ms + grace_ms) * 3 / 2);
        match fault {
            Fault::Cut => self.cut_runner(at),
            Fault::Stall => self.stall_runner(at, ttl_ms * 3 / 2),
            Fault::Dark => self.darken(at, long),
            Fault::Swizzle => self.swizzle(ttl_ms + grace_ms),
            Fault::Blackout => (0..self.runners.len()).for_each(|at| self.darken(at, ttl_ms + long)),
            Fault::RelayCrash if self.relay.up => self.crash_relay(),
            Fault::RelayCrash => {}
            Fault::LogFailure => self.fail_log(),
            Fault::ProcessCrash => self.crash_process(at),
            Fault::MachineCrash => self.crash_machine(at),
            // Who sleeps already sleeps on: what waits for it stays in order.
            Fault::RelayPause if self.relay.frozen_until >= self.now => {}
            Fault::Suspend if self.runners[at].frozen_until >= self.now => {}
            Fault::RelayPause => self.doze(ttl_ms * 3),
            Fault::Suspend => self.suspend(at, long),
            Fault::RevokeRunner if at > 0 && self.chance(40) => self.revoke(self.runners[at].device),
            Fault::RevokeOperator if self.chance(40) => self.revoke(OPERATORS[2]),
            Fault::RevokeRunner | Fault::RevokeOperator => {}
            Fault::Drain => self.drain_runner(at, long),
            Fault::Cancel => self.strike_run(|life| !life.is_settled(), Command::Cancel),
            Fault::Poisoned => self.poison_one(),
            Fault::Discard => self.strike_run(|life| matches!(life.state(), State::Dead { .. }), Command::Discard),
            Fault::Cheat => self.cheat(),
            Fault::Join => self.join_one(),
            Fault::Sweep => self.command(Command::Sweep, From::Nobody),
        }
    }

    fn cut_runner(&mut self, at: usize) {
        self.runners[at].conn.into_iter().for_each(|conn| self.cut(conn));
    }

    fn stall_runner(&mut self, at: usize, most_ms: u64) {
        let (up, ms) = (self.chance(50), self.roll(most_ms));
        self.runners[at].conn.into_iter().for_each(|conn| self.stall(conn, up, ms));
    }

    fn swizzle(&mut self, most_ms: u64) {
        self.note(Situation::Swizzle);
        for at in 0..self.runners.len() {
            let ms = self.roll(most_ms);
            self.darken(at, ms);
        }
    }

    fn doze(&mut self, most_ms: u64) {
        let stood_ms = self.roll(most_ms);
        self.pause_relay(stood_ms);
    }

    fn suspend(&mut self, at: usize, ms: u64) {
        self.runners[at].frozen_until = self.now + ms;
        if self.chance(50) {
            self.cut_runner(at);
        }
    }

    fn drain_runner(&mut self, at: usize, ms: u64) {
        self.note(Situation::Drained);
        self.runners[at].draining = true;
        self.ask_relay(Command::Drain(self.runners[at].device, true), 0);
        self.after(ms, Happening::Recover(at));
    }

    fn poison_one(&mut self) {
        if let Some(run) = self.some_run(|life| !life.is_settled()) {
            self.command(Command::Poisoned(run), From::Nobody);
        }
    }

    fn join_one(&mut self) {
        if self.runners.len() < usize::try_from(self.options.runners).unwrap_or(0) + JOINERS_MAX {
            self.add_runner(self.runners.len() as u64);
        }
    }

    /// The log's writer dies with what it had not synced; sessions fall a moment later, as supervision would have it.
    fn fail_log(&mut self) {
        self.relay.log.lose_pending();
        for conn in 0..self.conns.len() {
            let late = self.roll(1_500);
            self.after(late, Happening::Cut(conn));
        }
    }

    fn darken(&mut self, at: usize, ms: u64) {
        self.runners[at].dark_until = self.now + ms;
        self.cut_runner(at);
    }

    fn some_run(&mut self, fits: fn(&Life) -> bool) -> Option<RunId> {
        let found: Vec<RunId> =
            self.relay.disk.lives.iter().filter(|(_, life)| fits(life)).map(|(run, _)| *run).collect();
        let at = self.roll(found.len() as u64);
        found.get(usize::try_from(at).unwrap_or(0)).copied()
    }

    fn strike_run(&mut self, fits: fn(&Life) -> bool, command: fn(RunId) -> Command) {
        if let Some(run) = self.some_run(fits) {
            self.ask_relay(command(run), 0);
        }
    }

    fn revoke(&mut self, device: DeviceId) {
        self.ask_relay(Command::Revoke(device, vec![1]), 0);
    }

    /// A revocation is durable: the device finds every door closed from now on.
    pub(crate) fn turned_away(&mut self, device: DeviceId) {
        let Some(runner) = self.runners.iter_mut().find(|runner| runner.device == device) else { return };
        runner.revoked = true;
        if !runner.agents.is_empty() {
            self.seen.note(Situation::RevokedMidRun);
        }
    }

    /// A drained runner takes work again.
    pub(crate) fn lighten(&mut self, at: usize) {
        self.runners[at].draining = false;
        self.ask_relay(Command::Drain(self.runners[at].device, false), 0);
    }

    /// Dead letters get another chance while there is chaos.
    pub(crate) fn revive_some(&mut self) {
        if !self.healed && self.chance(25) {
            self.strike_run(|life| matches!(life.state(), State::Dead { .. }), Command::Revive);
        }
    }

    pub(crate) fn heal(&mut self) {
        self.healed = true;
        self.options.delay_ms = 20;
        self.options.sync_ms = 5;
        self.options.late_ms = 5;
        self.options.loss = 0;
        self.options.decline = 0;
        // Whoever is asleep wakes in its own time: what waits for it stays in order.
        for at in 0..self.runners.len() {
            self.runners[at].dark_until = 0;
            if !self.runners[at].revoked {
                self.lighten(at);
            }
        }
        self.after(1, Happening::Check);
    }
}
