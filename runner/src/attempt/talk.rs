//! The conversation with an agent: what it says is told, what it asks is ruled or put to people, and it hears the answer.
//!
//! ```text
//! steps ─▶ Talk ─▶ acts: tell an event, send bytes, ask a person, withdraw a question
//!            ▲
//!            └─ decisions, patience, orders
//!
//! Ask ─ rules: allow, deny ─▶ answered at once, Ruled
//!     └ ask ─▶ open ─ verdict ─▶ answered
//!                ├ the agent gave up ─▶ withdrawn; a verdict after that does nothing
//!                └ its patience is over ─▶ denied to the agent, open to people ─ verdict ─▶ told as a prompt once it is idle
//! ```
//!
//! Owns who is answered what. An action asked twice while it waits is one question, and its answer answers both. Must not do
//! anything: [`drive`] does, after what it tells is on disk.

mod carry;
mod clean;
pub(super) mod drive;
mod grants;
mod ladder;
mod output;
mod rules;
mod stall;
mod tally;
mod wait;

pub(super) use clean::event_without;
pub(super) use grants::{keep as keep_grant, load as granted};
pub(super) use output::Output;
pub(super) use rules::Rules;

use crate::attempt::life::Ending;
use crate::shim::Chunk;
use ostler_agents::{Ask, End, Outcome, Reply, Step};
use ostler_core::approval::Remark;
use ostler_core::deed::Action;
use ostler_core::event::Event;
use ostler_core::guard::Effect;
use ostler_core::ids::{ApprovalId, Digest};
use ostler_core::time::Timestamp;
use rules::Ruling;
use std::collections::BTreeMap;
use tally::Tally;

/// What an agent hears when it will not wait any longer and nobody has answered.
const NOT_YET: &str = "a person has not answered yet; stop here, you will be told";
/// What it hears when its run is ending.
const ENDING: &str = "the run is being ended: start nothing new";
/// Characters of an action in a prompt about it: enough to know which one it was.
const NAMED_CHARS_MAX: usize = 400;

/// What is to be done, in this order; events first, since what is told is on disk before anything is done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Keep this.
    Tell(Event),
    /// Give the agent these bytes.
    Send(Vec<u8>),
    /// Put this to people.
    Ask(ApprovalId, Action),
    /// Nobody needs to answer this any more.
    Withdraw(ApprovalId, &'static str),
    /// The agent can be resumed under this name.
    Session(String),
}

/// What came of a question.
#[derive(Debug)]
pub(super) enum Decision {
    /// A person wants it done, and it may be done now.
    Yes(Box<Remark>),
    /// A person does not, or nobody will answer.
    No(String),
    /// It could not be asked, or may not be done any more; says why.
    Void(String),
}

/// A question that people have.
struct Open {
    /// What makes another action the same.
    deed: Digest,
    /// The action in a line.
    named: String,
    /// Who waits: keys of the adapter, and until when.
    askers: Vec<(String, Option<Timestamp>)>,
}

/// The state of one conversation.
pub(super) struct Talk {
    output: Output,
    rules: Rules,
    tally: Tally,
    open: BTreeMap<ApprovalId, Open>,
    /// What is to be said about answers that came too late, once the agent listens.
    late: Vec<String>,
    is_idle: bool,
    is_ending: bool,
    /// True when nobody can be answered: an earlier life's output is told.
    is_past: bool,
}

impl Talk {
    pub(super) fn new(output: Output, rules: Rules) -> Self {
        let (tally, open, late) = (Tally::default(), BTreeMap::new(), Vec::new());
        Self { output, rules, tally, open, late, is_idle: false, is_ending: false, is_past: false }
    }

    /// The agent is gone: what it printed is told, what it asked is nobody's business any more.
    pub(super) fn of_the_past(output: Output, rules: Rules) -> Self {
        Self { is_past: true, ..Self::new(output, rules) }
    }

