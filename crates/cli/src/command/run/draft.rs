//! From arguments to drafts: everything wrong is found before anything is sent.

use super::{Args, enforce, environment, implied, repository, work};
use crate::command::machine::policy;
use crate::fault::Fault;
use ostler_boot::Period;
use ostler_client::Draft;
use ostler_core::approval::{LapsePolicy, SlotPolicy};
use ostler_core::failure::Attempts;
use ostler_core::limits::CHECK_ROUNDS_MAX;
use ostler_core::requirements::Requirements;
use ostler_core::task::{Check, Task};

/// Copies submitted in one go: more is a script's business, which can be interrupted and resumed.
const COPIES_MAX: u32 = 100;

/// The runs that were asked for.
pub(super) fn drafts(args: &Args) -> Result<Vec<Draft>, Fault> {
    if args.copies == 0 || args.copies > COPIES_MAX {
        return Err(Fault::Usage(format!("--copies {}: give 1 to {COPIES_MAX}", args.copies)));
    }
    let task = task(args)?;
    let name = args.name.clone().unwrap_or_else(|| task.agent.clone());
    let numbered = |text: &str, n: u32| if args.copies == 1 { text.to_owned() } else { format!("{text}-{n}") };
    let draft = |n: u32| Draft {
        queue: args.queue.clone(),
        pool: args.pool.clone(),
        priority: args.priority,
        attempts: args.attempts.map_or_else(Attempts::default, |max| Attempts { max, of_task: true }),
        start_within_ms: args.start_within.map(Period::ms),
        slot: if args.park { SlotPolicy::Park } else { SlotPolicy::Stay },
        key: args.key.as_ref().map(|key| numbered(key, n)),
        ..Draft::new(&numbered(&name, n), task.clone())
    };
    Ok((1..=args.copies).map(draft).collect())
}

fn task(args: &Args) -> Result<Task, Fault> {
    let work = work::read(args.prompt.as_deref(), &args.command)?;
    let agent = work::agent(args.agent.as_deref(), &work)?;
    let source = repository::source(args.repo.as_deref(), args.reference.as_deref())?;
    let given = args.require.iter().cloned().fold(Requirements::default(), Requirements::and);
    let requirements = given.and(implied(&agent, source.as_ref())).and(enforce::requirement(&agent, &args.enforce)?);
    Ok(Task {
        source,
        requirements,
        env: environment::read(&args.env, |name| std::env::var(name).ok())?,
        timeout_ms: args.timeout.map(Period::ms),
        lapse: args.unanswered,
        queue: args.queue.clone(),
        model: args.model.clone(),
        rules: args.policy.as_deref().map(policy::rules).transpose()?.unwrap_or_default(),
        check: check(args)?,
        ..Task::new(&agent, work)
    })
}

fn check(args: &Args) -> Result<Option<Check>, Fault> {
    let Some(command) = args.check.clone() else { return Ok(None) };
    if command.trim().is_empty() {
        return Err(Fault::Usage("--check is empty: give a command line, like 'cargo test'".to_owned()));
    }
    if args.check_rounds > CHECK_ROUNDS_MAX {
        return Err(Fault::Usage(format!("--check-rounds {}: give 0 to {CHECK_ROUNDS_MAX}", args.check_rounds)));
    }
    Ok(Some(Check { command, rounds: args.check_rounds }))
}

