//! The tour with a real agent: which one, what it is asked, and that it asks before it does it.

use super::script::task;
use crate::command::agents;
use crate::fault::Fault;
use crate::render::agent::{Place, Stand};
use ostler_client::Draft;
use ostler_core::failure::Attempts;
use ostler_core::guard::{Effect, Rule};
use ostler_core::task::{Task, Work};
use ostler_runner::{Catalog, Entry, Grip, Protocol};
use std::path::Path;

/// Small, quick, and visible in a diff: one file and one command.
const PROMPT: &str = "Create a file named HELLO.md in the current directory with one friendly sentence in it, then run the \
                      command `cat HELLO.md`. Do nothing else.";
/// It has this long, thinking of a person included.
pub(super) const LASTS_MS: u64 = 600_000;

/// The agent of that name; without a name, the first in the catalog that is ready here.
pub(super) async fn choose(named: &str) -> Result<&'static Entry, Fault> {
    let place = agents::bare_machine().await?;
    chosen(named, &place)
}

fn chosen(named: &str, place: &Place) -> Result<&'static Entry, Fault> {
    let catalog = Catalog::standard();
    if named.is_empty() {
        let real = |entry: &&&'static Entry| entry.protocol != Protocol::Builtin;
        let ready =
            catalog.entries().iter().filter(real).find(|entry| matches!(place.stand(entry.name), Stand::Ready(_)));
        return ready.copied().ok_or_else(|| Fault::NoLead("no agent is installed and signed in here".to_owned()));
    }
    let known = catalog.find(named).filter(|entry| entry.protocol != Protocol::Builtin);
    let entry = known.ok_or_else(|| Fault::NoAgent(named.to_owned()))?;
    match place.stand(named) {
        Stand::Ready(_) => Ok(entry),
        Stand::Absent => Err(Fault::NoLead(format!("`{named}` is not installed here, or not in PATH"))),
        Stand::Lacks { what, .. } => {
            Err(Fault::NoLead(format!("`{named}` lacks: {what}{}", agents::remedy(entry, &what))))
        }
    }
}

/// Whether the person will be asked.
pub(super) const fn asks(entry: &Entry) -> &'static str {
    match entry.enforces.write {
        Grip::Enforced => "it asks before it writes, and you answer",
        Grip::Advisory => "it asks when it sees fit",
        Grip::None => "this one asks nobody before it writes",
    }
}

/// Its run: rules of the run make it ask for what the built-in defaults would let pass.
pub(super) fn draft(top: &Path, entry: &Entry) -> Result<Draft, Fault> {
    let kind = vec!["write".to_owned(), "command".to_owned()];
    let rule = Rule { kind, origin: "the tour".to_owned(), ..Rule::new(Effect::Ask) };
    let task = task(top, entry.name, Work::Prompt(PROMPT.to_owned()))?;
    let task = Task { rules: vec![rule], timeout_ms: Some(LASTS_MS), ..task };
    Ok(Draft { attempts: Attempts { max: 1, of_task: false }, ..Draft::new(entry.name, task) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::agent::tests::place;

    #[test]
    fn the_named_or_the_first_ready_agent_plays_the_lead() {
        let name = |named: &str| chosen(named, &place()).map(|entry| entry.name).map_err(|fault| fault.to_string());
        assert_eq!(name(""), Ok("claude"));
        assert_eq!(name("claude"), Ok("claude"));
        assert!(name("codex").expect_err("not signed in").contains("lacks: sign-in: "));
        assert!(name("goose").expect_err("absent").contains("not installed here"));
        assert!(name("shell").is_err() && name("nobody").expect_err("unknown").contains("no agent is called"));
    }
}
