//! Questions and the people who answer them: the real binary on a real terminal, a real relay and runner on loopback.

use ostler_pty::{Group, Program, Reach, Size, Spawned, spawn_terminal};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const OSTLER: &str = env!("CARGO_BIN_EXE_ostler");
/// A loaded machine starts a process in seconds.
const WITHIN: Duration = Duration::from_secs(60);

#[expect(clippy::disallowed_methods, reason = "who waits for another process waits with a deadline")]
fn now() -> Instant {
    Instant::now()
}

fn ostler(home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(OSTLER);
    command.args(words).env("OSTLER_HOME", home).env_remove("OSTLER_AGENT").env_remove("OSTLER_LOG");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Relay and runner in front; gone with their value.
struct Up {
    home: tempfile::TempDir,
    up: Child,
}

impl Up {
    fn start() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        std::fs::write(home.path().join("relay.toml"), "listen = '127.0.0.1:0'\nhttp = ''\n").expect("written");
        let mut up = ostler(home.path(), &["up"]).stderr(Stdio::null()).spawn().expect("it starts");
        let mut lines = BufReader::new(up.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("paired with it")), "the runner is up");
        // It would take a closed pipe for a reason to end.
        std::thread::spawn(move || lines.for_each(drop));
        Self { home, up }
    }

    #[track_caller]
    fn did(&self, words: &[&str], code: i32, says: &str) -> String {
        let output: Output = ostler(self.home.path(), words).output().expect("the binary runs");
        let all = [output.stdout, output.stderr].concat();
        let all = String::from_utf8(all).expect("text");
        assert_eq!(output.status.code(), Some(code), "{words:?}: {all}");
        assert!(all.contains(says), "{words:?}: `{says}` is not in:\n{all}");
        all
    }

    fn json(&self, words: &[&str]) -> Value {
        let output = ostler(self.home.path(), &[&["--json"], words].concat()).output().expect("the binary runs");
        serde_json::from_slice(&output.stdout).expect("one JSON document")
    }

    /// The only question that waits, as soon as there is one.
    fn question(&self) -> Value {
        let until = now() + WITHIN;
        while now() < until {
            let inbox = self.json(&["inbox"]);
            if let Some([one]) = inbox["approvals"].as_array().map(Vec::as_slice) {
                return one.clone();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("nothing asked within {WITHIN:?}");
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.up.kill().expect("it was running");
        self.up.wait().expect("it ends");
    }
}

/// A person at a terminal, in front of `ostler`.
struct Person {
    spawned: Spawned,
    heard: Receiver<Vec<u8>>,
    seen: String,
    _group: Group,
}

impl Person {
    fn at(up: &Up, words: &[&str]) -> Self {
        let path = std::env::var("PATH").expect("a PATH");
        let home = up.home.path().to_str().expect("text").to_owned();
        let env = [("PATH", path), ("OSTLER_HOME", home), ("NO_COLOR", "1".to_owned()), ("TERM", "xterm".to_owned())];
        let program = Program {
            argv: std::iter::once(OSTLER).chain(words.iter().copied()).map(str::to_owned).collect(),
            env: env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            directory: up.home.path().to_owned(),
        };
        let mut spawned = spawn_terminal(&program, Size { cols: 200, rows: 50 }).expect("a terminal");
        let mut reader = spawned.outputs.pop().expect("a terminal has one output").reader;
        let (sender, heard) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(1..) = reader.read(&mut buffer).inspect(|n| drop(sender.send(buffer[..*n].to_vec()))) {}
        });
        let group = Group::new(spawned.pid, Reach::Lineage, Duration::ZERO);
        Self { spawned, heard, seen: String::new(), _group: group }
    }

    /// Reads on until `text` stands there; what was read before it is forgotten.
    #[track_caller]
    fn sees(&mut self, text: &str) -> &mut Self {
        let until = now() + WITHIN;
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return self;
            }
            let left = until.saturating_duration_since(now());
            let bytes = self.heard.recv_timeout(left).unwrap_or_else(|_| panic!("no `{text}` in:\n{}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    fn types(&mut self, line: &str) -> &mut Self {
        let input = self.spawned.input.as_mut().expect("a keyboard");
        input.write_all(format!("{line}\n").as_bytes()).expect("typed");
        self
    }
}

/// A run that asks before it deploys.
fn asking(before: &str) -> Vec<String> {
    let script = format!("{before}; '{OSTLER}' ask --kind deploy -- echo deployed");
    ["run", "--", "sh", "-c", &script].map(str::to_owned).to_vec()
}

fn words(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}

#[test]
fn a_person_answers_at_the_keyboard_and_what_was_typed_before_is_no_answer() {
    let up = Up::start();
    let mut person = Person::at(&up, &words(&asking("echo before")));
    person.sees("before").sees("deploy echo deployed").sees("what to do instead: ").types("y").sees("approved");
    person.sees("deployed").sees("succeeded");
    let mut hasty = Person::at(&up, &words(&asking("echo before; sleep 1")));
    hasty.sees("before").types("y").sees("what to do instead: ").types("perhaps").sees("not understood");
    hasty.types("no, not today").sees("rejected").sees("failed");
    let events = up.json(&["runs", "list"]);
    assert_eq!(events["runs"][0]["state"], "failed");
}

#[test]
fn a_question_answered_elsewhere_is_no_longer_asked() {
    let up = Up::start();
    let mut person = Person::at(&up, &words(&asking("echo before")));
    person.sees("what to do instead: ");
    let question = up.question();
    let id = question["id"].as_str().expect("an id");
    assert_eq!((&question["agent"], &question["action"]["deed"]["is"]), (&"shell".into(), &"program".into()));
    up.did(&["inbox", id], 0, "deploy echo deployed");
    up.did(&["approve", "--choose", "1", id], 2, "not a question");
    up.did(&["approve", "-m", "fine", id], 0, "approved, signed by this device");
    person.sees("approved by").sees("deployed").sees("succeeded");
    up.did(&["approve", id], 4, "no longer open");
}

#[test]
fn nobody_is_asked_with_no_input_and_the_result_is_shown() {
    let up = Up::start();
    let mut silent = asking("echo before");
    silent.insert(1, "--no-input".to_owned());
    let mut person = Person::at(&up, &words(&silent));
    person.sees("asks: `ostler inbox apr_");
    let question = up.question();
    up.did(&["reject", "-m", "never", question["id"].as_str().expect("an id")], 0, "rejected, signed");
    person.sees("rejected by").sees("failed");
    let run = question["run"].as_str().expect("a run");
    let shown = up.did(&["runs", "show", run], 0, "asked sh -c");
    assert!(shown.contains("attempt 1 on "), "{shown}");
    let told = up.json(&["runs", "show", run]);
    assert!(told["run"]["history"][0]["result"]["words"].is_string(), "{told}");
    up.did(&["runs", "tell", run, "and now?"], 2, "there is nobody to tell");
}
