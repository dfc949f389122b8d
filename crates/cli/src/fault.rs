//! What a person is told when a command did not do what was asked: what happened, what to do, and an exit code.

use crate::exit::Exit;
use crate::out;
use crate::render::text::plain;
use miette::Diagnostic;
use ostler_client::{ClientError, HomeError};
use std::path::PathBuf;
use std::process::ExitCode;

/// Why a command failed.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(crate) enum Fault {
    /// The client's word for it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The data directory.
    #[error(transparent)]
    Place(#[from] ostler_boot::PlaceError),
    /// A configuration file.
    #[error(transparent)]
    Config(#[from] ostler_boot::ConfigError),
    /// The relay of this process.
    #[error(transparent)]
    Relay(#[from] ostler_relay::RelayError),
    /// Arguments that clap cannot judge.
    #[error("{0}")]
    #[diagnostic(help("see `ostler help`, or the command with --help"))]
    Usage(String),
    /// The ticket itself as an argument.
    #[error("a ticket never goes on the command line: every process on this machine could read it there")]
    #[diagnostic(help(
        "give `-` and paste it, or the path of a file that holds it; this one was seen, so ask for a new one"
    ))]
    TicketInArguments,
    /// A ticket file.
    #[error("cannot read the ticket from {path}: {source}")]
    #[diagnostic(help("give `-` to paste the ticket, or the path of a file that holds it"))]
    TicketFile {
        /// Where it should be.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// `--repo` with something else.
    #[error("{path} is not a git repository{}", .reason.as_ref().map_or_else(String::new, |r| format!(" ({r})")))]
    #[diagnostic(help(
        "give the path of a repository on this machine, or an https or ssh URL that the runner can reach"
    ))]
    NoRepository {
        /// What was given.
        path: PathBuf,
        /// What git or the system said.
        reason: Option<String>,
    },
    /// The runner's or relay's own word, already whole.
    #[error("{0}")]
    Daemon(String),
    /// Something this device cannot show.
    #[error("{0}")]
    #[diagnostic(help("`ostler runs events RUN` shows everything that was kept"))]
    Nothing(String),
    /// A yes for the whole run to something that is too dangerous or too particular for a rule.
    #[error("there is no rule for the rest of the run that would let just `{0}` pass: it must be asked each time")]
    #[diagnostic(help("approve it once, without --for-run"))]
    NoRule(String),
    /// A name that is not in the catalog.
    #[error("no agent is called `{0}`")]
    #[diagnostic(help("`ostler agents list` shows those this release knows"))]
    NoAgent(String),
    /// What the tour saw is not what it promises.
    #[error("the tour did not see what it promises:\n{0}")]
    #[diagnostic(help("run `ostler try --keep` and look into the logs it names"))]
    Tour(String),
    /// No agent for a tour about one.
    #[error("{0}")]
    #[diagnostic(help(
        "`ostler agents doctor` says what is missing; the tour without an agent needs none: `ostler try --no-agent`"
    ))]
    NoLead(String),
    /// The agent of the tour did not get to its end.
    #[error("{agent} did not do what it was asked: {why}")]
    #[diagnostic(help(
        "it needs its provider: the network, and a sign-in that is good; `ostler try --agent {agent} --keep` leaves the logs, \
         and the tour without an agent needs neither: `ostler try --no-agent`"
    ))]
    Lead {
        /// Which.
        agent: String,
        /// What became of its run.
        why: String,
    },
    /// A file or stream.
    #[error("{what}: {source}")]
    Io {
        /// Which.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// No threads, no sockets.
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
}

impl Fault {
    /// An IO error about `what`.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// The code a script sees.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Client(error) => client_exit(error),
            Self::Usage(_) | Self::TicketInArguments | Self::NoRepository { .. } => Exit::Usage,
            Self::NoRule(_) => Exit::Refused,
            Self::NoAgent(_) | Self::NoLead(_) => Exit::NotFound,
            Self::Lead { .. } => Exit::RunFailed,
            Self::Place(_)
            | Self::Config(_)
            | Self::Relay(_)
            | Self::TicketFile { .. }
            | Self::Daemon(_)
            | Self::Nothing(_)
            | Self::Tour(_)
            | Self::Io { .. }
            | Self::Runtime(_) => Exit::Failure,
        }
    }

    /// Tells the person, and gives the code.
    pub(crate) fn report(&self) -> ExitCode {
        let paint = out::Paint::stderr();
        let lines: Vec<String> = self.to_string().lines().map(plain).collect();
        out::note(&format!("{} {}", paint.red("error:"), lines.join("\n  ")));
        if let Some(help) = self.help().map(|help| help.to_string()).or_else(|| self.hint().map(str::to_owned)) {
            out::note(&format!("{} {help}", paint.dim(" help:")));
        }
        self.exit().into()
    }

    /// What to do about what the client says, where its own words do not.
    fn hint(&self) -> Option<&'static str> {
        let Self::Client(error) = self else { return None };
        match client_exit(error) {
            Exit::Unreachable => Some(
                "start it with `ostler up` or `ostler relay serve`; `ostler doctor` looks for what is wrong on this machine",
            ),
            Exit::Success
            | Exit::Failure
            | Exit::Usage
            | Exit::NotFound
            | Exit::Refused
            | Exit::NotSetUp
            | Exit::RunFailed
            | Exit::Cancelled
            | Exit::Dead
            | Exit::Expired
            | Exit::StillRunning
            | Exit::WouldAsk
            | Exit::WouldDeny
            | Exit::Interrupted => None,
        }
    }
}

impl From<HomeError> for Fault {
    fn from(error: HomeError) -> Self {
        Self::Client(error.into())
    }
}

fn client_exit(error: &ClientError) -> Exit {
    match error {
        ClientError::Home(HomeError::NotSetUp(_)) | ClientError::NoRelay => Exit::NotSetUp,
        ClientError::Dial(_) | ClientError::Unreachable { .. } | ClientError::Lost(_) | ClientError::Silent(_) => {
            Exit::Unreachable
        }
        ClientError::NotFound { .. } | ClientError::Ambiguous { .. } | ClientError::NoBody(_) => Exit::NotFound,
        ClientError::Refusal(ostler_core::decision::Refusal::NoRun(_)) => Exit::NotFound,
        ClientError::Refused(_)
        | ClientError::Refusal(_)
        | ClientError::Answered
        | ClientError::WrongAction
        | ClientError::Ticket(_)
        | ClientError::Chain(_)
        | ClientError::Verdict(_)
        | ClientError::Contended => Exit::Refused,
        ClientError::Header(_) | ClientError::TooLarge { .. } => Exit::Usage,
        ClientError::Home(_)
        | ClientError::Failed(_)
        | ClientError::Protocol(_)
        | ClientError::Content(_)
        | ClientError::Open(_)
        | ClientError::Unsigned(_)
        | ClientError::Epoch(_) => Exit::Failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_must_act_decides_the_code() {
        let cases = [
            (Fault::from(HomeError::NotSetUp("/x".into())), Exit::NotSetUp),
            (ClientError::NoRelay.into(), Exit::NotSetUp),
            (ClientError::Lost("x".into()).into(), Exit::Unreachable),
            (ClientError::NotFound { kind: "run", text: "x".into(), see: "y" }.into(), Exit::NotFound),
            (ClientError::TooLarge { bytes: 2, max: 1 }.into(), Exit::Usage),
            (ClientError::Answered.into(), Exit::Refused),
            (Fault::TicketInArguments, Exit::Usage),
        ];
        for (fault, exit) in cases {
            assert_eq!(fault.exit(), exit, "{fault}");
        }
    }
}
