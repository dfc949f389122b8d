//! A runner: its clock, its journal, and what its process knows.
//!
//! ```text
//! machine ─┬─ journal   survives everything       process crash ─▶ mind gone, agents live on
//!          ├─ agents    survive the process       machine crash ─▶ agents gone, clock set anew
//!          └─ mind      dies with the process     suspension    ─▶ everything late, the clock went on
//! ```
//!
//! Owns start, crash, heartbeat and the watch over deadlines. When it may act is `core::holding`'s word.

use super::agent::Agent;
use super::{Frame, Happening, World};
use crate::Defect;
use crate::seen::Situation;
use ostler_core::command::{Attach, Report, ReportedEnd};
use ostler_core::failure::{Failure, FailureClass};
use ostler_core::gate::{Gate, Question};
use ostler_core::holding::Holding;
use ostler_core::ids::{ApprovalId, DeviceId, Digest, Incarnation, LeaseId};
use ostler_core::numbering::Numbers;
use ostler_core::requirements::Value;
use ostler_core::time::Timestamp;
use ostler_core::worker::Advert;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What the runner has written down.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) held: BTreeSet<LeaseId>,
    pub(crate) last: BTreeMap<LeaseId, u64>,
    pub(crate) events: BTreeMap<LeaseId, VecDeque<(u64, u64)>>,
    pub(crate) results: BTreeMap<LeaseId, Report>,
    pub(crate) asks: BTreeMap<ApprovalId, Question>,
}

/// What dies with the process.
#[derive(Debug)]
pub(crate) struct Mind {
    pub(crate) holding: Holding,
    pub(crate) numbers: Numbers,
    pub(crate) gates: BTreeMap<ApprovalId, Gate>,
    pub(crate) attached: bool,
    pub(crate) attach_sent_at: Timestamp,
    pub(crate) accept_sent_at: BTreeMap<LeaseId, Timestamp>,
    pub(crate) beat_sent_at: BTreeMap<u64, Timestamp>,
    seq: u64,
}

pub(crate) struct Runner {
    pub(crate) device: DeviceId,
    pub(crate) life: u32,
    pub(crate) up: bool,
    pub(crate) frozen_until: u64,
    pub(crate) dark_until: u64,
    /// Local milliseconds in a thousand true ones.
    pub(crate) rate: u64,
    offset_ms: u64,
    pub(crate) advert: Advert,
    pub(crate) pool: String,
    pub(crate) revoked: bool,
    pub(crate) draining: bool,
    pub(crate) journal: Journal,
    pub(crate) agents: BTreeMap<LeaseId, Agent>,
    pub(crate) mind: Mind,
    pub(crate) conn: Option<usize>,
    pub(crate) reported: BTreeSet<LeaseId>,
    last_relay_life: u32,
}

impl Runner {
    pub(crate) fn has_events(&self) -> bool {
        self.journal.events.values().any(|events| !events.is_empty())
    }
}

/// Pools of the world.
pub(crate) const POOLS: [&str; 2] = ["default", "lab"];
/// What runners may offer beyond being there.
pub(crate) const LABELS: [&str; 2] = ["gpu", "os"];

impl World {
    /// A runner joins: the first can do everything and is never revoked, so that every run can end.
    pub(crate) fn add_runner(&mut self, at: u64) {
        let device = super::people::runner_device(at);
        let first = at == 0;
        let mut offers = BTreeMap::new();
        if first || self.chance(50) {
            offers.insert(LABELS[0].to_owned(), Value::Flag);
        }
        if first || self.chance(70) {
            offers.insert(LABELS[1].to_owned(), Value::Text("linux".to_owned()));
        }
        let slots = 1 + u32::try_from(self.roll(3)).unwrap_or(0);
        let pools: Vec<String> =
            POOLS.iter().filter(|_| first || self.dice.roll(10) < 7).map(|p| (*p).to_owned()).collect();
        let rate = if self.options.skew { 905 + self.roll(190) } else { 1_000 };
        self.enrol_runner(device, pools.clone());
        let mind = self.mind();
        self.runners.push(Runner {
            device,
            life: 0,
            up: false,
            frozen_until: 0,
            dark_until: 0,
            rate,
            offset_ms: 1_000_000 + at * 77_777,
            advert: Advert { offers, slots },
            pool: pools.join(" "),
            revoked: false,
            draining: false,
            journal: Journal::default(),
            agents: BTreeMap::new(),
            mind,
            conn: None,
            reported: BTreeSet::new(),
            last_relay_life: 0,
        });
        let delay = 1 + self.roll(1_500);
        self.after(delay, Happening::RunnerStarts(self.runners.len() - 1));
    }

