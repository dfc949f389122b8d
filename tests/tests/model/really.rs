//! The real agents, run headless against the model: each writes a file, and runs a command where it can unasked.
//!
//! Runs with `OSTLER_REAL=1`, and then one agent after the other: some need a processor and two gigabytes for themselves.

use ostler_tests::{AGENTS, Installed, Model, Part, Scripts, kill_all, setup};
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A cold start on a loaded machine, and three answers; one that needs longer hangs.
const RUN_MAX: Duration = Duration::from_secs(180);
/// Held by the agent that runs.
static TURN: Mutex<()> = Mutex::new(());
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How each is told to do one thing without asking.
fn arguments(agent: &str, prompt: &str) -> Vec<String> {
    let words = match agent {
        "claude" => "-p {} --allowedTools Write Bash --output-format stream-json --verbose",
        "codex" => "exec --json --skip-git-repo-check -s workspace-write {}",
        "gemini" => "-p {} -o stream-json --yolo --skip-trust",
        "qwen" => "-p {} -o stream-json --yolo",
        "opencode" => "run --format json --auto {}",
        "goose" => "run --output-format stream-json --with-builtin developer -t {}",
        "copilot" => "-p {} --output-format json --allow-all-tools",
        "kimi" => "-p {} --output-format stream-json",
        "hermes" => "-z {}",
        "openhands" => "--headless --json -t {}",
        "aider" => "--yes-always --no-pretty --no-fancy-input --no-auto-commits --no-gitignore --message {}",
        "pi" => "--mode json -p {}",
        unknown => panic!("nobody has tried {unknown} yet"),
    };
    words.split(' ').map(|word| if word == "{}" { prompt.to_owned() } else { word.to_owned() }).collect()
}

#[expect(clippy::disallowed_methods, reason = "a real program takes real time")]
fn run(agent: &str, installed: &Installed, model: &Model, root: &Path) -> Output {
    let (home, tree, tmp) = (root.join("home"), root.join("tree"), root.join("tmp"));
    for folder in [&home, &tree, &tmp] {
        fs::create_dir_all(folder).expect("a folder");
    }
    let setup = setup(agent, &model.url(agent), &home);
    setup.lay().expect("the setup is laid");
    let git = Command::new("git").args(["init", "-q"]).current_dir(&tree).status().expect("git");
    assert!(git.success());
    let out = fs::File::create(root.join("out")).expect("a file");
    let err = fs::File::create(root.join("err")).expect("a file");
    let mut child = Command::new(&installed.program)
        .args(arguments(agent, "[[script:both]] Please."))
        .current_dir(&tree)
        .env_clear()
        .env("PATH", &installed.path_env)
        .env("HOME", &home)
        .env("TMPDIR", &tmp)
        .env("LANG", "C.UTF-8")
        .env("TERM", "dumb")
        .envs(setup.env)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .expect("it starts");
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("our child") {
            break status;
        }
        if started.elapsed() > RUN_MAX {
            child.kill().expect("our child");
            break child.wait().expect("our child");
        }
        std::thread::sleep(LOOK_EVERY);
    };
    let read = |name: &str| fs::read(root.join(name)).expect("what it said");
    Output { status, stdout: read("out"), stderr: read("err") }
}

/// Ends what an agent leaves behind in its folder, however the test ends.
struct Left<'a>(&'a Path);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        kill_all(&format!("{}/", self.0.display()));
    }
}

#[track_caller]
fn check(agent: &str) {
    let Some(installed) = Installed::for_real(&format!("model: {agent}"), agent) else { return };
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let model = Model::start(Scripts::builtin());
    // Not below /tmp: codex refuses a home there.
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let _left = Left(root.path());
    let Output { status, stdout, stderr } = run(agent, &installed, &model, root.path());
    let said = format!("{agent}: {status}\n{}\n{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    let heard: Vec<_> = model.heard(agent).into_iter().map(|heard| (heard.part, heard.status, heard.path)).collect();
    assert!(status.success(), "{said}\n{heard:?}");
    let wrote = fs::read_to_string(root.path().join("tree/scripted.txt"));
    assert_eq!(wrote.ok().as_deref(), Some("written by the script\n"), "{said}\n{heard:?}");
    // It reads commands out of plain text, and runs none that nobody confirms.
    if agent != "aider" {
        let ran = fs::read_to_string(root.path().join("tree/scripted-shell.txt"));
        assert_eq!(ran.ok().as_deref(), Some("ran\n"), "{said}\n{heard:?}");
        let steps: Vec<_> = heard.into_iter().filter(|(part, ..)| matches!(part, Part::Scripted(..))).collect();
        assert_eq!(steps.len(), 3, "each step is asked for once: {steps:?}");
    }
}

macro_rules! agents {
    ($($agent:ident)*) => {
        $(
            #[test]
            fn $agent() {
                check(stringify!($agent));
            }
        )*

        #[test]
        fn every_agent_is_tried() {
            assert_eq!([$(stringify!($agent)),*], AGENTS);
        }
    };
}

agents! { claude codex gemini qwen opencode goose copilot kimi hermes openhands aider pi }
