//! An actor that writes down what happens to it and does what it is told. Must not know what a test expects.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ostler_supervise::{Child, Door, Permit};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

/// What happened, in order, over all probes of a test.
#[derive(Clone, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub(crate) fn write(&self, line: String) {
        self.0.lock().expect("no test panics while it writes").push(line);
    }

    /// All lines so far, leaving the diary empty.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no test panics while it writes"))
    }

    /// Waits until `line` is there.
    pub(crate) async fn until(&self, line: &str) {
        let there = || self.0.lock().expect("no test panics while it writes").iter().any(|written| written == line);
        if !eventually(there).await {
            panic!("never happened: {line}; only {:?}", self.take());
        }
    }
}

/// Turns other tasks get before a condition is called false. Paused time stands still while somebody is runnable, so a
/// deadline in virtual time would not pass while we look.
const TURNS: usize = 200_000;

/// Yields until `condition` holds; `false` when it never does.
pub(crate) async fn eventually(condition: impl Fn() -> bool) -> bool {
    for _ in 0..TURNS {
        if condition() {
            return true;
        }
        tokio::task::yield_now().await;
    }
    condition()
}

/// Awaits what must happen by itself: a day of virtual time passes at once when nobody has anything left to do.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    let day = Duration::from_secs(86_400);
    tokio::time::timeout(day, future).await.expect("it should have happened by itself within a day")
}

/// What a probe is told to do.
pub(crate) enum Tell {
    Panic,
    Fail,
    /// Await something that never comes.
    Hang,
    Ping(RpcReplyPort<usize>),
    Hold(Permit),
}

/// Everything a probe's incarnations share.
#[derive(Clone)]
pub(crate) struct Probe {
    pub(crate) name: &'static str,
    pub(crate) diary: Diary,
    /// Incarnations made so far; a ping is answered with the number of the one that got it.
    pub(crate) born: Arc<AtomicUsize>,
    /// Starts, counted from one, that fail.
    pub(crate) failing: std::ops::Range<usize>,
}

/// A probe's state: its drop is written down.
pub(crate) struct Life {
    name: &'static str,
    number: usize,
    diary: Diary,
    held: Vec<Permit>,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.diary.write(format!("{} dropped", self.name));
    }
}

impl Probe {
    pub(crate) fn new(name: &'static str, diary: &Diary) -> Self {
        Self { name, diary: diary.clone(), born: Arc::default(), failing: 0..0 }
    }

    pub(crate) fn failing(mut self, starts: std::ops::Range<usize>) -> Self {
        self.failing = starts;
        self
    }

    /// The spec of a permanent child of the probe's name.
    pub(crate) fn child(self, door: &Door<Tell>) -> Child {
        Child::new(self.name, door, move || (self.clone(), ()))
    }
}

impl Actor for Probe {
    type Msg = Tell;
    type State = Life;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Tell>, (): ()) -> Result<Life, ActorProcessingErr> {
        let number = self.born.fetch_add(1, Ordering::SeqCst) + 1;
        if self.failing.contains(&number) {
            self.diary.write(format!("{} refused", self.name));
            return Err("told to refuse".into());
        }
        self.diary.write(format!("{} started", self.name));
        Ok(Life { name: self.name, number, diary: self.diary.clone(), held: Vec::new() })
    }

    async fn post_stop(&self, _: ActorRef<Tell>, _: &mut Life) -> Result<(), ActorProcessingErr> {
        self.diary.write(format!("{} stopped", self.name));
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Tell>, tell: Tell, life: &mut Life) -> Result<(), ActorProcessingErr> {
        match tell {
            Tell::Panic => panic!("told to panic"),
            Tell::Fail => return Err("told to fail".into()),
            Tell::Hang => {
                self.diary.write(format!("{} hangs", self.name));
                std::future::pending::<()>().await;
            }
            Tell::Ping(reply) => reply.send(life.number).map_err(|_| "nobody waits")?,
            Tell::Hold(permit) => life.held.push(permit),
        }
        Ok(())
    }
}

/// Which incarnation is behind the door, once there is one that answers.
pub(crate) async fn incarnation(door: &Door<Tell>) -> usize {
    for _ in 0..TURNS {
        match door.call(Duration::from_secs(1), Tell::Ping).await {
            Ok(number) => return number,
            Err(_) => tokio::task::yield_now().await,
        }
    }
    panic!("nobody came to the door")
}
