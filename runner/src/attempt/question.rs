//! An attempt's questions: asked of people, answered once, each opening its gate for exactly one action.
//!
//! ```text
//! Request::Ask ─▶ journalled ─▶ relay ─▶ Asked ─▶ Verdict ─▶ verified here? ─▶ gate ─▶ Approved | Rejected
//!                                                               └ no: it waits on            │
//!                                     Request::Act ─▶ gate passed, journalled closed ─▶ Go ◀─┘
//! withdrawn: whoever asked has left, or gave up ─▶ closed; a verdict after that does nothing, and that is said
//! ```
//!
//! Owns the gates. Signatures are judged by the identity room, deadlines by the holding; the relay's word opens nothing.

use super::talk::keep_grant;
use crate::ask::wire::{Answer, Request};
use crate::runner::stable::Shared;
use crate::slots;
use ostler_core::approval::{Action, Choice, LapsePolicy, Remark};
use ostler_core::command::Asking;
use ostler_core::event::Event;
use ostler_core::gate::{Claims, Gate, Question};
use ostler_core::ids::{ApprovalId, DeviceId, Digest, Incarnation, LeaseId};
use ostler_core::limits::ASKING_MAX;
use ostler_identity::{Expected, Purpose, Verdict, action_digest};
use ostler_proto::ToRelay;
use ostler_store::JournalChange;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::oneshot;

/// An approval is used by the process that waits for it, at once; one that is not used within this is asked for again.
const USED_WITHIN_MS: u64 = 10 * 60 * 1_000;

/// A question as the journal keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    asking: Asking,
    /// The relay's life in which it was asked; none until the relay has it.
    incarnation: Option<Incarnation>,
    /// True once it was used, rejected or given up: it opens nothing any more, whatever a restarted runner is told.
    closed: bool,
}

struct Asked {
    row: Row,
    gate: Option<Gate>,
    remark: Remark,
    waiter: Option<oneshot::Sender<Answer>>,
    /// True when whoever asked gave up before it was decided.
    is_withdrawn: bool,
}

/// The questions of one attempt.
pub(super) struct Questions {
    stable: Shared,
    lease: LeaseId,
    /// What becomes of a question that does not say it itself.
    lapse: LapsePolicy,
    all: BTreeMap<ApprovalId, Asked>,
    /// The last that were withdrawn, of which the relay may not have heard: no more than these can be open there.
    withdrawn: VecDeque<ApprovalId>,
}

/// True when the journal's row still waits for its answer to be used.
pub(crate) fn is_waiting(bytes: &[u8]) -> bool {
    postcard::from_bytes::<Row>(bytes).is_ok_and(|row| !row.closed)
}

impl Questions {
    /// The lease's questions in the journal.
    pub(super) fn resume(
        stable: Shared,
        lease: LeaseId,
        lapse: LapsePolicy,
        rows: &[(ApprovalId, LeaseId, Vec<u8>)],
    ) -> Self {
        let ours = rows.iter().filter(|(_, asker, _)| *asker == lease);
        let read = ours.filter_map(|(id, _, bytes)| Some((*id, postcard::from_bytes::<Row>(bytes).ok()?)));
        let all = read.map(|(id, row)| {
            let gate = row.incarnation.map(|incarnation| Gate::new(question(&row.asking, incarnation)));
            (id, Asked { row, gate, remark: Remark::default(), waiter: None, is_withdrawn: false })
        });
        Self { stable, lease, lapse, all: all.collect(), withdrawn: VecDeque::new() }
    }

    /// Says every open question again, and which are not open any more: the relay takes either once.
    pub(super) fn say_again(&self) {
        for id in &self.withdrawn {
            self.stable.say(ToRelay::Withdraw(*id));
        }
        for asked in self.all.values().filter(|asked| !asked.row.closed) {
            self.stable.say(ToRelay::Ask(asked.row.asking.clone()));
        }
    }

    /// Something inside the run asks, or is about to act.
    pub(super) fn requested(&mut self, request: Request, reply: oneshot::Sender<Answer>) -> Vec<Event> {
        match request {
            Request::Ask { id, action, lapse } => self.ask(id, action, lapse, reply),
            Request::Act { id, digest } => {
                self.act(id, digest, reply);
                Vec::new()
            }
        }
    }

    fn ask(
        &mut self,
        id: ApprovalId,
        action: Action,
        lapse: Option<LapsePolicy>,
        reply: oneshot::Sender<Answer>,
    ) -> Vec<Event> {
        let digest = action_digest(&action);
        if let Some(known) = self.all.get_mut(&id) {
            known.again(digest, reply);
            return Vec::new();
        }
        let open = self.all.values().filter(|asked| !asked.row.closed).count();
        if open >= ASKING_MAX {
            answer(
                reply,
                Answer::Refused(format!("{open} questions of this run wait already: wait for their answers")),
            );
            return Vec::new();
        }
        let asking = self.asking(id, &action, digest, lapse);
        let row = Row { asking: asking.clone(), incarnation: None, closed: false };
        self.stable.tell(slots::Msg::Asking(id, self.lease));
        let stable = Arc::clone(&self.stable);
        self.keep(&row, move || stable.say(ToRelay::Ask(asking)));
        let (remark, waiter) = (Remark::default(), Some(reply));
        self.all.insert(id, Asked { row, gate: None, remark, waiter, is_withdrawn: false });
        tracing::info!(run = %self.lease.run, lease = %self.lease, approval = %id, kind = action.kind, "a person is asked");
        vec![Event::Asked { approval: id, action, digest }]
    }

