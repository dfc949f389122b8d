//! What becomes of an action when no rule speaks: the built-in defaults, each with a name.
//!
//! Owns the verdict on each thing an action does; the strictest counts. Must not know rules.

mod harmless;
mod notorious;

use super::host::Contact;
use super::reading::{Act, Place, Reading};
use super::rule::Effect;
use super::run::{Run, SHELLS};
use super::spot::Spot;
use crate::work::deed::Risk;

/// What the defaults say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) effect: Effect,
    pub(super) risk: Risk,
    /// The default's name.
    pub(super) because: String,
    /// Nobody knows what would be done.
    pub(super) is_unclear: bool,
}

impl Verdict {
    fn new(effect: Effect, risk: Risk, because: &str) -> Self {
        Self { effect, risk, because: format!("default: {because}"), is_unclear: false }
    }

    fn allow(because: &str) -> Self {
        Self::new(Effect::Allow, Risk::Low, because)
    }

    fn ask(risk: Risk, because: &str) -> Self {
        Self::new(Effect::Ask, risk, because)
    }
}

/// Judges all that an action does.
pub(super) fn judge(reading: &Reading) -> Verdict {
    if let Some(why) = reading.unclear {
        return Verdict { is_unclear: true, ..Verdict::ask(Risk::High, &format!("cannot be read: {why}")) };
    }
    let strictest = |worst: Verdict, next: Verdict| {
        if (next.effect, next.risk) > (worst.effect, worst.risk) { next } else { worst }
    };
    let contacts = reading.acts.iter().filter(|act| !is_harmless(act)).flat_map(Act::contacts);
    let verdicts = contacts.map(|contact| of_contact(&contact)).chain(reading.acts.iter().map(of_act));
    let verdict = verdicts.reduce(strictest).expect("an action does something");
    assert!(verdict.effect != Effect::Deny, "the defaults leave no to people");
    verdict
}

/// Nobody would be asked about this one thing.
pub(super) fn is_harmless(act: &Act) -> bool {
    of_act(act).effect == Effect::Allow
}

fn of_act(act: &Act) -> Verdict {
    match act {
        Act::Run(run, places) => of_run(run, places),
        Act::Read(spot) => of_look(spot, "reads"),
        Act::Search(spot) => of_look(spot, "searches"),
        Act::Write(spot) => of_write(spot),
        Act::Fetch(contact) => of_contact(contact),
        Act::Call { is_mcp: true, tool } => Verdict::ask(Risk::Medium, &format!("calls the tool {tool}")),
        Act::Call { is_mcp: false, tool } => Verdict::ask(Risk::Medium, &format!("calls the unknown tool {tool}")),
        Act::Subagent => Verdict::ask(Risk::Medium, "starts another agent"),
        Act::Question => Verdict::ask(Risk::Low, "asks a person"),
    }
}

fn of_look(spot: &Spot, verb: &str) -> Verdict {
    if spot.is_secret() {
        return Verdict::ask(Risk::High, &format!("{verb} credentials"));
    }
    match spot.within {
        Some(_) => Verdict::allow(&format!("{verb} inside the tree")),
        None => Verdict::ask(Risk::Medium, &format!("{verb} outside the tree")),
    }
}

fn of_write(spot: &Spot) -> Verdict {
    match spot.within.as_deref() {
        None | Some(".") => Verdict::ask(Risk::High, "writes outside the tree"),
        Some(_) if spot.commands_others() => Verdict::ask(Risk::High, "writes what others execute or obey"),
        Some(_) if spot.is_secret() => Verdict::ask(Risk::High, "writes credentials"),
        Some(_) => Verdict::allow("writes inside the tree"),
    }
}

fn of_contact(contact: &Contact) -> Verdict {
    match contact {
        Contact::Host(host) if contact.is_local() => {
            Verdict::ask(Risk::High, &format!("contacts {host}, a network of its own"))
        }
        Contact::Host(host) => Verdict::ask(Risk::Medium, &format!("contacts {host}")),
        Contact::Search => Verdict::ask(Risk::Medium, "searches the web"),
        Contact::Unreadable => Verdict::ask(Risk::High, "contacts a host that cannot be read"),
    }
}

fn of_run(run: &Run, places: &[Place]) -> Verdict {
    if run.is_bent {
        return Verdict::ask(Risk::High, "sets variables for a program");
    }
    if let Some(because) = notorious::reason(run) {
        return Verdict::ask(Risk::High, because);
    }
    if SHELLS.contains(&run.name()) && (run.operands().next().is_none() || run.is_fed) {
        return Verdict::ask(Risk::High, "a shell executes what it is sent");
    }
    if places.iter().any(|place| place.spot.is_secret()) && !harmless::is_deaf(run) {
        return Verdict::ask(Risk::High, "names credentials");
    }
    if notorious::is_network(run) {
        return Verdict::ask(Risk::Medium, "reaches the network");
    }
    if harmless::is_reader(run, places) {
        return Verdict::allow("only reads inside the tree");
    }
    Verdict::ask(Risk::Medium, "executes a program")
}
