//! Asking before acting: a process inside a run waits for a person's verdict on one exact action, then becomes it.
//!
//! ```text
//! capture ─▶ Ask ─▶ (days) ─▶ Approved ─▶ capture again, the same? ─▶ Act ─▶ Go ─▶ exec
//!              └ connection lost: asked again under the same id         └ changed, rejected, refused: nothing is executed
//! ```
//!
//! Owns the asker's side. The runner verifies the verdict; this side sees to it that what was decided is what is executed.

mod action;
pub(crate) mod wire;

use ostler_agents::ENV_SOCKET;
use ostler_boot::{Clock, Period};
use ostler_core::approval::{LapsePolicy, Risk};
use ostler_core::ids::ApprovalId;
use ostler_identity::action_digest;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;
use wire::{Answer, Request};

/// Bad arguments.
const EXIT_USAGE: u8 = 2;
/// Nothing was executed because it could not be asked, or is not what was decided (as `env` and `timeout` use it).
const EXIT_REFUSED: u8 = 125;
/// Nothing was executed because a person said no.
const EXIT_REJECTED: u8 = 126;
/// A runner that restarts is back within seconds; it is waited for as long as the run lives.
const RECONNECT: Duration = Duration::from_millis(500);

const USAGE: &str = "usage: ostler ask --kind KIND [--risk low|medium|high] [--lapse hold|deny:TIME|escalate:TIME] -- COMMAND [ARGUMENT…]";

/// What was asked for on the command line.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    kind: String,
    risk: Risk,
    lapse: Option<LapsePolicy>,
    argv: Vec<String>,
}

/// Runs `ostler ask` with the arguments after that word: `--kind K [--risk low|medium|high] -- CMD…`. Waits until a person
/// decides, however often the runner restarts meanwhile; then becomes exactly the approved command, or says why not.
///
/// Exit codes besides the command's own: 125 when it changed or could not be asked, 126 when it was rejected, 2 for bad usage.
#[must_use]
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let (code, why) = match parse(arguments) {
        Ok(wanted) => ask(&wanted).unwrap_or_else(|why| (EXIT_REFUSED, why)),
        Err(why) => (EXIT_USAGE, format!("{why}\n{USAGE}")),
    };
    // Standard error is all an asker has; where even that is closed there is nobody left to tell.
    writeln!(io::stderr(), "ostler ask: {why}").unwrap_or_default();
    ExitCode::from(code)
}

