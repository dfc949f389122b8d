//! The world in a box: the ledger, runners, clients, a lossy wire and a crashable disk in virtual time, from one seed.
//!
//! Owns the simulation, its laws and its planted defects. Must not know a real clock, disk or socket: it depends on the core
//! alone, and what it proves is the core and the contract of the wire.
//!
//! ```text
//! seed ─▶ Options (swarm) ─▶ World: chaos ─▶ heal ─▶ everything ended?      after every step: the Oracle holds it to the Laws
//! ```

mod campaign;
mod front;
mod law;
mod options;
mod oracle;
mod seen;
mod world;

pub use campaign::{Campaign, Killed, kill, run_many};
pub use front::main;
pub use law::Law;
pub use options::{Fault, Options};
pub use seen::{Seen, Situation};

use ostler_core::mutant::Mutant;
use std::fmt;

/// A planted defect: one of the core's, or one of the shell around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    /// In the ledger or in a runner's rules.
    Core(Mutant),
    /// The relay answers before its commit.
    AckBeforeSync,
    /// A restarted relay does not take up what it owes.
    NoResume,
    /// A restarted runner has lost its unacknowledged events.
    JournalLoss,
}

impl Defect {
    /// Every planted defect.
    pub fn all() -> impl Iterator<Item = Self> {
        Mutant::ALL.into_iter().map(Self::Core).chain([Self::AckBeforeSync, Self::NoResume, Self::JournalLoss])
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Core(mutant) => write!(f, "{mutant:?}"),
            Self::AckBeforeSync | Self::NoResume | Self::JournalLoss => write!(f, "{self:?}"),
        }
    }
}

/// A broken law.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub law: Law,
    /// What was seen.
    pub what: String,
    /// Simulated milliseconds since the world began.
    pub at_ms: u64,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({}) at {} ms: {}", self.law, self.law.text(), self.at_ms, self.what)
    }
}

/// How a world ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// The first broken law, if one was.
    pub violation: Option<Violation>,
    /// Equal exactly for the same history.
    pub trace: u64,
    /// Situations met.
    pub seen: Seen,
    /// Steps taken.
    pub steps: u64,
    /// Simulated milliseconds.
    pub simulated_ms: u64,
    /// The history in words, when asked for.
    pub lines: Vec<String>,
}

/// Lives the world of a seed, with a defect if one is planted; `verbose` keeps its history in words.
#[must_use]
pub fn live(seed: u64, defect: Option<Defect>, verbose: bool) -> Outcome {
    let world = || world::World::new(Options::draw(seed), defect, verbose).live();
    // A failed assertion of the core ends a world like any other broken law.
    std::panic::catch_unwind(world).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let what = text.unwrap_or_else(|| "a panic without words".to_owned());
        let violation = Some(Violation { law: Law::Sound, what, at_ms: 0 });
        Outcome { seed, violation, trace: 0, seen: Seen::default(), steps: 0, simulated_ms: 0, lines: vec![] }
    })
}

/// Failed assertions become broken laws: nobody needs their stack traces in a report.
pub(crate) fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|_| {}));
}
