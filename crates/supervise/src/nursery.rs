//! A supervisor's children and what is done with them. Must not know how events reach it.
//!
//! ```text
//!           start                    ends, rule says again, budget has one left
//!   Down ──────────▶ Running ────────────────────────────────────────────────▶ Down ──▶ revive
//!     ▲ start fails:    │ ends, rule says no      ──▶ gone, on_end
//!     └ pause, again    │ ends, own budget spent  ──▶ gone, on_end(gave_up)
//!                       └ ends, shared budget spent ─▶ all stopped, last first; the supervisor falls
//! ```

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ractor::{ActorId, ActorRef, RpcReplyPort};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::branch::{Drill, Order};
use crate::budget::Budget;
use crate::child::{Cause, Child, End, Running, StartError};
use crate::halt;
use crate::plan::{Notice, Observer, Plan, Strategy};
use crate::root::Exit;

/// First pause after a failed start; it doubles, so that a port or a file that is about to be free gets its chance.
const PAUSE: Duration = Duration::from_millis(50);
/// Longest pause after a failed start.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// A supervisor falls: the error its own supervisor sees.
#[derive(Debug, thiserror::Error)]
#[error("{kind} fell too often ({cause})")]
pub(crate) struct Escalated {
    kind: &'static str,
    cause: Cause,
}

/// One child's place, in start order. `running` is `None` while it is down.
struct Place {
    child: Child,
    running: Option<Running>,
}

/// What a spent restart means.
enum Verdict {
    Again,
    GiveUp,
    Escalate,
}

/// A supervisor's state.
pub(crate) struct Nursery {
    me: ActorRef<Order>,
    strategy: Strategy,
    budget: Budget,
    observer: Observer,
    tell: Option<oneshot::Sender<Exit>>,
    places: BTreeMap<u64, Place>,
    /// Where a running actor's place is: a fall in a branch of thousands is found without a walk.
    seats: HashMap<ActorId, u64>,
    next_place: u64,
    failed_starts: u32,
    opened: Instant,
}

impl Nursery {
    /// Starts the plan's children in order; the first failure stops those already up, last first.
    pub(crate) async fn open(me: ActorRef<Order>, plan: Plan) -> Result<Self, StartError> {
        let Plan { strategy, budget, children, observer, tell } = plan;
        let mut nursery = Self {
            me,
            strategy,
            budget,
            observer: observer.unwrap_or_else(|| Arc::new(|_| ())),
            tell,
            places: BTreeMap::new(),
            seats: HashMap::new(),
            next_place: 0,
            failed_starts: 0,
            opened: Instant::now(),
        };
        for child in children {
            let kind = child.kind;
            let at = nursery.seat(child);
            if let Err(reason) = nursery.start(at).await {
                nursery.halt_all().await;
                return Err(StartError { kind, reason });
            }
            nursery.notice(&Notice::Started { kind });
        }
        Ok(nursery)
    }

    /// The orderly stop.
    pub(crate) async fn close(&mut self) {
        self.halt_all().await;
        self.exit(Exit::Stopped);
    }

    /// A child at run time. Its first start is not retried: whoever asked for it is told and decides.
    pub(crate) async fn admit(&mut self, child: Child, reply: Option<RpcReplyPort<Result<(), StartError>>>) {
        let kind = child.kind;
        let at = self.seat(child);
        let outcome = self.start(at).await.map_err(|reason| StartError { kind, reason });
        match &outcome {
            Ok(()) => self.notice(&Notice::Started { kind }),
            Err(StartError { reason, .. }) => self.retire(at, Cause::Unstartable(reason.clone()), false),
        }
        if let Some(reply) = reply
            && reply.send(outcome).is_err()
        {
            tracing::debug!(kind, "whoever asked for a start has stopped waiting");
        }
    }

    /// A child's end. An unknown id is an incarnation that was stopped on purpose.
    pub(crate) async fn ended(&mut self, id: ActorId, cause: Cause) -> Result<(), Escalated> {
        let Some(at) = self.seats.remove(&id) else { return Ok(()) };
        let Some(place) = self.places.get_mut(&at) else { return Ok(()) };
        (place.child.shut)();
        if let Some(running) = place.running.take() {
            halt::buried(running, place.child.kind, place.child.stop_within).await;
        }
        let (kind, again) = (place.child.kind, place.child.restart.wants(&cause));
        self.notice(&Notice::Ended { kind, cause: cause.clone() });
        if !again {
            tracing::debug!(kind, %cause, "ended for good");
            self.retire(at, cause, false);
            return Ok(());
        }
        tracing::warn!(kind, %cause, "fell");
        if self.fall(at, cause).await? {
            self.halt_tied(at).await;
        }
        self.revive().await
    }

