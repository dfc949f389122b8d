//! Hands: a runner that is done with every run as soon as it is offered, on the real wire.
//!
//! ```text
//! Offer ─▶ Accept, Report (sent together) ─▶ Reported
//! ```
//!
//! Owns no measurement: it says when what arrived.

use crate::{Error, clock};
use ostler_client::{Client, Offer};
use ostler_core::command::{Report, ReportedEnd};
use ostler_core::device::Role;
use ostler_core::ids::{Digest, LeaseId, RunId};
use ostler_identity::Ticket;
use ostler_mesh::{Connection, FrameSender};
use ostler_proto::{FRAME_BYTES_MAX, FromRelay, ToRelay};
use ostler_tests::Puppet;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How long a ticket lasts (ms): longer than any measurement.
const TICKET_MS: u64 = 600_000;
/// Bytes of a sealed result: a few lines.
const RESULT_BYTES: usize = 256;

/// What reached the runner, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// An offer.
    Offered(RunId, Instant),
    /// The answer to its report.
    Reported(RunId, Instant),
}

/// The runner: when it is dropped, its connection closes.
pub(crate) struct Hands {
    /// Everything that reached it.
    pub(crate) news: mpsc::UnboundedReceiver<News>,
    _connection: Connection,
    _task: JoinSet<Result<(), Error>>,
}

/// A ticket for a runner of the default pool.
pub(crate) async fn ticket(client: &Client) -> Result<Ticket, Error> {
    ticket_for(client, &[]).await
}

/// A ticket for a runner of these pools.
pub(crate) async fn ticket_for(client: &Client, pools: &[&str]) -> Result<Ticket, Error> {
    let pools = pools.iter().map(|pool| (*pool).to_owned()).collect();
    Ok(client.invite(&Offer { role: Role::Runner, pools, lasts_ms: TICKET_MS }).await?)
}

impl Hands {
    /// Joins and begins.
    pub(crate) async fn join(client: &Client, slots: u32) -> Result<Self, Error> {
        let puppet = Puppet::join(&ticket(client).await?, "hands", slots).await;
        let (connection, mut out, mut into) = puppet.split();
        let (tell, news) = mpsc::unbounded_channel();
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Some(frame) = into.recv::<FromRelay>(FRAME_BYTES_MAX).await? {
                let at = clock::now();
                match frame {
                    FromRelay::Offer { lease, .. } => {
                        tell.send(News::Offered(lease.run, at))?;
                        done(&mut out, lease).await?;
                    }
                    FromRelay::Reported { lease, .. } => tell.send(News::Reported(lease.run, at))?,
                    FromRelay::Attached { .. }
                    | FromRelay::Stop { .. }
                    | FromRelay::Asked(_)
                    | FromRelay::Verdict { .. }
                    | FromRelay::Denied(_)
                    | FromRelay::Refused { .. }
                    | FromRelay::Kept(_)
                    | FromRelay::Fleet { .. }
                    | FromRelay::GoingAway { .. }
                    | FromRelay::Drain(_) => {}
                }
            }
            Ok(())
        });
        Ok(Self { news, _connection: connection, _task: task })
    }

    /// Waits until so many reports were answered; when the last one was.
    pub(crate) async fn reported(&mut self, count: u64) -> Result<Instant, Error> {
        let (mut done, mut last) = (0, clock::now());
        while done < count {
            if let News::Reported(_, at) = self.news.recv().await.ok_or("the relay closed the runner's connection")? {
                (done, last) = (done + 1, at);
            }
        }
        Ok(last)
    }
}

async fn done(out: &mut FrameSender, lease: LeaseId) -> Result<(), Error> {
    out.send(&ToRelay::Accept(lease)).await?;
    let (end, digest, result) = (ReportedEnd::Succeeded, Digest([3; 32]), vec![3; RESULT_BYTES]);
    Ok(out.send(&ToRelay::Report(Report { lease, end, digest, result })).await?)
}
