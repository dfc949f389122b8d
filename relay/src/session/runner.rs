//! The talk with a runner: its commands on control, its heartbeats and its events each on a stream of their own.
//!
//! Commands are decided in the order they came. Up to [`AHEAD_MAX`] may wait for their commit, so that a busy runner shares
//! commits instead of paying one each; then the stream waits, and QUIC tells the runner.

use crate::event_log;
use crate::event_log::Refused as LogRefused;
use crate::hub::{Hub, Shared};
use crate::ledger;
use crate::session::greet::{Peer, TalkError};
use crate::session::worker::{self, Outgoing, WorkerActor};
use ostler_core::command::{Attach, Command};
use ostler_core::decision::{Answer, Refusal};
use ostler_core::ids::{ApprovalId, DeviceId, Digest, LeaseId};
use ostler_mesh::{Connection, FrameReceiver, FrameSender, Priority};
use ostler_proto::{Beat, Beaten, EventBatch, FRAME_BYTES_MAX, FromRelay, Open, ToRelay};
use ostler_supervise::{Child, Door, Restart};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// Commands of one runner that wait for their commit.
const AHEAD_MAX: usize = 64;
/// Frames that wait to be sent to one runner: more than it could have leases and answers at once.
const OUT_MAX: usize = 4 * 1024;
/// Bytes of a heartbeat: a thousand leases fit.
const BEAT_BYTES_MAX: usize = 64 * 1024;
/// A worker's actor starts at once or not at all.
const WORKER_WITHIN: Duration = Duration::from_secs(5);
/// Leases whose events were let in by one session, remembered; more than a runner has at once.
const PERMITTED_MAX: usize = 4 * 1024;

/// Talks until the connection is gone.
pub(crate) async fn talk(
    hub: Shared,
    connection: Connection,
    peer: Peer,
    out: FrameSender,
    into: FrameReceiver,
) -> Result<(), TalkError> {
    let (tell, told) = mpsc::channel(OUT_MAX);
    stand(&hub, &connection, &peer, &tell).await?;
    let attached = Arc::new(AtomicBool::new(false));
    let mut tasks: JoinSet<Result<(), TalkError>> = JoinSet::new();
    tasks.spawn(write(out, told));
    tasks.spawn(commands(Arc::clone(&hub), peer, into, tell.clone(), Arc::clone(&attached)));
    let device = connection.peer();
    loop {
        tokio::select! {
            stream = connection.accept_bi() => {
                let (out, mut into) = stream?;
                match into.recv::<Open>(BEAT_BYTES_MAX).await? {
                    Some(Open::Beats) if attached.load(Ordering::Acquire) => tasks.spawn(beats(Arc::clone(&hub), device, out, into)),
                    _other => return Err(TalkError::OutOfTurn("another stream than beats after its attach")),
                };
            }
            stream = connection.accept_uni() => {
                let mut into = stream?;
                match into.recv::<Open>(BEAT_BYTES_MAX).await? {
                    Some(Open::Events) if attached.load(Ordering::Acquire) => tasks.spawn(events(Arc::clone(&hub), device, into, tell.clone())),
                    _other => return Err(TalkError::OutOfTurn("another stream than events after its attach")),
                };
            }
            ended = tasks.join_next() => match ended {
                Some(Ok(result)) => return result,
                Some(Err(_)) | None => return Err(TalkError::OutOfTurn("something that broke its reader")),
            },
            _ = connection.closed() => return Ok(()),
        }
    }
}