    fn mind(&self) -> Mind {
        let policy = &self.options.policy;
        let (mut holding, mut numbers) = (Holding::new(policy.lease_ttl_ms, policy.grace_ms), Numbers::default());
        holding.infect(self.mutant());
        numbers.infect(self.mutant());
        Mind {
            holding,
            numbers,
            gates: BTreeMap::new(),
            attached: false,
            attach_sent_at: Timestamp(0),
            accept_sent_at: BTreeMap::new(),
            beat_sent_at: BTreeMap::new(),
            seq: 0,
        }
    }

    /// The runner's own clock, which counts sleep.
    pub(crate) fn local(&self, runner: usize) -> Timestamp {
        let runner = &self.runners[runner];
        Timestamp(runner.offset_ms + self.now * runner.rate / 1_000)
    }

    pub(crate) fn runner_starts(&mut self, at: usize) {
        if self.runners[at].up || self.runners[at].revoked {
            return;
        }
        let (mut mind, now) = (self.mind(), self.local(at));
        if self.has_defect(Defect::JournalLoss) {
            self.runners[at].journal.events.clear();
        }
        let held: Vec<LeaseId> = self.runners[at].journal.held.iter().copied().collect();
        for lease in held {
            self.find_again(at, lease, &mut mind, now);
        }
        let runner = &mut self.runners[at];
        for (lease, last) in &runner.journal.last {
            mind.numbers.resume(*lease, *last);
        }
        for (id, question) in &runner.journal.asks {
            let mut gate = Gate::new(*question);
            gate.infect(match self.defect {
                Some(Defect::Core(mutant)) => Some(mutant),
                _ => None,
            });
            mind.gates.insert(*id, gate);
        }
        runner.up = true;
        runner.life += 1;
        runner.mind = mind;
        runner.conn = None;
        let life = runner.life;
        self.after(1, Happening::Dial { runner: at, life });
        self.after(2, Happening::Tick { runner: at, life });
        self.after(3, Happening::Beat { runner: at, life });
    }

    /// One lease of the journal: adopted with its agent, kept for its result, or given up.
    fn find_again(&mut self, at: usize, lease: LeaseId, mind: &mut Mind, now: Timestamp) {
        let give_up = self.chance(50);
        let runner = &mut self.runners[at];
        if let Some(agent) = runner.agents.get_mut(&lease).filter(|agent| agent.stop_at > now) {
            mind.holding.adopted(lease, agent.stop_at);
            let again = agent.interrupted().map(|turn| Happening::Work { runner: at, lease, turn });
            self.note(Situation::Readopted);
            return again.into_iter().for_each(|work| self.after(5, work));
        }
        runner.agents.remove(&lease);
        runner.journal.asks.retain(|_, question| question.lease != lease);
        if runner.journal.results.contains_key(&lease) {
            return;
        }
        if give_up {
            runner.journal.held.remove(&lease);
        } else {
            self.conclude(at, lease, ReportedEnd::Failed(Failure::new(FailureClass::Infra, "runner crashed")));
        }
    }