    /// What these chunks of output lead to, which end at `next`.
    pub(super) fn take(&mut self, chunks: &[Chunk], next: u64, now: Timestamp) -> Vec<Act> {
        let steps = self.output.take(chunks, next);
        self.acts(steps, now)
    }

    fn acts(&mut self, steps: Vec<Step>, now: Timestamp) -> Vec<Act> {
        let mut acts = Vec::with_capacity(steps.len());
        for step in steps {
            match step {
                Step::Event(event) => {
                    self.tally.note(&event, now);
                    acts.push(Act::Tell(event));
                }
                Step::Session(session) => acts.push(Act::Session(session)),
                Step::Idle => self.is_idle = true,
                Step::Send(_) | Step::Ask(_) | Step::Withdraw(_) if self.is_past => {}
                Step::Send(bytes) => acts.push(Act::Send(bytes)),
                Step::Ask(ask) => acts.extend(self.asked(ask, now)),
                Step::Withdraw(key) => acts.extend(self.gave_up(&key)),
            }
        }
        acts
    }

    fn asked(&mut self, ask: Ask, now: Timestamp) -> Vec<Act> {
        let Ask { key, mut action, patience_ms } = ask;
        if self.is_ending {
            let (because, message) = ("the run is ending".to_owned(), ENDING.to_owned());
            let ruling = Ruling { effect: Effect::Deny, risk: action.risk, because, message };
            return self.ruled(&key, ruling, action, now);
        }
        let gives_up_at = patience_ms.map(|ms| now.plus(ms));
        let deed = rules::deed_digest(&action);
        if let Some(open) = self.open.values_mut().find(|open| open.deed == deed) {
            open.askers.push((key, gives_up_at));
            return Vec::new();
        }
        let ruling = self.rules.judge(&action);
        if ruling.effect != Effect::Ask {
            return self.ruled(&key, ruling, action, now);
        }
        action.risk = ruling.risk;
        let named = action.deed.line().chars().take(NAMED_CHARS_MAX).collect();
        let Some(id) = wait::fresh_id(now) else {
            return self.answer(&key, &Reply::Deny { text: "this machine has no chance to spare".to_owned() }, now);
        };
        self.open.insert(id, Open { deed, named, askers: vec![(key, gives_up_at)] });
        vec![Act::Ask(id, action)]
    }

    /// Answers by policy, and says so.
    fn ruled(&mut self, key: &str, ruling: Ruling, mut action: Action, now: Timestamp) -> Vec<Act> {
        let Ruling { effect, risk, because, message } = ruling;
        action.risk = risk;
        let reply = match effect {
            Effect::Allow => Reply::Allow { text: message, option: None },
            Effect::Deny | Effect::Ask if message.is_empty() => {
                Reply::Deny { text: "the policy here forbids this".to_owned() }
            }
            Effect::Deny | Effect::Ask => Reply::Deny { text: message },
        };
        let mut acts: Vec<Act> =
            self.output.clean(Event::Ruled { action, effect, because }).into_iter().map(Act::Tell).collect();
        acts.extend(self.answer(key, &reply, now));
        acts
    }

    fn answer(&mut self, key: &str, reply: &Reply, now: Timestamp) -> Vec<Act> {
        let steps = self.output.reply(key, reply);
        self.acts(steps, now)
    }

    /// The agent does not wait for `key` any more.
    fn gave_up(&mut self, key: &str) -> Vec<Act> {
        let waits = |open: &Open| open.askers.iter().any(|(asker, _)| asker == key);
        let Some((id, open)) = self.open.iter_mut().find(|(_, open)| waits(open)) else { return Vec::new() };
        open.askers.retain(|(asker, _)| asker != key);
        if !open.askers.is_empty() {
            return Vec::new();
        }
        let id = *id;
        self.open.remove(&id);
        vec![Act::Withdraw(id, "the agent no longer waits for this")]
    }