/// Has an actor stand for the runner, and the ledger know it.
async fn stand(
    hub: &Shared,
    connection: &Connection,
    peer: &Peer,
    tell: &mpsc::Sender<Outgoing>,
) -> Result<(), TalkError> {
    let door = Door::new();
    let state = worker::State { hub: Arc::clone(hub), connection: connection.clone(), out: tell.clone() };
    let once = Mutex::new(Some(state));
    let make = move || {
        let state = once.lock().ok().and_then(|mut state| state.take());
        (WorkerActor, state.expect("a temporary child is made once"))
    };
    let child = Child::new("worker", &door, make).restart(Restart::Temporary);
    let started = hub.workers.start(child, WORKER_WITHIN).await;
    started.map_err(|_| TalkError::Unanswered(crate::hub::Unanswered::Restarting))?;
    let arrived = ledger::Msg::Arrived(peer.device, peer.session, door);
    hub.ledger.send(arrived).map_err(|_| TalkError::Unanswered(crate::hub::Unanswered::Restarting))
}

async fn write(mut out: FrameSender, mut told: mpsc::Receiver<Outgoing>) -> Result<(), TalkError> {
    while let Some(frame) = told.recv().await {
        out.send(&*frame).await?;
    }
    Ok(())
}

async fn commands(
    hub: Shared,
    peer: Peer,
    mut into: FrameReceiver,
    tell: mpsc::Sender<Outgoing>,
    attached: Arc<AtomicBool>,
) -> Result<(), TalkError> {
    let ahead = Arc::new(Semaphore::new(AHEAD_MAX));
    while let Some(frame) = into.recv::<ToRelay>(FRAME_BYTES_MAX).await? {
        attached.fetch_or(matches!(frame, ToRelay::Attach { .. }), Ordering::AcqRel);
        if !attached.load(Ordering::Acquire) {
            return Err(TalkError::OutOfTurn("a command before its attach"));
        }
        let place = Arc::clone(&ahead).acquire_owned().await.expect("the semaphore is never closed");
        // The ledger's own mailbox is bounded over all connections.
        let permit = hub.credit.wait_many(1).await;
        let (about, command) = translate(&peer, frame);
        let (tell, grace_ms) = (tell.clone(), hub.grace_ms);
        let reply: ledger::Reply = Box::new(move |answer| {
            drop((place, permit));
            if let Some(frame) = about.answer(answer, grace_ms) {
                // A runner that does not read loses its connection: its worker's next frame will find that out.
                drop(tell.try_send(Box::new(frame)));
            }
        });
        let sent = hub.ledger.send(ledger::Msg::Do(command, reply));
        sent.map_err(|_| TalkError::Unanswered(crate::hub::Unanswered::Restarting))?;
    }
    Ok(())
}

/// What a command was about: how its answer is told.
enum About {
    Attach,
    Report(LeaseId, Digest),
    Ask(ApprovalId, LeaseId),
    Lease(LeaseId),
    Runner,
}

fn translate(peer: &Peer, frame: ToRelay) -> (About, Command) {
    let (worker, session) = (peer.device, peer.session);
    match frame {
        ToRelay::Attach { incarnation, advert, draining, held, asking } => {
            let attach = Attach { worker, session, incarnation, advert, draining, held, asking };
            (About::Attach, Command::Attach(attach))
        }
        ToRelay::Advertise(advert) => (About::Runner, Command::Advertise(worker, advert)),
        ToRelay::Drain(draining) => (About::Runner, Command::Drain(worker, draining)),
        ToRelay::Accept(lease) => (About::Lease(lease), Command::Accept(worker, lease)),
        ToRelay::Decline(lease, code) => (About::Lease(lease), Command::Decline(worker, lease, code)),
        ToRelay::Report(report) => (About::Report(report.lease, report.digest), Command::Report(worker, report)),
        ToRelay::Stopped(lease) => (About::Lease(lease), Command::Stopped(worker, lease)),
        ToRelay::Ask(asking) => (About::Ask(asking.id, asking.lease), Command::Ask(worker, asking)),
        ToRelay::Withdraw(approval) => (About::Runner, Command::Withdraw(worker, approval)),
    }
}

