//! The relay's event log: its own file, its own writer, its own loss of what was not yet synced.
//!
//! Owns which events are on disk. The rule of numbers is the core's.

use super::{Frame, Happening, World};
use crate::law::Law;
use crate::seen::Situation;
use ostler_core::ids::LeaseId;
use ostler_core::numbering::{Numbered, accept_infected};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Per lease, what is on disk: the number and the bytes of each event in the order kept.
    pub(crate) kept: BTreeMap<LeaseId, Vec<(u64, u64)>>,
    pending: Vec<(usize, LeaseId, u64, u64)>,
    syncing: bool,
}

impl Log {
    /// What was not synced is gone.
    pub(crate) fn lose_pending(&mut self) {
        self.pending.clear();
        self.syncing = false;
    }

    fn last(&self, lease: LeaseId) -> Option<u64> {
        let pending = self.pending.iter().rev().find(|(_, l, ..)| *l == lease).map(|(_, _, n, _)| *n);
        pending.or_else(|| self.kept.get(&lease).and_then(|events| events.last()).map(|(n, _)| *n))
    }
}

impl World {
    pub(crate) fn event_arrives(&mut self, conn: usize, lease: LeaseId, n: u64, bytes: u64) {
        match accept_infected(self.relay.log.last(lease), n, self.mutant()) {
            Numbered::Next => {
                self.relay.log.pending.push((conn, lease, n, bytes));
                if !std::mem::replace(&mut self.relay.log.syncing, true) {
                    let wait = 1 + self.roll(self.options.sync_ms);
                    self.after(wait, Happening::Logged { life: self.relay.life });
                }
            }
            // A repeat of what is still being written is answered by that write.
            Numbered::Duplicate => self.acknowledge(conn, lease),
            Numbered::Gap { .. } => {
                self.note(Situation::EventGapRefused);
                self.cut(conn);
            }
        }
    }

    fn acknowledge(&mut self, conn: usize, lease: LeaseId) {
        let upto = self.relay.log.kept.get(&lease).and_then(|events| events.last()).map_or(0, |(n, _)| *n);
        self.send(conn, false, Frame::Kept { lease, upto });
    }

    pub(crate) fn logged(&mut self, life: u32) {
        if life != self.relay.life || !self.relay.log.syncing {
            return;
        }
        self.relay.log.syncing = false;
        let mut acknowledged = Vec::new();
        for (conn, lease, n, bytes) in std::mem::take(&mut self.relay.log.pending) {
            let events = self.relay.log.kept.entry(lease).or_default();
            let expected = events.last().map_or(1, |(last, _)| last + 1);
            events.push((n, bytes));
            if n != expected {
                self.broken(Law::I15, format!("{lease}: event {n} was kept where {expected} was due"));
            }
            if !acknowledged.contains(&(conn, lease)) {
                acknowledged.push((conn, lease));
            }
        }
        for (conn, lease) in acknowledged {
            self.acknowledge(conn, lease);
        }
    }
}
