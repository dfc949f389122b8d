//! A supervisor's own door: what may be asked of one while it runs. Must not know its children's messages.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ractor::RpcReplyPort;
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::child::{Child, StartError};
use crate::door::{CallError, Closed, Door};

/// Longest a drill or a census waits for the whole tree to answer: a supervisor busy with a stop answers after it.
const TOUR_WITHIN: Duration = Duration::from_secs(10);

/// What a supervisor is asked.
pub(crate) enum Order {
    /// Start a child now; the answer goes to the port, if there is one.
    Start(Box<Child>, Option<RpcReplyPort<Result<(), StartError>>>),
    /// Start whatever is down, after a pause that followed a failed start.
    Revive,
    /// Kill running actors of a kind, here and below.
    Kill(Drill),
    /// Report how many actors of each kind run, here and below.
    Census(UnboundedSender<(&'static str, usize)>),
}

/// A kill order that visits the whole tree: it has ended when every copy of `killed` is dropped.
#[derive(Clone)]
pub(crate) struct Drill {
    pub(crate) kind: String,
    pub(crate) left: Arc<AtomicUsize>,
    pub(crate) killed: UnboundedSender<()>,
}

impl Drill {
    /// Takes one kill of those still wanted.
    pub(crate) fn take(&self) -> bool {
        self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

/// The address of a supervisor, across its own restarts.
///
/// Children started at run time are lost when the supervisor itself falls: whoever had them started derives them
/// again from the truth (the ledger's `resume`), as after a restart of the process.
#[derive(Clone, Debug, Default)]
pub struct Branch {
    door: Door<Order>,
}

impl Branch {
    /// The address of a supervisor that does not run yet.
    #[must_use]
    pub fn new() -> Self {
        Self { door: Door::new() }
    }

    pub(crate) fn door(&self) -> &Door<Order> {
        &self.door
    }

    /// Hands an order on during a tour; a branch that is down has nobody to kill or count.
    pub(crate) fn pass(&self, order: Order) {
        if self.door.send(order).is_err() {
            tracing::debug!("a branch was down during a tour");
        }
    }

    /// Whether a supervisor stands here now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.door.get().is_some()
    }

    /// Has a child started, without waiting.
    ///
    /// # Errors
    /// [`Closed`] with the child when no supervisor stands here. A failed start is told to `on_end` and the log.
    pub fn cast(&self, child: Child) -> Result<(), Closed<Box<Child>>> {
        self.door.send(Order::Start(Box::new(child), None)).map_err(|Closed(order)| match order {
            Order::Start(child, _) => Closed(child),
            Order::Revive | Order::Kill(_) | Order::Census(_) => unreachable!("the order that was sent comes back"),
        })
    }

    /// Has a child started and waits until it has, for at most `within`.
    ///
    /// # Errors
    /// [`StartError`] with what its `pre_start` said, or that the supervisor did not answer; such a child may still
    /// come up later, so make it idempotent or check its door.
    pub async fn start(&self, child: Child, within: Duration) -> Result<(), StartError> {
        let kind = child.kind;
        let answer = self.door.call(within, |reply| Order::Start(Box::new(child), Some(reply))).await;
        answer.unwrap_or_else(|unanswered: CallError| Err(StartError { kind, reason: unanswered.to_string() }))
    }

    /// The drill: kills at most `most` running actors of `kind` here and below, as a crash would, and returns how many
    /// were killed. Their supervisors do to them whatever they do to a crash, budgets included.
    ///
    /// For chaos tests and for operators who rehearse: nothing that is promised may depend on an actor staying alive.
    pub async fn kill(&self, kind: &str, most: usize) -> usize {
        let (killed, mut deaths) = mpsc::unbounded_channel();
        let drill = Drill { kind: kind.to_owned(), left: Arc::new(AtomicUsize::new(most)), killed };
        if self.door.send(Order::Kill(drill)).is_err() {
            return 0;
        }
        let mut count = 0;
        let tour = async {
            while deaths.recv().await.is_some() {
                count += 1;
            }
        };
        // A tour cut short by its deadline has still counted whom it reached.
        tokio::time::timeout(TOUR_WITHIN, tour).await.unwrap_or(());
        count
    }

    /// How many actors of each kind run here and below.
    pub async fn census(&self) -> BTreeMap<&'static str, usize> {
        let (counted, mut counts) = mpsc::unbounded_channel();
        let mut census = BTreeMap::new();
        if self.door.send(Order::Census(counted)).is_err() {
            return census;
        }
        let tour = async {
            while let Some((kind, running)) = counts.recv().await {
                *census.entry(kind).or_default() += running;
            }
        };
        tokio::time::timeout(TOUR_WITHIN, tour).await.unwrap_or(());
        census
    }
}
