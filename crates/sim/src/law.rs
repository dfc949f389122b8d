//! The laws: what must be true after every step, in words. The oracle's functions hold the world to them.
//!
//! Owns names and texts. Must not know how a law is checked.

/// One invariant of PROOF or DESIGN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// Leases are exclusive.
    I1,
    /// Epochs grow by one.
    I2,
    /// Reports are fenced.
    I3,
    /// Terminal is absorbing.
    I4,
    /// Effects are ordered by epoch.
    I5,
    /// Runners fence themselves.
    I6,
    /// Renewals revive nothing.
    I7,
    /// Promised time is kept.
    I9,
    /// Acknowledged submissions exist.
    I10,
    /// One key, one run.
    I11,
    /// Commit, then answer.
    I12,
    /// Acknowledged facts stay.
    I13,
    /// Rows are the state.
    I14,
    /// Event numbers have no gap.
    I15,
    /// Acknowledged events are kept.
    I16,
    /// Runs are conserved.
    I18,
    /// Attempts are bounded.
    I19,
    /// Holds are respected.
    I20,
    /// Poison is buried.
    I21,
    /// Cancelled runs rest.
    I23,
    /// Decided once.
    I24,
    /// Gated actions wait.
    I25,
    /// Verdicts are bound.
    I26,
    /// Only people approve.
    I28,
    /// Grants match.
    I30,
    /// Slots are never over-committed.
    I31,
    /// No idle worker beside a ready run.
    I33,
    /// Everything ends.
    I35,
    /// Recovery is idempotent.
    I36,
    /// Revoked keys change nothing.
    I41,
    /// What is owed has a prompt.
    Owed,
    /// Questions end with their lease.
    Asked,
    /// The core's own assertions.
    Sound,
}

impl Law {
    /// Every law.
    pub const ALL: [Self; 33] = [
        Self::I1,
        Self::I2,
        Self::I3,
        Self::I4,
        Self::I5,
        Self::I6,
        Self::I7,
        Self::I9,
        Self::I10,
        Self::I11,
        Self::I12,
        Self::I13,
        Self::I14,
        Self::I15,
        Self::I16,
        Self::I18,
        Self::I19,
        Self::I20,
        Self::I21,
        Self::I23,
        Self::I24,
        Self::I25,
        Self::I26,
        Self::I28,
        Self::I30,
        Self::I31,
        Self::I33,
        Self::I35,
        Self::I36,
        Self::I41,
        Self::Owed,
        Self::Asked,
        Self::Sound,
    ];

    /// The law, in a sentence.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::I1 => "at most one runner may act on a run",
            Self::I2 => "an epoch grows by exactly one with each grant and is never used for another",
            Self::I3 => "a report is accepted only from the current lease, once",
            Self::I4 => "a settled run stays as it settled",
            Self::I5 => "no effect of an epoch follows an effect of a later one",
            Self::I6 => "nothing is done under a lease that has lapsed, whatever the runner has heard",
            Self::I7 => "a renewal never revives what is over",
            Self::I9 => "a lease lives at least as long as was promised, also across a restart",
            Self::I10 => "an acknowledged submission exists, with the same digest",
            Self::I11 => "an idempotency key stands for one run, and other work under it is a conflict",
            Self::I12 => "nothing leaves before the commit it depends on",
            Self::I13 => "an acknowledged settlement, decision or revocation never reverts",
            Self::I14 => "the rows and the live state say the same, and what is derived follows from them",
            Self::I15 => "event numbers of an epoch start at one and have no gap",
            Self::I16 => "an acknowledged event is kept with the same bytes",
            Self::I18 => "every run is in exactly one state and none disappears",
            Self::I19 => "attempts stay within the policy; a dead letter has a cause that its counts show",
            Self::I20 => "a held run is not granted before its time",
            Self::I21 => "a run that kills its runners is buried",
            Self::I23 => "a cancelled run gets no lease",
            Self::I24 => "an approval is decided once; the first durable decision stands",
            Self::I25 => "a gated action starts only after a durable, verified approval of its own",
            Self::I26 => "an approval is used once, for its own digest, under its own lease",
            Self::I28 => "only an operator's device that is not revoked decides",
            Self::I30 => "a run goes only to a connected, willing, matching, paired runner",
            Self::I31 => "a runner never has more than its slots",
            Self::I33 => "no ready run waits beside a free worker that could take it",
            Self::I35 => "after the faults stop, every run ends",
            Self::I36 => "recovery from the same rows gives the same state",
            Self::I41 => "a revoked device changes nothing",
            Self::Owed => "whatever is owed has a timer that will prompt it",
            Self::Asked => "a question that waits belongs to a current lease",
            Self::Sound => "no assertion of the core fails",
        }
    }
}
