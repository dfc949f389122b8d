//! Each decision as it is made: who was granted what, and whether anything ready was left beside a free worker.

use super::Oracle;
use crate::law::Law;
use crate::world::{LABELS, Runner, Staged, World};
use ostler_core::command::{Command, Whom};
use ostler_core::decision::{Change, Decision, Effect};
use ostler_core::ids::DeviceId;
use ostler_core::ledger::Ledger;
use ostler_core::run::{Header, State};

impl Oracle {
    /// Who is connected and willing, by the commands alone.
    fn follow(&mut self, command: &Command, decision: &Decision, ledger: &Ledger) {
        if decision.answer.is_err() {
            return;
        }
        if let Command::Attach(attach) = command {
            self.presence.insert(attach.worker, attach.draining);
        } else if let Command::Drain(device, draining) = command {
            if let Some(known) = self.presence.get_mut(device) {
                *known = *draining;
            }
        } else if let Command::Revoke(device, _) = command {
            self.presence.remove(device);
        } else if let Command::Detach(device, _) = command {
            let gone = ledger.workers().find(|worker| worker.id == *device).is_none_or(|w| w.session.is_none());
            if gone {
                self.presence.remove(device);
            }
        }
    }
}

/// An own reading of the few requirements this world uses.
fn fits(header: &Header, runner: &Runner) -> bool {
    let text = header.requirements.to_string();
    let has = |label: &str| runner.advert.offers.contains_key(label);
    let able = match text.as_str() {
        "" => true,
        "gpu" => has(LABELS[0]),
        _ => has(LABELS[1]),
    };
    able && runner.pool.split(' ').any(|pool| pool == header.pool)
}

impl World {
    /// True when a prompt comes for a lease whose time is over: if that moves nothing, expiry is frozen.
    pub(crate) fn is_due(&self, command: &Command) -> bool {
        let (Command::Elapsed(Whom::Lease(lease)), Some(ledger)) = (command, &self.relay.ledger) else { return false };
        let (whom, now) = (Whom::Lease(*lease), self.relay_reads());
        ledger.owed(lease.run).iter().any(|owed| matches!(owed, Effect::Wake(who, at) if *who == whom && *at <= now))
    }

    pub(crate) fn check_decision(&mut self, command: &Command, decision: &Decision) {
        let Some(ledger) = &self.relay.ledger else { return };
        self.oracle.follow(command, decision, ledger);
        let granted = decision.effects.iter().filter_map(|effect| {
            let Effect::Offer(device, lease) = effect else { return None };
            Some((*device, *lease))
        });
        let mut checked = Ok(());
        for (device, lease) in granted {
            let Some(run) = ledger.run(lease.run) else { continue };
            // An offer that is only made again moves nothing.
            let fresh = decision.changes.iter().any(|change| matches!(change, Change::Life(id, _) if *id == lease.run));
            if fresh && checked.is_ok() {
                checked = self.grant_fits(ledger, device, &run.spec.header, lease.to_string());
            }
        }
        let idle = self.work_conserved(ledger);
        if let Err((law, what)) = checked {
            self.broken(law, what);
        }
        self.hold_to(Law::I33, idle);
    }

    /// I30 and I31: a run goes only to a connected, willing, matching, paired runner with room.
    fn grant_fits(&self, ledger: &Ledger, to: DeviceId, header: &Header, lease: String) -> super::Checked {
        let refuse = |law: Law, why: &str| Err((law, format!("{lease} was granted to {}: {why}", to.short())));
        let Some(runner) = self.runners.iter().find(|runner| runner.device == to) else {
            return refuse(Law::I30, "no such runner");
        };
        match self.oracle.presence.get(&to) {
            None => return refuse(Law::I30, "it is not connected"),
            Some(true) => return refuse(Law::I30, "it drains"),
            Some(false) => {}
        }
        if ledger.device(to).is_none_or(|device| device.revoked.is_some()) {
            return refuse(Law::I30, "it was revoked");
        }
        if !fits(header, runner) {
            return refuse(Law::I30, "it does not match");
        }
        let worker = ledger.workers().find(|worker| worker.id == to);
        let taken = worker.map_or(0, |worker| worker.seated.len() + worker.stopping.len());
        if taken > runner.advert.slots as usize {
            return refuse(Law::I31, "it has no room");
        }
        Ok(())
    }

    /// I33: no ready run waits beside a free worker that could take it.
    fn work_conserved(&self, ledger: &Ledger) -> Result<(), String> {
        let free: Vec<&Runner> = ledger
            .workers()
            .filter(|worker| !worker.resting && self.oracle.presence.get(&worker.id) == Some(&false))
            .filter(|worker| worker.seated.len() + worker.stopping.len() < worker.advert.slots as usize)
            .filter_map(|worker| self.runners.iter().find(|runner| runner.device == worker.id))
            .collect();
        if free.is_empty() {
            return Ok(());
        }
        for run in ledger.runs().filter(|run| matches!(run.life.state(), State::Ready)) {
            if let Some(runner) = free.iter().find(|runner| fits(&run.spec.header, runner)) {
                return Err(format!("{} is ready and {} is free", run.spec.id, runner.device.short()));
            }
        }
        Ok(())
    }

    /// I12: nothing leaves before the commit it depends on.
    pub(crate) fn check_release(&mut self, staged: &Staged) {
        if self.relay.disk.turns < staged.ordinal {
            self.broken(Law::I12, format!("{:?} was answered before its commit", staged.command));
        }
        self.oracle.acknowledge(staged, self.options.policy.lease_ttl_ms);
    }
}