    /// Writes the end of an attempt down; it is sent until it is acknowledged.
    pub(crate) fn conclude(&mut self, at: usize, lease: LeaseId, end: ReportedEnd) {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&self.dice.next().to_be_bytes());
        let report = Report { lease, end, digest: Digest(digest), result: vec![] };
        let runner = &mut self.runners[at];
        runner.agents.remove(&lease);
        runner.mind.gates.retain(|_, gate| gate.question().lease != lease);
        runner.journal.asks.retain(|_, question| question.lease != lease);
        runner.journal.results.insert(lease, report);
    }

    /// The process dies; agents live on in their shims, until their deadlines.
    pub(crate) fn crash_process(&mut self, at: usize) {
        let mind = self.mind();
        let runner = &mut self.runners[at];
        if !std::mem::replace(&mut runner.up, false) {
            return;
        }
        runner.mind = mind;
        runner.life += 1;
        if let Some(conn) = runner.conn.take() {
            self.cut(conn);
        }
        let down = 20 + self.roll(3_000);
        self.after(down, Happening::RunnerStarts(at));
    }

    /// The machine dies, and its clock may stand elsewhere afterwards.
    pub(crate) fn crash_machine(&mut self, at: usize) {
        self.crash_process(at);
        let leap = self.roll(200_000);
        let runner = &mut self.runners[at];
        runner.agents.clear();
        runner.offset_ms = runner.offset_ms + leap - 50_000.min(runner.offset_ms);
    }

    pub(crate) fn dial(&mut self, at: usize, life: u32) {
        let runner = &self.runners[at];
        if runner.life != life || !runner.up || runner.conn.is_some() || runner.revoked {
            return;
        }
        if !self.relay.up || runner.dark_until > self.now {
            let again = 100 + self.roll(900);
            return self.after(again, Happening::Dial { runner: at, life });
        }
        let (conn, now) = (self.connect(at), self.local(at));
        let runner = &mut self.runners[at];
        runner.conn = Some(conn);
        runner.mind.attached = false;
        runner.mind.attach_sent_at = now;
        runner.mind.numbers.reconnected();
        if runner.last_relay_life != self.relay.life && runner.journal.events.values().any(|events| !events.is_empty())
        {
            self.seen.note(Situation::EventsResentAcrossCrash);
        }
        runner.last_relay_life = self.relay.life;
        let held: BTreeSet<LeaseId> =
            runner.mind.holding.leases().chain(runner.journal.results.keys().copied()).collect();
        let attach = Attach {
            worker: runner.device,
            session: self.conns[conn].session,
            incarnation: Incarnation(u64::from(life)),
            advert: runner.advert.clone(),
            draining: runner.draining,
            held: held.into_iter().collect(),
            asking: runner.journal.asks.keys().copied().collect(),
        };
        self.send(conn, true, Frame::Attach(Box::new(attach)));
    }

    pub(crate) fn runner_notices(&mut self, conn: usize) {
        let at = self.conns[conn].runner;
        if self.runners[at].conn != Some(conn) {
            return;
        }
        self.runners[at].conn = None;
        self.runners[at].mind.attached = false;
        let (life, backoff) = (self.runners[at].life, 10 + self.roll(1_500));
        self.after(backoff, Happening::Dial { runner: at, life });
    }

    pub(crate) fn beat(&mut self, at: usize, life: u32) {
        let runner = &self.runners[at];
        if runner.life != life || !runner.up {
            return;
        }
        let every = self.options.policy.lease_ttl_ms / 3 * 1_000 / runner.rate;
        self.beat_now(at);
        self.after(every, Happening::Beat { runner: at, life });
    }

    pub(crate) fn beat_now(&mut self, at: usize) {
        let now = self.local(at);
        let runner = &mut self.runners[at];
        let Some(conn) = runner.conn.filter(|_| runner.mind.attached) else { return };
        runner.mind.seq += 1;
        let seq = runner.mind.seq;
        let leases = runner.mind.holding.beat_sent(seq, now);
        runner.mind.beat_sent_at.insert(seq, now);
        self.send(conn, true, Frame::Beat(seq, leases));
    }

    /// The watch over deadlines.
    pub(crate) fn tick(&mut self, at: usize, life: u32) {
        let (now, runner) = (self.local(at), &self.runners[at]);
        if runner.life != life || !runner.up {
            return;
        }
        for lease in runner.mind.holding.must_stop(now) {
            let runner = &mut self.runners[at];
            if runner.agents.contains_key(&lease) {
                self.note(Situation::SelfStopped);
                self.stop_agent(at, lease);
            } else {
                runner.mind.holding.remove(lease);
                if !runner.journal.results.contains_key(&lease) {
                    runner.journal.held.remove(&lease);
                }
            }
        }
        self.after(self.options.policy.lease_ttl_ms / 8, Happening::Tick { runner: at, life });
    }
}
