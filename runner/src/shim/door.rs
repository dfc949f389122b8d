//! The control socket: who may speak to the shim, and one request at a time from each.
//!
//! Owns the peer check and the time a peer may take. Must not know what a request causes: the keeper answers.
//!
//! A peer must be of the same user and must not be the agent or anything it started: an agent that could extend its own
//! deadline would not be fenced.

use super::directory::SOCKET;
use super::keeper::Happening;
use super::streams::spawn;
use super::wire::{self, Request};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

/// A request is one small write; a peer that takes longer is stopped or hostile.
const REQUEST_MS_MAX: u64 = 5_000;
/// Requests being read at once; the runner has a handful.
const READING_MAX: usize = 32;

/// Listens in the working directory, which must be the attempt's: a relative path is short enough for any socket.
pub(crate) fn listen(inbox: SyncSender<Happening>) -> io::Result<()> {
    let listener = UnixListener::bind(SOCKET)?;
    std::fs::set_permissions(SOCKET, std::fs::Permissions::from_mode(0o600))?;
    let places = Arc::new(());
    spawn("door", move || {
        for peer in listener.incoming() {
            match peer {
                // Too many at once: hanging up tells the peer to come back.
                Ok(peer) if Arc::strong_count(&places) <= READING_MAX => {
                    let (inbox, place) = (inbox.clone(), Arc::clone(&places));
                    // No thread to be had: the peer sees the hang-up and comes back.
                    spawn("peer", move || converse(peer, &inbox, place)).unwrap_or_default();
                }
                Ok(_) => {}
                // Out of descriptors: yield to those who hold them.
                Err(_) => std::thread::yield_now(),
            }
        }
    })
}

/// Hangs up on strangers and on whoever does not manage a request.
fn converse(mut peer: UnixStream, inbox: &SyncSender<Happening>, _place: Arc<()>) {
    if !admitted(&peer) || peer.set_read_timeout(Some(Duration::from_millis(REQUEST_MS_MAX))).is_err() {
        return;
    }
    let Ok(request) = wire::receive::<Request>(&mut peer) else { return };
    // From here on the keeper writes, and the keeper never blocks.
    if peer.set_nonblocking(true).is_ok() {
        inbox.send(Happening::Asked(request, peer)).unwrap_or_default();
    }
}

#[cfg(target_os = "linux")]
fn admitted(peer: &UnixStream) -> bool {
    rustix::net::sockopt::socket_peercred(peer).is_ok_and(|peer| {
        let pid = peer.pid.as_raw_nonzero().get().unsigned_abs();
        peer.uid == rustix::process::geteuid() && !ostler_pty::descends_from(pid, std::process::id())
    })
}

/// The directory is 0700: only this user and root reach the socket.
#[cfg(not(target_os = "linux"))]
fn admitted(_: &UnixStream) -> bool {
    true
}
