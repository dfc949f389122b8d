//! Planted defects: each must be found by the simulator, or the simulator proves nothing.
//!
//! Owns the list. A build without the feature `mutants` cannot be infected.

/// One planted defect of the ledger or of the runner's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// A report is accepted whatever its epoch.
    NoFence,
    /// A lease lapses at half its time.
    ExpireEarly,
    /// A second decision replaces the first.
    DoubleDecide,
    /// Exhausted runs are tried again.
    NoDeadLetter,
    /// An idempotency key is not looked up.
    NoDedup,
    /// A renewal revives a lease that another epoch replaced.
    RenewRevives,
    /// A cancelled run is granted again.
    CancelIgnored,
    /// One slot too many is granted.
    CapOffByOne,
    /// A revoked device is granted work.
    RevokedStillLeases,
    /// A draining worker is granted work.
    DrainIgnored,
    /// An epoch is granted twice.
    EpochReuse,
    /// A held run is granted before its time.
    HoldIgnored,
    /// Requirements are not matched.
    MatchIgnored,
    /// A lease lost for good leaves its questions open.
    AskOutlivesLease,
    /// A freed slot is not filled.
    NoRefill,
    /// After a restart leases keep no fresh time.
    NoRecoveryGrace,
    /// An orphan's grace is never over.
    OrphanForever,
    /// A late report settles the run again.
    LateApplied,
    /// A runner acts on past its own deadline.
    NoSelfFence,
    /// A runner counts its deadline from the answer, not from what it sent.
    DeadlineFromAnswer,
    /// A runner acts without a verdict.
    NoGate,
    /// A runner uses a verdict of an earlier epoch.
    VerdictOutlivesEpoch,
    /// Event numbers start anew after a reconnect.
    NumbersRestart,
    /// The event log takes a gap.
    GapAccepted,
}

impl Mutant {
    /// Every planted defect.
    pub const ALL: [Self; 24] = [
        Self::NoFence,
        Self::ExpireEarly,
        Self::DoubleDecide,
        Self::NoDeadLetter,
        Self::NoDedup,
        Self::RenewRevives,
        Self::CancelIgnored,
        Self::CapOffByOne,
        Self::RevokedStillLeases,
        Self::DrainIgnored,
        Self::EpochReuse,
        Self::HoldIgnored,
        Self::MatchIgnored,
        Self::AskOutlivesLease,
        Self::NoRefill,
        Self::NoRecoveryGrace,
        Self::OrphanForever,
        Self::LateApplied,
        Self::NoSelfFence,
        Self::DeadlineFromAnswer,
        Self::NoGate,
        Self::VerdictOutlivesEpoch,
        Self::NumbersRestart,
        Self::GapAccepted,
    ];
}
