//! What the load generator is told: a scenario and numbers, each with a default that suits two cores.

use crate::Error;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What it can be told.
pub const USAGE: &str = "usage: ostler-load SCENARIO [--KEY VALUE]...
  transitions  decisions of the pure ledger            --count 200000 --workers 16 --slots 16 --backlog 0
  store        durable submits, ledger and redb        --count 60000 --inflight 4096
  submits      durable submits through a whole relay   --count 30000 --clients 16 --inflight 48
  latency      from submit to the runner's offer       --count 1000 --rate 0 (one at a time) --slots 256
  noop         runs that are done at once, end to end  --count 20000 --clients 4 --inflight 32 --slots 8
  real         the same with a real runner process     --count 5000 --clients 4 --inflight 32 --slots 8
  idle         relay memory for idle runners           --runners 1000
  queued       relay memory for queued runs            --count 100000 --clients 16 --inflight 48
  reopen       start of a relay with history           --megabytes 1024
all: --rounds 3, --dir DIRECTORY on the disk to measure (default: the temporary directory),
     --relay FILE, --runner FILE (default: `ostler-relay` and `ostler-runner` beside this program)";

/// The numbers a scenario may be given.
const NUMBERS: [&str; 10] =
    ["rounds", "count", "workers", "slots", "backlog", "inflight", "clients", "rate", "runners", "megabytes"];

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where files are made.
    pub dir: PathBuf,
    /// The relay's executable.
    pub relay: PathBuf,
    /// The runner's executable.
    pub runner: PathBuf,
    numbers: BTreeMap<String, u64>,
}

impl Options {
    /// Reads `--key value` pairs.
    ///
    /// # Errors
    /// An unknown key, a missing or wrong value.
    pub fn read(mut given: impl Iterator<Item = String>) -> Result<Self, Error> {
        let [relay, runner] =
            ["ostler-relay", "ostler-runner"].map(|name| std::env::current_exe().map(|us| us.with_file_name(name)));
        let (relay, runner) = (relay?, runner?);
        let mut options = Self { dir: std::env::temp_dir(), relay, runner, numbers: BTreeMap::new() };
        while let Some(key) = given.next() {
            let value = given.next().ok_or_else(|| format!("{key} wants a value\n{USAGE}"))?;
            match key.trim_start_matches("--") {
                "dir" => options.dir = PathBuf::from(value),
                "relay" => options.relay = PathBuf::from(value),
                "runner" => options.runner = PathBuf::from(value),
                number if NUMBERS.contains(&number) => {
                    options.numbers.insert(number.to_owned(), value.parse()?);
                }
                _ => return Err(format!("unknown option {key}\n{USAGE}").into()),
            }
        }
        Ok(options)
    }

    /// A number as given, or its default.
    #[must_use]
    pub fn number(&self, key: &str, default: u64) -> u64 {
        self.numbers.get(key).copied().unwrap_or(default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Options, Error> {
        Options::read(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn numbers_are_read_and_what_nobody_knows_is_refused() {
        let options = read(&["--count", "7", "--dir", "/d"]).expect("good options");
        assert_eq!((options.number("count", 1), options.number("slots", 8)), (7, 8));
        assert_eq!(options.dir, PathBuf::from("/d"));
        for wrong in [&["--count"][..], &["--count", "many"], &["--colour", "1"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
