//! Questions that change nothing: what the ledger's memory does not know any more is read from disk.

use crate::event_log;
use crate::hub::Shared;
use crate::relay::backup;
use crate::session::greet::{Peer, TalkError};
use crate::session::views::{self, Counted};
use ostler_core::ids::RunId;
use ostler_core::ledger::Ledger;
use ostler_proto::{Listing, Refused, Request, Response, RunDetail, RunView, Status};
use ostler_store::{Page, StoreError};
use std::sync::Arc;

/// Ids one lookup answers: enough to show that a prefix is ambiguous.
const FOUND_MAX: usize = 16;

/// Answers one question.
#[expect(clippy::wildcard_enum_match_arm, reason = "requests are told apart by who answers them; the rest goes on")]
pub(crate) async fn answer(hub: &Shared, peer: &Peer, question: Request) -> Result<Response, TalkError> {
    if !peer.role.reads() {
        return Err(Refused::Role.into());
    }
    Ok(match question {
        Request::Runs(listing) => runs(hub, listing).await?,
        Request::Run(run) => detail(hub, run).await?,
        Request::FindRun(text) => found(hub, text).await?,
        Request::Body(run) => Response::Body(read(hub, move |hub| hub.reader.body(run)).await?),
        Request::Inbox => Response::Approvals(hub.look(views::inbox).await?),
        Request::Approval(id) => {
            Response::Approvals(hub.look(move |ledger| ledger.approval(id).cloned().into_iter().collect()).await?)
        }
        Request::Events { run, from } => Response::Events(event_log::read(hub, run, from).await?),
        Request::Devices => Response::Devices(hub.look(|ledger| ledger.devices().cloned().collect()).await?),
        Request::Invites => Response::Invites(hub.look(|ledger| ledger.invites().cloned().collect()).await?),
        Request::KeyEpochs => Response::KeyEpochs(hub.look(|ledger| ledger.epochs().to_vec()).await?),
        Request::Workers => Response::Workers(hub.look(views::workers).await?),
        Request::Status => status(hub).await?,
        Request::Backup if peer.role.decides() => {
            let (path, bytes) = read(hub, backup::write).await?;
            Response::BackedUp(path, bytes)
        }
        _command => return Err(Refused::Role.into()),
    })
}

/// Runs a blocking read beside the actors.
async fn read<T: Send + 'static>(
    hub: &Shared,
    look: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, TalkError> {
    let hub = Arc::clone(hub);
    let joined = tokio::task::spawn_blocking(move || look(&hub)).await;
    Ok(joined.map_err(|_| TalkError::OutOfTurn("something that broke its reader"))??)
}

async fn runs(hub: &Shared, listing: Listing) -> Result<Response, TalkError> {
    let limit = listing.limit.min(views::LISTING_MAX) as usize;
    let asked = listing.clone();
    let (mut known, ids) = hub
        .look(move |ledger: &Ledger| {
            let ids: std::collections::BTreeSet<RunId> = ledger.runs().map(|run| run.spec.id).collect();
            (views::runs(ledger, &asked), ids)
        })
        .await?;
    if known.len() < limit {
        let page = Page { since_unix_ms: 0, before: listing.before, limit: limit.saturating_add(ids.len()) };
        let kept = read(hub, move |hub| hub.reader.runs(page)).await?;
        let wanted = |word: &str| listing.states.is_empty() || listing.states.iter().any(|state| state == word);
        let older = kept.into_iter().filter(|run| !ids.contains(&run.spec.id) && wanted(run.life.state().word()));
        known.extend(older.map(|run| RunView { spec: (*run.spec).clone(), life: run.life, asking: vec![] }));
        known.sort_by_key(|view| std::cmp::Reverse(view.spec.id));
        known.truncate(limit);
    }
    Ok(Response::Runs(known))
}

async fn found(hub: &Shared, text: String) -> Result<Response, TalkError> {
    let asked = text.clone();
    let known: Vec<RunId> = hub
        .look(move |ledger| {
            let ids = ledger.runs().rev().map(|run| run.spec.id);
            ids.filter(|id| views::is_called(*id, &asked)).take(FOUND_MAX).collect()
        })
        .await?;
    if !known.is_empty() {
        return Ok(Response::Found(known));
    }
    Ok(Response::Found(read(hub, move |hub| hub.reader.find(&text, FOUND_MAX)).await?))
}

async fn detail(hub: &Shared, id: RunId) -> Result<Response, TalkError> {
    let seen = hub
        .look(move |ledger| {
            let run = ledger.run(id)?;
            let approvals: Vec<_> = ledger.asked_by(id).cloned().collect();
            Some((views::run(ledger, run), approvals, views::unmet(ledger, run)))
        })
        .await?;
    let last_seq = event_log::last_seq(hub, id).await?;
    let kept = read(hub, move |hub| {
        let (view, approvals, unmet) = match seen {
            Some(seen) => seen,
            None => match hub.reader.run(id)? {
                Some(run) => {
                    let view = RunView { spec: (*run.spec).clone(), life: run.life, asking: vec![] };
                    (view, hub.reader.approvals(id)?, vec![])
                }
                None => return Ok(None),
            },
        };
        let mut results = Vec::new();
        for epoch in 1..=view.life.epoch {
            let lease = ostler_core::ids::LeaseId { run: id, epoch };
            results.extend(hub.reader.result(lease)?.map(|sealed| (epoch, sealed)));
        }
        let late = hub.reader.late(id)?.into_iter().map(|l| (l.lease, l.worker, l.sealed)).collect();
        Ok(Some(RunDetail { view, approvals, results, late, unmet, last_seq }))
    });
    match kept.await? {
        Some(detail) => Ok(Response::Run(Box::new(detail))),
        None => Ok(Response::Refused(ostler_core::decision::Refusal::NoRun(id))),
    }
}

async fn status(hub: &Shared) -> Result<Response, TalkError> {
    let now = hub.now();
    let counted = hub.look(move |ledger| Counted::of(ledger, now)).await?;
    let queues = counted.queues.into_iter().map(|(queue, (depth, oldest))| (queue, depth, oldest)).collect();
    Ok(Response::Status(Box::new(Status {
        release: env!("CARGO_PKG_VERSION").to_owned(),
        incarnation: hub.incarnation,
        uptime_ms: now.since(hub.started_at),
        now,
        runs: counted.states.into_iter().map(|(word, count)| (word.to_owned(), count)).collect(),
        queues,
        workers: counted.workers,
        inbox: counted.inbox,
    })))
}
