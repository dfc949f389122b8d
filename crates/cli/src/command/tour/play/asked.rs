//! Questions of the play, and who answers them: the person at the terminal, `--yes`, or nobody.

use super::{Cue, Play};
use crate::command::answer::{Word, sign};
use crate::command::approve::LINES_MAX;
use crate::command::tour::say;
use crate::fault::Fault;
use crate::out::Paint;
use crate::render::approval::{self, Look};
use crate::render::text::plain;
use ostler_client::ClientError;
use ostler_core::approval::{Action, Deed};
use ostler_core::ids::{ApprovalId, RunId};

impl Play<'_> {
    /// Shows a question, and finds somebody to answer it.
    pub(super) async fn asked(&mut self, run: RunId, id: ApprovalId) -> Result<(), Fault> {
        let question = self.client.approval(id).await?;
        if !question.approval.is_pending() {
            return Ok(());
        }
        let agent = self.of(run).view.as_ref().map(|view| view.spec.header.agent.clone());
        let look = Look { names: &self.names, now: self.context.now(), paint: Paint::stdout(), lines_max: LINES_MAX };
        let page = approval::page(&question, agent.as_deref(), look);
        let cues = self.cues.0.clone();
        // Should the play be over, nobody waits for the answer.
        let send = move |word| drop(cues.send((run, Cue::Answered(id, word))));
        match (&self.keyboard, question.action) {
            (Some(keyboard), Ok(action)) => {
                let keyboard = keyboard.clone();
                let no = || Word::No("nobody is at the terminal".to_owned());
                self.asking.spawn(async move {
                    let mut turn = keyboard.turn().await;
                    send(turn.ask(&page, &action).await.unwrap_or_else(no));
                });
            }
            (_, action) => {
                say(self.context, &page);
                send(self.by_itself(action.ok().as_ref()));
            }
        }
        Ok(())
    }

    /// The word of the tour itself, when no person is to be asked.
    fn by_itself(&self, action: Option<&Action>) -> Word {
        if !self.args.yes {
            self.act("nobody is at the terminal and --yes was not given: rejecting");
            return Word::No("during the tour, by nobody".to_owned());
        }
        self.act("--yes: approving");
        match action.map(|action| &action.deed) {
            Some(Deed::Question { options, .. }) if !options.is_empty() => Word::Choose(1),
            Some(Deed::Question { .. }) => Word::Answer("as you think best".to_owned()),
            Some(_) | None => Word::Yes("during the tour".to_owned()),
        }
    }

    pub(super) async fn answer(&mut self, run: RunId, id: ApprovalId, word: &Word) -> Result<(), Fault> {
        let question = self.client.approval(id).await?;
        match sign(self.client, &question, word).await {
            Ok(_) => Ok(()),
            // Its runner was lost, or it was cancelled meanwhile: it will ask again, or nobody needs the answer.
            Err(Fault::Client(error @ (ClientError::Answered | ClientError::Refusal(_)))) => {
                self.tell(run, &plain(&error.to_string()));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
