//! `ostler doctor`: what is wrong on this machine, and what to do about it. One line per check.

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use crate::progress;
use crate::render::time;
use ostler_client::{Client, Home};
use ostler_relay::RelayConfig;
use ostler_runner::{Catalog, RunnerConfig};
use serde_json::json;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};

/// Clocks further apart than this make tickets and verdicts expire at surprising times.
const SKEW_MS: u64 = 30_000;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Fine,
    Odd,
    Broken,
}

/// One check.
#[derive(Debug)]
struct Finding {
    what: &'static str,
    verdict: Verdict,
    says: String,
}

impl Finding {
    fn fine(what: &'static str, says: impl Into<String>) -> Self {
        Self { what, verdict: Verdict::Fine, says: says.into() }
    }

    fn odd(what: &'static str, says: impl Into<String>) -> Self {
        Self { what, verdict: Verdict::Odd, says: says.into() }
    }

    fn broken(what: &'static str, says: impl Into<String>) -> Self {
        Self { what, verdict: Verdict::Broken, says: says.into() }
    }

    const fn word(&self) -> &'static str {
        match self.verdict {
            Verdict::Fine => "ok",
            Verdict::Odd => "warn",
            Verdict::Broken => "fail",
        }
    }
}

/// Looks.
pub(crate) async fn perform(context: &Context) -> Result<Exit, Fault> {
    let mut findings = vec![directory(context), settings(context), git(), agents()];
    findings.extend(ports(context));
    findings.extend(membership(context).await);
    findings.push(runner(context).await);
    let worst = findings.iter().map(|finding| finding.verdict).max();
    if context.json() {
        let checks = findings.iter().map(|f| json!({ "check": f.what, "result": f.word(), "says": f.says }));
        context.print_json(json!({ "checks": checks.collect::<Vec<_>>() }));
    } else {
        findings.iter().for_each(|finding| out::line(&line(finding, Paint::stdout())));
    }
    Ok(if worst == Some(Verdict::Broken) { Exit::Failure } else { Exit::Success })
}

fn line(finding: &Finding, paint: Paint) -> String {
    let word = format!("{:<4}", finding.word());
    let word = match finding.verdict {
        Verdict::Fine => paint.green(&word),
        Verdict::Odd => paint.yellow(&word),
        Verdict::Broken => paint.red(&word),
    };
    format!("{word}  {:<10} {}", finding.what, finding.says)
}

fn directory(context: &Context) -> Finding {
    let path = context.base();
    if !path.exists() {
        return Finding::odd(
            "data",
            format!("{} is not there yet: `ostler up` or `ostler init` makes it", path.display()),
        );
    }
    match ostler_boot::private_dir(path) {
        Ok(()) => Finding::fine("data", path.display().to_string()),
        Err(error) => Finding::broken("data", error.to_string()),
    }
}

fn settings(context: &Context) -> Finding {
    let relay = RelayConfig::read(context.config(None, "relay.toml").as_deref()).map(drop);
    let runner = RunnerConfig::read(context.config(None, "runner.toml").as_deref()).map(drop);
    match relay.and(runner) {
        Ok(()) => Finding::fine("settings", "relay.toml and runner.toml are sound, or absent"),
        Err(error) => Finding::broken("settings", error.to_string()),
    }
}

fn git() -> Finding {
    match first_line("git", "--version") {
        Some(version) => Finding::fine("git", version),
        None => Finding::broken("git", "not found: a runner needs git for repositories, install it"),
    }
}

fn agents() -> Finding {
    let catalog = Catalog::standard();
    let there = catalog.entries().iter().filter(|entry| entry.programs.iter().any(|program| in_path(program)));
    let found: Vec<&str> = there.map(|entry| entry.name).collect();
    if found.is_empty() {
        return Finding::odd("agents", "no agent CLI in PATH: runs can still be commands (`shell`), or run elsewhere");
    }
    Finding::fine("agents", format!("{}; `ostler agents doctor` looks closer", found.join(", ")))
}

fn in_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(name).is_file())
}

fn first_line(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then(|| text.lines().next().unwrap_or_default().to_owned())
}

