//! What a runner holds, and until when it may act on it: the pure half of its heart.
//!
//! ```text
//!            accept_sent            confirmed by an answer            act deadline            stop deadline
//!  (offer) ───────────▶ Claimed ───────────────────────▶ may act ──────────────▶ fenced ──────────────▶ to be stopped
//!                                                          ▲   a later answered beat   │
//!                                                          └───────────────────────────┘        lost ─▶ to be stopped
//! ```
//!
//! Owns the deadlines. A renewal counts from when the runner *sent* what was answered, on a clock that counts sleep,
//! less a margin for clocks that run at different speeds: whatever the network did, the relay's own deadline is later.
//! A beat without an answer is unknown, not lost. Must not know connections, agents or how a deadline is slept to.

use crate::ids::LeaseId;
use crate::mutant::Mutant;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// A runner stops acting this many percent of the TTL early: its clock may be slower than the relay's by as much.
pub const MARGIN_PERCENT: u64 = 10;
/// Beats without an answer that are remembered; older ones are of connections long dead.
const BEATS_MAX: usize = 16;

#[derive(Debug, Clone, Copy)]
struct Tenure {
    /// Nothing new may start from then on; none until the relay confirmed.
    act_until: Option<Timestamp>,
    /// The agent must be gone by then.
    stop_at: Timestamp,
    lost: bool,
}

/// The leases a runner holds.
#[derive(Debug, Clone)]
pub struct Holding {
    ttl_ms: u64,
    grace_ms: u64,
    held: BTreeMap<LeaseId, Tenure>,
    beats: BTreeMap<u64, (Timestamp, Vec<LeaseId>)>,
    mutant: Option<Mutant>,
}

const fn less_margin(ms: u64) -> u64 {
    let margin = ms / 100 * MARGIN_PERCENT + ms % 100 * MARGIN_PERCENT / 100;
    assert!(margin <= ms, "a margin is a part of its time");
    ms - margin
}

impl Holding {
    /// Holds nothing. The terms are the relay's, learned again with each answer that carries them.
    #[must_use]
    pub const fn new(ttl_ms: u64, grace_ms: u64) -> Self {
        Self { ttl_ms, grace_ms, held: BTreeMap::new(), beats: BTreeMap::new(), mutant: None }
    }

    /// The terms of the relay now connected: milliseconds of a lease, and of an orphan's grace.
    pub const fn set_terms(&mut self, ttl_ms: u64, grace_ms: u64) {
        self.ttl_ms = ttl_ms;
        self.grace_ms = grace_ms;
    }

    /// An accept leaves: the lease is listed in beats from now on, and may not be acted on until the relay
    /// confirms it: by an answer to the accept, to a beat, or to an attach.
    pub fn accept_sent(&mut self, lease: LeaseId, now: Timestamp) {
        let stop_at = now.plus(less_margin(self.ttl_ms));
        self.held.entry(lease).or_insert(Tenure { act_until: None, stop_at, lost: false });
    }

    /// The relay confirmed the accept that was sent at `sent_at`.
    pub fn accepted(&mut self, lease: LeaseId, sent_at: Timestamp) {
        self.extend(lease, sent_at);
    }

    /// A restarted runner found the lease in its journal, with an agent that lives until `stop_at` unless renewed. It may
    /// not act until an attach confirms.
    pub fn adopted(&mut self, lease: LeaseId, stop_at: Timestamp) {
        self.held.entry(lease).or_insert(Tenure { act_until: None, stop_at, lost: false });
    }

    /// The answer to an attach that was sent at `sent_at`: what is kept is renewed, what is not is lost.
    pub fn attached(&mut self, sent_at: Timestamp, keep: &[LeaseId], stop: &[LeaseId]) {
        self.beats.clear();
        for lease in keep {
            self.extend(*lease, sent_at);
        }
        self.lose(stop);
    }

    /// A heartbeat leaves now; its list is to be sent. Every `seq` is larger than the one before.
    pub fn beat_sent(&mut self, seq: u64, now: Timestamp) -> Vec<LeaseId> {
        let listed: Vec<LeaseId> = self.held.iter().filter(|(_, tenure)| !tenure.lost).map(|(id, _)| *id).collect();
        assert!(self.beats.last_key_value().is_none_or(|(last, _)| *last < seq), "beats are counted upward");
        self.beats.insert(seq, (now, listed.clone()));
        if self.beats.len() > BEATS_MAX {
            self.beats.pop_first();
        }
        assert!(self.beats.len() <= BEATS_MAX, "beats without answers are bounded");
        listed
    }

