//! A conversation as it stands in one request, in words that all protocols share, and where in a script it is.
//!
//! Owns the place: results of tools lead past the calls that asked for them; a person who speaks after words of the model
//! leads past those words. Must not know a protocol.

use super::edit;
use super::marker::Marker;
use super::script::Step;
use super::tools::Tool;
use serde_json::Value;

/// One request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Talk {
    pub(crate) model: String,
    /// Whether the answer is wanted as a stream.
    pub(crate) stream: bool,
    /// What the model is told to be.
    pub(crate) system: String,
    pub(crate) turns: Vec<Turn>,
    pub(crate) tools: Vec<Tool>,
    /// The shape the answer must have, for side calls that want JSON.
    pub(crate) schema: Option<Value>,
    /// Whether thoughts may be sent.
    pub(crate) thinks: bool,
    /// Whether a stream says what it used.
    pub(crate) counts: bool,
}

/// One thing said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Turn {
    /// By the person, or by the agent in the person's place.
    Person(String),
    /// By the model, with this many calls.
    Model(usize),
    /// By tools.
    Results(Vec<String>),
}

/// Which script, and what was said since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cue<'a> {
    pub(crate) marker: Marker,
    since: &'a [Turn],
}

impl Talk {
    /// The last message of the person that names a script.
    pub(crate) fn cue(&self) -> Option<Cue<'_>> {
        let marked = |turn: &Turn| match turn {
            Turn::Person(text) => Marker::last_in(text),
            Turn::Model(_) | Turn::Results(_) => None,
        };
        let (at, marker) = self.turns.iter().enumerate().rev().find_map(|(at, turn)| Some((at, marked(turn)?)))?;
        Some(Cue { marker, since: &self.turns[at + 1..] })
    }

    /// Where the agent works, as it tells its model: tools of some want absolute paths.
    pub(crate) fn directory(&self) -> Option<&str> {
        let said = self.turns.iter().filter_map(|turn| match turn {
            Turn::Person(text) => Some(text.as_str()),
            Turn::Model(_) | Turn::Results(_) => None,
        });
        std::iter::once(self.system.as_str()).chain(said).find_map(directory_in)
    }
}

/// How agents lead up to the directory they work in.
const LEADS: [&str; 7] = [
    "orking directory:",
    "orking directory is:",
    "orking directory is `",
    "working in the directory:",
    "Workspace Directories:**",
    "<working-directory>",
    "<cwd>",
];

fn directory_in(text: &str) -> Option<&str> {
    let behind = LEADS.iter().filter_map(|lead| text.split_once(lead).map(|(_, behind)| behind));
    let paths = behind.map(|behind| behind.trim_start_matches(|c: char| c.is_whitespace() || c == '-'));
    let mut paths = paths.filter(|path| path.starts_with('/'));
    paths.next().and_then(|path| path.split(['\n', '<', '`', '"']).next()).map(str::trim_end)
}

impl Cue<'_> {
    /// Texts of the tool results since.
    pub(crate) fn results(&self) -> Vec<String> {
        let results = self.since.iter().filter_map(|turn| match turn {
            Turn::Results(results) => Some(results),
            Turn::Person(_) | Turn::Model(_) => None,
        });
        results.flatten().cloned().collect()
    }

    /// The step that is next; the last one once all are played.
    pub(crate) fn step(&self, steps: &[&Step]) -> usize {
        let calls = |at: usize| steps.get(at).map_or(0, |step| step.ops.len());
        let (mut at, mut open, mut spoke) = (0, calls(0), false);
        for turn in self.since {
            match turn {
                Turn::Results(results) => {
                    for _ in results {
                        open = open.saturating_sub(1);
                        if open == 0 && calls(at) > 0 {
                            at += 1;
                            open = calls(at);
                        }
                    }
                }
                Turn::Model(calls) => spoke = *calls == 0,
                Turn::Person(_) => {
                    if std::mem::take(&mut spoke) && at < steps.len() && calls(at) == 0 {
                        at += 1;
                        open = calls(at);
                    }
                }
            }
        }
        at.min(steps.len() - 1)
    }

    /// How many of its answers counted since: the place in a script for agents that have no tools.
    pub(crate) fn spoken(&self) -> usize {
        let aside = |turn: &&Turn| matches!(turn, Turn::Person(text) if edit::set_aside(text));
        let spoken = self.since.iter().filter(|turn| matches!(turn, Turn::Model(_))).count();
        spoken.saturating_sub(self.since.iter().filter(aside).count())
    }
}

#[cfg(test)]
mod tests {
    use super::{Talk, Turn};
    use crate::model::script::{Op, Step};

    fn person(text: &str) -> Turn {
        Turn::Person(text.to_owned())
    }

    fn results(count: usize) -> Turn {
        Turn::Results(vec!["ok".to_owned(); count])
    }

    #[track_caller]
    fn check(since: &[Turn], step: usize) {
        let steps = [
            Step::shell("a").and(Op::Shell("b".to_owned())),
            Step::shell("c"),
            Step::say("so far"),
            Step::shell("d"),
            Step::say("done"),
        ];
        let turns = [person("hello"), Turn::Model(3), results(3), person("[[script:x]]")];
        let turns = turns.iter().chain(since).cloned().collect();
        let talk = Talk { turns, ..Talk::default() };
        assert_eq!(talk.cue().expect("a marker").step(&steps.each_ref()), step, "{since:?}");
    }

    #[test]
    fn the_place_in_a_script_is_read_off_the_conversation() {
        let (calls, words) = (Turn::Model(1), Turn::Model(0));
        check(&[], 0);
        check(&[calls.clone(), results(1)], 0);
        check(&[calls.clone(), results(2)], 1);
        check(&[results(1), results(1), calls.clone(), results(1)], 2);
        check(&[results(3), words.clone()], 2);
        check(&[results(3), person("a reminder")], 2);
        check(&[results(3), words.clone(), person("go on")], 3);
        check(&[results(3), words.clone(), person("go on"), results(1)], 4);
        check(&[results(3), words.clone(), person("go on"), results(1), words, person("more"), results(9)], 4);
    }

    #[test]
    fn a_later_marker_begins_its_own_script() {
        let turns =
            vec![person("[[script:first]]"), results(1), Turn::Model(0), person("[[script:second]]"), results(1)];
        let talk = Talk { turns, ..Talk::default() };
        let cue = talk.cue().expect("a marker");
        assert_eq!((cue.marker.name.as_str(), cue.results().len()), ("second", 1));
    }

    #[test]
    fn the_directory_is_found_as_agents_say_it() {
        for said in [
            "\n - Primary working directory: /srv/my tree\n - Is a git",
            "Your current working directory is: /srv/my tree\n",
            "The current working directory is `/srv/my tree`. The",
            "- **Workspace Directories:**\n  - /srv/my tree\n- **Direct",
            "<cwd>\n/srv/my tree\n</cwd>",
            "the working directory: none\n<working-directory>/srv/my tree</working-directory>",
        ] {
            let talk = Talk { system: said.to_owned(), ..Talk::default() };
            assert_eq!(talk.directory(), Some("/srv/my tree"), "{said}");
        }
        assert_eq!(Talk::default().directory(), None);
    }
}
