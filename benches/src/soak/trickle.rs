//! A trickle: runs that do nothing, submitted one after the other at a steady pace, to feel how long the ledger takes to
//! keep one.
//!
//! ```text
//! tick ─▶ submit ─▶ kept        hands take it and are done with it, so that nothing piles up
//! ```
//!
//! Owns the samples. A submission that begins late because the one before it took long counts from when it was due.

use crate::Error;
use crate::crowd::Crowd;
use crate::hands::Hands;
use crate::site::Site;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// Slots of the hands: more than are ever under way.
const SLOTS: u32 = 64;

/// Samples of one relay. Dropped, it runs dry.
pub(crate) struct Trickle {
    samples: Arc<Mutex<Vec<Duration>>>,
    task: JoinSet<Result<(), Error>>,
}

impl Trickle {
    /// Begins, `rate` in a second.
    pub(crate) async fn start(site: &Site, rate: u64) -> Result<Self, Error> {
        let crowd = Crowd::connect(site, 1).await?;
        let hands = Hands::join(crowd.first(), SLOTS).await?;
        let samples = Arc::new(Mutex::new(Vec::new()));
        let mut task = JoinSet::new();
        task.spawn(drip(crowd, hands, Duration::from_secs(1).div_f64(rate.max(1) as f64), Arc::clone(&samples)));
        Ok(Self { samples, task })
    }

    /// What submissions took since this was asked last, from begin to kept.
    ///
    /// # Errors
    /// It ran dry, and why.
    pub(crate) async fn take(&mut self) -> Result<Vec<Duration>, Error> {
        if let Some(ended) = self.task.try_join_next() {
            ended??;
        }
        Ok(std::mem::take(&mut *self.samples.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

async fn drip(
    crowd: Crowd,
    mut hands: Hands,
    every: Duration,
    samples: Arc<Mutex<Vec<Duration>>>,
) -> Result<(), Error> {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        let due = ticks.tick().await.into_std();
        // Timers tick in milliseconds: only a whole turn too late is late.
        let late = due.elapsed().saturating_sub(every);
        let (_, began, kept) = crowd.one().await?;
        samples.lock().unwrap_or_else(PoisonError::into_inner).push(kept - began + late);
        while hands.news.try_recv().is_ok() {}
    }
}
