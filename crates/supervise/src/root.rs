//! The top of a tree: started by `main`, awaited by `main`. Must not know why the process should end.

use ractor::{Actor, ActorCell};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::branch::Branch;
use crate::child::{Cause, StartError};
use crate::plan::Plan;
use crate::supervisor::Supervisor;

/// How a tree ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Exit {
    /// It was asked to, and every child was stopped, last first.
    #[error("stopped")]
    Stopped,
    /// A child fell too often. Everything was stopped, last first; the service manager should start a new process.
    #[error("{kind} fell too often and was not restarted again ({cause})")]
    Escalated {
        /// The kind of the child that fell.
        kind: &'static str,
        /// How it ended the last time.
        cause: Cause,
    },
    /// The root itself was killed; its children were killed with it.
    #[error("the root of the tree was killed")]
    Killed,
}

/// A running tree.
#[derive(Debug)]
pub struct Root {
    branch: Branch,
    cell: ActorCell,
    task: JoinHandle<()>,
    exit: oneshot::Receiver<Exit>,
    ended: Option<Exit>,
}

impl Root {
    /// Starts the children of `plan`, first to last.
    ///
    /// # Errors
    /// [`StartError`] of the first child whose `pre_start` failed; those before it have been stopped, last first.
    pub async fn start(plan: Plan) -> Result<Self, StartError> {
        let (tell, exit) = oneshot::channel();
        let (actor, task) =
            Supervisor::spawn(None, Supervisor, plan.rooted(tell)).await.map_err(StartError::of_root)?;
        let branch = Branch::new();
        branch.door().open(actor.clone());
        Ok(Self { branch, cell: actor.get_cell(), task, exit, ended: None })
    }

    /// The root's own door: drills, census, children at run time.
    #[must_use]
    pub fn branch(&self) -> &Branch {
        &self.branch
    }

    /// Waits until the tree has ended by itself. May be dropped and called again.
    pub async fn ended(&mut self) -> Exit {
        if let Some(exit) = &self.ended {
            return exit.clone();
        }
        // The task of an actor ends with it and never panics; how it ended is in `exit`.
        (&mut self.task).await.unwrap_or(());
        self.branch.door().shut();
        let exit = self.exit.try_recv().unwrap_or(Exit::Killed);
        self.ended.insert(exit).clone()
    }

    /// Stops the tree in good order, last child first, and waits for it: for at most the sum of the children's
    /// deadlines.
    pub async fn stop(mut self) -> Exit {
        self.cell.stop(None);
        self.ended().await
    }
}
