//! Agents: what this release knows of each, and how each runner stands to it.
//!
//! ```text
//! offers: agent.NAME[=version] ready │ found.NAME, lacks.NAME found, something is missing │ none of them: not there
//! ```

use super::table::{Cell, Table};
use super::text::plain;
use crate::out::Paint;
use ostler_core::requirements::{Offers, Value as Offer};
use ostler_runner::{Entry, Grip, Protocol, Standing};
use serde_json::{Value, json};

/// A runner, or this machine: its name and what it offers.
#[derive(Debug)]
pub(crate) struct Place {
    /// What its owner calls it.
    pub(crate) name: String,
    /// What it offers.
    pub(crate) offers: Offers,
    /// False for a runner that is away: what it offers is what it last said.
    pub(crate) here: bool,
}

/// How an agent stands on a runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stand {
    /// Runs can use it.
    Ready(Option<String>),
    /// It is there, and something is missing.
    Lacks {
        /// Its version, when that could be read.
        version: Option<String>,
        /// What is missing.
        what: String,
    },
    /// It is not there.
    Absent,
}

impl Place {
    /// How the agent called `name` stands here.
    pub(crate) fn stand(&self, name: &str) -> Stand {
        let version = |offer: &Offer| match offer {
            Offer::Flag => None,
            Offer::Text(_) | Offer::Number(_) | Offer::Version(_) | Offer::Set(_) => Some(offer.to_string()),
        };
        let offered = |group: &str| self.offers.get(&format!("{group}.{name}"));
        match (offered("agent"), offered("found"), offered("lacks")) {
            (Some(ready), ..) => Stand::Ready(version(ready)),
            (None, None, None) => Stand::Absent,
            (None, found, lacks) => Stand::Lacks {
                version: found.and_then(version),
                what: lacks.map_or_else(|| "something".to_owned(), ToString::to_string),
            },
        }
    }
}

impl Stand {
    /// The word for programs.
    const fn word(&self) -> &'static str {
        match self {
            Self::Ready(_) => "ready",
            Self::Lacks { .. } => "lacks",
            Self::Absent => "absent",
        }
    }

    fn version(&self) -> Option<&str> {
        match self {
            Self::Ready(version) | Self::Lacks { version, .. } => version.as_deref(),
            Self::Absent => None,
        }
    }

    /// `2.1.329, ready`; `2.1.329, lacks: sign-in`.
    pub(crate) fn words(&self) -> String {
        let version = self.version().map(|version| format!("{}, ", plain(version))).unwrap_or_default();
        match self {
            Self::Ready(_) => format!("{version}ready"),
            Self::Lacks { what, .. } => format!("{version}lacks: {}", plain(what)),
            Self::Absent => "not found".to_owned(),
        }
    }
}

/// How it is spoken to.
const fn spoken(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Builtin => "built in",
        Protocol::Acp => "ACP",
        Protocol::Control => "stream-json",
        Protocol::AppServer => "app-server",
        Protocol::Lines => "JSON lines",
        Protocol::Text => "text",
    }
}

/// How far this release tried it.
pub(crate) fn standing(standing: Standing) -> String {
    match standing {
        Standing::Verified(version) => format!("verified with {version}"),
        Standing::Unverified(why) => format!("unverified: {why}"),
    }
}

const fn grip(grip: Grip) -> &'static str {
    match grip {
        Grip::Enforced => "enforced",
        Grip::Advisory => "advisory",
        Grip::None => "none",
    }
}

