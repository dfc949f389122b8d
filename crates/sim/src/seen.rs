//! "Sometimes" counters: what a campaign must have met at least once, or it has proved less than it says.
//!
//! Owns the list and the counts. Must not know how a situation comes about.

/// One situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant's sentence is in `words`, which the report prints")]
pub enum Situation {
    TwoOwners,
    ResultResent,
    LateRefused,
    CrashBeforeCommit,
    CrashBeforeReply,
    CrashInRecovery,
    CrashInRecoveryTwice,
    OfferTooLate,
    DecisionRace,
    CancelRace,
    DeadByFailure,
    DeadByBudget,
    DeadByPoison,
    Expired,
    SlowRenewal,
    ResubmitAcrossCrash,
    KeyConflict,
    EventsResentAcrossCrash,
    EventGapRefused,
    SlowClock,
    FastClock,
    Swizzle,
    RevokedMidRun,
    Readopted,
    OrphanReturned,
    OrphanLost,
    SelfFenced,
    SelfStopped,
    Parked,
    ParkedWaited,
    Denied,
    Escalated,
    Withdrawn,
    VerdictUsed,
    ReplayRefused,
    CheatRefused,
    Declined,
    Revived,
    Drained,
    BreakerFroze,
    RelayPaused,
    ClockLeap,
    CommitShared,
    TicketReused,
    AskedTooMuch,
}

impl Situation {
    const COUNT: usize = Self::AskedTooMuch as usize + 1;

    const fn words(index: usize) -> &'static str {
        const WORDS: [&str; Situation::COUNT] = [
            "two runners held leases of one run",
            "a result was lost and sent again",
            "a late result was refused",
            "the relay crashed before a commit",
            "the relay crashed between commit and reply",
            "the relay crashed inside recovery",
            "the relay crashed inside recovery twice",
            "an offer arrived after its lease was over",
            "two people decided one question",
            "a cancel and a result raced",
            "a dead letter by failure",
            "a dead letter by budget",
            "a dead letter by poison",
            "a run expired before it started",
            "a renewal took longer than half a TTL",
            "a submission was repeated across a crash",
            "a key with other work was refused",
            "events were sent again across a crash",
            "an event number gap was refused",
            "a runner with a slow clock acted",
            "a runner with a fast clock acted",
            "runners were cut and healed one by one",
            "a runner was revoked in the middle of a run",
            "a restarted runner adopted its attempt",
            "an orphan's runner returned in time",
            "an orphan's runner did not return",
            "a runner fenced itself",
            "a runner stopped an agent at its deadline",
            "a run gave its slot back while it asked",
            "a verdict waited for a slot",
            "a question was denied by time",
            "a question was asked louder",
            "a question was withdrawn by its runner",
            "a gated action ran under its verdict",
            "a replayed verdict was refused by a gate",
            "a decision by a device that may not was refused",
            "an offer was declined",
            "a dead letter was revived and left the dead",
            "a runner was drained",
            "mass loss froze expiry",
            "the relay was suspended",
            "the relay's clock leapt at a restart",
            "one commit carried several turns",
            "a spent ticket was refused",
            "a run asked too much at once",
        ];
        WORDS[index]
    }
}

/// How often each situation was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen([u64; Situation::COUNT]);

impl Default for Seen {
    fn default() -> Self {
        Self([0; Situation::COUNT])
    }
}

impl Seen {
    pub(crate) const fn note(&mut self, what: Situation) {
        self.0[what as usize] += 1;
    }

    /// Adds another world's counts.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// Each situation in words, with its count.
    pub fn lines(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().enumerate().map(|(at, count)| (Situation::words(at), *count))
    }
}
