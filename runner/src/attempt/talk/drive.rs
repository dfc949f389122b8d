//! Driving an agent from its start to its end: what happens, one thing after the other.
//!
//! ```text
//! printed │ decided │ patience over │ turn over │ ordered to end ─▶ Talk ─▶ acts ─▶ recorded, then done
//! ```
//!
//! Owns the loop, for agents that are spoken to and for those that are only listened to. Must not judge: [`life`](crate::attempt::life)
//! does.

use super::ladder::{Ladder, Rung};
use super::stall::{self, Signs, Stall};
use super::wait;
use super::{Decision, Talk};
use crate::attempt::STOP_GRACE_MS;
use crate::attempt::agent::Agent;
use crate::attempt::life::{Ending, Life, Order};
use crate::shim::{Exit, Progress};
use ostler_agents::End;
use ostler_core::decision::Why;
use ostler_core::event::Event;
use ostler_core::failure::FailureClass;
use ostler_core::ids::ApprovalId;
use ostler_core::task::Task;
use ostler_core::time::Timestamp;
use std::pin::Pin;
use std::time::Duration;
use tokio::task::JoinSet;

/// Clocks may jump and machines may sleep: no timer is trusted for longer.
const LOOK_EVERY_MS: u64 = 1_000;

/// What is to be done once an agent has nothing more to do.
pub(in crate::attempt) enum Next {
    /// Give it this.
    Prompt(String),
    /// Let it go.
    Close,
}

/// What happens.
enum Happening {
    Printed(Progress),
    Ordered(Order),
    Decided(ApprovalId, Decision),
    Turned(Next),
    Due,
}

/// How it ended.
pub(in crate::attempt) struct Over {
    pub(in crate::attempt) exit: Option<Exit>,
    /// What it was ended for.
    pub(in crate::attempt) halt: Option<Order>,
    /// What it was ended for by the conversation itself.
    pub(in crate::attempt) broken: Option<Ending>,
    /// True when its work was done before it was ended: then its exit says nothing.
    pub(in crate::attempt) is_done: bool,
}

type Turn<'a> = Pin<Box<dyn Future<Output = Next> + Send + 'a>>;

/// One agent being driven.
pub(super) struct Drive<'a> {
    pub(super) life: &'a Life,
    pub(super) task: &'a Task,
    pub(super) agent: &'a Agent,
    pub(super) talk: &'a mut Talk,
    /// True when it is spoken to.
    pub(super) is_conversation: bool,
    pub(super) waiting: JoinSet<(ApprovalId, Decision)>,
    pub(super) turn: Option<Turn<'a>>,
    pub(super) ladder: Ladder,
    pub(super) stall: Stall,
    /// How far the output is on record.
    pub(super) recorded: u64,
    pub(super) released: u64,
    pub(super) halt: Option<Order>,
    pub(super) broken: Option<Ending>,
    pub(super) is_done: bool,
}

impl Life {
    /// Follows the agent until it has ended and all it printed is recorded. A conversation begins with `first`.
    pub(in crate::attempt) async fn drive(
        &self,
        task: &Task,
        agent: &Agent,
        talk: &mut Talk,
        first: Option<Vec<u8>>,
    ) -> Over {
        let mut drive = Drive {
            life: self,
            task,
            agent,
            talk,
            is_conversation: first.is_some(),
            waiting: JoinSet::new(),
            turn: None,
            ladder: Ladder::Standing,
            stall: Stall::new(self.stable.config.stall.after.ms(), self.stable.now()),
            recorded: 0,
            released: 0,
            halt: None,
            broken: None,
            is_done: false,
        };
        if let Some(first) = first {
            drive.send(&first).await;
        }
        let exit = drive.follow().await;
        let Drive { halt, broken, is_done, .. } = drive;
        Over { exit, halt, broken, is_done }
    }

