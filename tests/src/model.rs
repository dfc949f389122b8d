//! A model that plays scripts: real agents run against it without a network.
//!
//! One small HTTP server on loopback speaks Anthropic Messages, OpenAI Responses, OpenAI Chat Completions and Gemini.
//! A prompt names its script by a marker, `[[script:both]]`; which step is next is read off the conversation in each
//! request, so a retry, a resumed session and twenty agents at once need no preparation and find no leftovers.
//!
//! ```text
//!  request ─► wire (one per protocol) ─► Talk ─► play ─► Answer ─► wire ─► response
//!                                          │      ▲
//!                                       marker  Scripts          every request is kept: `heard`
//! ```
//!
//! Owns the scripts, the count of faults already dealt out, and the record of requests. Must not know any agent by name:
//! what an agent is given follows from the tools it declares.

mod edit;
mod fit;
mod heard;
mod marker;
mod play;
mod repertoire;
mod script;
mod server;
mod talk;
mod tools;
mod wire;

pub use heard::{Heard, Part};
pub use script::{Fault, Op, Scripts, Step, Trouble};

use server::Stage;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Tokens of the prompt that every scripted answer reports, those from the cache included.
pub const INPUT_TOKENS: u64 = 120;
/// Tokens of the prompt that every scripted answer reports as read from the cache.
pub const CACHED_TOKENS: u64 = 20;
/// Tokens that every scripted answer reports to have written.
pub const OUTPUT_TOKENS: u64 = 10;

/// A running model. It ends when it is dropped.
#[derive(Debug)]
pub struct Model {
    address: SocketAddr,
    stage: Arc<Stage>,
    /// Dropped to end the server.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Model {
    /// Starts one on a free port of loopback, in a thread of its own: a test may block or use virtual time meanwhile.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn start(scripts: Scripts) -> Self {
        Self::start_at(scripts, 0, None)
    }

    /// Starts one on this port (0: a free one), and writes each request as a line of JSON to `log` as well.
    ///
    /// # Panics
    /// When the port is taken or the log cannot be written.
    #[must_use]
    pub fn start_at(scripts: Scripts, port: u16, log: Option<&Path>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        let address = listener.local_addr().expect("bound");
        let stage = Arc::new(Stage::new(scripts, log));
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&stage);
        let serve = move || server::serve(listener, &served, stopped);
        let thread = std::thread::Builder::new().name("model".to_owned()).spawn(serve).expect("a thread");
        Self { address, stage, stop: Some(stop), thread: Some(thread) }
    }

    /// The port it answers on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// The base for one agent, without a slash at its end. OpenAI clients want `/v1` behind it. The tag is a label of the
    /// test's own choosing, by which [`Model::heard`] finds the requests again.
    #[must_use]
    pub fn url(&self, tag: &str) -> String {
        format!("http://{}/t/{tag}", self.address)
    }

    /// All requests so far, in the order they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Heard> {
        self.stage.heard()
    }

    /// The requests under one tag so far, in the order they came.
    #[must_use]
    pub fn heard(&self, tag: &str) -> Vec<Heard> {
        self.requests().into_iter().filter(|heard| heard.tag == tag).collect()
    }

    /// Lets go what is held under this tag ([`Trouble::Hold`]), now and from now on.
    pub fn release(&self, tag: &str) {
        self.stage.release(tag);
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A server that panicked has failed the request, and with it the test, already.
            drop(thread.join());
        }
    }
}
