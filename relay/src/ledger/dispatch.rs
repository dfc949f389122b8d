//! From effects to actors: the one place where what was decided is done.
//!
//! Owns presence: which actors stand for which run, runner and connection. A missing one is no error: state still owes the
//! effect, and pays when the actor is there.

use crate::hub::Shared;
use crate::ledger::alarm;
use crate::session;
use crate::session::watch;
use crate::session::worker;
use ostler_core::approval::ApprovalState;
use ostler_core::command::Whom;
use ostler_core::decision::Effect;
use ostler_core::ids::{DeviceId, SessionId};
use ostler_core::ledger::Ledger;
use ostler_core::time::Timestamp;
use ostler_mesh::Close;
use ostler_proto::Notice;
use ostler_supervise::Door;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Presence, by what it stands for.
pub(crate) struct Dispatch {
    hub: Shared,
    alarms: BTreeMap<Whom, Door<alarm::Msg>>,
    workers: BTreeMap<DeviceId, (SessionId, Door<worker::Msg>)>,
    sessions: BTreeMap<(DeviceId, SessionId), Door<session::Msg>>,
}

impl Dispatch {
    pub(crate) fn new(hub: Shared) -> Self {
        Self { hub, alarms: BTreeMap::new(), workers: BTreeMap::new(), sessions: BTreeMap::new() }
    }

    pub(crate) fn arrived(&mut self, device: DeviceId, session: SessionId, door: Door<worker::Msg>) {
        self.workers.insert(device, (session, door));
    }

    pub(crate) fn opened(&mut self, device: DeviceId, session: SessionId, door: Door<session::Msg>) {
        self.sessions.insert((device, session), door);
    }

    pub(crate) fn left(&mut self, device: DeviceId, session: SessionId) {
        self.sessions.remove(&(device, session));
        if self.workers.get(&device).is_some_and(|(current, _)| *current == session) {
            self.workers.remove(&device);
        }
    }

    /// Has one effect.
    pub(crate) fn act(&mut self, ledger: &Ledger, effect: Effect) {
        match effect {
            Effect::Wake(whom, at) => self.wake(ledger, whom, at),
            Effect::Rest(whom) => self.rest(whom),
            Effect::Offer(worker, lease) => {
                if let Some(run) = ledger.run(lease.run) {
                    self.tell(worker, worker::Msg::Offer { lease, submitter: run.spec.submitter });
                }
            }
            Effect::Stop(worker, lease, why) => {
                let grace_ms = ledger.policy().stop_grace_ms;
                self.tell(worker, worker::Msg::Stop { lease, why, grace_ms });
            }
            Effect::Deliver(worker, id) => {
                let approval = ledger.approval(id);
                if let Some(ApprovalState::Decided(decided)) = approval.map(|a| &a.state) {
                    let (choice, verdict) = (decided.choice, decided.verdict.clone());
                    self.tell(worker, worker::Msg::Verdict { approval: id, choice, verdict });
                }
            }
            Effect::Deny(worker, approval) => self.tell(worker, worker::Msg::Denied(approval)),
            Effect::Disconnect(device) => self.close_all(device),
            Effect::Close(device, session) => self.close(device, session, Close::Superseded),
            Effect::Changed(run) => self.notice(watch::Stir::Notice(Notice::Run(run))),
            Effect::Inbox(approval) => self.notice(watch::Stir::Notice(Notice::Inbox(approval))),
            Effect::Fleet => self.fleet(ledger),
        }
    }

    fn wake(&mut self, ledger: &Ledger, whom: Whom, at: Timestamp) {
        // One that does not take the word has fallen with its branch: another one stands in for it.
        if self.alarms.get(&whom).is_some_and(|door| door.send(alarm::Msg::Ring(at)).is_ok()) {
            return;
        }
        let run = match whom {
            Whom::Run(run) => run,
            Whom::Lease(lease) => lease.run,
            Whom::Approval(id) => match ledger.approval(id) {
                Some(approval) => approval.lease.run,
                None => return,
            },
        };
        let door = Door::new();
        let child = alarm::child(Arc::clone(&self.hub), whom, run, at, &door);
        match self.hub.runs.cast(child) {
            Ok(()) => drop(self.alarms.insert(whom, door)),
            // The whole branch is down: it comes back empty, and everything owed is asked for again.
            Err(_) => self.alarms.clear(),
        }
    }

    fn rest(&mut self, whom: Whom) {
        if let Some(door) = self.alarms.remove(&whom) {
            door.stop();
        }
    }

    pub(crate) fn tell(&self, worker: DeviceId, message: worker::Msg) {
        if let Some((_, door)) = self.workers.get(&worker) {
            // A runner whose actor is gone reconnects, and is told what it is owed.
            drop(door.send(message));
        }
    }

    fn close(&self, device: DeviceId, session: SessionId, why: Close) {
        if let Some(door) = self.sessions.get(&(device, session)) {
            drop(door.send(session::Msg::Close(why)));
        }
    }

    fn close_all(&self, device: DeviceId) {
        for (owner, session) in self.sessions.keys().filter(|(owner, _)| *owner == device) {
            self.close(*owner, *session, Close::Revoked);
        }
    }

    fn notice(&self, stir: watch::Stir) {
        // Without a watch there is nobody to tell; followers look again when they subscribe.
        drop(self.hub.watch.send(watch::Msg::Stir(stir)));
    }

    fn fleet(&self, ledger: &Ledger) {
        let (epochs, tombstones) = crate::session::views::fleet(ledger);
        for (_, door) in self.workers.values() {
            drop(door.send(worker::Msg::Fleet { epochs: epochs.clone(), tombstones: tombstones.clone() }));
        }
        self.notice(watch::Stir::Notice(Notice::Fleet));
    }
}
