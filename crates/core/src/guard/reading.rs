//! What an action does, taken apart: programs, files, hosts, tools.
//!
//! Owns the taking apart. Must not know rules, nor what is harmful.

use super::host::{self, Contact};
use super::run::{Run, Runs};
use super::shell::{Known, Word};
use super::spot::Spot;
use crate::work::deed::{Action, Deed};

/// Directories that a line may stand in: past it, nobody follows.
const DIRECTORIES_MAX: usize = 8;

/// One thing an action does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Executes a program, with the places its arguments may name.
    Run(Run, Vec<Place>),
    /// Reads a file.
    Read(Spot),
    /// Writes, creates, moves or deletes a file.
    Write(Spot),
    /// Looks into files.
    Search(Spot),
    /// Gets something from the network.
    Fetch(Contact),
    /// Calls a tool: `server.tool` of MCP, or another.
    Call {
        /// Its name.
        tool: String,
        /// It is a tool of an MCP server.
        is_mcp: bool,
    },
    /// Starts another agent.
    Subagent,
    /// Asks a person.
    Question,
}

/// A place that an argument may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Which argument, from zero.
    pub(super) at: usize,
    /// Where it would be.
    pub(super) spot: Spot,
}

/// An action taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// All it does; never empty.
    pub(super) acts: Vec<Act>,
    /// Why it is not known what it does.
    pub(super) unclear: Option<&'static str>,
}

impl Act {
    /// The word for it on its own, inside of a command too.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Run(..) => "command",
            Self::Read(_) => "read",
            Self::Write(_) => "write",
            Self::Search(_) => "search",
            Self::Fetch(_) => "fetch",
            Self::Call { is_mcp: true, .. } => "mcp",
            Self::Call { is_mcp: false, .. } => "tool",
            Self::Subagent => "subagent",
            Self::Question => "question",
        }
    }

    /// Whom it contacts.
    pub(super) fn contacts(&self) -> Vec<Contact> {
        match self {
            Self::Fetch(contact) => vec![contact.clone()],
            Self::Run(run, _) => run.args.iter().flat_map(|word| Contact::among(&word.text)).collect(),
            Self::Read(_) | Self::Write(_) | Self::Search(_) => Vec::new(),
            Self::Call { .. } | Self::Subagent | Self::Question => Vec::new(),
        }
    }
}

impl Reading {
    /// Takes `action` apart; `tree` is the working tree.
    pub(super) fn of(action: &Action, tree: &str) -> Self {
        let directory = if action.directory.is_empty() { tree } else { &action.directory };
        let find = |path: &str| Spot::find(path, directory, tree);
        let reading = match &action.deed {
            Deed::Command { line } => Self::of_runs(Runs::of_line(line), directory, tree),
            Deed::Program(program) => {
                let args = program.argv.get(1..).unwrap_or_default();
                Self::of_runs(Runs::of_argv(&program.path, args), directory, tree)
            }
            Deed::Read { path } => Self::one(Act::Read(find(path))),
            Deed::Search { path, .. } => Self::one(Act::Search(find(path))),
            Deed::Edit { changes } => Self::many(changes.iter().map(|change| Act::Write(find(&change.path))).collect()),
            Deed::Fetch { url } => match host::file(url) {
                Some(path) => Self::one(Act::Read(find(path))),
                None => Self::one(Act::Fetch(Contact::of_address(url))),
            },
            Deed::Subagent { .. } => Self::one(Act::Subagent),
            Deed::Mcp { server, tool, .. } => Self::one(Act::Call { tool: format!("{server}.{tool}"), is_mcp: true }),
            Deed::Question { .. } => Self::one(Act::Question),
            Deed::Other { tool, .. } => Self::one(Act::Call { tool: tool.clone(), is_mcp: false }),
        };
        assert!(!reading.acts.is_empty(), "every action does something");
        reading
    }

    /// Whom it contacts: arguments that look like addresses are taken for them.
    pub(super) fn contacts(&self) -> Vec<Contact> {
        self.acts.iter().flat_map(Act::contacts).collect()
    }

    fn one(act: Act) -> Self {
        Self { acts: vec![act], unclear: None }
    }

    /// An edit of nothing is nothing that anybody could decide.
    fn many(acts: Vec<Act>) -> Self {
        if acts.is_empty() { Self::unknown("it names nothing") } else { Self { acts, unclear: None } }
    }

    fn unknown(why: &'static str) -> Self {
        Self { acts: vec![Act::Run(Run::unknown(), Vec::new())], unclear: Some(why) }
    }

    fn of_runs(found: Runs, directory: &str, tree: &str) -> Self {
        let mut unclear = found.unclear;
        let (mut acts, mut directories) = (Vec::new(), vec![directory.to_owned()]);
        for run in found.runs {
            let places = places(&run, &directories, tree);
            if run.name() == "cd" {
                unclear = unclear.or(change(&run, &mut directories, tree));
            }
            acts.push(Act::Run(run, places));
        }
        // A redirection stands before or after a `cd` as a whole: all directories of the line are meant.
        let spots = |words: &[Word]| -> Vec<Spot> {
            let find = |word: &Word, from: &String| Spot::find(&word.text, from, tree);
            words.iter().flat_map(|word| directories.iter().map(move |from| find(word, from))).collect()
        };
        let in_file = |spot: &Spot| !spot.is_stream();
        acts.extend(spots(&found.reads).into_iter().filter(in_file).map(Act::Read));
        acts.extend(spots(&found.writes).into_iter().filter(in_file).map(Act::Write));
        if found.reads.iter().chain(&found.writes).any(|word| word.is_glob) {
            unclear = unclear.or(Some("a redirection by pattern"));
        }
        if acts.is_empty() { Self::unknown(unclear.unwrap_or("it says nothing")) } else { Self { acts, unclear } }
    }
}

/// Adds where a `cd` leads; earlier directories stay possible, it may fail or not be reached.
fn change(run: &Run, directories: &mut Vec<String>, tree: &str) -> Option<&'static str> {
    let [target] = run.args.as_slice() else { return Some("another directory") };
    let is_known = target.known == Known::Wholly && !target.is_glob && !target.text.starts_with('-');
    if !is_known || target.text.is_empty() {
        return Some("another directory");
    }
    for from in directories.clone() {
        let to = Spot::find(&target.text, &from, tree).whole;
        if !directories.contains(&to) {
            directories.push(to);
        }
    }
    (directories.len() > DIRECTORIES_MAX).then_some("too many directories")
}

/// Where the arguments of a program may lead: an argument itself, the value of an option, what follows a `=`.
fn places(run: &Run, directories: &[String], tree: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for (at, word) in run.args.iter().enumerate() {
        let text = word.text.as_str();
        let is_option = text.starts_with('-') && text.len() > 1;
        let own = (!is_option).then_some(text);
        let value = text.split_once('=').map(|(_, value)| value);
        let attached = text.get(2..).filter(|rest| is_option && !text.starts_with("--") && !rest.is_empty());
        for candidate in [own, value, attached].into_iter().flatten() {
            let find = |from: &String| Place { at, spot: Spot::find(candidate, from, tree) };
            places.extend(directories.iter().take(DIRECTORIES_MAX).map(find));
        }
    }
    debug_assert!(places.iter().all(|place| place.at < run.args.len()), "a place is that of an argument");
    places
}
