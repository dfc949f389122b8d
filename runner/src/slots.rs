//! The slots: offers become attempts, frames find their attempt, and what is owed to the relay is said until it is heard.
//!
//! ```text
//! Offer ─▶ opened, signed, fit? ─▶ journalled ─▶ Accept ─▶ Attempt ─▶ report journalled ─▶ Owed ─▶ Reported ─▶ forgotten
//!             │                                    noop, or work nobody may ask for ────────▶ Owed
//!             └ no slot, draining ─▶ Decline
//! ```
//!
//! Owns who executes what here, and the outbox of reports. Must not know how an attempt works.

pub(crate) mod offer;
mod owed;
pub(crate) mod resume;

use crate::attempt;
use crate::runner::stable::{Load, Shared};
use metrics::{counter, gauge};
use offer::Judged;
use ostler_core::decision::{Refusal, Why};
use ostler_core::ids::{ApprovalId, LeaseId};
use ostler_proto::{FromRelay, ToRelay};
use ostler_store::{JournalChange, JournalledLease};
use ostler_supervise::{Closed, Door, End};
pub(crate) use owed::Owed;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::task::JoinSet;

/// What this runner still holds: said first on every connection.
pub(crate) struct Census {
    pub(crate) held: Vec<LeaseId>,
    pub(crate) asking: Vec<ApprovalId>,
}

/// How long to wait before an attempt that is being born is told again.
const BORN_WITHIN: Duration = Duration::from_millis(20);

/// What the slots are told.
pub(crate) enum Msg {
    /// A frame about a lease or a question.
    Relay(FromRelay),
    /// Attached again: everything owed is said again, and these leases are over.
    Attached { stop: Vec<(LeaseId, Why)> },
    /// Tell an attempt what it could not be told while it was being born.
    Tell(LeaseId, attempt::Msg),
    /// A heartbeat's answer called these lost.
    Lost(Vec<(LeaseId, Why)>),
    /// An operator, or a signal, wants no new work, or work again.
    Drain(bool),
    /// Give every lease back.
    HandBack,
    /// What is held.
    Census(RpcReplyPort<Census>),
    /// Leases under way, each with its stage in a word.
    Look(RpcReplyPort<Vec<(LeaseId, &'static str)>>),
    /// A lease is in the journal: say so and start.
    Held(Box<JournalledLease>),
    /// A report is in the journal: it is owed from now on, and the attempt's slot is free.
    Finished(LeaseId, Box<Owed>),
    /// Nothing of this lease runs any more, as was asked.
    Stopped(LeaseId),
    /// An attempt asks this question.
    Asking(ApprovalId, LeaseId),
    /// It has its answer.
    Answered(ApprovalId),
    /// Nobody waits for its answer any more.
    Withdrawn(ApprovalId),
    /// The relay has all events of the lease.
    Through(LeaseId),
    /// The journal has forgotten this lease: its directory may go.
    Clear(LeaseId),
    /// Nothing of this lease is left.
    Cleared(LeaseId),
    /// An attempt's actor will not come back.
    Gone(LeaseId, End),
}

pub(crate) struct SlotsActor {
    pub(crate) stable: Shared,
}

#[derive(Default)]
pub(crate) struct State {
    /// Attempts under way.
    attempts: BTreeMap<LeaseId, Door<attempt::Msg>>,
    /// Reports the relay has not confirmed.
    owed: BTreeMap<LeaseId, Owed>,
    /// Offers on their way into the journal.
    arriving: BTreeSet<LeaseId>,
    asking: BTreeMap<ApprovalId, LeaseId>,
    /// Questions that were withdrawn: a verdict may be on its way.
    withdrawn: BTreeMap<ApprovalId, LeaseId>,
    /// Attempts that reported and still clear their tree away.
    clearing: BTreeSet<LeaseId>,
    /// Leases whose traces are being removed.
    leaving: BTreeSet<LeaseId>,
    /// What ends the agents of attempts that were given up.
    tasks: JoinSet<()>,
}

impl Actor for SlotsActor {
    type Msg = Msg;
    type State = State;
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<Msg>, (): ()) -> Result<State, ActorProcessingErr> {
        let state = resume::load(&self.stable).await?;
        resume::resume(&self.stable, &me, &state);
        self.measure(&state);
        Ok(state)
    }

    async fn handle(&self, me: ActorRef<Msg>, message: Msg, state: &mut State) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Relay(frame) => self.heard(&me, frame, state),
            Msg::Attached { stop } => self.attached(&me, &stop, state),
            Msg::Tell(lease, message) => state.tell(&me, lease, message),
            Msg::Lost(lost) => {
                lost.iter().for_each(|(lease, why)| self.stop(*lease, *why, attempt::STOP_GRACE_MS, state))
            }
            Msg::Drain(draining) => self.drain(draining),
            Msg::HandBack => state.attempts.values().for_each(|door| drop(door.send(attempt::Msg::HandBack))),
            Msg::Census(reply) => drop(reply.send(state.census())),
            Msg::Look(reply) => drop(reply.send(state.look())),
            Msg::Held(held) => self.begin(&me, *held, state),
            Msg::Finished(lease, owed) => self.finished(lease, *owed, state),
            Msg::Stopped(lease) => self.stable.say(ToRelay::Stopped(lease)),
            Msg::Asking(approval, lease) => drop(state.asking.insert(approval, lease)),
            Msg::Answered(approval) => drop(state.asking.remove(&approval)),
            Msg::Withdrawn(approval) => {
                state.withdrawn.extend(state.asking.remove(&approval).map(|lease| (approval, lease)));
            }
            Msg::Through(lease) => state.say_report(&self.stable, lease),
            Msg::Clear(lease) => state.clear(&self.stable, &me, lease),
            Msg::Cleared(lease) => drop(state.leaving.remove(&lease)),
            Msg::Gone(lease, end) => resume::gone(&self.stable, &me, state, (lease, end)),
        }
        self.measure(state);
        Ok(())
    }
}

