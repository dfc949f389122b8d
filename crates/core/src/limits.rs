//! Every bound of the domain, each with its reason.
//!
//! Owns numbers that hold for every relay and runner. What an operator may tune is in [`crate::policy::Policy`].

/// Bytes of a sealed body: prompts are text; larger context belongs in the repository.
pub const BODY_BYTES_MAX: usize = 512 * 1024;
/// Bytes of the sealed action of one approval: a person must be able to read it.
pub const ACTION_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a signed verdict with its chain and message.
pub const VERDICT_BYTES_MAX: usize = 16 * 1024;
/// Bytes of one sealed result (outcome message, branch, usage): a summary, not a log.
pub const RESULT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one sealed event: a diff at its bound fits, sealed and padded.
pub const EVENT_BYTES_MAX: usize = 320 * 1024;
/// Output bytes in one event before sealing: small enough to be shown live, large enough to amortise a seal.
pub const EVENT_OUTPUT_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a diff kept with a run: past it, the branch is the place to look.
pub const DIFF_BYTES_MAX: usize = 256 * 1024;
/// Characters of a run's name, a queue, a pool or a label.
pub const NAME_CHARS_MAX: usize = 64;
/// Characters of an idempotency key.
pub const KEY_CHARS_MAX: usize = 128;
/// Terms in one requirements text: enough for any sane placement, small enough to match in microseconds.
pub const REQUIREMENT_TERMS_MAX: usize = 32;
/// Characters of a requirements text.
pub const REQUIREMENT_CHARS_MAX: usize = 2_048;
/// Attributes one worker may offer.
pub const OFFERS_MAX: usize = 256;
/// Slots one worker may offer: past it, heartbeats would not fit a frame.
pub const SLOTS_MAX: u32 = 1_024;
/// Attempts a run may ask for.
pub const ATTEMPTS_MAX: u32 = 100;
/// Attempt records kept in a run's row: the last ones tell why it died.
pub const HISTORY_MAX: usize = 16;
/// Pending approvals of one lease: more is a program in a loop, and nobody would read them.
pub const ASKING_MAX: usize = 64;
/// Characters of a cause or note in a row.
pub const NOTE_CHARS_MAX: usize = 400;
/// Priorities: 1 is most urgent, 5 least; 3 when nothing is said.
pub const PRIORITIES: std::ops::RangeInclusive<u8> = 1..=5;
/// Losses that make a run poison when they happened on at least [`POISON_WORKERS`] runners.
pub const POISON_LOSSES: u32 = 3;
/// Distinct runners a run must have been lost on to be called poison: one bad machine is not the run's fault.
pub const POISON_WORKERS: usize = 2;
/// A loss this soon after the start is quick; [`POISON_WORKERS`] quick losses on distinct runners are poison.
pub const POISON_QUICK_MS: u64 = 60_000;
/// A relay that stood still for longer was suspended, not slow: leases are owed the gap.
pub const GAP_MS: u64 = 5_000;
/// Share of connected workers (one in this many) whose lapses within one TTL freeze expiry.
pub const BREAKER_SHARE: usize = 5;
/// Fewer lapsing workers than this never freeze expiry: small fleets lose a box now and then.
pub const BREAKER_WORKERS: usize = 5;
/// Runs the ledger will hold that are not settled; past it submissions are told to come back later.
pub const LIVE_RUNS_MAX: usize = 1_000_000;
/// Times an agent is sent back with a failed check: more is an agent that does not get it.
pub const CHECK_ROUNDS_MAX: u32 = 10;
/// Rules of one policy: a person must be able to read it.
pub const RULES_MAX: usize = 500;
