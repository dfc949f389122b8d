//! The runner's own socket: how its owner asks how it is, or has it drain, from another process.
//!
//! Owns the socket `control` of a runner's directory and both ends of what is said on it: one question, one answer, postcard in length-prefixed frames.

use super::{socket, stable::Shared};
use crate::ask::wire;
use crate::runner::{RunnerStatus, look};
use crate::slots;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

const SOCKET: &str = "control";
/// A runner answers in milliseconds; one that does not is stopped, or its machine is.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, Serialize, Deserialize)]
enum Question {
    Status,
    Drain(bool),
}

#[derive(Debug, Serialize, Deserialize)]
enum Reply {
    Status(Box<RunnerStatus>),
    Done,
}

/// Why a runner did not answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody is there.
    #[error("no runner runs in {0}: start it with `ostler runner start`")]
    NotRunning(PathBuf),
    /// It did not answer as one does.
    #[error("the runner in {0} does not answer ({1}): look at its log")]
    Broken(PathBuf, std::io::Error),
}

/// How the runner whose directory is `home` is.
///
/// # Errors
/// When none runs there, or it does not answer.
pub async fn status(home: &Path) -> Result<RunnerStatus, AskError> {
    match ask(home, &Question::Status).await? {
        Reply::Status(status) => Ok(*status),
        Reply::Done => Err(AskError::Broken(home.to_owned(), io::ErrorKind::InvalidData.into())),
    }
}

/// Has the runner whose directory is `home` take no new work, or take it again.
///
/// # Errors
/// When none runs there, or it does not answer.
pub async fn drain(home: &Path, draining: bool) -> Result<(), AskError> {
    ask(home, &Question::Drain(draining)).await.map(drop)
}

async fn ask(home: &Path, question: &Question) -> Result<Reply, AskError> {
    let path = reach(home);
    let broken = |error| AskError::Broken(home.to_owned(), error);
    let mut runner = match UnixStream::connect(&path).await {
        Ok(runner) => runner,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Err(AskError::NotRunning(home.to_owned()));
        }
        Err(error) => return Err(broken(error)),
    };
    let asked = async {
        wire::send(&mut runner, question).await?;
        wire::receive(&mut runner).await
    };
    let late = |_| broken(io::ErrorKind::TimedOut.into());
    tokio::time::timeout(ANSWER_WITHIN, asked).await.map_err(late)?.map_err(broken)
}

/// The socket of the runner in `home`, however `home` is written.
fn reach(home: &Path) -> PathBuf {
    socket::path(&home.canonicalize().unwrap_or_else(|_| home.to_owned()), SOCKET)
}

/// Nothing is said to this actor: it only stands.
pub(crate) enum Msg {}

pub(crate) struct ControlActor {
    pub(crate) stable: Shared,
}

impl Actor for ControlActor {
    type Msg = Msg;
    type State = JoinSet<()>;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Msg>, (): ()) -> Result<JoinSet<()>, ActorProcessingErr> {
        let mut tasks = JoinSet::new();
        match socket::bind(&reach(&self.stable.home)) {
            Ok(listener) => drop(tasks.spawn(serve(Arc::clone(&self.stable), listener))),
            Err(error) => tracing::warn!(%error, "this runner cannot be asked how it is"),
        }
        Ok(tasks)
    }
}

async fn serve(stable: Shared, listener: UnixListener) {
    while let Ok((mut asker, _)) = listener.accept().await {
        let answered = async {
            let question: Question = wire::receive(&mut asker).await?;
            let reply = match question {
                Question::Status => Reply::Status(Box::new(look(&stable).await)),
                Question::Drain(draining) => {
                    stable.tell(slots::Msg::Drain(draining));
                    Reply::Done
                }
            };
            wire::send(&mut asker, &reply).await
        };
        if let Ok(Err(error)) = tokio::time::timeout(ANSWER_WITHIN, answered).await {
            tracing::debug!(%error, "an asker left");
        }
    }
}
