//! The ear: follows a run to its end, as `ostler runs logs -f` does, and tallies what it hears.
//!
//! Owns the following. Must not judge: the tally does.

use super::tally::Tally;
use crate::Error;
use ostler_client::{Client, Step};
use ostler_core::ids::RunId;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinSet;

/// One run being heard.
pub(crate) struct Ear {
    tally: Arc<Mutex<Tally>>,
    task: JoinSet<Result<(), Error>>,
}

impl Ear {
    /// Begins to listen, from the run's first event.
    pub(crate) fn on(client: &Client, run: RunId) -> Self {
        let tally = Arc::new(Mutex::new(Tally::default()));
        let mut task = JoinSet::new();
        task.spawn(listen(client.clone(), run, Arc::clone(&tally)));
        Self { tally, task }
    }

    /// What was heard so far.
    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        locked(&self.tally)
    }

    /// Waits until the run is over and everything it said was heard. Cancel it freely.
    ///
    /// # Errors
    /// It could not be followed to its end, or its end was not a success.
    pub(crate) async fn over(&mut self) -> Result<(), Error> {
        self.task.join_next().await.map_or(Ok(()), |ended| ended?)
    }
}

fn locked(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(client: Client, run: RunId, tally: Arc<Mutex<Tally>>) -> Result<(), Error> {
    let mut follow = client.follow(run, 1);
    while let Some(step) = follow.next().await? {
        let mut tally = locked(&tally);
        match step {
            Step::Heard(all) => all.iter().for_each(|heard| tally.hear(heard)),
            Step::Truncated(first) => tally.odd(format!("events before {first} are gone")),
            Step::Lost(_) => tally.lost += 1,
            Step::Moved(_) => {}
        }
    }
    let life = client.run(run).await?.view.life;
    match life.state().word() {
        "succeeded" => Ok(()),
        other => Err(format!("{run} is over, and {other}: {:?}", life.history).into()),
    }
}
