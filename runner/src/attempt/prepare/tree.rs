//! The attempt's working tree: the one that stands, or a fresh one while nothing was started in it.
//!
//! A run with a directory of its own has its tree at one path for ever. Where it was cleared away it is cut again, from the branch
//! its work came home as. Must not know what is done in it.

use crate::attempt::life::{Ending, Life};
use crate::session::{seat, sweep};
use ostler_core::failure::FailureClass;
use ostler_core::task::Task;
use ostler_store::Stage;
use ostler_workspace::{CheckoutError, Source, Stop, Tree};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Raises the flag when dropped: blocking work whose attempt is gone stops soon.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What is cut, and where.
#[derive(Clone)]
struct Cut {
    label: String,
    source: Source,
    dir: PathBuf,
    /// The branch earlier work came home as.
    branch: Option<String>,
}

impl Life {
    /// The tree; none when an earlier life started the agent and the tree is gone since.
    pub(super) async fn tree(&self, task: &Task) -> Result<Option<Tree>, Ending> {
        let dir = self.tree_dir(task);
        let (mirrors, known) = (self.stable.mirrors.clone(), dir.clone());
        let standing = tokio::task::spawn_blocking(move || mirrors.tree(&known)).await;
        if let Ok(Ok(Some(tree))) = standing {
            return Ok(Some(tree));
        }
        if self.held.stage != Stage::Preparing {
            return Ok(None);
        }
        let source = match &task.source {
            Some(source) => Source::new(&source.repository, source.reference.as_deref()),
            None => Ok(Source::nowhere()),
        };
        let source =
            source.map_err(|error| Ending::failed(FailureClass::Task, "repository refused", error.to_string()))?;
        let (label, branch) = self.line(task);
        let cut = Cut { label, source, dir, branch };
        let tree = match self.cut(cut.clone()).await? {
            Err(CheckoutError::Disk(shortage)) => {
                // What old runs left is worth less than this one.
                sweep::make_room(&self.stable, shortage.needed_bytes).await;
                self.cut(cut).await?
            }
            first @ (Ok(_) | Err(_)) => first,
        };
        tree.map(Some).map_err(|error| refused(&error))
    }

    /// The name the tree's branch is made of, and the branch to go on from. A follow-up's work lands on the branch of the run it
    /// goes on with: one line of work, one branch.
    fn line(&self, task: &Task) -> (String, Option<String>) {
        if self.tenant(task).is_none() {
            return (self.lease.run.to_string(), None);
        }
        let root = self.stable.runs.root_of(self.lease.run);
        let known = self.stable.runs.recall(self.lease.run).branch;
        (root.to_string(), known.or_else(|| task.continues.map(|parent| format!("ostler/{parent}"))))
    }

    async fn cut(&self, cut: Cut) -> Result<Result<Tree, CheckoutError>, Ending> {
        let mirrors = self.stable.mirrors.clone();
        let cancel = Arc::new(AtomicBool::new(false));
        let _flag = Flag(Arc::clone(&cancel));
        // The directory is not given away before a cut that was stopped has cleared it.
        let seat = seat::again(&self.stable, self.lease);
        let mut cutting = tokio::task::spawn_blocking(move || {
            let (_seat, stop) = (seat, Stop::new(&cancel, None));
            match &cut.branch {
                Some(branch) => mirrors.checkout_again(&cut.label, &cut.source, (&cut.dir, branch), stop),
                None => mirrors.checkout(&cut.label, &cut.source, &cut.dir, stop),
            }
        });
        tokio::select! {
            done = &mut cutting => {
                done.map_err(|error| Ending::failed(FailureClass::Infra, "checkout crashed", error.to_string()))
            }
            order = self.fence(None) => Err(self.ended_by(order)),
        }
    }
}

/// What a refused checkout means to the run: what is wrong with the task is wrong everywhere.
fn refused(error: &CheckoutError) -> Ending {
    let (class, code) = match error {
        CheckoutError::Missing(_) => (FailureClass::Task, "repository missing"),
        CheckoutError::NotGit { .. } => (FailureClass::Task, "not a git repository"),
        CheckoutError::NoCommit(_) => (FailureClass::Task, "repository without a commit"),
        CheckoutError::NoReference { .. } => (FailureClass::Task, "no such reference"),
        CheckoutError::Source(_) => (FailureClass::Task, "repository refused"),
        CheckoutError::Unsafe { .. } | CheckoutError::Label(_) => (FailureClass::Task, "checkout unsafe"),
        CheckoutError::Unreadable { .. } => (FailureClass::Infra, "repository unreadable"),
        CheckoutError::Network { .. } => (FailureClass::Infra, "repository unreachable"),
        CheckoutError::NoGit { .. } => (FailureClass::Infra, "no git program"),
        CheckoutError::Disk(_) => (FailureClass::Infra, "no disk space"),
        CheckoutError::Occupied(_) | CheckoutError::Fault(_) => (FailureClass::Infra, "checkout failed"),
    };
    Ending::failed(class, code, error.to_string())
}