impl About {
    fn answer(self, answer: Result<Answer, Refusal>, grace_ms: u64) -> Option<FromRelay> {
        match (answer, self) {
            (Ok(Answer::Attached { keep, stop, lease_ttl_ms }), _) => {
                Some(FromRelay::Attached { keep, stop, lease_ttl_ms, grace_ms })
            }
            (Ok(Answer::Reported), Self::Report(lease, digest)) => {
                Some(FromRelay::Reported { lease, digest, fenced: None })
            }
            (Ok(Answer::Fenced { settled }), Self::Report(lease, digest)) => {
                Some(FromRelay::Reported { lease, digest, fenced: Some(settled) })
            }
            (Ok(_), Self::Ask(approval, _)) => Some(FromRelay::Asked(approval)),
            (Ok(_), Self::Attach | Self::Report(..) | Self::Lease(_) | Self::Runner) => None,
            (Err(refusal), Self::Lease(lease) | Self::Report(lease, _) | Self::Ask(_, lease)) => {
                Some(FromRelay::Refused { lease: Some(lease), refusal })
            }
            (Err(refusal), Self::Attach | Self::Runner) => Some(FromRelay::Refused { lease: None, refusal }),
        }
    }
}

async fn beats(hub: Shared, device: DeviceId, mut out: FrameSender, mut into: FrameReceiver) -> Result<(), TalkError> {
    out.priority(Priority::Beats);
    while let Some(Beat { seq, leases }) = into.recv(BEAT_BYTES_MAX).await? {
        match hub.decide(Command::Beat(device, leases)).await? {
            Ok(Answer::Beaten { renewed, lost, lease_ttl_ms }) => {
                out.send(&Beaten { seq, renewed, lost, lease_ttl_ms }).await?;
            }
            Ok(_) | Err(_) => return Err(TalkError::OutOfTurn("a heartbeat, being no runner")),
        }
    }
    Ok(())
}

async fn events(
    hub: Shared,
    device: DeviceId,
    mut into: FrameReceiver,
    tell: mpsc::Sender<Outgoing>,
) -> Result<(), TalkError> {
    let mut permitted = BTreeSet::new();
    while let Some(batch) = into.recv::<EventBatch>(FRAME_BYTES_MAX).await? {
        let lease = batch.lease;
        if !permitted.contains(&lease) {
            if !was_granted(&hub, device, lease).await? {
                let refused = FromRelay::Refused { lease: Some(lease), refusal: Refusal::StaleLease };
                tell.send(Box::new(refused)).await.map_err(|_| TalkError::OutOfTurn("nothing any more"))?;
                continue;
            }
            if permitted.len() >= PERMITTED_MAX {
                permitted.clear();
            }
            permitted.insert(lease);
        }
        let kept = match event_log::append(&hub, batch).await {
            Ok(kept) => kept,
            Err(LogRefused::Gap(kept)) => kept,
            Err(LogRefused::Down) => return Err(TalkError::Unanswered(crate::hub::Unanswered::Restarting)),
            Err(LogRefused::TooLarge) => return Err(TalkError::OutOfTurn("an event over its limit")),
        };
        tell.send(Box::new(FromRelay::Kept(kept))).await.map_err(|_| TalkError::OutOfTurn("nothing any more"))?;
    }
    Ok(())
}

/// Events are taken under any lease that was ever this runner's: late ones are evidence. Never under another's.
async fn was_granted(hub: &Hub, device: DeviceId, lease: LeaseId) -> Result<bool, TalkError> {
    let in_memory = hub
        .look(move |ledger| {
            let life = &ledger.run(lease.run)?.life;
            let tried = life.history.iter().any(|a| a.epoch == lease.epoch && a.worker == device);
            Some(life.fences(lease, device) || tried)
        })
        .await?;
    match in_memory {
        Some(granted) => Ok(granted),
        None => {
            let kept = hub.reader.run(lease.run)?;
            let tried = |a: &ostler_core::run::Attempt| a.epoch == lease.epoch && a.worker == device;
            Ok(kept.is_some_and(|run| run.life.history.iter().any(tried)))
        }
    }
}
