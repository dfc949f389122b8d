//! A crowd: people's clients that submit as fast as they are answered, or at a steady rate.
//!
//! Owns the submitting side of a load. Must not know what becomes of a run.

use crate::site::Site;
use crate::{Error, clock};
use ostler_client::{Client, ClientError, Draft};
use ostler_core::decision::Refusal;
use ostler_core::ids::RunId;
use ostler_core::task::Task;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// A submit that was kept: which run, when it was begun, when it was answered.
pub(crate) type Kept = (RunId, Instant, Instant);

/// Clients with a connection each.
pub(crate) struct Crowd {
    clients: Vec<Client>,
}

impl Crowd {
    pub(crate) async fn connect(site: &Site, clients: u64) -> Result<Self, Error> {
        let mut all = Vec::new();
        for _ in 0..clients.max(1) {
            all.push(site.connect().await?);
        }
        Ok(Self { clients: all })
    }

    /// One of them.
    pub(crate) fn first(&self) -> &Client {
        self.clients.first().expect("a crowd has one at least")
    }

    /// Submits one run.
    pub(crate) async fn one(&self) -> Result<Kept, Error> {
        submit(self.first()).await
    }

    /// Submits `count` runs with so many in flight on each connection.
    pub(crate) async fn submit(&self, count: u64, inflight: u64) -> Result<Vec<Kept>, Error> {
        let left = Arc::new(AtomicU64::new(count));
        let mut tasks = JoinSet::new();
        for client in self.clients.iter().flat_map(|client| (0..inflight).map(move |_| client.clone())) {
            let left = Arc::clone(&left);
            tasks.spawn(async move {
                let mut kept = Vec::new();
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                    kept.push(submit(&client).await?);
                }
                Ok::<_, Error>(kept)
            });
        }
        let mut all = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            all.extend(ended??);
        }
        Ok(all)
    }

    /// Submits `count` runs, `rate` in a second, however slowly they are answered.
    pub(crate) async fn submit_at(&self, count: u64, rate: u64) -> Result<Vec<Kept>, Error> {
        let mut ticks = interval(Duration::from_secs(1).div_f64(rate as f64));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut tasks = JoinSet::new();
        for client in self.clients.iter().cycle().take(usize::try_from(count)?) {
            ticks.tick().await;
            let client = client.clone();
            tasks.spawn(async move { submit(&client).await });
        }
        let mut all = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            all.push(ended??);
        }
        Ok(all)
    }
}

/// Submits one run, and comes back when told to.
async fn submit(client: &Client) -> Result<Kept, Error> {
    let draft = draft();
    let began = clock::now();
    loop {
        match client.submit(&draft).await {
            Ok(kept) => return Ok((kept.run, began, clock::now())),
            Err(ClientError::Refusal(Refusal::Busy { retry_after_ms })) => {
                sleep(Duration::from_millis(retry_after_ms)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// A run that is a success without a process: what is measured is everything around it.
fn draft() -> Draft {
    Draft::new("load", Task { agent: "noop".to_owned(), ..ostler_tests::command(&["true"]) })
}
