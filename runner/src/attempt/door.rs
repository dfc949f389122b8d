//! The run's socket: where a process inside the run reaches its attempt.
//!
//! Owns the listener and who may talk: processes of this very user. Must not know what is asked.

use super::Msg;
use crate::ask::wire::{self, Answer, Request};
use crate::runner::socket;
use crate::runner::stable::{Shared, Stable};
use ostler_core::ids::LeaseId;
use ractor::ActorRef;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Askers of one run that talk at once: each waits for a person.
const ASKERS_MAX: usize = 128;
/// An asker that lost its connection comes back at once; one that does not has ended.
const COMES_BACK_WITHIN: Duration = Duration::from_secs(5);
/// A socket that could not be made is tried again: its directory may come back.
const AGAIN: Duration = Duration::from_secs(5);

/// The socket of a lease.
pub(super) fn path(stable: &Stable, lease: LeaseId) -> PathBuf {
    socket::path(&stable.home, &format!("{}-{}", lease.run, lease.epoch))
}

/// Serves the socket until dropped.
pub(super) async fn serve(stable: Shared, lease: LeaseId, attempt: ActorRef<Msg>) {
    let path = path(&stable, lease);
    loop {
        match socket::bind(&path) {
            Ok(listener) => accept(&listener, &attempt).await,
            Err(error) => {
                tracing::error!(lease = %lease, %error, path = %path.display(), "nothing can be asked inside this run")
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Removes the socket's name. Only once the lease is over: a successor of this actor may have bound it anew.
pub(crate) fn remove(stable: &Stable, lease: LeaseId) {
    if let Err(error) = socket::remove(&path(stable, lease)) {
        tracing::debug!(%error, "a socket's name stays");
    }
}

async fn accept(listener: &UnixListener, attempt: &ActorRef<Msg>) {
    let mut askers: JoinSet<()> = JoinSet::new();
    loop {
        tokio::select! {
            came = listener.accept(), if askers.len() < ASKERS_MAX => match came {
                Ok((stream, _)) => {
                    let attempt = attempt.clone();
                    askers.spawn(async move {
                        if let Err(error) = talk(stream, attempt).await {
                            tracing::debug!(%error, "an asker left");
                        }
                    });
                }
                Err(_) => return,
            },
            Some(_) = askers.join_next() => {}
        }
    }
}

async fn talk(mut stream: UnixStream, attempt: ActorRef<Msg>) -> io::Result<()> {
    if stream.peer_cred()?.uid() != rustix::process::getuid().as_raw() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    loop {
        let request: Request = wire::receive(&mut stream).await?;
        let (Request::Ask { id, .. } | Request::Act { id, .. }) = request;
        let (reply, answer) = oneshot::channel();
        drop(attempt.send_message(Msg::Request(Box::new(request), reply)));
        let answer: Answer = tokio::select! {
            // An attempt that falls drops the answer: the asker comes back and asks again.
            answer = answer => answer.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?,
            () = hung_up(&stream) => {
                drop(attempt.send_after(COMES_BACK_WITHIN, move || Msg::Left(id)));
                return Ok(());
            }
        };
        wire::send(&mut stream, &answer).await?;
    }
}

/// Waits until the asker hangs up: it says nothing while it waits for its answer.
async fn hung_up(stream: &UnixStream) {
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut [0; 1]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => return,
        }
    }
}
