//! Approvals: opened, shown as what they are, and decided by a signature over exactly that.
//!
//! ```text
//! sealed action ─ open ─▶ Action ─ digest ─▶ equal to the asked digest? ─ yes ─▶ verdict signed ─▶ relay ─▶ runner
//!                                                                      └ no ──▶ refused, nothing is signed
//! ```
//!
//! Must not believe the relay's word for what is asked: the digest that is signed is computed here.

use crate::chance;
use crate::client::{Client, unexpected};
use crate::error::ClientError;
use crate::runs::only;
use ostler_core::approval::{Action, Approval, Choice, Remark};
use ostler_core::decision::Refusal;
use ostler_core::ids::ApprovalId;
use ostler_identity::{Expected, Purpose, Verdict, action_digest};
use ostler_proto::{Request, Response};

/// How long a verdict may wait for its runner. It is bound to one lease, which rarely lives as long.
const VERDICT_TTL_MS: u64 = 24 * 3_600_000;

/// An approval with the action it is about, when that could be read and is what the digest says.
#[derive(Debug)]
pub struct Question {
    /// As the relay keeps it.
    pub approval: Approval,
    /// The exact action, or why it must not be decided.
    pub action: Result<Action, ClientError>,
}

impl Client {
    /// What waits for people, oldest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn inbox(&self) -> Result<Vec<Question>, ClientError> {
        let Response::Approvals(approvals) = self.ask(&Request::Inbox).await? else {
            return Err(unexpected("Approvals"));
        };
        let mut questions = Vec::with_capacity(approvals.len());
        for approval in approvals {
            questions.push(self.question(approval).await);
        }
        Ok(questions)
    }

    /// One approval, decided or not.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn approval(&self, id: ApprovalId) -> Result<Question, ClientError> {
        let Response::Approvals(found) = self.ask(&Request::Approval(id)).await? else {
            return Err(unexpected("Approvals"));
        };
        let found = found.into_iter().find(|approval| approval.id == id);
        let missing = || ClientError::NotFound { kind: "approval", text: id.to_string(), see: "`ostler inbox`" };
        Ok(self.question(found.ok_or_else(missing)?).await)
    }

    /// The one waiting approval whose printed id starts or ends with `text`.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], or [`ClientError::Ambiguous`] with all that match.
    pub async fn find_question(&self, text: &str) -> Result<Question, ClientError> {
        if let Ok(id) = text.parse() {
            return self.approval(id).await;
        }
        let fits = |id: &ApprovalId| {
            let full = id.to_string();
            full.starts_with(text) || full.ends_with(text) || id.short().starts_with(text)
        };
        let found = self.inbox().await?.into_iter().filter(|question| fits(&question.approval.id)).collect();
        only("waiting approval", text, "`ostler inbox`", found, |question: &Question| question.approval.id.to_string())
    }

    /// Decides `question` with this device's signature.
    ///
    /// # Errors
    /// When the action could not be read or is not the asked one, or somebody else was first.
    pub async fn decide(&self, question: &Question, choice: Choice, words: &str) -> Result<(), ClientError> {
        self.answer(question, choice, &Remark::words(words)).await
    }

    /// As [`Client::decide`], with all that can be said: the option of a question, a rule for the rest of the run.
    ///
    /// # Errors
    /// As [`Client::decide`].
    pub async fn answer(&self, question: &Question, choice: Choice, remark: &Remark) -> Result<(), ClientError> {
        let Approval { id, lease, digest, .. } = question.approval;
        if !question.approval.is_pending() {
            return Err(ClientError::Answered);
        }
        // Approving needs an action that was read; rejecting what nobody can read is always safe.
        match &question.action {
            Ok(action) if action_digest(action) != digest => return Err(ClientError::WrongAction),
            Err(_) if choice == Choice::Approve => return Err(ClientError::WrongAction),
            Ok(_) | Err(_) => {}
        }
        let expected = Expected { incarnation: self.incarnation()?, lease, approval: id, digest };
        let (keyring, until) = (self.keyring()?, chance::unix_ms().saturating_add(VERDICT_TTL_MS));
        let verdict = Verdict::sign(&self.home().signer(), &keyring, &expected, choice, remark, until)?;
        match self.ask(&Request::Answer { id, digest, choice, verdict }).await {
            Ok(Response::Done) => Ok(()),
            Ok(_) => Err(unexpected("Answer")),
            Err(error) => self.mine(error, choice),
        }
    }

    /// An answer that arrived twice was given once: the second is told that the first decided.
    fn mine(&self, error: ClientError, choice: Choice) -> Result<(), ClientError> {
        if let ClientError::Refusal(Refusal::AlreadyDecided(decided)) = &error
            && decided.by == self.home().device()
            && decided.choice == choice
        {
            return Ok(());
        }
        Err(error)
    }

    async fn question(&self, approval: Approval) -> Question {
        let action = self.action(&approval).await;
        Question { approval, action }
    }

    async fn action(&self, approval: &Approval) -> Result<Action, ClientError> {
        let lease = approval.lease;
        let purpose = Purpose::Ask { run: lease.run, epoch: lease.epoch, approval: approval.id };
        let plain = self.open(&purpose, &approval.sealed).await?;
        let action: Action = postcard::from_bytes(&plain).map_err(|_| ClientError::Content("the action"))?;
        if action_digest(&action) == approval.digest { Ok(action) } else { Err(ClientError::WrongAction) }
    }
}
