//! The `ostler-relay` process: arguments, logging, signals. `ostler relay serve` does the same at the front desk.

use crate::CHECK_ARGUMENT;
use crate::Relay;
use crate::RelayConfig;
use crate::RelayOptions;
use crate::check_main;
use ostler_boot::{Signals, home};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The store finds runs again that settled within this; what it cannot find must not be promised.
const SETTLED_MS_MAX: u64 = 48 * 3_600_000;
const USAGE: &str = "usage: ostler-relay [--config FILE] [--fleet FLEET_KEY]";

/// Runs the process to its end.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let said = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [CHECK_ARGUMENT, directory] => return check_main(Path::new(directory)),
        given => options(given).and_then(serve),
    };
    match said {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not through the log: it may be what could not be set up.
            drop(writeln!(std::io::stderr(), "ostler-relay: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn options(given: &[&str]) -> Result<RelayOptions, String> {
    let (mut file, mut fleet) = (None, None);
    let mut rest = given.iter();
    while let Some(flag) = rest.next() {
        let value = rest.next().ok_or(USAGE)?;
        match *flag {
            "--config" => file = Some(PathBuf::from(value)),
            "--fleet" => fleet = Some((*value).to_owned()),
            other => return Err(format!("unknown argument {other}\n{USAGE}")),
        }
    }
    let config = RelayConfig::read(file.as_deref()).map_err(|error| error.to_string())?;
    config.log.init().map_err(|error| error.to_string())?;
    RelayOptions::from_config(config, fleet.as_deref())
}

impl RelayOptions {
    /// What a configuration asks for; `fleet` (a public key) goes before the configured one.
    ///
    /// # Errors
    /// An address or key nobody can read, in words.
    pub fn from_config(config: RelayConfig, fleet: Option<&str>) -> Result<Self, String> {
        let fleet = fleet.or(Some(config.fleet.as_str()).filter(|text| !text.is_empty()));
        let fleet = fleet.map(str::parse).transpose().map_err(|error| format!("fleet: {error}"))?;
        let address = |key: &str, text: &str| -> Result<SocketAddr, String> {
            text.parse().map_err(|_| format!("{key}: `{text}` is not an address like 0.0.0.0:7433"))
        };
        let http = if config.http.is_empty() { None } else { Some(address("http", &config.http)?) };
        let data_dir = match config.data_dir.as_str() {
            "" => home().map_err(|error| error.to_string())?.join("relay"),
            given => PathBuf::from(given),
        };
        if config.policy().settled_retained_ms > SETTLED_MS_MAX {
            return Err("retention.settled: the ledger remembers at most 48h; give less".to_owned());
        }
        let (listen, checker) = (address("listen", &config.listen)?, std::env::current_exe().ok());
        Ok(Self { config, data_dir, fleet, listen, http, checker })
    }
}

fn serve(options: RelayOptions) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let mut signals = Signals::listen().map_err(|error| error.to_string())?;
        let mut relay = Relay::start(options).await.map_err(|error| error.to_string())?;
        tokio::select! {
            _ = signals.next() => {
                relay.stop().await;
                Ok(())
            }
            exit = relay.ended() => Err(exit.to_string()),
        }
    })
}
