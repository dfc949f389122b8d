//! The talk with a person's device: each request on a stream of its own.

use crate::hub::{Shared, Unanswered};
use crate::ledger;
use crate::session::greet::{Peer, TalkError};
use crate::session::worker;
use crate::session::{follow, member, query};
use ostler_core::command::{Answering, Command, Submission};
use ostler_core::decision::{Answer, Refusal};
use ostler_core::device::Role;
use ostler_core::ids::DeviceId;
use ostler_mesh::{Connection, FrameReceiver, FrameSender, Priority};
use ostler_proto::{FRAME_BYTES_MAX, Open, Refused, Request, Response};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// A request arrives whole within this, or its stream is dropped.
const REQUEST_WITHIN: Duration = Duration::from_secs(30);

/// Answers requests until the connection is gone.
pub(crate) async fn talk(hub: Shared, connection: Connection, peer: Peer, out: FrameSender) -> Result<(), TalkError> {
    let peer = Arc::new(peer);
    let mut requests: JoinSet<()> = JoinSet::new();
    loop {
        tokio::select! {
            stream = connection.accept_bi() => {
                let (out, into) = stream?;
                let (hub, peer) = (Arc::clone(&hub), Arc::clone(&peer));
                requests.spawn(async move {
                    if let Err(error) = request(hub, &peer, out, into).await {
                        tracing::debug!(device = %peer.device.short(), %error, "a request ended");
                    }
                });
            }
            Some(_) = requests.join_next() => {}
            _ = connection.closed() => break,
        }
    }
    drop(out);
    Ok(())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "requests are told apart by who answers them; the rest goes on")]
async fn request(hub: Shared, peer: &Peer, mut out: FrameSender, mut into: FrameReceiver) -> Result<(), TalkError> {
    out.priority(Priority::Request);
    let read = async {
        match into.recv::<Open>(FRAME_BYTES_MAX).await? {
            Some(Open::Request) => Ok(into.recv::<Request>(FRAME_BYTES_MAX).await?),
            Some(Open::Control(_) | Open::Beats | Open::Events) => Err(TalkError::OutOfTurn("a runner's stream")),
            None => Ok(None),
        }
    };
    let request = match tokio::time::timeout(REQUEST_WITHIN, read).await.map_err(|_| TalkError::Silent)? {
        Ok(Some(request)) => request,
        Ok(None) => return Ok(()),
        // Perhaps a newer client's: it is told, and its other requests are served.
        Err(error) => return reply(&mut out, &Response::Failed(error.to_string())).await,
    };
    match request {
        Request::Follow { run, from } => follow::run(hub, run, from, out).await,
        Request::Watch => follow::fleet(hub, out).await,
        request => {
            let response = match respond(&hub, peer, request).await {
                Ok(response) => response,
                Err(TalkError::Unanswered(Unanswered::Busy(retry_after_ms))) => {
                    Response::Refused(Refusal::Busy { retry_after_ms })
                }
                Err(TalkError::Refused(Refused::Role)) => Response::Refused(Refusal::Role),
                Err(other) => Response::Failed(other.to_string()),
            };
            reply(&mut out, &response).await
        }
    }
}

async fn reply(out: &mut FrameSender, response: &Response) -> Result<(), TalkError> {
    out.send(response).await?;
    out.finish();
    Ok(())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "requests are told apart by who answers them; the rest goes on")]
async fn respond(hub: &Shared, peer: &Peer, request: Request) -> Result<Response, TalkError> {
    match request {
        Request::Revoke { .. } | Request::Drain(..) | Request::Answer { .. } if !peer.role.decides() => {
            Err(Refused::Role.into())
        }
        Request::Revoke { device, tombstone } => Ok(told(member::revoke(hub, device, tombstone).await?)),
        Request::Drain(worker, draining) => drain(hub, worker, draining).await,
        Request::Answer { id, digest, choice, verdict } => {
            answer(hub, Answering { id, by: peer.device, digest, choice, verdict }).await
        }
        other => act(hub, peer, other).await,
    }
}

async fn answer(hub: &Shared, answering: Answering) -> Result<Response, TalkError> {
    if let Err(refusal) = member::verify(hub, &answering).await? {
        return Ok(Response::Refused(refusal));
    }
    Ok(told(hub.decide(Command::Answer(answering)).await?))
}

/// Both sides know: the ledger grants nothing more, and the runner says so itself when it reconnects.
async fn drain(hub: &Shared, worker: DeviceId, draining: bool) -> Result<Response, TalkError> {
    let answer = hub.decide(Command::Drain(worker, draining)).await?;
    let told_runner = hub.ledger.send(ledger::Msg::Tell(worker, worker::Msg::Drain(draining)));
    told_runner.map_err(|_| TalkError::Unanswered(Unanswered::Restarting))?;
    Ok(told(answer))
}

async fn act(hub: &Shared, peer: &Peer, request: Request) -> Result<Response, TalkError> {
    match command(peer, request) {
        Ok((may, command)) => {
            if !may(peer.role) {
                return Err(Refused::Role.into());
            }
            Ok(told(hub.decide(command).await?))
        }
        Err(question) => query::answer(hub, peer, *question).await,
    }
}

type May = fn(Role) -> bool;

/// The ledger's command for a request that is one; the request itself when it only asks.
#[expect(clippy::wildcard_enum_match_arm, reason = "requests are told apart by who answers them; the rest goes on")]
fn command(peer: &Peer, request: Request) -> Result<(May, Command), Box<Request>> {
    let submits: May = Role::submits;
    let decides: May = Role::decides;
    Ok(match request {
        Request::Submit { id, header, digest, body } => {
            (submits, Command::Submit(Submission { id, submitter: peer.device, header, digest, body }))
        }
        Request::Cancel(run) => (submits, Command::Cancel(run)),
        Request::Revive(run) => (submits, Command::Revive(run)),
        Request::Discard(run) => (decides, Command::Discard(run)),
        Request::Rotate(epoch) => (decides, Command::Rotate(epoch)),
        Request::Invite(mut invite) => {
            invite.inviter = peer.device;
            (decides, Command::Invite(invite))
        }
        question => return Err(Box::new(question)),
    })
}

fn told(answer: Result<Answer, Refusal>) -> Response {
    match answer {
        Ok(Answer::Submitted { run, fresh, unmet }) => {
            let unmet = unmet.into_iter().map(|(name, misses)| (name, crate::session::views::words(&misses))).collect();
            Response::Submitted { run, fresh, unmet }
        }
        Ok(_) => Response::Done,
        Err(refusal) => Response::Refused(refusal),
    }
}
