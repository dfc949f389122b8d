//! Swarm options: each seed first draws what its world is like, so that rare mixes of faults are common somewhere.
//!
//! Owns the draw. Two runs in five leave any given fault out: a world with every fault at once hides what a world with
//! two would show.

use ostler_core::policy::{Backoff, Dice, Policy};

/// What the nemesis can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the descriptions")]
pub enum Fault {
    Cut,
    Stall,
    Dark,
    Swizzle,
    Blackout,
    RelayCrash,
    RelayPause,
    LogFailure,
    ProcessCrash,
    MachineCrash,
    Suspend,
    RevokeRunner,
    RevokeOperator,
    Drain,
    Cancel,
    Poisoned,
    Discard,
    Cheat,
    Join,
    Sweep,
}

impl Fault {
    pub(crate) const ALL: [Self; 20] = [
        Self::Cut,
        Self::Stall,
        Self::Dark,
        Self::Swizzle,
        Self::Blackout,
        Self::RelayCrash,
        Self::RelayPause,
        Self::LogFailure,
        Self::ProcessCrash,
        Self::MachineCrash,
        Self::Suspend,
        Self::RevokeRunner,
        Self::RevokeOperator,
        Self::Drain,
        Self::Cancel,
        Self::Poisoned,
        Self::Discard,
        Self::Cheat,
        Self::Join,
        Self::Sweep,
    ];

    /// How often it is drawn when its world has it at all, against the others.
    const fn usual_weight(self) -> u64 {
        match self {
            Self::Cut | Self::Stall | Self::RelayCrash | Self::Dark => 8,
            Self::ProcessCrash | Self::MachineCrash | Self::Suspend | Self::Cancel => 5,
            Self::Drain
            | Self::Cheat
            | Self::LogFailure
            | Self::RelayPause
            | Self::Swizzle
            | Self::Blackout
            | Self::RevokeRunner => 3,
            Self::RevokeOperator | Self::Poisoned | Self::Discard | Self::Join | Self::Sweep => 1,
        }
    }
}

/// What one world is like. Percentages are of 100.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything follows from it.
    pub seed: u64,
    /// Runners at the start.
    pub runners: u64,
    /// Runs submitted in the chaos.
    pub runs: u64,
    /// How long the chaos lasts.
    pub chaos_ms: u64,
    /// Mean time between faults.
    pub fault_every_ms: u64,
    /// Weight of each fault.
    pub weights: Vec<(Fault, u64)>,
    /// Longest usual delay of a frame.
    pub delay_ms: u64,
    /// Longest usual commit.
    pub sync_ms: u64,
    /// Longest lateness of a timer.
    pub late_ms: u64,
    /// Client messages lost.
    pub loss: u64,
    /// Runs longer than the TTL.
    pub long: u64,
    /// Steps that ask.
    pub ask: u64,
    /// Runs that give their slot back when they ask.
    pub park: u64,
    /// Runs whose attempts always end badly.
    pub cursed: u64,
    /// Attempts that fail.
    pub fail: u64,
    /// Runs with an idempotency key.
    pub keyed: u64,
    /// Runs held, or to be started in time.
    pub timed: u64,
    /// Offers declined.
    pub decline: u64,
    /// Stale verdicts replayed by a hostile relay.
    pub replay: u64,
    /// The accept is answered by a frame of its own.
    pub accept_answered: bool,
    /// Clocks run at different speeds.
    pub skew: bool,
    /// The relay's timings.
    pub policy: Policy,
}

impl Options {
    /// The world of a seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x5eed_0f05_71e4);
        let mut between = |low: u64, high: u64| low + dice.roll(high - low + 1);
        let ttl_ms = between(2_000, 8_000);
        let policy = Policy {
            lease_ttl_ms: ttl_ms,
            reconnect_allowance_ms: between(0, 2) * ttl_ms,
            grace_ms: between(500, 12_000),
            accept_ms: between(300, 3_000),
            infra_budget: u32::try_from(between(2, 5)).unwrap_or(5),
            infra_backoff: if between(0, 1) == 0 {
                Backoff { base_ms: between(50, 500), cap_ms: 2_000 }
            } else {
                Backoff { base_ms: between(2_000, 6_000), cap_ms: 9_000 }
            },
            agent_backoff: Backoff { base_ms: between(50, 1_000), cap_ms: 3_000 },
            limit_hold_ms: between(200, 2_000),
            limit_budget_ms: between(1_000, 5_000),
            // Longer than all clock leaps together: an id is known again for as long as a client may repeat it.
            settled_retained_ms: 30 * 24 * 3_600_000,
            stop_grace_ms: between(50, 1_000),
        };
        let weights = Fault::ALL
            .into_iter()
            .map(|fault| (fault, if between(0, 4) < 2 { 0 } else { between(1, 4) * fault.usual_weight() }))
            .collect();
        let mut sometimes = |chance: u64, high: u64| if between(0, 99) < chance { between(1, high) } else { 0 };
        let (loss, long, ask, park) = (sometimes(60, 30), sometimes(80, 80), sometimes(70, 60), sometimes(60, 90));
        let (cursed, fail, keyed) = (sometimes(60, 40), sometimes(70, 50), sometimes(70, 80));
        let (timed, decline, replay) = (sometimes(60, 60), sometimes(40, 25), sometimes(60, 80));
        // Some fleets are large and busy: only there can many runners fall silent at once.
        let busy = between(0, 5) == 0;
        let (runners, runs) = if busy { (between(6, 9), between(16, 30)) } else { (between(1, 6), between(3, 16)) };
        let long = if busy { 80 } else { long };
        Self {
            seed,
            runners,
            runs,
            chaos_ms: between(12_000, 45_000),
            fault_every_ms: between(400, 6_000),
            weights,
            delay_ms: [3, 30, 200, 900][usize::try_from(between(0, 3)).unwrap_or(0)],
            sync_ms: [2, 10, 60, 400][usize::try_from(between(0, 3)).unwrap_or(0)],
            late_ms: [1, 20, 400][usize::try_from(between(0, 2)).unwrap_or(0)],
            loss,
            long,
            ask,
            park,
            cursed,
            fail,
            keyed,
            timed,
            decline,
            replay,
            accept_answered: between(0, 1) == 1,
            skew: between(0, 2) > 0,
            policy,
        }
    }
}
