//! Following: a run's events and changes, kept up with until it is over; or everything in the fleet.
//!
//! A stir only says "look": what is sent is read from the log and the ledger, so a missed stir delays and never loses.

use crate::event_log;
use crate::hub::{Shared, Unanswered};
use crate::session::greet::TalkError;
use crate::session::views;
use crate::session::watch::{self, Stir, WAITING_MAX};
use ostler_core::ids::RunId;
use ostler_mesh::FrameSender;
use ostler_proto::{Item, Notice, Response, RunView};
use std::time::Duration;
use tokio::sync::mpsc;

/// Looked at this often even when nothing stirs: a stir may have been lost with the watch that held it.
const LOOK_EVERY: Duration = Duration::from_secs(5);

async fn subscribe(hub: &Shared, run: Option<RunId>) -> Result<mpsc::Receiver<Stir>, TalkError> {
    let (tell, told) = mpsc::channel(WAITING_MAX);
    let sent = hub.watch.send(watch::Msg::Subscribe(tell, run));
    sent.map_err(|_| TalkError::Unanswered(Unanswered::Restarting))?;
    Ok(told)
}

/// Sends a run's events from `from` on, and each change, until it is over.
pub(crate) async fn run(hub: Shared, run: RunId, from: u64, mut out: FrameSender) -> Result<(), TalkError> {
    let mut stirs = subscribe(&hub, Some(run)).await?;
    let (mut next, mut shown) = (from.max(1), None);
    loop {
        // State first, events after: what an ended run said before it ended is in the log by then, or will never be.
        let Some(view) = view(&hub, run).await? else {
            let missing = Response::Refused(ostler_core::decision::Refusal::NoRun(run));
            tracing::debug!(?missing, "a follower asked for a run that is not there");
            return out.send(&Item::End).await.map_err(Into::into);
        };
        let over = view.life.is_settled() || matches!(view.life.state(), ostler_core::run::State::Dead { .. });
        next = drain(&hub, run, next, &mut out).await?;
        if shown.as_ref() != Some(&view) {
            out.send(&Item::Life(Box::new(view.clone()))).await?;
            shown = Some(view);
        }
        if over {
            out.send(&Item::End).await?;
            out.finish();
            return Ok(());
        }
        match tokio::time::timeout(LOOK_EVERY, stirs.recv()).await {
            Ok(Some(_)) => while stirs.try_recv().is_ok() {},
            Ok(None) => stirs = subscribe(&hub, Some(run)).await?,
            Err(_) => {}
        }
    }
}

async fn drain(hub: &Shared, run: RunId, mut next: u64, out: &mut FrameSender) -> Result<u64, TalkError> {
    loop {
        let seen = event_log::read(hub, run, next).await?;
        let (last, more) = (seen.events.last().map(|event| event.seq), seen.more);
        if seen.events.is_empty() && seen.truncated_before.is_none_or(|first| first <= next) {
            return Ok(next);
        }
        next = last.map_or(seen.truncated_before.unwrap_or(next), |last| last + 1);
        out.send(&Item::Events(seen)).await?;
        if !more {
            return Ok(next);
        }
    }
}

async fn view(hub: &Shared, run: RunId) -> Result<Option<RunView>, TalkError> {
    let known = hub.look(move |ledger| ledger.run(run).map(|r| views::run(ledger, r))).await?;
    if known.is_some() {
        return Ok(known);
    }
    let kept = hub.reader.run(run)?;
    Ok(kept.map(|run| RunView { spec: (*run.spec).clone(), life: run.life, asking: vec![] }))
}

/// Sends every notice of the fleet until the client goes.
pub(crate) async fn fleet(hub: Shared, mut out: FrameSender) -> Result<(), TalkError> {
    let mut stirs = subscribe(&hub, None).await?;
    loop {
        match stirs.recv().await {
            Some(Stir::Notice(notice)) => out.send(&Item::Notice(notice)).await?,
            Some(Stir::Events(_)) => {}
            None => {
                stirs = subscribe(&hub, None).await?;
                out.send(&Item::Notice(Notice::Skipped)).await?;
            }
        }
    }
}
