//! What a supervisor knows of one child: how to make it, when to make it again, how long its stop may take.
//! Must not know its siblings.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use ractor::{Actor, ActorCell, SpawnErr};
use tokio::task::JoinHandle;

use crate::branch::Branch;
use crate::budget::Budget;
use crate::door::Door;
use crate::plan::{Observer, Plan};
use crate::supervisor::Supervisor;

/// Longest a leaf may take to finish its running handler and its `post_stop`, unless its spec says otherwise.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// When an ended child is started again (the terms of Erlang/OTP's supervisor).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Always: the tree is not whole without it.
    Permanent,
    /// Only after a crash or a kill; an orderly stop means that its work is done.
    Transient,
    /// Never: somebody outside makes a new one, or nobody does.
    Temporary,
}

/// Why a child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// It stopped in good order, with the reason it gave.
    Stopped(Option<String>),
    /// It was killed: its handler was cut at an await and its `post_stop` did not run.
    Killed,
    /// It panicked or returned an error.
    Failed(String),
    /// It could not be started again: its `pre_start` failed.
    Unstartable(String),
}

/// A child that will not be started again by its supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// How its last incarnation ended.
    pub cause: Cause,
    /// Whether it should have been restarted but had spent its own budget (see [`Child::give_up_after`]).
    pub gave_up: bool,
}

/// A child's first start failed; nothing of it is left running.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} could not start: {reason}")]
pub struct StartError {
    /// The kind of the child that failed.
    pub kind: &'static str,
    /// What its `pre_start` said.
    pub reason: String,
}

impl StartError {
    /// The child's own error where the root's `pre_start` passed one on.
    pub(crate) fn of_root(refused: SpawnErr) -> Self {
        let reason = refused.to_string();
        let SpawnErr::StartupFailed(inner) = refused else { return Self { kind: "root", reason } };
        inner.downcast::<Self>().map_or(Self { kind: "root", reason }, |passed_on| *passed_on)
    }
}

/// An incarnation: the cell to stop it by, and the task that ends only when its state has been dropped.
pub(crate) struct Running {
    pub(crate) cell: ActorCell,
    pub(crate) task: JoinHandle<()>,
}

/// A supervisor that is killed while it stops a child leaves no orphan. Killing an ended actor does nothing.
impl Drop for Running {
    fn drop(&mut self) {
        self.cell.kill();
    }
}

type Starting = Pin<Box<dyn Future<Output = Result<Running, String>> + Send>>;
type Start = Box<dyn FnMut(ActorCell, &Observer) -> Starting + Send>;

/// The spec of a child.
pub struct Child {
    pub(crate) kind: &'static str,
    pub(crate) restart: Restart,
    pub(crate) stop_within: Duration,
    pub(crate) budget: Option<Budget>,
    pub(crate) branch: Option<Branch>,
    pub(crate) on_end: Option<Box<dyn FnOnce(End) + Send>>,
    pub(crate) start: Start,
    pub(crate) shut: Box<dyn Fn() + Send>,
}

impl std::fmt::Debug for Child {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Child").field("kind", &self.kind).field("restart", &self.restart).finish_non_exhaustive()
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stopped(None) => f.write_str("stopped"),
            Self::Stopped(Some(reason)) => write!(f, "stopped: {reason}"),
            Self::Killed => f.write_str("killed"),
            Self::Failed(reason) => write!(f, "failed: {reason}"),
            Self::Unstartable(reason) => write!(f, "could not be started again: {reason}"),
        }
    }
}

impl Restart {
    /// Whether this rule starts a child again that ended by `cause`.
    #[must_use]
    pub const fn wants(self, cause: &Cause) -> bool {
        match self {
            Self::Permanent => true,
            Self::Transient => !matches!(cause, Cause::Stopped(_)),
            Self::Temporary => false,
        }
    }
}

impl Child {
    /// A permanent child of this `kind` (the word used in metrics and drills). `make` is called for every
    /// incarnation; each one is put behind `door`. `pre_start` runs inside the supervisor: keep it short.
    pub fn new<A, F>(kind: &'static str, door: &Door<A::Msg>, mut make: F) -> Self
    where
        A: Actor,
        F: FnMut() -> (A, A::Arguments) + Send + 'static,
    {
        Self::with(kind, door, move |_| make())
    }

    /// A permanent child that is itself a supervisor, reached through `branch`. Its plan inherits this supervisor's
    /// observer unless it brings its own. Give it a `stop_within` that covers its own children's.
    pub fn branch<F>(kind: &'static str, branch: &Branch, mut make: F) -> Self
    where
        F: FnMut() -> Plan + Send + 'static,
    {
        let mut child = Self::with(kind, branch.door(), move |observer| (Supervisor, make().inherit(observer)));
        child.branch = Some(branch.clone());
        child
    }

    /// Starts it again by this rule instead of always.
    #[must_use]
    pub fn restart(mut self, rule: Restart) -> Self {
        self.restart = rule;
        self
    }

    /// Gives its orderly stop this long; past it, it is killed.
    #[must_use]
    pub fn stop_within(mut self, deadline: Duration) -> Self {
        self.stop_within = deadline;
        self
    }

    /// Counts its restarts in a budget of its own. When that is spent the child is given up, alone, instead of
    /// spending its supervisor's budget and escalating.
    #[must_use]
    pub fn give_up_after(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Calls `tell` once, inside the supervisor, when the child has ended and will not be started again; not when
    /// the whole tree stops. Keep it to a send.
    #[must_use]
    pub fn on_end<F>(mut self, tell: F) -> Self
    where
        F: FnOnce(End) + Send + 'static,
    {
        self.on_end = Some(Box::new(tell));
        self
    }

    fn with<A, F>(kind: &'static str, door: &Door<A::Msg>, mut make: F) -> Self
    where
        A: Actor,
        F: FnMut(&Observer) -> (A, A::Arguments) + Send + 'static,
    {
        let (opens, shuts) = (door.clone(), door.clone());
        let start: Start = Box::new(move |supervisor, observer| {
            let (actor, arguments) = make(observer);
            let door = opens.clone();
            Box::pin(async move {
                let spawned = A::spawn_linked(None, actor, arguments, supervisor).await;
                let (actor, task) = spawned.map_err(|failed| failed.to_string())?;
                door.open(actor.clone());
                Ok(Running { cell: actor.get_cell(), task })
            })
        });
        Self {
            kind,
            restart: Restart::Permanent,
            stop_within: STOP_WITHIN,
            budget: None,
            branch: None,
            on_end: None,
            start,
            shut: Box::new(move || shuts.shut()),
        }
    }
}
