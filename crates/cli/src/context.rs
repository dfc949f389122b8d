//! What every command has: the data directory, the clock, the output's form, and a way to the relay.

use crate::fault::Fault;
use crate::{out, progress};
use ostler_boot::Clock;
use ostler_client::{Client, Home};
use ostler_core::time::Timestamp;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Version of every JSON document: grows when a field changes its meaning or goes away; new fields may appear any time.
pub(crate) const SCHEMA: u32 = 1;

/// What every command has.
#[derive(Debug)]
pub(crate) struct Context {
    base: PathBuf,
    json: bool,
    clock: Clock,
}

impl Context {
    /// Reads where Ostler's data is.
    pub(crate) fn new(json: bool) -> Result<Self, Fault> {
        Ok(Self::at(ostler_boot::home()?, json))
    }

    /// For a data directory that is known.
    pub(crate) fn at(base: PathBuf, json: bool) -> Self {
        Self { base, json, clock: Clock::start() }
    }

    /// The data directory.
    pub(crate) fn base(&self) -> &Path {
        &self.base
    }

    /// The configuration file of that name in the data directory, if there is one.
    pub(crate) fn config(&self, given: Option<&Path>, name: &str) -> Option<PathBuf> {
        given.map(Path::to_owned).or_else(|| Some(self.base.join(name)).filter(|path| path.exists()))
    }

    /// True when a program reads the output.
    pub(crate) const fn json(&self) -> bool {
        self.json
    }

    /// Now, for ages.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.clock.now_ms())
    }

    /// The clock itself, for what outlives a borrow.
    pub(crate) const fn clock(&self) -> Clock {
        self.clock
    }

    /// This device's files.
    pub(crate) fn home(&self) -> Result<Home, Fault> {
        Ok(Home::open(&self.base)?)
    }

    /// A connection to the relay, with a warning when it is not the one that was met before.
    pub(crate) async fn client(&self) -> Result<Client, Fault> {
        let client = progress::with("waiting for the relay", Client::connect(self.home()?)).await?;
        tell_restored(&client);
        Ok(client)
    }

    /// Prints `value` as JSON under its schema version.
    pub(crate) fn print_json(&self, mut value: Value) {
        if let Value::Object(fields) = &mut value {
            fields.insert("schema".to_owned(), json!(SCHEMA));
        }
        out::line(&value.to_string());
    }
}

/// Says that the relay's database is another one than this device remembers.
pub(crate) fn tell_restored(client: &Client) {
    if client.take_restored().is_some() {
        out::warn(
            "the relay was restored from a backup (or replaced) since this device last met it: what was submitted \
             or decided after that backup is gone, look at `ostler runs list` and `ostler inbox`",
        );
    }
}
