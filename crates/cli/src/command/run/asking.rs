//! Questions of a followed run, put to the person at the keyboard while the run goes on being shown.
//!
//! ```text
//! put ─▶ Put ─ a word ─▶ signed        take (answered elsewhere, withdrawn), or the end of the run ─▶ no longer asked
//! ```
//!
//! Owns which questions are put. A question that cannot be put or signed stays in the inbox: nothing is lost here.

use crate::command::answer::{Keyboard, sign};
use crate::command::approve::{LINES_MAX, agents};
use crate::fault::Fault;
use crate::out::{self, Paint};
use crate::render::approval::{self, Look};
use crate::render::run::Names;
use crate::render::text::plain;
use ostler_boot::Clock;
use ostler_client::Client;
use ostler_core::ids::ApprovalId;
use ostler_core::time::Timestamp;
use std::collections::BTreeMap;
use tokio::task::{AbortHandle, JoinSet};

/// One run's questions. What is still put when it is dropped is put no longer.
pub(super) struct Desk {
    clerk: Clerk,
    open: BTreeMap<ApprovalId, AbortHandle>,
    putting: JoinSet<()>,
}

impl Desk {
    pub(super) fn new(client: Client, keyboard: Keyboard, clock: Clock, names: Names) -> Self {
        let clerk = Clerk { client, keyboard, clock, names };
        Self { clerk, open: BTreeMap::new(), putting: JoinSet::new() }
    }

    /// Asks the person, unless it is answered already.
    pub(super) fn put(&mut self, id: ApprovalId) {
        let clerk = self.clerk.clone();
        let handle = self.putting.spawn(async move {
            if let Err(fault) = clerk.settle(id).await {
                let short = id.short();
                out::note(&format!("{short} is not answered: {}; it is in `ostler inbox`", plain(&fault.to_string())));
            }
        });
        self.open.insert(id, handle);
    }

    /// Nobody needs the answer any more.
    pub(super) fn take(&mut self, id: ApprovalId) {
        if let Some(handle) = self.open.remove(&id) {
            handle.abort();
        }
    }
}

#[derive(Clone)]
struct Clerk {
    client: Client,
    keyboard: Keyboard,
    clock: Clock,
    names: Names,
}

impl Clerk {
    async fn settle(&self, id: ApprovalId) -> Result<(), Fault> {
        let mut turn = self.keyboard.turn().await;
        let question = self.client.approval(id).await?;
        if !question.approval.is_pending() {
            return Ok(());
        }
        let agents = agents(&self.client, std::slice::from_ref(&question)).await;
        let now = Timestamp(self.clock.now_ms());
        let look = Look { names: &self.names, now, paint: Paint::stderr(), lines_max: LINES_MAX };
        let page = approval::page(&question, agents.values().next().map(String::as_str), look);
        let short = id.short();
        // What cannot be read is never put: its page says why.
        let Ok(action) = &question.action else {
            out::note(&format!("{page}\nreject it with `ostler reject {short}`"));
            return Ok(());
        };
        match turn.ask(&page, action).await {
            Some(word) => out::note(&sign(&self.client, &question, &word).await?.words()),
            None => {
                out::note(&format!("nobody is at the keyboard: `ostler approve {short}` or `ostler reject {short}`"))
            }
        }
        Ok(())
    }
}