impl SlotsActor {
    fn heard(&self, me: &ActorRef<Msg>, frame: FromRelay, state: &mut State) {
        match frame {
            FromRelay::Offer { lease, submitter, body } => self.offered(me, (lease, submitter, body), state),
            FromRelay::Reported { lease, digest, fenced } => {
                if fenced.is_some() {
                    tracing::warn!(run = %lease.run, lease = %lease, ?fenced, "the report came too late, and is kept as evidence");
                }
                state.reported(&self.stable, me, lease, digest);
            }
            FromRelay::Stop { lease, why, grace_ms } => self.stop(lease, why, grace_ms, state),
            FromRelay::Asked(approval) => state.about(me, approval, attempt::Msg::Asked(approval)),
            FromRelay::Verdict { approval, verdict, .. } => {
                state.about(me, approval, attempt::Msg::Verdict(approval, verdict));
            }
            FromRelay::Denied(approval) => state.about(me, approval, attempt::Msg::Denied(approval)),
            FromRelay::Refused { lease: Some(lease), refusal } => self.refused(lease, &refusal, state),
            FromRelay::Refused { lease: None, refusal } => tracing::error!(%refusal, "the relay refused a frame"),
            FromRelay::Attached { .. }
            | FromRelay::Kept(_)
            | FromRelay::Fleet { .. }
            | FromRelay::GoingAway { .. }
            | FromRelay::Drain(_) => tracing::debug!("a frame that is not about a lease"),
        }
    }

    fn offered(
        &self,
        me: &ActorRef<Msg>,
        (lease, submitter, body): (LeaseId, ostler_core::ids::DeviceId, Vec<u8>),
        state: &mut State,
    ) {
        if state.knows(lease) {
            // Offered again because the accept was not heard.
            return self.stable.say(ToRelay::Accept(lease));
        }
        let slots = usize::try_from(self.stable.advert.borrow().slots).unwrap_or(usize::MAX);
        let refusal = match (*self.stable.draining.borrow(), state.attempts.len() + state.arriving.len() < slots) {
            (true, _) => Some("draining"),
            (false, false) => Some("no free slot"),
            (false, true) => None,
        };
        if let Some(code) = refusal {
            counter!("ostler_offers_declined_total").increment(1);
            return self.stable.say(ToRelay::Decline(lease, code.to_owned()));
        }
        let me = me.clone();
        match offer::judge(&self.stable, lease, submitter, &body) {
            Judged::Start => {
                state.arriving.insert(lease);
                let held = offer::row(&self.stable, lease, body);
                let told = Box::new(held.clone());
                // Actors go down with the journal they wait for: then nobody listens, and nothing was promised.
                self.stable.write(vec![JournalChange::Held(held)], move || drop(me.send_message(Msg::Held(told))));
            }
            Judged::Over(owed) => {
                state.arriving.insert(lease);
                let (row, told) = (owed.encode(), Box::new(owed));
                let done = move || drop(me.send_message(Msg::Finished(lease, told)));
                self.stable.write(vec![JournalChange::Report(lease, row)], done);
            }
        }
    }

