//! What differs between agents that speak ACP, as data: how they are started, and where they bend the protocol.
//!
//! Owns the words. Must not know any particular agent.

use crate::adapter::LaunchContext;
use ostler_core::task::Task;

/// One agent's ways.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Profile {
    /// Arguments that make it speak ACP.
    pub(crate) args: &'static [&'static str],
    /// Environment it always gets, whatever the task says: what makes it ask, and keeps it from updating itself.
    pub(crate) env: &'static [(&'static str, &'static str)],
    /// What more its start takes that depends on the task or the run.
    pub(crate) outfit: fn(&Task, &LaunchContext, &mut Outfit),
    /// How it is told the task's model.
    pub(crate) model: Model,
    /// The mode in which it asks, set before the first prompt; none leaves it to the start. It is set whatever the agent
    /// says its mode is: one was seen to say `default` while its settings let it do everything (kimi).
    pub(crate) mode: Option<&'static str>,
    /// The sign-in method that needs no person: tried once when it says that it is not signed in.
    pub(crate) sign_in: Option<&'static str>,
    /// Where it says what it consumed.
    pub(crate) usage: Counted,
    /// What its permission requests are about.
    pub(crate) asks: Asks,
    /// The option that means yes, this once, where kinds mislead.
    pub(crate) yes: Option<&'static str>,
    /// True when a denial ends its turn: nothing it says afterwards is about the task.
    pub(crate) denial_ends_turn: bool,
    /// How long (ms) it waits for an answer before it takes silence for a no.
    pub(crate) patience_ms: Option<u64>,
    /// True when it goes on telling the history after its answer to `session/load`, and then lists its commands.
    pub(crate) late_history: bool,
    /// True when its `session/resume` begins a new session without a word where there is none to resume, and its
    /// `session/load` answers with null.
    pub(crate) only_loads: bool,
    /// How it begins to say that its provider refused, in a turn that ends well.
    pub(crate) error_mark: Option<&'static str>,
}

impl Profile {
    /// An agent that does as the protocol says.
    pub(crate) const PLAIN: Self = Self {
        args: &[],
        env: &[],
        outfit: |_, _, _| {},
        model: Model::Session,
        mode: None,
        sign_in: None,
        usage: Counted::Turn,
        asks: Asks::Exactly,
        yes: None,
        denial_ends_turn: false,
        patience_ms: None,
        late_history: false,
        only_loads: false,
        error_mark: None,
    };
}

/// What a start takes beyond its profile's constants.
#[derive(Debug, Default)]
pub(crate) struct Outfit {
    /// More arguments.
    pub(crate) args: Vec<String>,
    /// More environment; like the profile's, it wins over the task's.
    pub(crate) env: Vec<(String, String)>,
    /// Files below its home.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// True when the task's model is in these already.
    pub(crate) knows_model: bool,
}

/// How an agent is told the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Model {
    /// By an argument with this name.
    Argument(&'static str),
    /// By this environment variable.
    Variable(&'static str),
    /// In the session: by its configuration option of category `model`, or by `session/set_model`.
    Session,
}

/// Where an agent says what it consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// `usage` of the prompt's answer: the whole turn.
    Turn,
    /// The same: all that its process has consumed so far.
    Process,
    /// The same, but only its last model call: less than what was consumed.
    LastCall,
    /// `_meta.quota.token_count` of the prompt's answer: the whole turn.
    Quota,
    /// `_meta.usage` of message chunks: each one model call.
    Chunks,
    /// `_meta.field_meta."openhands.dev/metrics"` of updates: the session's total so far.
    Metrics,
    /// Nowhere.
    Nowhere,
}

/// What an agent's permission requests are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// The call they name.
    Exactly,
    /// They name a call of their own and say what it does: it is the call begun last, of the same kind.
    Apart,
    /// They say nothing: they are about all calls that are begun and not ended.
    Blindly,
}