    fn asking(&self, id: ApprovalId, action: &Action, digest: Digest, lapse: Option<LapsePolicy>) -> Asking {
        let purpose = Purpose::Ask { run: self.lease.run, epoch: self.lease.epoch, approval: id };
        let plain = postcard::to_allocvec(action).expect("an action is made of types postcard can write");
        let sealed = self.stable.member.keyring().seal(&purpose, &plain);
        Asking { id, lease: self.lease, digest, risk: action.risk, lapse: lapse.unwrap_or(self.lapse), sealed }
    }

    /// The relay has the question; a verdict must name the life of the relay in which it was asked.
    pub(super) fn asked(&mut self, id: ApprovalId) {
        let Some(incarnation) = *self.stable.relay.borrow() else { return };
        let Some(asked) = self.all.get_mut(&id).filter(|asked| !asked.row.closed) else { return };
        let known = asked.row.incarnation == Some(incarnation);
        if known || asked.gate.as_ref().is_some_and(|gate| !gate.waits()) {
            return;
        }
        asked.row.incarnation = Some(incarnation);
        asked.gate = Some(Gate::new(question(&asked.row.asking, incarnation)));
        let row = asked.row.clone();
        self.keep(&row, || {});
    }

    /// A verdict came. One that does not verify changes nothing: the question waits on.
    pub(super) fn verdict(&mut self, id: ApprovalId, bytes: &[u8]) -> Vec<Event> {
        // It may overtake the word that the question is kept.
        self.asked(id);
        let now = self.stable.now();
        let (stable, lease) = (Arc::clone(&self.stable), self.lease);
        let Some(asked) = self.all.get_mut(&id) else { return Vec::new() };
        if asked.row.closed && !asked.is_withdrawn {
            return Vec::new();
        }
        if asked.row.closed {
            let words = format!("a verdict on {id} came when nobody waited for it any more: nothing was done");
            return vec![Event::Notice(words)];
        }
        let Some(gate) = asked.gate.as_mut().filter(|gate| gate.waits()) else { return Vec::new() };
        let question = *gate.question();
        let Question { incarnation, lease: of, approval, digest } = question;
        let expected = Expected { incarnation, lease: of, approval, digest };
        let verified = stable.member.trusting(now.0, |trust| Verdict::verify(bytes, &expected, trust));
        let claims = |choice| Claims { question, choice, expires_at: now.plus(USED_WITHIN_MS) };
        let verified = verified.map_err(|error| error.to_string()).and_then(|verdict| {
            gate.decide(&claims(verdict.choice), now).map_err(|error| error.to_string())?;
            Ok(verdict)
        });
        match verified {
            Ok(verdict) => {
                let remark = verdict.remark(&stable.member.keyring()).unwrap_or_default();
                if remark.allow.is_some() && verdict.choice == Choice::Approve {
                    keep_grant(&stable, &expected, bytes);
                }
                self.decided(id, verdict.choice, Some(verdict.by), remark)
            }
            Err(why) => {
                tracing::error!(run = %lease.run, lease = %lease, approval = %id, %why, "a verdict is refused");
                vec![Event::Notice(format!("a verdict on {id} was refused: {why}"))]
            }
        }
    }

    /// Nobody will decide.
    pub(super) fn denied(&mut self, id: ApprovalId, why: &str) -> Vec<Event> {
        let waits =
            self.all.get(&id).is_some_and(|asked| !asked.row.closed && asked.gate.as_ref().is_none_or(Gate::waits));
        if waits { self.decided(id, Choice::Reject, None, Remark::words(why)) } else { Vec::new() }
    }

    /// Nobody needs an answer to this question any more; to none of them, when none is named.
    pub(super) fn withdraw(&mut self, id: Option<ApprovalId>, why: &str) -> Vec<Event> {
        let open = self.all.iter().filter(|(of, asked)| !asked.row.closed && id.is_none_or(|id| id == **of));
        let open: Vec<ApprovalId> = open.map(|(id, _)| *id).collect();
        open.into_iter().map(|id| self.withdrawn(id, why)).collect()
    }

    fn withdrawn(&mut self, id: ApprovalId, why: &str) -> Event {
        self.stable.say(ToRelay::Withdraw(id));
        if let Some(asked) = self.all.get_mut(&id) {
            asked.is_withdrawn = true;
            if let Some(waiter) = asked.waiter.take() {
                answer(waiter, Answer::Refused(why.to_owned()));
            }
        }
        self.close(id, || {});
        self.withdrawn.push_back(id);
        if self.withdrawn.len() > ASKING_MAX {
            self.withdrawn.pop_front();
        }
        tracing::info!(run = %self.lease.run, lease = %self.lease, approval = %id, why, "a question is withdrawn");
        Event::Withdrawn { approval: id, why: why.to_owned() }
    }