    /// The answer to beat `seq` arrived at `now`. An answer to an unknown beat renews nothing; what it calls lost is lost.
    pub fn beaten(&mut self, seq: u64, renewed: &[LeaseId], lost: &[LeaseId], ttl_ms: u64, now: Timestamp) {
        self.ttl_ms = ttl_ms;
        if let Some((sent_at, listed)) = self.beats.remove(&seq) {
            // Answers come in order: earlier beats will have none.
            self.beats = self.beats.split_off(&seq);
            let from = if self.sick(Mutant::DeadlineFromAnswer) { now } else { sent_at };
            for lease in renewed.iter().filter(|lease| listed.contains(lease)) {
                self.extend(*lease, from);
            }
        }
        self.lose(lost);
    }

    /// May anything new be started or published under the lease, right now? To be asked before every act, also after a
    /// sleep nobody noticed.
    #[must_use]
    pub fn may_act(&self, lease: LeaseId, now: Timestamp) -> bool {
        let Some(tenure) = self.held.get(&lease) else { return false };
        let in_time = tenure.act_until.is_some_and(|until| now < until);
        !tenure.lost && (in_time || (self.sick(Mutant::NoSelfFence) && tenure.act_until.is_some()))
    }

    /// Leases whose agents must be stopped now: lost, or not confirmed for so long that another may have them.
    #[must_use]
    pub fn must_stop(&self, now: Timestamp) -> Vec<LeaseId> {
        let over = |tenure: &Tenure| tenure.lost || (tenure.stop_at <= now && !self.sick(Mutant::NoSelfFence));
        self.held.iter().filter(|(_, tenure)| over(tenure)).map(|(id, _)| *id).collect()
    }

    /// When the lease's agent must be gone unless it is renewed: what its shim is told.
    #[must_use]
    pub fn stop_at(&self, lease: LeaseId) -> Option<Timestamp> {
        self.held.get(&lease).map(|tenure| tenure.stop_at)
    }

    /// When [`Self::must_stop`] is to be asked next; none while nothing is held.
    #[must_use]
    pub fn next_stop(&self) -> Option<Timestamp> {
        self.held.values().map(|tenure| tenure.stop_at).min()
    }

    /// The relay says that the lease is over: nothing may be done under it any more.
    pub fn lose(&mut self, leases: &[LeaseId]) {
        for lease in leases {
            if let Some(tenure) = self.held.get_mut(lease) {
                tenure.lost = true;
            }
        }
    }

    /// The attempt is over and its end acknowledged.
    pub fn remove(&mut self, lease: LeaseId) {
        self.held.remove(&lease);
    }

    /// Everything held, lost ones included, for an attach.
    pub fn leases(&self) -> impl Iterator<Item = LeaseId> {
        self.held.keys().copied()
    }

    fn extend(&mut self, lease: LeaseId, sent_at: Timestamp) {
        let (act_ms, stop_ms) = (less_margin(self.ttl_ms), less_margin(self.ttl_ms.saturating_add(self.grace_ms)));
        let Some(tenure) = self.held.get_mut(&lease).filter(|tenure| !tenure.lost) else { return };
        let (act_until, stop_at) = (sent_at.plus(act_ms), sent_at.plus(stop_ms));
        tenure.act_until = Some(tenure.act_until.map_or(act_until, |until| until.max(act_until)));
        tenure.stop_at = tenure.stop_at.max(stop_at);
        assert!(tenure.act_until <= Some(tenure.stop_at), "a lease is fenced before its agent is stopped");
    }

    fn sick(&self, mutant: Mutant) -> bool {
        cfg!(feature = "mutants") && self.mutant == Some(mutant)
    }

