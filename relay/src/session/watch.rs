//! Watch: tells subscribers that something changed. They look for themselves at what.
//!
//! A slow subscriber is told that it missed something; nothing that must arrive travels this way.

use ostler_core::ids::RunId;
use ostler_proto::Notice;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Stirs a subscriber may have waiting: more are one word, "skipped".
pub(crate) const WAITING_MAX: usize = 256;

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stir {
    /// Something in the fleet.
    Notice(Notice),
    /// A run has new events.
    Events(RunId),
}

/// What the watch is told.
pub(crate) enum Msg {
    /// Pass it on.
    Stir(Stir),
    /// Tell this one too, from now on; about one run only if it says which.
    Subscribe(mpsc::Sender<Stir>, Option<RunId>),
}

pub(crate) struct WatchActor;

pub(crate) struct Subscriber {
    out: mpsc::Sender<Stir>,
    run: Option<RunId>,
    skipped: bool,
}

impl Actor for WatchActor {
    type Msg = Msg;
    type State = Vec<Subscriber>;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Msg>, (): ()) -> Result<Vec<Subscriber>, ActorProcessingErr> {
        Ok(Vec::new())
    }

    async fn handle(
        &self,
        _: ActorRef<Msg>,
        message: Msg,
        all: &mut Vec<Subscriber>,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Subscribe(out, run) => all.push(Subscriber { out, run, skipped: false }),
            Msg::Stir(stir) => all.retain_mut(|subscriber| subscriber.tell(stir)),
        }
        Ok(())
    }
}

impl Subscriber {
    /// False when nobody listens any more.
    fn tell(&mut self, stir: Stir) -> bool {
        if !self.wants(stir) {
            return !self.out.is_closed();
        }
        let word = if self.skipped { Stir::Notice(Notice::Skipped) } else { stir };
        match self.out.try_send(word) {
            Ok(()) => self.skipped = false,
            Err(TrySendError::Full(_)) => self.skipped = true,
            Err(TrySendError::Closed(_)) => return false,
        }
        true
    }

    fn wants(&self, stir: Stir) -> bool {
        let about = match stir {
            Stir::Events(run) | Stir::Notice(Notice::Run(run)) => Some(run),
            Stir::Notice(Notice::Inbox(_) | Notice::Fleet | Notice::Skipped) => None,
        };
        match self.run {
            Some(run) => about == Some(run),
            None => !matches!(stir, Stir::Events(_)),
        }
    }
}