/// The text form of `--unanswered`.
pub(super) fn unanswered(text: &str) -> Result<LapsePolicy, String> {
    let after = |text: &str| text.parse::<Period>().map(Period::ms).map_err(|error| error.to_string());
    match text.split_once(':') {
        None if text == "hold" => Ok(LapsePolicy::Hold),
        Some(("deny", time)) => Ok(LapsePolicy::Deny { after_ms: after(time)? }),
        Some(("escalate", time)) => Ok(LapsePolicy::Escalate { after_ms: after(time)? }),
        None | Some(_) => Err("use hold, deny:TIME or escalate:TIME, like deny:10m".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use ostler_core::task::Work;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(words: &[&str]) -> Result<Vec<Draft>, String> {
        let words = std::iter::once("run").chain(words.iter().copied());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        drafts(&line.args).map_err(|error| error.to_string())
    }

    #[test]
    fn a_command_is_a_shell_run_by_default() {
        let drafts = parse(&["--require", "os=linux", "--require", "mem>=1GiB", "--", "make", "-j2"]).expect("parsed");
        let [draft] = drafts.as_slice() else { panic!("one draft") };
        assert_eq!(draft.task.work, Work::Command(vec!["make".to_owned(), "-j2".to_owned()]));
        assert_eq!((draft.task.agent.as_str(), draft.name.as_str()), ("shell", "shell"));
        assert_eq!(draft.task.requirements.to_string(), "mem>=1GiB, os=linux");
        assert_eq!(draft.attempts, Attempts { max: 3, of_task: false });
    }

    #[test]
    fn given_attempts_cover_a_failed_task() {
        let drafts = parse(&["--attempts", "2", "--", "false"]).expect("parsed");
        assert_eq!(drafts[0].attempts, Attempts { max: 2, of_task: true });
    }

    #[test]
    fn copies_have_names_and_keys_of_their_own() {
        let drafts = parse(&["--copies", "3", "--name", "fix", "--key", "k", "--", "true"]).expect("parsed");
        let seen: Vec<_> = drafts.iter().map(|d| (d.name.as_str(), d.key.as_deref())).collect();
        assert_eq!(seen, [("fix-1", Some("k-1")), ("fix-2", Some("k-2")), ("fix-3", Some("k-3"))]);
        assert!(parse(&["--copies", "0", "--", "true"]).is_err());
        assert!(parse(&["--copies", "101", "--", "true"]).is_err());
    }

    #[test]
    fn a_prompt_needs_an_agent_and_its_name_never_tells_the_prompt() {
        let drafts = parse(&["--agent", "claude", "fix the secret bug"]).expect("parsed");
        assert_eq!(drafts[0].task.work, Work::Prompt("fix the secret bug".to_owned()));
        assert_eq!(drafts[0].name, "claude");
        assert_eq!(drafts[0].task.requirements.to_string(), "agent.claude");
        assert!(parse(&["fix it"]).expect_err("no agent").contains("agent"));
        assert!(parse(&["--agent", "shell", "fix it"]).expect_err("a prompt for shell").contains("after `--`"));
        assert!(parse(&[]).is_err() && parse(&["x", "--", "y"]).is_err());
    }

    #[test]
    fn a_check_a_model_and_an_environment_are_sealed_in_the_task() {
        let words = ["--agent", "claude", "--check", "make test", "--model", "opus", "--env", "A=b=c", "fix it"];
        let drafts = parse(&words).expect("parsed");
        let task = &drafts[0].task;
        assert_eq!(task.check, Some(Check { command: "make test".to_owned(), rounds: 1 }));
        assert_eq!(task.model.as_deref(), Some("opus"));
        assert_eq!(task.env, [("A".to_owned(), "b=c".to_owned())]);
        assert!(parse(&["--check-rounds", "2", "--", "true"]).is_err(), "rounds of nothing");
        assert!(parse(&["--check", " ", "--", "true"]).is_err());
        assert!(
            parse(&["--check", "x", "--check-rounds", "11", "--", "true"]).expect_err("too many").contains("0 to 10")
        );
    }

    #[test]
    fn a_policy_is_sealed_in_the_task_or_refused_with_its_line() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("my.policy");
        let given = ["--policy", path.to_str().expect("text"), "--", "true"];
        assert!(parse(&given).is_err(), "there is no such file");
        std::fs::write(&path, "[[rule]]\neffect = 'deny'\nkind = ['fetch']\n").expect("written");
        let drafts = parse(&given).expect("parsed");
        assert_eq!(drafts[0].task.rules[0].origin, "my.policy:1");
        std::fs::write(&path, "[[rule]]\neffect = 'never'\n").expect("written");
        assert!(parse(&given).expect_err("no such effect").contains("my.policy:2"));
    }

    #[test]
    fn unanswered_approvals_have_three_policies() {
        assert_eq!(unanswered("hold"), Ok(LapsePolicy::Hold));
        assert_eq!(unanswered("deny:10m"), Ok(LapsePolicy::Deny { after_ms: 600_000 }));
        assert_eq!(unanswered("escalate:1h"), Ok(LapsePolicy::Escalate { after_ms: 3_600_000 }));
        assert!(unanswered("deny").is_err() && unanswered("deny:soon").is_err());
    }
}
