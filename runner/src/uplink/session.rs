//! One connection's talk: attach first, then frames, heartbeats and events side by side until one of them ends.

use super::{beats, events, greet};
use crate::runner::stable::Shared;
use crate::slots;
use ostler_core::ids::LeaseId;
use ostler_mesh::{Connection, DialError, FrameReceiver, FrameSender, Priority, Redial, StreamError};
use ostler_proto::{ANSWER_BYTES_MAX, FromRelay, Kept, Refused, ToRelay, Welcome};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// The slots answer at once, or are being restarted.
const CENSUS_WITHIN: Duration = Duration::from_secs(5);
/// A relay commits an attach before it answers.
const ATTACHED_WITHIN: Duration = Duration::from_secs(30);
/// Acknowledgements that wait for the events task: it is told the newest anyway.
const KEPT_MAX: usize = 1_024;

/// How a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error(transparent)]
    Dial(DialError),
    #[error(transparent)]
    Refused(Refused),
    #[error("the relay restarts")]
    GoingAway(u64),
    #[error("{0}")]
    Broken(String),
}

impl From<StreamError> for Ended {
    fn from(error: StreamError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<greet::GreetError> for Ended {
    fn from(error: greet::GreetError) -> Self {
        match error {
            greet::GreetError::Refused(refused) => Self::Refused(refused),
            broken @ (greet::GreetError::Stream(_) | greet::GreetError::Closed(_) | greet::GreetError::Silent) => {
                Self::Broken(broken.to_string())
            }
        }
    }
}

/// Greets, attaches and talks until the connection is over.
pub(super) async fn talk(
    stable: &Shared,
    connection: &Connection,
    frames: &mut mpsc::Receiver<ToRelay>,
    redial: &mut Redial,
) -> Ended {
    let talked = async {
        let (welcome, (mut out, mut into)) = greet::greet(connection, stable.member.chain()).await?;
        out.priority(Priority::Control);
        attach(stable, &welcome, &mut out, &mut into, frames).await?;
        redial.reset();
        tracing::info!(relay = %connection.relay(), session = %welcome.session, "attached to the relay");
        serve(stable, connection, out, into, frames).await
    };
    talked.await.err().unwrap_or_else(|| Ended::Broken("the connection ended".to_owned()))
}

/// Says all that is held before anything else, and takes in what may go on.
async fn attach(
    stable: &Shared,
    welcome: &Welcome,
    out: &mut FrameSender,
    into: &mut FrameReceiver,
    frames: &mut mpsc::Receiver<ToRelay>,
) -> Result<(), Ended> {
    let learnt = stable.member.learn(&welcome.epochs, &welcome.tombstones, stable.clock.now_ms());
    learnt.map_err(|error| Ended::Broken(error.to_string()))?;
    let census = async {
        stable.slots.opened().await;
        stable.slots.call(CENSUS_WITHIN, slots::Msg::Census).await
    };
    let census = census.await.map_err(|error| Ended::Broken(error.to_string()))?;
    // Said to nobody; whatever of it still counts is in the census or said again below.
    while frames.try_recv().is_ok() {}
    let advert = stable.advert.borrow().clone();
    let draining = *stable.draining.borrow();
    let (held, asking) = (census.held, census.asking);
    let sent_at = stable.now();
    out.send(&ToRelay::Attach { incarnation: stable.incarnation, advert, draining, held, asking }).await?;
    let answered = async {
        loop {
            match into.recv::<FromRelay>(ANSWER_BYTES_MAX).await? {
                Some(FromRelay::Attached { keep, stop, lease_ttl_ms, grace_ms }) => {
                    break Ok((keep, stop, lease_ttl_ms, grace_ms));
                }
                Some(FromRelay::Refused { refusal, .. }) => break Err(Ended::Broken(refusal.to_string())),
                // Offers and keys may overtake the answer.
                Some(other) => dispatch(stable, other, None).await?,
                None => break Err(Ended::Broken("the relay ended the control stream".to_owned())),
            }
        }
    };
    let answer = tokio::time::timeout(ATTACHED_WITHIN, answered).await;
    let (keep, stop, ttl_ms, grace_ms) =
        answer.map_err(|_| Ended::Broken("the attach was not answered".to_owned()))??;
    let over: Vec<LeaseId> = stop.iter().map(|(lease, _)| *lease).collect();
    {
        let mut holding = stable.holding();
        holding.set_terms(ttl_ms, grace_ms);
        holding.attached(sent_at, &keep, &over);
    }
    stable.relay.send_replace(Some(welcome.incarnation));
    stable.stir();
    stable.tell(slots::Msg::Attached { stop });
    Ok(())
}

async fn serve(
    stable: &Shared,
    connection: &Connection,
    mut out: FrameSender,
    mut into: FrameReceiver,
    frames: &mut mpsc::Receiver<ToRelay>,
) -> Result<(), Ended> {
    let (tell_kept, kept) = mpsc::channel::<Kept>(KEPT_MAX);
    let mut tasks: JoinSet<Result<(), Ended>> = JoinSet::new();
    // Heartbeats have a task and a stream of their own: nothing an attempt does delays them.
    tasks.spawn(beats::keep(Arc::clone(stable), connection.clone()));
    tasks.spawn(events::send(Arc::clone(stable), connection.clone(), kept));
    let reader = Arc::clone(stable);
    tasks.spawn(async move {
        while let Some(frame) = into.recv::<FromRelay>(ANSWER_BYTES_MAX).await? {
            dispatch(&reader, frame, Some(&tell_kept)).await?;
        }
        Err(Ended::Broken("the relay ended the control stream".to_owned()))
    });
    loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Some(frame) => out.send(&frame).await?,
                None => return Ok(()),
            },
            ended = tasks.join_next() => match ended {
                Some(Ok(ended)) => return ended,
                Some(Err(_)) | None => return Err(Ended::Broken("a part of the connection broke".to_owned())),
            },
            closed = connection.closed() => return Err(Ended::Broken(closed.to_string())),
        }
    }
}

async fn dispatch(stable: &Shared, frame: FromRelay, kept: Option<&mpsc::Sender<Kept>>) -> Result<(), Ended> {
    match frame {
        FromRelay::Kept(upto) => match kept {
            Some(kept) => kept.send(upto).await.map_err(|_| Ended::Broken("events ended".to_owned()))?,
            None => tracing::debug!("an acknowledgement of events nobody sent"),
        },
        FromRelay::Fleet { epochs, tombstones } => {
            let learnt = stable.member.learn(&epochs, &tombstones, stable.clock.now_ms());
            learnt.map_err(|error| Ended::Broken(error.to_string()))?;
        }
        FromRelay::GoingAway { retry_after_ms } => return Err(Ended::GoingAway(retry_after_ms)),
        FromRelay::Drain(draining) => stable.tell(slots::Msg::Drain(draining)),
        frame @ (FromRelay::Attached { .. }
        | FromRelay::Offer { .. }
        | FromRelay::Reported { .. }
        | FromRelay::Stop { .. }
        | FromRelay::Asked(_)
        | FromRelay::Verdict { .. }
        | FromRelay::Denied(_)
        | FromRelay::Refused { .. }) => stable.tell(slots::Msg::Relay(frame)),
    }
    Ok(())
}