    /// Whoever asked has left and did not come back: nobody needs an answer any more.
    pub(super) fn left(&mut self, id: ApprovalId) -> Vec<Event> {
        let Some(asked) = self.all.get(&id).filter(|asked| !asked.row.closed) else { return Vec::new() };
        if asked.waiter.as_ref().is_some_and(|waiter| !waiter.is_closed()) {
            return Vec::new();
        }
        vec![self.withdrawn(id, "whoever asked has ended")]
    }

    /// The relay refused something of this lease: what it has not taken yet is not asked.
    pub(super) fn refused(&mut self, why: &str) -> Vec<Event> {
        let untaken = self.all.iter().filter(|(_, asked)| !asked.row.closed && asked.gate.is_none());
        let untaken: Vec<ApprovalId> = untaken.map(|(id, _)| *id).collect();
        untaken.into_iter().flat_map(|id| self.denied(id, why)).collect()
    }

    fn decided(&mut self, id: ApprovalId, choice: Choice, by: Option<DeviceId>, remark: Remark) -> Vec<Event> {
        let Some(asked) = self.all.get_mut(&id) else { return Vec::new() };
        asked.remark = remark.clone();
        let message = remark.text.clone();
        let told = match choice {
            Choice::Approve => Answer::Approved { remark: Box::new(remark) },
            Choice::Reject => Answer::Rejected { message: message.clone() },
        };
        if let Some(waiter) = asked.waiter.take() {
            answer(waiter, told);
        }
        tracing::info!(run = %self.lease.run, lease = %self.lease, approval = %id, ?choice, "a question has its answer");
        if choice == Choice::Reject {
            self.close(id, || {});
        }
        vec![Event::Answered { approval: id, choice, by, message }]
    }

    /// The action is about to start: it may, once, if the lease may act and nothing changed. Closed on disk before it is told.
    fn act(&mut self, id: ApprovalId, digest: Digest, reply: oneshot::Sender<Answer>) {
        let (may_act, now) = (self.stable.may_act(self.lease), self.stable.now());
        let gate = self.all.get_mut(&id).filter(|asked| !asked.row.closed).and_then(|asked| asked.gate.as_mut());
        match gate.map(|gate| gate.pass(digest, may_act, now)) {
            Some(Ok(())) => self.close(id, move || answer(reply, Answer::Go)),
            Some(Err(error)) => answer(reply, Answer::Refused(error.to_string())),
            None => {
                answer(reply, Answer::Refused("this was not approved, or its approval was used: ask again".to_owned()))
            }
        }
    }

    /// The attempt is over: nothing is opened any more.
    pub(super) fn close_all(&mut self) {
        for asked in self.all.values_mut() {
            asked.row.closed = true;
            if let Some(waiter) = asked.waiter.take() {
                answer(waiter, Answer::Refused("the run is over".to_owned()));
            }
        }
    }

    fn close(&mut self, id: ApprovalId, done: impl FnOnce() + Send + 'static) {
        let Some(asked) = self.all.get_mut(&id) else { return };
        asked.row.closed = true;
        // Nobody asks it again: a run that asks all day keeps nothing of it but that it was asked.
        asked.row.asking.sealed = Vec::new();
        if let Some(gate) = &mut asked.gate {
            gate.deny();
        }
        let row = asked.row.clone();
        let told = if asked.is_withdrawn { slots::Msg::Withdrawn(id) } else { slots::Msg::Answered(id) };
        self.keep(&row, done);
        self.stable.tell(told);
    }

    fn keep(&self, row: &Row, done: impl FnOnce() + Send + 'static) {
        let bytes = postcard::to_allocvec(row).expect("a question is made of types postcard can write");
        self.stable.write(vec![JournalChange::Ask(row.asking.id, self.lease, bytes)], done);
    }
}

impl Asked {
    /// The same question on a new connection: its answer, if it has one.
    fn again(&mut self, digest: Digest, reply: oneshot::Sender<Answer>) {
        let now = match (&self.gate, self.row.closed) {
            (_, _) if self.row.asking.digest != digest => {
                Some(Answer::Refused("this question was asked about another action: ask anew".to_owned()))
            }
            (_, true) => Some(Answer::Refused("this question is closed: ask anew".to_owned())),
            (Some(gate), false) if !gate.waits() => Some(Answer::Approved { remark: Box::new(self.remark.clone()) }),
            (Some(_) | None, false) => None,
        };
        match now {
            Some(now) => answer(reply, now),
            None => self.waiter = Some(reply),
        }
    }
}

fn question(asking: &Asking, incarnation: Incarnation) -> Question {
    Question { incarnation, lease: asking.lease, approval: asking.id, digest: asking.digest }
}

/// An asker that left comes back and asks again.
fn answer(to: oneshot::Sender<Answer>, answer: Answer) {
    drop(to.send(answer));
}