fn grips(entry: &Entry) -> [(&'static str, Grip); 3] {
    let enforces = &entry.enforces;
    [("command", enforces.command), ("write", enforces.write), ("fetch", enforces.fetch)]
}

/// The kinds of action it holds back until it is answered; `-` when there are none.
pub(crate) fn enforced(entry: &Entry) -> String {
    let held = grips(entry).into_iter().filter(|(_, grip)| *grip == Grip::Enforced).map(|(kind, _)| kind);
    let held: Vec<&str> = held.collect();
    if held.is_empty() { "-".to_owned() } else { held.join(", ") }
}

/// Agents under each other, with the runners that have them.
pub(crate) fn listing(entries: &[&Entry], places: &[Place]) -> Table {
    let mut table = Table::new(&["AGENT", "SPOKEN", "ENFORCES", "RESUMES", "TRIED", "RUNNERS"], 5);
    for entry in entries {
        let has = places.iter().filter_map(|place| match place.stand(entry.name) {
            Stand::Absent => None,
            stand @ (Stand::Ready(_) | Stand::Lacks { .. }) => {
                Some(format!("{} {}", plain(&place.name), stand.words()))
            }
        });
        let has: Vec<String> = has.collect();
        let tried = match entry.standing {
            Standing::Verified(version) => Cell::painted(version, Paint::green),
            Standing::Unverified(_) => Cell::painted("unverified", Paint::yellow),
        };
        table.row(vec![
            Cell::painted(entry.name, Paint::bold),
            spoken(entry.protocol).into(),
            enforced(entry).into(),
            if entry.resumes { "yes" } else { "-" }.into(),
            tried,
            if has.is_empty() { "-".to_owned() } else { has.join("; ") }.into(),
        ]);
    }
    table
}

/// One agent, and how every runner stands to it.
pub(crate) fn page(entry: &Entry, places: &[Place], paint: Paint) -> String {
    let or = |text: String, none: &str| if text.is_empty() { none.to_owned() } else { text };
    let held = grips(entry).map(|(kind, held)| format!("{kind} {}", grip(held)));
    let mut fields = vec![
        ("agent", entry.name.to_owned()),
        ("spoken", spoken(entry.protocol).to_owned()),
        ("tried", standing(entry.standing)),
        ("programs", or(entry.programs.join(" or "), "none: it is part of ostler")),
        ("oldest", or(entry.oldest.to_owned(), "any version")),
        ("asks", held.join(", ")),
        ("resumes", if entry.resumes { "its session" } else { "not: a follow-up gets a brief" }.to_owned()),
        ("sign-in", or(entry.sign_in.how.to_owned(), "cannot be told beforehand, or none is needed")),
        ("may see", or(entry.env.join(" "), "nothing of the runner's environment but what its owner allows all runs")),
    ];
    fields.extend(places.iter().map(|place| ("on", on(place, entry))));
    let line = |(field, value): (&str, String)| format!("{} {value}", paint.dim(&format!("{field:>8}")));
    fields.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn on(place: &Place, entry: &Entry) -> String {
    let away = if place.here { "" } else { " (away)" };
    format!("{}{away}: {}", plain(&place.name), place.stand(entry.name).words())
}

/// An agent for programs.
pub(crate) fn json(entry: &Entry, places: &[Place]) -> Value {
    let runners = places.iter().map(|place| {
        let stand = place.stand(entry.name);
        let lacks = if let Stand::Lacks { what, .. } = &stand { Some(what) } else { None };
        let (name, here) = (&place.name, place.here);
        json!({ "name": name, "connected": here, "state": stand.word(), "version": stand.version(), "lacks": lacks })
    });
    let (verified, unverified) = match entry.standing {
        Standing::Verified(version) => (Some(version), None),
        Standing::Unverified(why) => (None, Some(why)),
    };
    let enforces: serde_json::Map<String, Value> =
        grips(entry).into_iter().map(|(kind, held)| (kind.to_owned(), json!(grip(held)))).collect();
    json!({
        "name": entry.name,
        "protocol": spoken(entry.protocol),
        "verified": verified,
        "unverified": unverified,
        "programs": entry.programs,
        "oldest": entry.oldest,
        "enforces": enforces,
        "resumes": entry.resumes,
        "sign_in": entry.sign_in.how,
        "env": entry.env,
        "runners": runners.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ostler_runner::Catalog;

    pub(crate) fn place() -> Place {
        let text = |text: &str| Offer::Text(text.to_owned());
        let offers = [
            ("agent.claude", Offer::Version(vec![2, 1, 329])),
            ("found.codex", Offer::Version(vec![0, 169, 0])),
            ("lacks.codex", text("sign-in")),
        ];
        let offers = offers.into_iter().map(|(name, offer)| (name.to_owned(), offer)).collect();
        Place { name: "barn".to_owned(), offers, here: true }
    }

    #[test]
    fn a_runner_has_an_agent_or_lacks_something_or_has_it_not() {
        let words = |agent: &str| place().stand(agent).words();
        assert_eq!(words("claude"), "2.1.329, ready");
        assert_eq!(words("codex"), "0.169.0, lacks: sign-in");
        assert_eq!(words("goose"), "not found");
    }

    #[test]
    fn every_agent_has_a_row_and_a_page() {
        let catalog = Catalog::standard();
        let shown = listing(catalog.entries(), &[place()]).print(200, Paint::off());
        assert_eq!(shown.lines().count(), catalog.entries().len() + 1);
        assert!(
            shown.lines().any(|line| line.starts_with("claude") && line.ends_with("barn 2.1.329, ready")),
            "{shown}"
        );
        for entry in catalog.entries() {
            let page = page(entry, &[place()], Paint::off());
            assert!(page.contains("on barn: "), "{page}");
            assert_eq!(json(entry, &[place()])["runners"][0]["name"], "barn");
        }
    }
}
