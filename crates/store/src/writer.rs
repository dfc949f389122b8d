//! The writer: a thread of its own that owns what it writes to, so that nobody else waits for the disk.
//!
//! ```text
//! submit(batch) ─▶ ▢ at most one staged ─▶ thread: keep(batch) ─▶ done(Ok(Committed) | Err)
//!                                            └─ first Err or panic ⇒ closed: every later batch gets `Closed`
//! ```
//!
//! Owns the order of batches and the rule that nothing is retried. Must not know what a batch holds: its caller stages
//! while one is in flight and submits what it staged when that one is done.

use crate::clock::Started;
use crate::error::StoreError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// A batch that is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed<D> {
    /// What keeping it returned.
    pub value: D,
    /// How long the commit took, its fsync included.
    pub took: Duration,
}

type Done<D> = Box<dyn FnOnce(Result<Committed<D>, StoreError>) + Send>;

/// One writing thread. Dropping it finishes what was submitted and joins the thread.
pub struct Writer<B, D> {
    batches: Option<Sender<(B, Done<D>)>>,
    thread: Option<JoinHandle<()>>,
}

impl<B: Send + 'static, D: Send + 'static> Writer<B, D> {
    /// Starts a thread called `name` that keeps batches with `keep`.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start<K>(name: &str, mut keep: K) -> std::io::Result<Self>
    where
        K: FnMut(B) -> Result<D, StoreError> + Send + 'static,
    {
        let (batches, staged) = channel::<(B, Done<D>)>();
        let work = move || {
            let mut open = true;
            for (batch, done) in staged {
                let started = Started::now();
                let kept = if open { attempt(&mut keep, batch) } else { Err(StoreError::Closed) };
                open &= kept.is_ok();
                done(kept.map(|value| Committed { value, took: started.elapsed() }));
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self { batches: Some(batches), thread: Some(thread) })
    }

    /// Hands over one batch. `done` is called once, on the writer's thread, when the batch is durable or has failed; it
    /// must not block. Submitting the next batch before the last is done is allowed, and gains nothing.
    pub fn submit(&self, batch: B, done: impl FnOnce(Result<Committed<D>, StoreError>) + Send + 'static) {
        let batches = self.batches.as_ref().expect("the channel is only taken by drop");
        if let Err(refused) = batches.send((batch, Box::new(done))) {
            let (_, done) = refused.0;
            done(Err(StoreError::Closed));
        }
    }
}

/// redb may panic on a damaged page: that is an error of the file, not of whoever asked.
fn attempt<B, D>(keep: &mut impl FnMut(B) -> Result<D, StoreError>, batch: B) -> Result<D, StoreError> {
    catch_unwind(AssertUnwindSafe(|| keep(batch)))
        .unwrap_or_else(|_| Err(StoreError::Corrupt("writing to it panicked".to_owned())))
}

impl<B, D> Drop for Writer<B, D> {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // A callback that panicked has told its story on stderr already; there is nothing left to save here.
            drop(thread.join());
        }
    }
}

impl<B, D> std::fmt::Debug for Writer<B, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn after_an_error_nothing_is_tried_again() {
        let (told, answers) = mpsc::channel();
        let mut kept = Vec::new();
        let writer = Writer::start("test", move |n: u32| {
            kept.push(n);
            match n {
                2 => Err(StoreError::DiskFull),
                3 => panic!("a poisoned writer was used again"),
                _ => Ok(kept.len()),
            }
        })
        .expect("a thread");
        for n in 1..=3 {
            let told = told.clone();
            writer.submit(n, move |done| told.send(done.map(|c| c.value)).expect("the test listens"));
        }
        drop(writer);
        drop(told);
        let answers: Vec<_> = answers.iter().collect();
        assert_eq!(answers, [Ok(1), Err(StoreError::DiskFull), Err(StoreError::Closed)]);
    }

    #[test]
    fn a_panic_is_answered_and_closes_the_writer() {
        let (told, answers) = mpsc::channel();
        let writer =
            Writer::start("test", |_: ()| -> Result<(), StoreError> { panic!("a damaged page") }).expect("a thread");
        for _ in 0..2 {
            let told = told.clone();
            writer.submit((), move |done| told.send(done.map(|c| c.value)).expect("the test listens"));
        }
        assert!(matches!(answers.recv(), Ok(Err(StoreError::Corrupt(_)))));
        assert_eq!(answers.recv(), Ok(Err(StoreError::Closed)));
    }
}