    /// Starts whatever is down, in order. With tied siblings a failed start holds up those after it.
    pub(crate) async fn revive(&mut self) -> Result<(), Escalated> {
        for at in self.down() {
            let Some(kind) = self.places.get(&at).map(|place| place.child.kind) else { continue };
            match self.start(at).await {
                Ok(()) => {
                    self.failed_starts = 0;
                    self.notice(&Notice::Restarted { kind });
                }
                Err(reason) => {
                    tracing::warn!(kind, reason, "could not be started again");
                    if self.fall(at, Cause::Unstartable(reason)).await? {
                        self.revive_later();
                    }
                    if self.strategy != Strategy::OneForOne {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Kills what the drill asks for and passes it on to the branches below.
    pub(crate) fn drill(&self, drill: &Drill) {
        for place in self.places.values() {
            let Some(running) = &place.running else { continue };
            if place.child.kind == drill.kind && drill.take() {
                tracing::warn!(kind = place.child.kind, "killed by a drill");
                running.cell.kill();
                if drill.killed.send(()).is_err() {
                    tracing::debug!("whoever ordered the drill has stopped counting");
                }
            } else if let Some(branch) = &place.child.branch {
                branch.pass(Order::Kill(drill.clone()));
            }
        }
    }

    /// Counts the running children and passes the census on to the branches below.
    pub(crate) fn count(&self, counts: &UnboundedSender<(&'static str, usize)>) {
        let mut here: BTreeMap<&'static str, usize> = BTreeMap::new();
        for place in self.places.values().filter(|place| place.running.is_some()) {
            *here.entry(place.child.kind).or_default() += 1;
            if let Some(branch) = &place.child.branch {
                branch.pass(Order::Census(counts.clone()));
            }
        }
        if here.into_iter().any(|count| counts.send(count).is_err()) {
            tracing::debug!("whoever ordered the census has stopped counting");
        }
    }

    fn seat(&mut self, child: Child) -> u64 {
        let at = self.next_place;
        self.next_place += 1;
        self.places.insert(at, Place { child, running: None });
        at
    }

    fn down(&self) -> Vec<u64> {
        self.places.iter().filter(|(_, place)| place.running.is_none()).map(|(at, _)| *at).collect()
    }

    async fn start(&mut self, at: u64) -> Result<(), String> {
        let Some(place) = self.places.get_mut(&at) else { return Ok(()) };
        let running = (place.child.start)(self.me.get_cell(), &self.observer).await?;
        self.seats.insert(running.cell.get_id(), at);
        place.running = Some(running);
        Ok(())
    }

    /// Charges a restart. `true`: it may be made; `false`: the child was given up. A spent shared budget stops
    /// everything and is the error.
    async fn fall(&mut self, at: u64, cause: Cause) -> Result<bool, Escalated> {
        let Some(kind) = self.places.get(&at).map(|place| place.child.kind) else { return Ok(false) };
        match self.charge(at) {
            Verdict::Again => Ok(true),
            Verdict::GiveUp => {
                tracing::error!(kind, %cause, "given up: it spent its own restart budget");
                self.notice(&Notice::GaveUp { kind, cause: cause.clone() });
                self.retire(at, cause, true);
                Ok(false)
            }
            Verdict::Escalate => {
                tracing::error!(kind, %cause, "escalating: the restart budget is spent");
                self.notice(&Notice::Escalated { kind, cause: cause.clone() });
                self.halt_all().await;
                self.exit(Exit::Escalated { kind, cause: cause.clone() });
                Err(Escalated { kind, cause })
            }
        }
    }

    fn charge(&mut self, at: u64) -> Verdict {
        let now_ms = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        let own = self.places.get_mut(&at).and_then(|place| place.child.budget.as_mut());
        match own {
            Some(own) => own.spend(now_ms).map_or(Verdict::GiveUp, |()| Verdict::Again),
            None => self.budget.spend(now_ms).map_or(Verdict::Escalate, |()| Verdict::Again),
        }
    }

    fn retire(&mut self, at: u64, cause: Cause, gave_up: bool) {
        if let Some(Place { child: Child { on_end: Some(tell), .. }, .. }) = self.places.remove(&at) {
            tell(End { cause, gave_up });
        }
    }

    /// Stops, last first, the siblings that a fall at `at` takes along. Temporary ones are gone; the rest are down.
    async fn halt_tied(&mut self, at: u64) {
        let tied: Vec<u64> = match self.strategy {
            Strategy::OneForOne => return,
            Strategy::OneForAll => self.places.keys().copied().filter(|other| *other != at).collect(),
            Strategy::RestForOne => self.places.range(at + 1..).map(|(other, _)| *other).collect(),
        };
        for other in tied.into_iter().rev() {
            self.halt_one(other).await;
            if self.places.get(&other).is_some_and(|place| place.child.restart == crate::Restart::Temporary) {
                self.retire(other, Cause::Stopped(Some("a sibling fell".to_owned())), false);
            }
        }
    }

    async fn halt_one(&mut self, at: u64) {
        let Some(place) = self.places.get_mut(&at) else { return };
        (place.child.shut)();
        let Some(running) = place.running.take() else { return };
        self.seats.remove(&running.cell.get_id());
        halt::tell(&running, self.me.get_cell());
        halt::buried(running, place.child.kind, place.child.stop_within).await;
    }

    /// Stops everything, last first. Untied siblings are all told at once, so that a thousand sessions stop in the
    /// time of the slowest.
    async fn halt_all(&mut self) {
        if self.strategy == Strategy::OneForOne {
            for running in self.places.values().rev().filter_map(|place| place.running.as_ref()) {
                halt::tell(running, self.me.get_cell());
            }
        }
        let order: Vec<u64> = self.places.keys().rev().copied().collect();
        for at in order {
            self.halt_one(at).await;
        }
    }

    fn revive_later(&mut self) {
        let pause = PAUSE.saturating_mul(1 << self.failed_starts.min(16)).min(PAUSE_MAX);
        self.failed_starts += 1;
        // The timer ends by itself; a supervisor that is gone by then needs no reviving.
        drop(self.me.send_after(pause, || Order::Revive));
    }

    fn exit(&mut self, exit: Exit) {
        if let Some(tell) = self.tell.take()
            && tell.send(exit).is_err()
        {
            tracing::debug!("nobody waits for the end of this tree");
        }
    }

    fn notice(&self, notice: &Notice) {
        (self.observer)(notice);
    }
}