fn parse(arguments: Vec<OsString>) -> Result<Wanted, String> {
    let text = |word: OsString| word.into_string().map_err(|_| "an argument is not UTF-8".to_owned());
    let mut words = arguments.into_iter().map(text);
    let (mut kind, mut risk, mut lapse) = ("command".to_owned(), Risk::Medium, None);
    while let Some(flag) = words.next() {
        let flag = flag?;
        if flag == "--" {
            let argv = words.collect::<Result<Vec<_>, _>>()?;
            return if argv.is_empty() {
                Err("there is no command".to_owned())
            } else {
                Ok(Wanted { kind, risk, lapse, argv })
            };
        }
        let value = words.next().ok_or_else(|| format!("{flag} needs a value"))??;
        match flag.as_str() {
            "--kind" => kind = value,
            "--risk" => risk = parse_risk(&value)?,
            "--lapse" => lapse = Some(parse_lapse(&value)?),
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Err("there is no command".to_owned())
}

fn parse_risk(text: &str) -> Result<Risk, String> {
    match text {
        "low" => Ok(Risk::Low),
        "medium" => Ok(Risk::Medium),
        "high" => Ok(Risk::High),
        other => Err(format!("`{other}` is no risk: low, medium or high")),
    }
}

fn parse_lapse(text: &str) -> Result<LapsePolicy, String> {
    let after_ms = |time: &str| time.parse::<Period>().map(Period::ms).map_err(|error| error.to_string());
    match text.split_once(':') {
        None if text == "hold" => Ok(LapsePolicy::Hold),
        Some(("deny", time)) => Ok(LapsePolicy::Deny { after_ms: after_ms(time)? }),
        Some(("escalate", time)) => Ok(LapsePolicy::Escalate { after_ms: after_ms(time)? }),
        Some(_) | None => Err(format!("`{text}` is no lapse policy: hold, deny:10m or escalate:10m")),
    }
}

/// Asks until there is an answer. Returns only when nothing is executed.
fn ask(wanted: &Wanted) -> Result<(u8, String), String> {
    let socket = std::env::var_os(ENV_SOCKET)
        .ok_or("this is not inside a run: `ostler ask` is for commands that a run's agent starts")?;
    let action = action::capture(&wanted.kind, wanted.risk, &wanted.argv).map_err(|error| error.to_string())?;
    let mut chance = [0; 10];
    getrandom::fill(&mut chance).map_err(|error| error.to_string())?;
    let id = ApprovalId::from_parts(Clock::start().now_ms(), chance);
    let (digest, program) = (action_digest(&action), action::path(&action));
    let asked = Request::Ask { id, action, lapse: wanted.lapse };
    loop {
        let talked = UnixStream::connect(&socket).and_then(|mut runner| {
            let answer = exchange(&mut runner, &asked)?;
            Ok((runner, answer))
        });
        let (mut runner, answer) = match talked {
            Ok(talked) => talked,
            Err(error) if is_lost(&error) => {
                std::thread::sleep(RECONNECT);
                continue;
            }
            Err(error) => return Err(error.to_string()),
        };
        match answer {
            Answer::Rejected { message } => return Ok((EXIT_REJECTED, rejected(&message))),
            Answer::Refused(why) => return Err(why),
            Answer::Approved { .. } | Answer::Go => {}
        }
        let now = action::capture(&wanted.kind, wanted.risk, &wanted.argv).map_err(|error| error.to_string())?;
        if action_digest(&now) != digest {
            return Err("the command has changed since it was approved: nothing was executed; ask again".to_owned());
        }
        match exchange(&mut runner, &Request::Act { id, digest }) {
            Ok(Answer::Go) => return Err(become_it(&program, &wanted.argv)),
            Ok(Answer::Refused(why) | Answer::Rejected { message: why }) => return Err(why),
            Ok(Answer::Approved { .. }) => return Err("the runner answered out of turn".to_owned()),
            Err(error) if is_lost(&error) => std::thread::sleep(RECONNECT),
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn rejected(message: &str) -> String {
    if message.is_empty() { "rejected".to_owned() } else { format!("rejected: {message}") }
}

/// Replaces this process by the approved one; returns only what kept it from that.
fn become_it(program: &str, argv: &[String]) -> String {
    let error = Command::new(program).arg0(&argv[0]).args(&argv[1..]).exec();
    format!("{program}: {error}")
}

fn exchange(runner: &mut UnixStream, request: &Request) -> io::Result<Answer> {
    runner.write_all(&wire::frame(request)?)?;
    let mut head = [0; 4];
    runner.read_exact(&mut head)?;
    let mut body = vec![0; wire::body_bytes(head)?];
    runner.read_exact(&mut body)?;
    wire::open(&body)
}

/// The runner is away, or being restarted: it comes back, or the run ends and this process with it.
fn is_lost(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotFound, UnexpectedEof};
    matches!(error.kind(), NotFound | ConnectionRefused | ConnectionReset | BrokenPipe | UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn a_question_is_read_and_everything_after_the_dashes_is_the_command() {
        let wanted = parse(words("--kind deploy --risk high --lapse deny:10m -- make --kind x")).expect("reads");
        assert_eq!((wanted.kind.as_str(), wanted.risk), ("deploy", Risk::High));
        assert_eq!(wanted.lapse, Some(LapsePolicy::Deny { after_ms: 600_000 }));
        assert_eq!(wanted.argv, ["make", "--kind", "x"]);
        for bad in ["", "--kind", "--kind deploy", "--kind deploy --", "--risk huge -- x", "--lapse soon -- x", "make"]
        {
            assert!(parse(words(bad)).is_err(), "{bad}");
        }
    }
}
