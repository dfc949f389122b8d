//! What the tour's runs do: small shell scripts, and a prompt for a real agent where there is one.

use crate::fault::Fault;
use crate::render::text::command;
use ostler_client::Draft;
use ostler_core::failure::Attempts;
use ostler_core::task::{Source, Task, Work};
use std::path::Path;

/// The parts of the play. Several runs may have the same part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Loses its runner half way.
    Survivor,
    /// Edits files.
    Editor,
    /// Needs an approval.
    Asker,
    /// Never succeeds.
    Doomed,
    /// One of several copies.
    Copy,
    /// Is stopped by a person.
    Stopped,
    /// A real agent; what it does is its own business.
    Agent,
    /// The agent that the tour is about.
    Lead,
}

/// A tries' worth of prompt: small, quick, and visible in a diff.
const PROMPT: &str =
    "Create a file named HELLO.md in the current directory with one friendly sentence in it. Do nothing else.";
/// A run with a real agent gets this long; the tour goes on without it after that.
const AGENT_MS: u64 = 45_000;

/// Every part but the survivor's, in the order of submission.
pub(super) fn others(top: &Path, agent: Option<&str>) -> Result<Vec<(Part, Draft)>, Fault> {
    let exe = std::env::current_exe().map_err(Fault::io("this executable"))?.to_string_lossy().into_owned();
    let ask = ["ask", "--kind", "deploy", "--risk", "high", "--", "sh", "-c", "echo deployed | tee DEPLOYED.txt"];
    let ask = command(&[exe].into_iter().chain(ask.map(str::to_owned)).collect::<Vec<_>>());
    let mut parts = vec![
        (
            Part::Editor,
            shell(
                top,
                "edit",
                "echo 'editing'; echo '- a line by a run' >> README.md; echo 'made by a run' > TOUR.md",
            )?,
        ),
        (Part::Asker, shell(top, "ask", &format!("echo 'about to deploy'; {ask}"))?),
        (Part::Doomed, twice(shell(top, "doomed", "echo 'this never works' >&2; exit 7")?)),
        (Part::Stopped, shell(top, "endless", "echo 'this never ends'; sleep 600")?),
    ];
    for n in 1..=3 {
        let script = format!("sleep 1; echo 'copy {n}' | tee COPY.txt");
        parts.push((Part::Copy, shell(top, &format!("copy-{n}"), &script)?));
    }
    if let Some(agent) = agent {
        let mut draft = Draft::new(agent, task(top, agent, Work::Prompt(PROMPT.to_owned()))?);
        draft.task.timeout_ms = Some(AGENT_MS);
        parts.push((Part::Agent, draft));
    }
    Ok(parts)
}

/// The run that loses its runner: four steps of a second.
pub(super) fn survivor(top: &Path) -> Result<Draft, Fault> {
    shell(
        top,
        "survivor",
        "for step in 1 2 3 4; do echo \"step $step of 4\"; sleep 1; done; echo finished > SURVIVED.txt",
    )
}

fn shell(top: &Path, name: &str, script: &str) -> Result<Draft, Fault> {
    let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
    Ok(Draft::new(name, task(top, "shell", Work::Command(argv))?))
}

fn twice(draft: Draft) -> Draft {
    Draft { attempts: Attempts { max: 2, of_task: true }, ..draft }
}

pub(super) fn task(top: &Path, agent: &str, work: Work) -> Result<Task, Fault> {
    let path = top.to_str().ok_or_else(|| Fault::NoRepository {
        path: top.to_owned(),
        reason: Some("its path is not UTF-8".to_owned()),
    })?;
    let source = Some(Source { repository: path.to_owned(), reference: None });
    let requirements = crate::command::run::implied(agent, source.as_ref());
    Ok(Task { source, requirements, ..Task::new(agent, work) })
}

/// An agent CLI that is installed and, by the look of its files, signed in.
pub(super) fn signed_in() -> Option<&'static str> {
    let home = std::path::PathBuf::from(std::env::var_os("HOME")?);
    let installed = |name: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|dir| dir.join(name).is_file())
    };
    let agents = [("claude", ".claude/.credentials.json"), ("codex", ".codex/auth.json")];
    agents.into_iter().find(|(name, file)| installed(name) && home.join(file).is_file()).map(|(name, _)| name)
}
