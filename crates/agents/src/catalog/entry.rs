//! One agent of the catalog: all that is particular to it and is data.
//!
//! Owns the words. Must not know any particular agent.

use crate::adapter::Adapter;

/// A fresh adapter of an entry, for one attempt.
type Make = fn(&'static Entry) -> Box<dyn Adapter>;

/// One agent of the catalog.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name: in a task, and offered as `agent.<name>`.
    pub name: &'static str,
    /// Programs to look for in PATH, in this order; empty for what is built in.
    pub programs: &'static [&'static str],
    /// Arguments that make it print its version. Give it `/dev/null` as input, a private home, and a deadline.
    pub version_args: &'static [&'static str],
    /// Texts of which one must be in what it prints for the program to be this agent; empty accepts any version.
    pub marks: &'static [&'static str],
    /// The oldest version this adapter was made for, as `2.1`; empty accepts any.
    pub oldest: &'static str,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// How far it was really tried.
    pub standing: Standing,
    /// How to tell that it is signed in, without spending anything.
    pub sign_in: SignIn,
    /// Names of the runner's own environment that it may see, besides those the owner allows every run.
    pub env: &'static [&'static str],
    /// What a run's own home takes from the owner's: sign-in and settings.
    pub shared: &'static [Shared],
    /// What it was seen to hold back until it is answered.
    pub enforces: Enforcement,
    /// True when a later attempt or run can go on with its session.
    pub resumes: bool,
    /// A fresh adapter for one attempt; none when this release can find it but not speak to it.
    pub adapter: Option<Make>,
}

/// How an agent is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Part of Ostler: always there, nothing to find.
    Builtin,
    /// Agent Client Protocol, version 1, over pipes.
    Acp,
    /// Claude Code's control protocol: stream-json both ways.
    Control,
    /// Codex's app-server: JSON-RPC over pipes.
    AppServer,
    /// One JSON object per line, one way: it asks nobody.
    Lines,
    /// Text on pipes or a terminal; questions are recognised by their wording.
    Text,
}

/// How far an agent was really tried by this release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Driven through relay and runner at this version.
    Verified(&'static str),
    /// Never run by this release, and why.
    Unverified(&'static str),
}

/// How to tell that an agent is signed in. Any one of these is enough; none at all means that it cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignIn {
    /// Environment variables that hold a key.
    pub env: &'static [&'static str],
    /// Files below the owner's home that hold a sign-in.
    pub files: &'static [&'static str],
    /// What a person does to sign in, in a few words.
    pub how: &'static str,
}

/// A file or directory that a run's own home takes from the owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared {
    /// Relative to the home.
    pub path: &'static str,
    /// How it is taken.
    pub how: Sharing,
}

/// How a run's home takes a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// A link: what the agent renews (tokens) is renewed for everybody.
    Link,
    /// A copy: what the agent changes stays in this run.
    Copy,
}

/// What an agent was seen to hold back until it is answered, per kind of action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enforcement {
    /// Commands it gives to a shell.
    pub command: Grip,
    /// Files it writes in the working tree.
    pub write: Grip,
    /// What it fetches from the network by its own tools.
    pub fetch: Grip,
}

/// How firmly an agent holds an action back. Measured with the real program (docs/agents.md), never taken from its manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grip {
    /// It does not ask.
    None,
    /// It asks for some, by its own judgement.
    Advisory,
    /// It asks every time, and does nothing before the answer.
    Enforced,
}

impl Enforcement {
    /// Asks for nothing.
    pub const NONE: Self = Self { command: Grip::None, write: Grip::None, fetch: Grip::None };

    /// The grip on a kind of action (`command`, `write`, `fetch`); none for kinds it was not measured for.
    #[must_use]
    pub fn on(&self, kind: &str) -> Grip {
        match kind {
            "command" => self.command,
            "write" => self.write,
            "fetch" => self.fetch,
            _ => Grip::None,
        }
    }
}

impl SignIn {
    /// Needs none, or it cannot be told.
    pub const UNTOLD: Self = Self { env: &[], files: &[], how: "" };
}
