//! `ostler config`: every setting with its default and reason, and what this machine's own files change.

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use clap::ValueEnum;
use ostler_relay::RelayConfig;
use ostler_runner::RunnerConfig;
use serde_json::json;
use std::path::Path;

/// Whose settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// relay.toml.
    Relay,
    /// runner.toml.
    Runner,
}

/// Whose settings, and how much of them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Both when absent.
    part: Option<Part>,
    /// Only what is compiled in: a file to start from.
    #[arg(long)]
    defaults: bool,
}

impl Part {
    const fn file(self) -> &'static str {
        match self {
            Self::Relay => "relay.toml",
            Self::Runner => "runner.toml",
        }
    }

    const fn defaults(self) -> &'static str {
        match self {
            Self::Relay => ostler_relay::DEFAULTS,
            Self::Runner => ostler_runner::DEFAULTS,
        }
    }

    /// Refuses a file the daemon would refuse.
    fn check(self, file: &Path) -> Result<(), Fault> {
        match self {
            Self::Relay => RelayConfig::read(Some(file)).map(drop)?,
            Self::Runner => RunnerConfig::read(Some(file)).map(drop)?,
        }
        Ok(())
    }
}

/// Shows them.
pub(crate) fn perform(context: &Context, args: &Args) -> Result<Exit, Fault> {
    let parts = args.part.map_or_else(|| vec![Part::Relay, Part::Runner], |part| vec![part]);
    let mut shown = serde_json::Map::new();
    for part in parts {
        let path = context.base().join(part.file());
        let own = if args.defaults || !path.exists() { None } else { Some(read(part, &path)?) };
        if context.json() {
            shown.insert(part.file().to_owned(), json!({ "path": path, "own": own, "defaults": part.defaults() }));
            continue;
        }
        tell(part, &path, own.as_deref());
    }
    if context.json() {
        context.print_json(json!({ "settings": shown }));
    }
    Ok(Exit::Success)
}

fn read(part: Part, path: &Path) -> Result<String, Fault> {
    part.check(path)?;
    std::fs::read_to_string(path).map_err(Fault::io(path.display().to_string()))
}

fn tell(part: Part, path: &Path, own: Option<&str>) {
    let paint = Paint::stdout();
    out::line(&paint.bold(&format!("# {}: compiled-in defaults", part.file())));
    out::raw(part.defaults().as_bytes());
    match own {
        Some(own) => {
            out::line(&paint.bold(&format!("# {}: lies over them", path.display())));
            out::raw(own.as_bytes());
        }
        None => out::line(&paint.dim(&format!("# {}: not there; write only what you change into it", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_an_unknown_key_is_refused_with_its_line() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("relay.toml");
        std::fs::write(&path, "[lease]\nttl = \"9s\"\nlistne = 1\n").expect("written");
        let error = read(Part::Relay, &path).expect_err("refused").to_string();
        assert!(error.contains("relay.toml:3: unknown key `lease.listne`"), "{error}");
    }
}
