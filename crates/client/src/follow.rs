//! Streams kept up with: a run until it is over, a fleet for as long as one looks. A lost connection is made again, from
//! the last event that was seen.
//!
//! ```text
//! Closed ─ open from `next` ─▶ Open ─ items ─▶ Over
//!    ▲                           │
//!    └── Step::Lost ◀── lost ────┘        backoff before the next try
//! ```

use crate::chance;
use crate::client::Client;
use crate::error::ClientError;
use crate::events::Heard;
use crate::link::{Link, next};
use ostler_core::ids::RunId;
use ostler_mesh::{FrameReceiver, FrameSender};
use ostler_proto::{Item, Notice, Request, RunView};
use std::sync::Arc;
use std::time::Duration;

/// First pause after a lost connection, and the longest.
const BACKOFF_MS: (u64, u64) = (100, 5_000);

/// What a followed run does.
#[derive(Debug)]
pub enum Step {
    /// It said something, in order, without gaps or repeats.
    Heard(Vec<Heard>),
    /// Earlier events are gone: the first there is has this number.
    Truncated(u64),
    /// It moved.
    Moved(Box<RunView>),
    /// The relay cannot be reached; following goes on with the next call.
    Lost(ClientError),
}

/// An open stream.
struct Pipe {
    link: Arc<Link>,
    receiver: FrameReceiver,
    // Dropping it would tell the relay that nobody listens.
    _sender: FrameSender,
}

/// A run being followed.
pub struct Follow {
    client: Client,
    run: RunId,
    from: u64,
    pipe: Option<Pipe>,
    pause_ms: u64,
}

impl std::fmt::Debug for Follow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Follow({} from {})", self.run, self.from)
    }
}

impl Client {
    /// Follows `run` from event number `from` (1 is the first).
    #[must_use]
    pub fn follow(&self, run: RunId, from: u64) -> Follow {
        Follow { client: self.clone(), run, from: from.max(1), pipe: None, pause_ms: 0 }
    }

    /// Watches the fleet.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch { client: self.clone(), pipe: None, pause_ms: 0 }
    }

    async fn pipe(&self, request: &Request) -> Result<Pipe, ClientError> {
        let link = self.link().await?;
        match link.request(request).await {
            Ok((sender, receiver)) => Ok(Pipe { link, receiver, _sender: sender }),
            Err(error) => {
                self.unlink(&link).await;
                Err(error)
            }
        }
    }
}

impl Follow {
    /// What happens next; none when the run is over and everything it said was given.
    ///
    /// # Errors
    /// What no new try would change: the run is unknown, or the device was turned away.
    pub async fn next(&mut self) -> Result<Option<Step>, ClientError> {
        loop {
            match self.item().await {
                Ok(Item::End) => return Ok(None),
                Ok(Item::Life(view)) => return Ok(Some(Step::Moved(view))),
                Ok(Item::Notice(_)) => {}
                Ok(Item::Events(seen)) => {
                    if let Some(first) = seen.truncated_before.filter(|first| *first > self.from) {
                        self.from = first;
                        // The same items come again, from where there are any.
                        self.pipe = None;
                        return Ok(Some(Step::Truncated(first)));
                    }
                    let heard = self.client.hear(self.run, self.from, seen).await?;
                    if let Some(last) = heard.last() {
                        self.from = last.seq + 1;
                        return Ok(Some(Step::Heard(heard)));
                    }
                }
                Err(error) if error.is_transient() => {
                    self.lost().await;
                    return Ok(Some(Step::Lost(error)));
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn item(&mut self) -> Result<Item, ClientError> {
        if self.pipe.is_none() {
            pause(self.pause_ms).await;
            // An unknown run would end the stream without a word.
            self.client.run(self.run).await?;
            self.pipe = Some(self.client.pipe(&Request::Follow { run: self.run, from: self.from }).await?);
        }
        let pipe = self.pipe.as_mut().expect("opened above");
        let item = next(&mut pipe.receiver).await?;
        self.pause_ms = 0;
        item.ok_or_else(|| ClientError::Lost("the stream ended early".to_owned()))
    }

    async fn lost(&mut self) {
        self.pause_ms = longer(self.pause_ms);
        if let Some(pipe) = self.pipe.take() {
            self.client.unlink(&pipe.link).await;
        }
    }
}

/// The fleet being watched.
pub struct Watch {
    client: Client,
    pipe: Option<Pipe>,
    pause_ms: u64,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

impl Watch {
    /// What happens next. After a lost connection that is [`Notice::Skipped`]: look again at everything.
    ///
    /// # Errors
    /// What no new try would change.
    pub async fn next(&mut self) -> Result<Notice, ClientError> {
        loop {
            match self.item().await {
                Ok(Some(Item::Notice(notice))) => return Ok(notice),
                Ok(Some(Item::Events(_) | Item::Life(_))) => {}
                Ok(Some(Item::End) | None) => self.lost().await,
                Err(error) if error.is_transient() => self.lost().await,
                Err(error) => return Err(error),
            }
        }
    }

    async fn item(&mut self) -> Result<Option<Item>, ClientError> {
        if self.pipe.is_none() {
            pause(self.pause_ms).await;
            self.pipe = Some(self.client.pipe(&Request::Watch).await?);
            if std::mem::take(&mut self.pause_ms) > 0 {
                return Ok(Some(Item::Notice(Notice::Skipped)));
            }
        }
        next(&mut self.pipe.as_mut().expect("opened above").receiver).await
    }

    async fn lost(&mut self) {
        self.pause_ms = longer(self.pause_ms);
        if let Some(pipe) = self.pipe.take() {
            self.client.unlink(&pipe.link).await;
        }
    }
}

fn longer(pause_ms: u64) -> u64 {
    (pause_ms * 2).clamp(BACKOFF_MS.0, BACKOFF_MS.1)
}

async fn pause(pause_ms: u64) {
    tokio::time::sleep(Duration::from_millis(chance::jittered(pause_ms))).await;
}
