//! `--enforce`: what an agent must hold back until it is answered. What this release knows it never will is refused at once.

use crate::fault::Fault;
use ostler_core::requirements::Requirements;
use ostler_runner::{Catalog, Grip};

/// Kinds of action that are measured per agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    /// Commands it gives to a shell.
    Command,
    /// Files it writes.
    Write,
    /// What it fetches from the network.
    Fetch,
}

impl Kind {
    /// As offers name it.
    const fn word(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Write => "write",
            Self::Fetch => "fetch",
        }
    }
}

/// What a runner must offer for `agent` to hold back all of `kinds`.
pub(super) fn requirement(agent: &str, kinds: &[Kind]) -> Result<Requirements, Fault> {
    let known = Catalog::standard().find(agent);
    let mut all = Requirements::default();
    for kind in kinds.iter().map(|kind| kind.word()) {
        if let Some(entry) = known
            && entry.enforces.on(kind) != Grip::Enforced
        {
            return Err(never(agent, kind, entry.enforces.on(kind)));
        }
        let term = format!("agent.{agent}.enforces={kind}");
        all = all.and(term.parse().map_err(|error| Fault::Usage(format!("--enforce for agent `{agent}`: {error}")))?);
    }
    Ok(all)
}

fn never(agent: &str, kind: &str, grip: Grip) -> Fault {
    let what = match grip {
        Grip::None => "asks nobody",
        Grip::Advisory | Grip::Enforced => "asks by its own judgement only",
    };
    Fault::Usage(format!(
        "no runner could do this: `{agent}` {what} before it does a {kind}; `ostler agents list` shows which agents enforce it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_never_enforces_is_refused_at_once() {
        let error = requirement("shell", &[Kind::Command]).expect_err("a shell asks nobody").to_string();
        assert!(error.contains("asks nobody before it does a command"), "{error}");
        assert_eq!(requirement("shell", &[]).expect("nothing asked"), Requirements::default());
    }

    #[test]
    fn an_agent_of_the_runners_own_configuration_is_left_to_its_offers() {
        let needed = requirement("ours", &[Kind::Command, Kind::Write]).expect("terms");
        assert_eq!(needed.to_string(), "agent.ours.enforces=command, agent.ours.enforces=write");
    }
}