    /// What was held back, and the judgement; this is the last that is told of the agent.
    pub(in crate::attempt) fn last_words(
        &self,
        talk: &mut Talk,
        exit: Option<&Exit>,
    ) -> (Vec<Event>, ostler_agents::Outcome) {
        let end = exit.map_or_else(End::default, |exit| End { code: exit.code, signal: exit.signal });
        talk.end(end, self.stable.now())
    }

    /// Waits until the task's own time is over, counted from the accept; for ever when it has none.
    pub(in crate::attempt) async fn time_over(&self, task: &Task) {
        let Some(timeout_ms) = task.timeout_ms else { return std::future::pending().await };
        let at = self.held.created_at.plus(timeout_ms);
        while self.stable.now() < at {
            self.until(Some(at)).await;
        }
    }

    /// Waits until `at`, or for a while.
    async fn until(&self, at: Option<Timestamp>) {
        let Some(at) = at else { return std::future::pending().await };
        let left_ms = at.since(self.stable.now()).clamp(1, LOOK_EVERY_MS);
        tokio::time::sleep(Duration::from_millis(left_ms)).await;
    }
}

impl<'a> Drive<'a> {
    async fn follow(&mut self) -> Option<Exit> {
        let (life, task, agent) = (self.life, self.task, self.agent);
        let fence = life.fence(agent.shim());
        tokio::pin!(fence);
        let over = life.time_over(task);
        tokio::pin!(over);
        loop {
            let (offset, due, is_free) = (self.talk.offset(), self.due(), self.halt.is_none());
            let happening = tokio::select! {
                progress = agent.progress(offset) => Happening::Printed(progress),
                order = &mut fence, if is_free => Happening::Ordered(order),
                () = &mut over, if is_free => Happening::Ordered(Order::Timeout),
                Some(Ok((id, decision))) = self.waiting.join_next() => Happening::Decided(id, decision),
                next = turned(&mut self.turn) => Happening::Turned(next),
                () = life.until(due) => Happening::Due,
            };
            if let Happening::Printed(progress) = &happening
                && progress.ended
            {
                self.take_in(*progress).await;
                return agent.exit();
            }
            self.happened(happening).await;
            self.turn_over().await;
            self.step().await;
        }
    }

    fn due(&self) -> Option<Timestamp> {
        let stall = self.stall.due().filter(|_| self.is_silent());
        [self.talk.next_due(), self.ladder.due(), stall].into_iter().flatten().min()
    }

    async fn happened(&mut self, happening: Happening) {
        let now = self.life.stable.now();
        match happening {
            Happening::Printed(progress) => self.take_in(progress).await,
            Happening::Ordered(order) => self.ordered(order).await,
            Happening::Decided(id, decision) if self.stall.answered(id, now) => self.about_silence(decision).await,
            Happening::Decided(id, decision) => {
                let acts = self.talk.decided(id, decision, now);
                self.carry_out(acts).await;
            }
            Happening::Turned(next) => {
                self.turn = None;
                self.next(next).await;
            }
            Happening::Due => {
                let acts = self.talk.due(now);
                self.carry_out(acts).await;
                self.look().await;
            }
        }
    }

    /// True when silence would mean something: the agent is at work, and waits for nobody.
    fn is_silent(&self) -> bool {
        self.is_conversation
            && self.ladder == Ladder::Standing
            && !self.talk.is_idle()
            && !self.talk.is_asking()
            && self.talk.in_flight() == 0
    }

    /// Looks for signs of life where there should be some; a person is asked when there were none for long.
    async fn look(&mut self) {
        let now = self.life.stable.now();
        if self.stall.due().is_none_or(|at| now < at) {
            return;
        }
        let (Some(shim), true) = (self.agent.shim(), self.is_silent()) else {
            self.stall.heard(now);
            return;
        };
        let tree = self.life.tree_dir(self.task);
        let shown = tree.display().to_string();
        let files = tokio::task::spawn_blocking(move || stall::newest(&tree)).await.unwrap_or(None);
        let signs = Signs { cpu_ticks: shim.cpu_ticks().await, files };
        if self.stall.look(signs, now)
            && let Some(id) = wait::fresh_id(now)
        {
            self.stall.asked(id);
            let question = self.stall.question(&self.task.agent, &shown);
            self.waiting.spawn(self.life.road().ask(id, question));
        }
    }

