//! The way to an actor that may die and be born again. Must not know who restarts it.
//!
//! ```text
//!   shut ──a child starts──▶ open(incarnation n) ──it ends──▶ shut ──it is restarted──▶ open(incarnation n + 1)
//! ```

use std::time::Duration;

use ractor::rpc::CallResult;
use ractor::{ActorRef, Message, MessagingErr, RpcReplyPort};
use tokio::sync::watch;

/// A clonable address that always leads to an actor's current incarnation.
///
/// `Ok` from [`Door::send`] means *queued*, never *handled*: an actor that dies drops what waits in its mailbox, so
/// whatever must not be lost is owed by the ledger and derived again.
pub struct Door<M> {
    current: watch::Sender<Option<ActorRef<M>>>,
}

/// No incarnation is behind the door; the message comes back to be answered, kept or dropped on purpose.
#[derive(thiserror::Error)]
#[error("nobody is behind this door: the actor is restarting or stopped; try again shortly")]
pub struct Closed<M>(pub M);

impl<M> std::fmt::Debug for Closed<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Closed(..)")
    }
}

/// Why a question got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The question was never queued.
    #[error("nobody is behind this door: the actor is restarting or stopped; try again shortly")]
    Closed,
    /// The actor took the question and dropped it unanswered, usually by dying; it may or may not have acted.
    #[error("the actor ended before it answered; ask again, it may or may not have acted")]
    Dropped,
    /// No answer within the deadline; the actor may still act.
    #[error("no answer within the deadline; ask again, it may or may not have acted")]
    Late,
}

impl<M> Clone for Door<M> {
    fn clone(&self) -> Self {
        Self { current: self.current.clone() }
    }
}

impl<M> Default for Door<M> {
    fn default() -> Self {
        Self { current: watch::Sender::new(None) }
    }
}

impl<M> std::fmt::Debug for Door<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Door").field(&*self.current.borrow()).finish()
    }
}

impl<M: Message> Door<M> {
    /// A shut door, to be handed to siblings before the actor exists.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A door that leads to one incarnation for good: for an actor nobody restarts, and for tests of a single actor.
    #[must_use]
    pub fn fixed(actor: ActorRef<M>) -> Self {
        Self { current: watch::Sender::new(Some(actor)) }
    }

    /// Queues a message for the current incarnation.
    ///
    /// # Errors
    /// [`Closed`] with the message when there is none.
    pub fn send(&self, message: M) -> Result<(), Closed<M>> {
        let Some(actor) = self.current.borrow().clone() else { return Err(Closed(message)) };
        match actor.send_message(message) {
            Ok(()) => Ok(()),
            Err(MessagingErr::SendErr(message)) => Err(Closed(message)),
            Err(MessagingErr::ChannelClosed | MessagingErr::InvalidActorType) => {
                unreachable!("a typed send to a local actor hands its message back")
            }
        }
    }

    /// Asks the current incarnation and waits for at most `within`.
    ///
    /// # Errors
    /// [`CallError`]; only `Closed` promises that nothing happened.
    pub async fn call<R, F>(&self, within: Duration, question: F) -> Result<R, CallError>
    where
        R: Send + 'static,
        F: FnOnce(RpcReplyPort<R>) -> M,
    {
        let actor = self.current.borrow().clone().ok_or(CallError::Closed)?;
        match actor.call(question, Some(within)).await {
            Ok(CallResult::Success(answer)) => Ok(answer),
            Ok(CallResult::Timeout) => Err(CallError::Late),
            Ok(CallResult::SenderError) => Err(CallError::Dropped),
            Err(_) => Err(CallError::Closed),
        }
    }

    /// The current incarnation, if there is one.
    #[must_use]
    pub fn get(&self) -> Option<ActorRef<M>> {
        self.current.borrow().clone()
    }

    /// Waits until an incarnation is behind the door and returns it; for ever if none comes, so give it a deadline.
    pub async fn opened(&self) -> ActorRef<M> {
        let mut view = self.current.subscribe();
        loop {
            if let Some(actor) = view.borrow_and_update().clone() {
                return actor;
            }
            view.changed().await.expect("the door holds the sender it waits for");
        }
    }

    /// Stops the current incarnation in good order after its running handler: the end of a `Transient` or
    /// `Temporary` child; a `Permanent` one is restarted.
    pub fn stop(&self) {
        if let Some(actor) = self.get() {
            actor.stop(None);
        }
    }

    pub(crate) fn open(&self, actor: ActorRef<M>) {
        self.current.send_replace(Some(actor));
    }

    pub(crate) fn shut(&self) {
        self.current.send_replace(None);
    }
}
