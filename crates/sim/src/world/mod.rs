//! The world: virtual time, one queue of what will happen, and everybody in it.
//!
//! ```text
//! queue ─ earliest ─▶ step ─▶ relay | wire | runner | client | nemesis ─▶ oracle ─▶ next
//! ```
//!
//! Owns time, chance and the order of things; every part is an `impl World` in a file of its own. Chaos first, then
//! everything is healed and must come to an end.

mod agent;
mod client;
mod disk;
mod log;
mod nemesis;
mod people;
mod relay;
mod runner;
mod script;
mod session;
mod wire;

pub(crate) use client::Request;
pub(crate) use disk::Disk;
pub(crate) use log::Log;
pub(crate) use people::{OPERATORS, Signed};
pub(crate) use relay::{Relay, Staged};
pub(crate) use runner::{LABELS, Runner};
pub(crate) use script::Nature;
pub(crate) use wire::{Conn, Frame};

use crate::law::Law;
use crate::options::Options;
use crate::oracle::Oracle;
use crate::seen::{Seen, Situation};
use crate::{Defect, Outcome, Violation};
use ostler_core::command::Whom;
use ostler_core::ids::{ApprovalId, DeviceId, LeaseId};
use ostler_core::mutant::Mutant;
use ostler_core::policy::Dice;
use std::collections::BTreeMap;

/// True time at which worlds begin: late enough that clocks may be set back.
const BEGIN_MS: u64 = 1_000_000_000;
/// After the heal, everything must have ended within this: every budget spent at the slowest, with room.
const HEAL_MS: u64 = 240_000;
/// A world that takes more steps is going in circles.
const STEPS_MAX: u64 = 400_000;

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum Happening {
    Deliver { conn: usize, up: bool, frame: Frame },
    RunnerNotices(usize),
    RelayNotices(usize),
    Committed { life: u32 },
    Logged { life: u32 },
    Prompt { life: u32, whom: Whom, turn: u64 },
    Restart { life: u32 },
    Recovered { life: u32 },
    RunnerStarts(usize),
    Dial { runner: usize, life: u32 },
    Tick { runner: usize, life: u32 },
    Beat { runner: usize, life: u32 },
    Work { runner: usize, lease: LeaseId, turn: u64 },
    Stopped { runner: usize, lease: LeaseId },
    Submit(u64),
    Arrives(usize),
    Retry(usize),
    Told(usize),
    Decide { approval: ApprovalId, by: DeviceId },
    Nemesis,
    Recover(usize),
    Cut(usize),
    Thaw { life: u32, stood_ms: u64 },
    Check,
    Heal,
}

pub(crate) struct World {
    pub(crate) now: u64,
    order: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    pub(crate) dice: Dice,
    pub(crate) options: Options,
    pub(crate) defect: Option<Defect>,
    pub(crate) relay: Relay,
    pub(crate) runners: Vec<Runner>,
    pub(crate) conns: Vec<Conn>,
    pub(crate) requests: Vec<Request>,
    pub(crate) signed: Vec<Signed>,
    pub(crate) oracle: Oracle,
    pub(crate) seen: Seen,
    pub(crate) healed: bool,
    violation: Option<Violation>,
    trace: u64,
    verbose: bool,
    lines: Vec<String>,
}

impl World {
    pub(crate) fn new(options: Options, defect: Option<Defect>, verbose: bool) -> Self {
        let dice = Dice::new(options.seed);
        let mut world = Self {
            now: BEGIN_MS,
            order: 0,
            queue: BTreeMap::new(),
            dice,
            relay: Relay::new(&options),
            runners: vec![],
            conns: vec![],
            requests: vec![],
            signed: vec![],
            oracle: Oracle::default(),
            seen: Seen::default(),
            healed: false,
            violation: None,
            trace: 0xcbf2_9ce4_8422_2325,
            verbose,
            lines: vec![],
            options,
            defect,
        };
        world.found();
        world
    }

    /// The fleet is founded: people, runners, and the plan of the chaos.
    fn found(&mut self) {
        self.enrol_people();
        for at in 0..self.options.runners {
            self.add_runner(at);
        }
        self.start_relay();
        for at in 0..self.options.runs {
            let when = self.roll(self.options.chaos_ms * 4 / 5);
            self.after(when, Happening::Submit(at));
        }
        self.after(1, Happening::Nemesis);
        self.after(50, Happening::Check);
        self.after(self.options.chaos_ms, Happening::Heal);
    }

    /// Lives the world to its end.
    pub(crate) fn live(mut self) -> Outcome {
        let (mut steps, mut ended) = (0, false);
        while self.violation.is_none() && !ended {
            let Some(((at, order), happening)) = self.queue.pop_first() else { break };
            self.now = at;
            steps += 1;
            let chance = self.dice.clone().next();
            self.trace = (self.trace ^ at ^ order.rotate_left(17) ^ chance).wrapping_mul(0x0100_0000_01b3);
            if self.verbose {
                self.say(|| format!("{happening:?}"));
            }
            self.step(happening);
            self.check_step();
            ended = self.healed && self.everything_ended();
            if steps > STEPS_MAX {
                self.broken(Law::I35, "the world goes in circles".to_owned());
            }
        }
        if self.violation.is_none() {
            self.check_end(ended);
        }
        let mut seen = self.oracle.seen.clone();
        seen.add(&self.seen);
        let Self { violation, trace, lines, options, now, .. } = self;
        let seed = options.seed;
        Outcome { seed, violation, trace, seen, steps, simulated_ms: now - BEGIN_MS, lines }
    }

