//! Submitting: the header in clear; the task signed by this device for this very run, then sealed to the fleet; a digest
//! over header and task that only the fleet can compute.
//!
//! Owns the id of a run, so that a submission whose answer was lost is the same submission when it is sent again.

use crate::chance;
use crate::client::{Client, unexpected};
use crate::error::ClientError;
use ostler_core::approval::SlotPolicy;
use ostler_core::failure::Attempts;
use ostler_core::ids::RunId;
use ostler_core::limits::BODY_BYTES_MAX;
use ostler_core::run::Header;
use ostler_core::task::Task;
use ostler_identity::{Purpose, sign_body, verify_body};
use ostler_proto::{Request, Response};

/// A run to be submitted. What the relay must read twice stands in `task` only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What people call it.
    pub name: String,
    /// The lane it waits in.
    pub queue: String,
    /// The set of runners that may take it.
    pub pool: String,
    /// 1 is most urgent, 5 least.
    pub priority: u8,
    /// How many attempts it may use.
    pub attempts: Attempts,
    /// Give it up when it was not started this long (ms) after submission.
    pub start_within_ms: Option<u64>,
    /// Whether it keeps its slot while it asks.
    pub slot: SlotPolicy,
    /// Submitting the same key again is submitting once.
    pub key: Option<String>,
    /// What is sealed.
    pub task: Task,
}

/// A kept run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// Which: an earlier one when the idempotency key was known.
    pub run: RunId,
    /// False when it was known already.
    pub fresh: bool,
    /// When no paired runner could ever take it: each runner's name and what it misses, nearest first.
    pub unmet: Vec<(String, Vec<String>)>,
}

impl Draft {
    /// A draft of `task` in the default queue and pool.
    #[must_use]
    pub fn new(name: &str, task: Task) -> Self {
        Self {
            name: name.to_owned(),
            queue: "default".to_owned(),
            pool: "default".to_owned(),
            priority: 3,
            attempts: Attempts::default(),
            start_within_ms: None,
            slot: SlotPolicy::default(),
            key: None,
            task,
        }
    }

    fn header(&self) -> Header {
        Header {
            name: self.name.clone(),
            queue: self.queue.clone(),
            pool: self.pool.clone(),
            priority: self.priority,
            requirements: self.task.requirements.clone(),
            agent: self.task.agent.clone(),
            attempts: self.attempts,
            hold_ms: None,
            start_within_ms: self.start_within_ms,
            slot: self.slot,
            key: self.key.clone(),
        }
    }
}

impl Client {
    /// Submits a run; when this returns, the relay keeps it and will not lose it.
    ///
    /// # Errors
    /// Out of bounds before anything is sent; see [`ClientError`] for the rest.
    pub async fn submit(&self, draft: &Draft) -> Result<Submitted, ClientError> {
        self.send(draft.header(), &draft.task).await
    }

    /// Submits what `run` was asked to do again, as a new run under the same header, without its idempotency key.
    ///
    /// # Errors
    /// When the relay no longer keeps the body, or as [`Client::submit`].
    pub async fn retry(&self, run: RunId) -> Result<Submitted, ClientError> {
        let header = Header { key: None, ..self.run(run).await?.view.spec.header };
        let task = self.task(run).await?;
        self.send(header, &task).await
    }

    /// What a run was asked to do.
    ///
    /// # Errors
    /// When the relay no longer keeps it, it does not open, or nobody who may submit signed it for this run.
    pub async fn task(&self, run: RunId) -> Result<Task, ClientError> {
        let Response::Body(body) = self.ask(&Request::Body(run)).await? else { return Err(unexpected("Body")) };
        let sealed = body.ok_or(ClientError::NoBody(run))?;
        let signed = self.open(&Purpose::Body { run }, &sealed).await?;
        let (_, plain) = self.trusting(|trust| verify_body(&signed, run, trust))?;
        postcard::from_bytes(&plain).map_err(|_| ClientError::Content("the task"))
    }

    async fn send(&self, header: Header, task: &Task) -> Result<Submitted, ClientError> {
        header.check()?;
        let plain = encoded(task);
        // The limit again before sealing: ten megabytes are refused without being encrypted first.
        within(plain.len())?;
        let keyring = self.keyring()?;
        let run = RunId::from_parts(chance::unix_ms(), chance::bytes());
        let body = keyring.seal(&Purpose::Body { run }, &sign_body(&self.home().signer(), run, &plain));
        within(body.len())?;
        let digest = keyring.spec_digest(&encoded(&(&header, task)));
        let Response::Submitted { run, fresh, unmet } =
            self.ask(&Request::Submit { id: run, header, digest, body }).await?
        else {
            return Err(unexpected("Submitted"));
        };
        Ok(Submitted { run, fresh, unmet })
    }
}

fn encoded<T: serde::Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("tasks and headers are made of types postcard can write")
}

fn within(bytes: usize) -> Result<(), ClientError> {
    if bytes > BODY_BYTES_MAX { Err(ClientError::TooLarge { bytes, max: BODY_BYTES_MAX }) } else { Ok(()) }
}