    /// Plants a defect: the simulator proves that it would be found.
    #[cfg(feature = "mutants")]
    pub const fn infect(&mut self, mutant: Option<Mutant>) {
        self.mutant = mutant;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunId;

    const TTL_MS: u64 = 10_000;
    const GRACE_MS: u64 = 60_000;

    fn lease(epoch: u64) -> LeaseId {
        LeaseId { run: RunId([1; 16]), epoch }
    }

    fn confirmed_at_zero() -> Holding {
        let mut holding = Holding::new(TTL_MS, GRACE_MS);
        holding.accept_sent(lease(1), Timestamp(0));
        holding.accepted(lease(1), Timestamp(0));
        holding
    }

    #[test]
    fn an_offer_is_not_acted_on_before_the_relay_confirms_it() {
        let mut holding = Holding::new(TTL_MS, GRACE_MS);
        holding.accept_sent(lease(1), Timestamp(0));
        assert!(!holding.may_act(lease(1), Timestamp(1)));
        assert_eq!(holding.beat_sent(1, Timestamp(100)), [lease(1)]);
        holding.beaten(1, &[lease(1)], &[], TTL_MS, Timestamp(4_000));
        assert!(holding.may_act(lease(1), Timestamp(9_099)));
        assert!(!holding.may_act(lease(1), Timestamp(9_100)), "counted from when the beat was sent, less a tenth");
        let mut silent = Holding::new(TTL_MS, GRACE_MS);
        silent.accept_sent(lease(1), Timestamp(0));
        assert_eq!(silent.must_stop(Timestamp(9_000)), [lease(1)], "never confirmed: given up");
    }

    #[test]
    fn silence_fences_first_and_stops_later() {
        let holding = confirmed_at_zero();
        assert!(holding.may_act(lease(1), Timestamp(8_999)));
        assert!(!holding.may_act(lease(1), Timestamp(9_000)));
        assert_eq!(holding.must_stop(Timestamp(62_999)), []);
        assert_eq!(holding.must_stop(Timestamp(63_000)), [lease(1)]);
        assert_eq!(
            (holding.next_stop(), holding.stop_at(lease(1))),
            (Some(Timestamp(63_000)), Some(Timestamp(63_000)))
        );
    }

    #[test]
    fn a_renewal_after_the_fence_gives_the_right_back_and_never_takes_time_away() {
        let mut holding = confirmed_at_zero();
        holding.beat_sent(1, Timestamp(3_000));
        holding.beat_sent(2, Timestamp(6_000));
        holding.beaten(2, &[lease(1)], &[], TTL_MS, Timestamp(20_000));
        assert!(holding.may_act(lease(1), Timestamp(14_999)) && !holding.may_act(lease(1), Timestamp(15_000)));
        holding.beaten(1, &[lease(1)], &[], TTL_MS, Timestamp(20_001));
        assert!(holding.may_act(lease(1), Timestamp(14_999)), "an older answer is no news");
    }

    #[test]
    fn what_is_lost_stays_lost_until_it_is_removed() {
        let mut holding = confirmed_at_zero();
        holding.beat_sent(1, Timestamp(1_000));
        holding.beaten(1, &[], &[lease(1)], TTL_MS, Timestamp(1_100));
        assert!(!holding.may_act(lease(1), Timestamp(1_200)));
        assert_eq!(holding.must_stop(Timestamp(1_200)), [lease(1)]);
        assert_eq!(holding.beat_sent(2, Timestamp(2_000)), [], "nothing lost is asked for again");
        holding.attached(Timestamp(3_000), &[lease(1)], &[]);
        assert!(!holding.may_act(lease(1), Timestamp(3_001)));
        assert_eq!(holding.leases().collect::<Vec<_>>(), [lease(1)]);
        holding.remove(lease(1));
        assert_eq!((holding.leases().count(), holding.next_stop()), (0, None));
    }

    #[test]
    fn an_adopted_lease_waits_for_an_attach_and_an_answer_to_no_beat_of_ours_renews_nothing() {
        let mut holding = Holding::new(TTL_MS, GRACE_MS);
        holding.adopted(lease(1), Timestamp(40_000));
        holding.beaten(9, &[lease(1)], &[], TTL_MS, Timestamp(100));
        assert!(!holding.may_act(lease(1), Timestamp(100)));
        holding.attached(Timestamp(1_000), &[lease(1)], &[lease(2)]);
        assert!(holding.may_act(lease(1), Timestamp(9_999)) && !holding.may_act(lease(1), Timestamp(10_000)));
        assert!(!holding.may_act(lease(2), Timestamp(1_000)));
        assert_eq!(holding.next_stop(), Some(Timestamp(64_000)));
    }
}