    fn step(&mut self, happening: Happening) {
        let thaw = self.frozen_until(&happening);
        if thaw > self.now {
            return self.at(thaw, happening);
        }
        match happening {
            Happening::Deliver { conn, up: true, frame } => self.relay_receives(conn, frame),
            Happening::Deliver { conn, up: false, frame } => self.runner_receives(conn, frame),
            Happening::RunnerNotices(conn) => self.runner_notices(conn),
            Happening::RelayNotices(conn) => self.relay_notices(conn),
            Happening::Committed { life } => self.committed(life),
            Happening::Logged { life } => self.logged(life),
            Happening::Prompt { life, whom, turn } => self.prompt(life, whom, turn),
            Happening::Restart { life } => self.restart(life),
            Happening::Recovered { life } => self.recovered(life),
            Happening::RunnerStarts(runner) => self.runner_starts(runner),
            Happening::Dial { runner, life } => self.dial(runner, life),
            Happening::Tick { runner, life } => self.tick(runner, life),
            Happening::Beat { runner, life } => self.beat(runner, life),
            Happening::Work { runner, lease, turn } => self.work(runner, lease, turn),
            Happening::Stopped { runner, lease } => self.agent_stopped(runner, lease),
            Happening::Submit(at) => self.submit(at),
            Happening::Arrives(request) => self.request_arrives(request),
            Happening::Retry(request) => self.retry(request),
            Happening::Told(request) => self.told(request),
            Happening::Decide { approval, by } => self.decide(approval, by),
            Happening::Nemesis => self.nemesis(),
            Happening::Recover(runner) => self.lighten(runner),
            Happening::Cut(conn) => self.cut(conn),
            Happening::Thaw { life, stood_ms } => self.thawed(life, stood_ms),
            Happening::Check => self.check_standing(),
            Happening::Heal => self.heal(),
        }
    }

    fn everything_ended(&self) -> bool {
        let unsent = |runner: &Runner| !runner.journal.results.is_empty() || runner.has_events();
        self.oracle.all_ended(&self.relay.disk)
            && self.requests.iter().all(Request::is_over)
            && !self.runners.iter().any(|runner| !runner.revoked && unsent(runner))
    }

    /// Until when whoever this happens to is frozen.
    fn frozen_until(&self, happening: &Happening) -> u64 {
        match happening {
            Happening::Deliver { up: true, .. }
            | Happening::RelayNotices(_)
            | Happening::Committed { .. }
            | Happening::Logged { .. }
            | Happening::Prompt { .. }
            | Happening::Arrives(_) => self.relay.frozen_until,
            Happening::Deliver { conn, up: false, .. } | Happening::RunnerNotices(conn) => {
                self.runners[self.conns[*conn].runner].frozen_until
            }
            Happening::Dial { runner, .. }
            | Happening::Tick { runner, .. }
            | Happening::Beat { runner, .. }
            | Happening::Work { runner, .. }
            | Happening::Stopped { runner, .. }
            | Happening::RunnerStarts(runner) => self.runners[*runner].frozen_until,
            Happening::Restart { .. }
            | Happening::Recovered { .. }
            | Happening::Submit(_)
            | Happening::Retry(_)
            | Happening::Told(_)
            | Happening::Decide { .. }
            | Happening::Nemesis
            | Happening::Recover(_)
            | Happening::Cut(_)
            | Happening::Thaw { .. }
            | Happening::Check
            | Happening::Heal => 0,
        }
    }

    fn check_end(&mut self, ended: bool) {
        self.check_standing();
        if !ended {
            let stuck = self.stuck();
            self.broken(Law::I35, stuck);
        }
    }

    /// What did not end, in words.
    pub(crate) fn stuck(&self) -> String {
        let unsent = |runner: &&Runner| !runner.revoked && (!runner.journal.results.is_empty() || runner.has_events());
        match (self.runners.iter().find(unsent), self.requests.iter().find(|request| !request.is_over())) {
            _ if !self.oracle.all_ended(&self.relay.disk) => self.oracle.stuck(&self.relay.disk),
            (Some(runner), _) => format!("{} still keeps {:?}", runner.device.short(), runner.journal),
            (None, request) => format!("{request:?} was never answered"),
        }
    }

    pub(crate) fn out_of_time(&self) -> bool {
        self.now > BEGIN_MS + self.options.chaos_ms + HEAL_MS
    }

    pub(crate) fn after(&mut self, ms: u64, what: Happening) {
        self.at(self.now + ms, what);
    }

    pub(crate) fn at(&mut self, when: u64, what: Happening) {
        self.order += 1;
        self.queue.insert((when.max(self.now), self.order), what);
    }

    /// A number below `bound`, or zero.
    pub(crate) fn roll(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.dice.roll(bound) }
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        percent > 0 && self.dice.roll(100) < percent
    }

    /// A law is broken: the world ends here.
    pub(crate) fn broken(&mut self, law: Law, what: String) {
        if self.violation.is_none() {
            self.violation = Some(Violation { law, what, at_ms: self.now - BEGIN_MS });
        }
    }

    pub(crate) fn hold_to(&mut self, law: Law, checked: Result<(), String>) {
        if let Err(what) = checked {
            self.broken(law, what);
        }
    }

    pub(crate) fn say(&mut self, line: impl FnOnce() -> String) {
        if self.verbose {
            let line = format!("{:>9} {}", self.now - BEGIN_MS, line());
            self.lines.push(line);
        }
    }

    pub(crate) const fn note(&mut self, what: Situation) {
        self.seen.note(what);
    }

    pub(crate) fn has_defect(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// The planted defect, if it is one of the core's.
    pub(crate) const fn mutant(&self) -> Option<Mutant> {
        match self.defect {
            Some(Defect::Core(mutant)) => Some(mutant),
            Some(Defect::AckBeforeSync | Defect::NoResume | Defect::JournalLoss) | None => None,
        }
    }
}
