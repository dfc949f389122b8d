//! What the load generator is told: a scenario and numbers, each with a default that suits two cores.

use crate::Error;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

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
  stream       agents that talk for an hour, heard     --rate 100 --for 1h --runs 1 --quiet 1m --trickle 10 --warm 250000
  agents       our memory for many agents at once      --runs 20 --rate 10 --for 1m
  act          not a measurement: the agent of both    --rate 100 --for 1m --asks 0
all: --rounds 3 (stream and agents: 1), --dir DIRECTORY on the disk to measure (default: the temporary directory),
     --relay FILE, --runner FILE, --ostler FILE (default: `ostler-relay`, `ostler-runner` and `ostler` beside this program)
times: 250ms, 30s, 5m, 1h";

/// The numbers a scenario may be given.
const NUMBERS: [&str; 14] = [
    "rounds",
    "count",
    "workers",
    "slots",
    "backlog",
    "inflight",
    "clients",
    "rate",
    "runners",
    "megabytes",
    "runs",
    "trickle",
    "warm",
    "asks",
];
/// The times a scenario may be given.
const TIMES: [&str; 2] = ["for", "quiet"];
/// Units of a time, and their milliseconds.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where files are made.
    pub dir: PathBuf,
    /// The relay's executable.
    pub relay: PathBuf,
    /// The runner's executable.
    pub runner: PathBuf,
    /// The executable of everything.
    pub ostler: PathBuf,
    numbers: BTreeMap<String, u64>,
    times: BTreeMap<String, Duration>,
}

impl Options {
    /// Reads `--key value` pairs.
    ///
    /// # Errors
    /// An unknown key, a missing or wrong value.
    pub fn read(mut given: impl Iterator<Item = String>) -> Result<Self, Error> {
        let us = std::env::current_exe()?;
        let [relay, runner, ostler] = ["ostler-relay", "ostler-runner", "ostler"].map(|name| us.with_file_name(name));
        let (dir, numbers, times) = (std::env::temp_dir(), BTreeMap::new(), BTreeMap::new());
        let mut options = Self { dir, relay, runner, ostler, numbers, times };
        while let Some(key) = given.next() {
            let value = given.next().ok_or_else(|| format!("{key} wants a value\n{USAGE}"))?;
            match key.trim_start_matches("--") {
                "dir" => options.dir = PathBuf::from(value),
                "relay" => options.relay = PathBuf::from(value),
                "runner" => options.runner = PathBuf::from(value),
                "ostler" => options.ostler = PathBuf::from(value),
                time if TIMES.contains(&time) => {
                    options.times.insert(time.to_owned(), parsed(&value)?);
                }
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

    /// A time as given, or its default.
    #[must_use]
    pub fn time(&self, key: &str, default: Duration) -> Duration {
        self.times.get(key).copied().unwrap_or(default)
    }
}

/// A number and its unit.
fn parsed(text: &str) -> Result<Duration, Error> {
    let wrong = || format!("{text} is no time: 250ms, 30s, 5m, 1h");
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let (_, ms) = UNITS.iter().find(|(known, _)| *known == unit).ok_or_else(wrong)?;
    Ok(Duration::from_millis(number.parse::<u64>()?.checked_mul(*ms).ok_or_else(wrong)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Options, Error> {
        Options::read(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn numbers_are_read_and_what_nobody_knows_is_refused() {
        let options = read(&["--count", "7", "--dir", "/d", "--for", "2m"]).expect("good options");
        assert_eq!((options.number("count", 1), options.number("slots", 8)), (7, 8));
        assert_eq!(
            (options.dir.as_path(), options.time("for", Duration::ZERO)),
            ("/d".as_ref(), Duration::from_secs(120))
        );
        for wrong in [&["--count"][..], &["--count", "many"], &["--colour", "1"], &["--for", "7"], &["--for", "7y"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