    /// A question has its answer.
    pub(super) fn decided(&mut self, id: ApprovalId, decision: Decision, now: Timestamp) -> Vec<Act> {
        let Some(open) = self.open.remove(&id) else {
            return match decision {
                Decision::Yes(_) => {
                    let words = format!("the answer to {id} came after the agent had given up: nothing was done");
                    vec![Act::Tell(Event::Notice(words))]
                }
                Decision::No(_) | Decision::Void(_) => Vec::new(),
            };
        };
        let (reply, late) = match decision {
            Decision::Yes(remark) => {
                let late = format!("This was approved, do it now: {}{}", open.named, quoted(&remark.text));
                if let Some(rule) = remark.allow {
                    self.rules.grant(rule);
                }
                if open.askers.is_empty() {
                    self.rules.grant_once(open.deed);
                }
                (Reply::Allow { text: remark.text, option: remark.option }, late)
            }
            Decision::No(text) => {
                let late = format!("This was denied, do not do it: {}{}", open.named, quoted(&text));
                (Reply::Deny { text }, late)
            }
            Decision::Void(why) => {
                let late = format!("This was not approved ({why}): {}", open.named);
                (Reply::Deny { text: why }, late)
            }
        };
        if open.askers.is_empty() {
            self.late.push(late);
        }
        open.askers.iter().flat_map(|(key, _)| self.answer(key, &reply, now)).collect()
    }

    /// Whoever's patience is over hears that nobody has answered yet; people still may.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<Act> {
        let mut over = Vec::new();
        for open in self.open.values_mut() {
            let is_over = |at: &Option<Timestamp>| at.is_some_and(|at| at <= now);
            over.extend(open.askers.extract_if(.., |(_, at)| is_over(at)).map(|(key, _)| key));
        }
        let reply = Reply::Deny { text: NOT_YET.to_owned() };
        over.iter().flat_map(|key| self.answer(key, &reply, now)).collect()
    }

    /// When [`Self::due`] is to be called next.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.open.values().flat_map(|open| &open.askers).filter_map(|(_, at)| *at).min()
    }

    /// Prompts the agent, which is idle. None when it takes no second prompt.
    pub(super) fn prompt(&mut self, text: &str, now: Timestamp) -> Option<Vec<Act>> {
        let steps = self.output.prompt(text)?;
        self.is_idle = false;
        let mut acts: Vec<Act> =
            self.output.clean(Event::Prompted(text.to_owned())).into_iter().map(Act::Tell).collect();
        acts.extend(self.acts(steps, now));
        Some(acts)
    }

    /// What came too late and was not said yet, as a prompt.
    pub(super) fn take_late(&mut self) -> Option<String> {
        (!self.late.is_empty()).then(|| std::mem::take(&mut self.late).join("\n\n"))
    }

    /// From now on nothing is asked. What makes the agent stop its turn, in its own protocol, if anything does.
    pub(super) fn interrupt(&mut self, now: Timestamp) -> Option<Vec<Act>> {
        self.is_ending = true;
        self.open.clear();
        let steps = self.output.interrupt()?;
        Some(self.acts(steps, now))
    }

    /// True when the agent's turn is over.
    pub(super) fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// True while people have a question.
    pub(super) fn is_asking(&self) -> bool {
        !self.open.is_empty()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.output.in_flight()
    }

    /// How far its output was read.
    pub(super) fn offset(&self) -> u64 {
        self.output.offset()
    }

    pub(super) fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// What was held back, and the judgement.
    pub(super) fn end(&mut self, end: End, now: Timestamp) -> (Vec<Event>, Outcome) {
        let (events, outcome) = self.output.end(end);
        events.iter().for_each(|event| self.tally.note(event, now));
        (events, outcome)
    }

    /// Says in `ending` what was consumed, and what is left to be resumed.
    pub(super) fn conclude(&self, ending: &mut Ending, now: Timestamp) {
        self.tally.conclude(ending, now);
    }
}

fn quoted(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!("\n{words}") }
}

#[cfg(test)]
mod tests;