    /// An accepted lease is in the journal: the relay may be told, and the attempt may start.
    fn begin(&self, me: &ActorRef<Msg>, held: JournalledLease, state: &mut State) {
        let lease = held.lease;
        state.arriving.remove(&lease);
        self.stable.holding().accept_sent(lease, self.stable.now());
        self.stable.say(ToRelay::Accept(lease));
        self.stable.beat_now.notify_one();
        counter!("ostler_attempts_total").increment(1);
        state.attempts.insert(lease, resume::start(&self.stable, me, lease));
    }

    fn finished(&self, lease: LeaseId, owed: Owed, state: &mut State) {
        if state.arriving.remove(&lease) {
            self.stable.say(ToRelay::Accept(lease));
        }
        if state.attempts.remove(&lease).is_some() {
            state.clearing.insert(lease);
        }
        state.asking.retain(|_, asker| *asker != lease);
        state.withdrawn.retain(|_, asker| *asker != lease);
        state.owed.insert(lease, owed);
        state.say_report(&self.stable, lease);
    }

    fn attached(&self, me: &ActorRef<Msg>, stop: &[(LeaseId, Why)], state: &mut State) {
        stop.iter().for_each(|(lease, why)| self.stop(*lease, *why, attempt::STOP_GRACE_MS, state));
        state.attempts.keys().for_each(|lease| state.tell(me, *lease, attempt::Msg::Attached));
        let leases: Vec<LeaseId> = state.owed.keys().copied().collect();
        leases.into_iter().for_each(|lease| state.say_report(&self.stable, lease));
    }

    fn refused(&self, lease: LeaseId, refusal: &Refusal, state: &mut State) {
        tracing::warn!(run = %lease.run, lease = %lease, %refusal, "the relay refused a frame");
        if matches!(refusal, Refusal::StaleLease) {
            self.stop(lease, Why::Fenced, attempt::STOP_GRACE_MS, state);
            if state.owed.contains_key(&lease) {
                crate::uplink::events::abandoned(&self.stable, lease);
            }
        } else if let Some(door) = state.attempts.get(&lease) {
            drop(door.send(attempt::Msg::Refused(refusal.to_string())));
        }
    }

    /// The relay wants a lease ended. What has ended already says so again.
    fn stop(&self, lease: LeaseId, why: Why, grace_ms: u64, state: &State) {
        // Even an attempt that is being born again sees that it may do nothing any more.
        self.stable.holding().lose(&[lease]);
        self.stable.stir();
        match state.attempts.get(&lease) {
            Some(door) => drop(door.send(attempt::Msg::Stop { why, grace_ms })),
            None => self.stable.say(ToRelay::Stopped(lease)),
        }
    }

    fn drain(&self, draining: bool) {
        tracing::info!(draining, "new work is {}", if draining { "no longer taken" } else { "taken" });
        self.stable.draining.send_replace(draining);
        self.stable.say(ToRelay::Drain(draining));
    }

    fn measure(&self, state: &State) {
        let attempts = state.attempts.len() + state.arriving.len();
        let load = Load { attempts, owed: state.owed.len(), leaving: state.clearing.len() + state.leaving.len() };
        self.stable.load.send_if_modified(|last| std::mem::replace(last, load) != load);
        gauge!("ostler_runner_slots_used").set(u32::try_from(load.attempts).unwrap_or(u32::MAX));
        gauge!("ostler_reports_owed").set(u32::try_from(load.owed).unwrap_or(u32::MAX));
    }
}

impl State {
    fn knows(&self, lease: LeaseId) -> bool {
        self.attempts.contains_key(&lease) || self.owed.contains_key(&lease) || self.arriving.contains(&lease)
    }

    fn census(&self) -> Census {
        // A lease on its way into the journal is not promised yet: left out, it is offered again.
        let held = self.attempts.keys().chain(self.owed.keys()).copied().collect();
        Census { held, asking: self.asking.keys().copied().collect() }
    }

    fn look(&self) -> Vec<(LeaseId, &'static str)> {
        let running = self.attempts.keys().map(|lease| (*lease, "running"));
        running.chain(self.owed.keys().map(|lease| (*lease, "reported"))).collect()
    }

    fn about(&self, me: &ActorRef<Msg>, approval: ApprovalId, message: attempt::Msg) {
        if let Some(lease) = self.asking.get(&approval).or_else(|| self.withdrawn.get(&approval)) {
            self.tell(me, *lease, message);
        }
    }

    /// Tells an attempt; one that is just being born is told when it is there.
    fn tell(&self, me: &ActorRef<Msg>, lease: LeaseId, message: attempt::Msg) {
        let Some(door) = self.attempts.get(&lease) else { return };
        if let Err(Closed(message)) = door.send(message) {
            // The timer ends with this actor, and with it everything it could have told.
            drop(me.send_after(BORN_WITHIN, move || Msg::Tell(lease, message)));
        }
    }
}