/// Whether a relay could listen here; a relay that already does is no mistake.
fn ports(context: &Context) -> Option<Finding> {
    let config = RelayConfig::read(context.config(None, "relay.toml").as_deref()).ok()?;
    let listen: SocketAddr = config.listen.parse().ok()?;
    let port = listen.port();
    Some(match UdpSocket::bind(listen) {
        Ok(_) => Finding::fine("port", format!("UDP {port} is free for a relay")),
        Err(_) if is_own_relay(context, port) => {
            Finding::fine("port", format!("UDP {port} is taken by this machine's relay"))
        }
        Err(error) => {
            Finding::odd("port", format!("UDP {port} is taken ({error}): set `listen` in relay.toml to serve here"))
        }
    })
}

fn is_own_relay(context: &Context, port: u16) -> bool {
    let home = context.home();
    home.is_ok_and(|home| home.relays().iter().any(|relay| relay.authority().ends_with(&format!(":{port}"))))
}

/// The keys of this device, and what the relay says to them.
async fn membership(context: &Context) -> Vec<Finding> {
    let home = match context.home() {
        Ok(home) => home,
        Err(_) if !Home::exists(context.base()) => {
            return vec![Finding::odd(
                "fleet",
                "this device belongs to none: `ostler up`, `ostler init`, or `ostler join`",
            )];
        }
        Err(error) => return vec![Finding::broken("keys", error.to_string())],
    };
    let mut findings = vec![keys(&home)];
    if home.relays().is_empty() {
        findings.push(Finding::odd("relay", "none known: `ostler up`, or `ostler init --relay HOST:PORT#rly_…`"));
        return findings;
    }
    match progress::with("asking the relay", Client::connect(home)).await {
        Ok(client) => findings.extend(relay(context, &client).await),
        Err(error) => findings.push(Finding::broken("relay", error.to_string())),
    }
    findings
}

fn keys(home: &Home) -> Finding {
    let root = if home.is_founder() { "; the fleet key is here: keep a copy of it elsewhere" } else { "" };
    if home.is_exposed() {
        let dir = home.dir().display();
        return Finding::broken("keys", format!("others may look into {dir}: run `chmod 700 {dir}`"));
    }
    Finding::fine("keys", format!("{} of {}{root}", home.device().short(), home.fleet().short()))
}

async fn relay(context: &Context, client: &Client) -> Vec<Finding> {
    crate::context::tell_restored(client);
    let status = match client.status().await {
        Ok(status) => status,
        Err(error) => return vec![Finding::broken("relay", error.to_string())],
    };
    let own = env!("CARGO_PKG_VERSION");
    let release = if status.release == own {
        Finding::fine("relay", format!("answers, release {own}, up {}", time::length(status.uptime_ms)))
    } else {
        Finding::odd("relay", format!("answers, release {} and this one is {own}: update the older", status.release))
    };
    let skew = context.now().0.abs_diff(status.now.0);
    let clock = if skew > SKEW_MS {
        Finding::odd("clock", format!("{} apart from the relay's: set both by NTP", time::length(skew)))
    } else {
        Finding::fine("clock", "agrees with the relay's")
    };
    let (connected, paired) = status.workers;
    let workers = if connected == 0 {
        Finding::odd("runners", format!("none of {paired} is connected: nothing can run, `ostler runner start`"))
    } else {
        Finding::fine("runners", format!("{connected} of {paired} connected"))
    };
    vec![release, clock, workers]
}

async fn runner(context: &Context) -> Finding {
    let Ok((_, directory)) = crate::command::runner::configured(context, None) else {
        return Finding::odd("runner", "its settings cannot be read, see above");
    };
    if !directory.join("profile").exists() {
        return Finding::fine("runner", "this machine is not one");
    }
    match ostler_runner::status(&directory).await {
        Ok(status) if status.connected => Finding::fine("runner", format!("{} is connected", status.name)),
        Ok(status) => Finding::odd("runner", format!("{} runs, without a connection to its relay", status.name)),
        Err(error) => Finding::odd("runner", error.to_string()),
    }
}