    /// What a person said about an agent without signs of life.
    async fn about_silence(&mut self, decision: Decision) {
        if let Decision::Yes(remark) = decision
            && remark.option == Some(stall::END_IT)
        {
            let words = "the agent showed no sign of life, and a person ended it";
            self.end_it(Ending::failed(FailureClass::Agent, "stalled", words)).await;
        }
    }

    /// Ends the agent as ordered: one that is spoken to is asked first, unless its lease is gone.
    async fn ordered(&mut self, order: Order) {
        tracing::info!(?order, "ending the agent");
        self.halt = Some(order);
        self.turn = None;
        self.waiting.abort_all();
        let grace_ms = match order {
            Order::Told(_, grace_ms) => grace_ms,
            Order::Work | Order::Fenced | Order::Timeout | Order::HandBack => STOP_GRACE_MS,
        };
        let now = self.life.stable.now();
        let is_fenced = matches!(order, Order::Fenced | Order::Told(Why::Fenced | Why::Unknown, _));
        if !self.is_conversation || is_fenced || self.ladder == Ladder::Stopping {
            self.ladder = Ladder::Stopping;
            return self.agent.stop(grace_ms).await;
        }
        self.life.withdraw_all("the run is being ended");
        let acts = self.talk.interrupt(now);
        self.ladder = Ladder::interrupted(now, grace_ms, acts.is_some());
        self.carry_out(acts.unwrap_or_default()).await;
    }

    /// What happens once the agent waits for more.
    async fn turn_over(&mut self) {
        if self.ladder != Ladder::Standing || !self.talk.is_idle() || self.turn.is_some() {
            return;
        }
        if let Some(text) = self.talk.take_late() {
            return self.prompt(&text).await;
        }
        if !self.talk.is_asking() {
            let (life, task) = (self.life, self.task);
            self.turn = Some(Box::pin(life.after_turn(task)));
        }
    }

    async fn next(&mut self, next: Next) {
        match next {
            Next::Prompt(text) => self.prompt(&text).await,
            Next::Close => self.let_go().await,
        }
    }

    async fn prompt(&mut self, text: &str) {
        match self.talk.prompt(text, self.life.stable.now()) {
            Some(acts) => self.carry_out(acts).await,
            None => {
                let words = "this agent takes no second prompt, and was let go".to_owned();
                self.life.record(vec![Event::Notice(words)], None, None).await;
                self.let_go().await;
            }
        }
    }

    /// The agent has nothing more to do here: its input ends, and what it says of its end is believed.
    async fn let_go(&mut self) {
        self.is_done = true;
        self.close().await;
        self.ladder = Ladder::closed(self.life.stable.now(), STOP_GRACE_MS);
    }

    /// Goes on ending the agent where it is time to.
    async fn step(&mut self) {
        match self.ladder.step(self.talk.is_idle(), self.life.stable.now()) {
            Rung::Wait => {}
            Rung::Close => self.close().await,
            Rung::Stop(grace_ms) => self.agent.stop(grace_ms).await,
        }
    }

    async fn close(&mut self) {
        if let Some(shim) = self.agent.shim()
            && let Err(error) = shim.close_input().await
        {
            tracing::debug!(%error, "the agent's input was not closed");
        }
    }
}

/// The end of the turn that is being looked at, if one is.
async fn turned(turn: &mut Option<Turn<'_>>) -> Next {
    match turn {
        Some(turn) => turn.await,
        None => std::future::pending().await,
    }
}
