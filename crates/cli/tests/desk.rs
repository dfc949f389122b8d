//! The front desk as scripts and people meet it: the real binary, a real relay on loopback, exit codes and words.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// What a command did.
struct Did {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Did {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

fn ostler(home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ostler"));
    command.args(words).env("OSTLER_HOME", home).env_remove("OSTLER_AGENT").env_remove("OSTLER_LOG");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(home: &Path, words: &[&str]) -> Did {
    ostler(home, words).output().expect("the binary runs").into()
}

fn fed(home: &Path, words: &[&str], input: &[u8]) -> Did {
    let mut child = ostler(home, words).stdin(Stdio::piped()).spawn().expect("the binary runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    // It may have read enough before everything is written.
    drop(stdin.write_all(input));
    drop(stdin);
    child.wait_with_output().expect("it ends").into()
}

#[track_caller]
fn check(did: &Did, code: i32, says: &str) {
    let all = format!("{}{}", did.out, did.err);
    assert_eq!(did.code, Some(code), "{all}");
    assert!(all.contains(says), "`{says}` is not in:\n{all}");
    assert!(!all.contains('\u{1b}'), "no colour in a pipe:\n{all}");
}

fn json(home: &Path, words: &[&str]) -> Value {
    let did = run(home, &[&["--json"], words].concat());
    assert_eq!(did.code, Some(0), "{}", did.err);
    let value: Value = serde_json::from_str(&did.out).expect("one JSON document");
    assert_eq!(value["schema"], 1);
    value
}

/// A served relay of a founded fleet; gone with its value.
struct Served {
    home: tempfile::TempDir,
    relay: Child,
}

impl Served {
    fn start() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        check(&run(home.path(), &["init", "--name", "desk"]), 0, "fleet");
        let config = home.path().join("relay.toml");
        std::fs::write(config, "listen = \"127.0.0.1:0\"\nhttp = \"\"\n[log]\nfilter = \"error\"\n").expect("written");
        let mut relay = ostler(home.path(), &["relay", "serve"]).stderr(Stdio::null()).spawn().expect("it starts");
        let mut line = String::new();
        let stdout = relay.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("it says where it is");
        assert!(line.starts_with("the relay serves at 127.0.0.1:"), "{line}");
        Self { home, relay }
    }

    fn path(&self) -> &Path {
        self.home.path()
    }

    fn did(&self, words: &[&str]) -> Did {
        run(self.path(), words)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.relay.kill().expect("it was running");
        self.relay.wait().expect("it ends");
    }
}

#[test]
fn without_a_fleet_every_command_says_what_to_do() {
    let home = tempfile::tempdir().expect("a directory");
    for words in [&["runs", "list"][..], &["inbox"], &["run", "--", "true"], &["invite"], &["relay", "status"]] {
        check(&run(home.path(), words), 6, "ostler up");
    }
    check(&run(home.path(), &["runner", "start"]), 1, "ostler runner join");
    check(&run(home.path(), &["runs", "lsit"]), 2, "list");
    check(&run(home.path(), &["--help"]), 0, "14  wait ran out of time");
    check(&run(home.path(), &["doctor"]), 0, "this device belongs to none");
    check(&run(home.path(), &["version"]), 0, "ostler 0.");
}

#[test]
fn a_relay_that_does_not_answer_is_named() {
    let home = tempfile::tempdir().expect("a directory");
    check(&run(home.path(), &["init"]), 0, "device");
    check(&run(home.path(), &["init"]), 1, "already holds a device");
    check(&run(home.path(), &["inbox"]), 6, "does not know where its relay is");
    // A bound socket that never answers: no luck with a free port being taken meanwhile.
    let mute = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = mute.local_addr().expect("bound").port();
    let pin = "rly_1v38c2s5ty44e22bpx994y7sc2d4rt3mm92k74vcf2jqrapa28s8";
    let relay = format!("127.0.0.1:{port}#{pin}");
    check(&run(home.path(), &["init", "--relay", &relay]), 5, "no relay answered");
    check(&run(home.path(), &["inbox"]), 5, "ostler doctor");
    check(&run(home.path(), &["init", "--relay", "127.0.0.1:1"]), 2, "HOST:PORT#rly_");
}

#[test]
fn bad_input_is_refused_before_anything_is_sent() {
    let home = tempfile::tempdir().expect("a directory");
    let ticket = format!("ostler1{}", "a".repeat(80));
    check(&run(home.path(), &["runner", "join", &ticket]), 2, "never goes on the command line");
    check(&run(home.path(), &["join", &ticket]), 2, "never goes on the command line");
    check(&fed(home.path(), &["runner", "join", "-"], b"hello"), 4, "this is not a ticket");
    check(&run(home.path(), &["run", "--agent", "claude", "--repo", "/", "x"]), 2, "is not a git repository");
    check(&fed(home.path(), &["run", "--agent", "claude", "-"], &vec![b'x'; 10 << 20]), 2, "the limit is");
    check(&run(home.path(), &["run", "--require", "mem>=lots", "--", "true"]), 2, "needs a number");
    check(&run(home.path(), &["run", "fix it"]), 2, "a prompt needs an agent");
    std::fs::write(home.path().join("relay.toml"), "listne = \"x\"\n").expect("written");
    check(&run(home.path(), &["relay", "serve"]), 1, "relay.toml:1: unknown key `listne`; did you mean `listen`?");
    check(&run(home.path(), &["doctor"]), 1, "unknown key");
}

#[test]
fn what_no_runner_could_do_is_refused_before_anything_is_sent() {
    let home = tempfile::tempdir().expect("a directory");
    let run = |words: &[&str]| run(home.path(), &[&["run"], words].concat());
    check(&run(&["--enforce", "command,write", "--", "true"]), 2, "`shell` asks nobody before it does a command");
    check(&run(&["--agent", "claude", "--enforce", "everything", "x"]), 2, "possible values: command, write, fetch");
    check(&run(&["--check", " ", "--", "true"]), 2, "--check is empty");
    check(&run(&["--check", "true", "--check-rounds", "11", "--", "true"]), 2, "give 0 to 10");
    check(&run(&["--env", "OSTLER_NOT_SET_ANYWHERE", "--", "true"]), 2, "it is not set here");
    check(&run(&["--env", "A B=c", "--", "true"]), 2, "letters, digits");
    check(&run(&["--policy", "/nowhere", "--", "true"]), 1, "/nowhere");
    check(&run(&["--agent", "claude", "--detach", "x"]), 6, "ostler up");
}

#[test]
fn agents_are_known_without_a_fleet_and_looked_for_here() {
    let home = tempfile::tempdir().expect("a directory");
    let look = |words: &[&str]| -> Did {
        let words = [&["agents"], words].concat();
        ostler(home.path(), &words).env("PATH", "/nowhere").output().expect("the binary runs").into()
    };
    check(&look(&["list"]), 0, "stream-json");
    check(&look(&["show", "claude"]), 0, "/login");
    check(&look(&["show", "nobody"]), 3, "no agent is called `nobody`");
    check(&look(&["doctor"]), 0, "no agent is there");
    check(&look(&["doctor", "--runner", "barn"]), 6, "ostler up");
    let shown = json(home.path(), &["agents", "show", "shell"]);
    assert_eq!(shown["agent"]["runners"][0]["state"], "ready");
    assert_eq!(shown["agent"]["enforces"]["command"], "none");
}

#[test]
fn runs_are_submitted_found_and_stopped() {
    let served = Served::start();
    let detached = served.did(&["run", "--detach", "--require", "xcode>=16", "--key", "k", "--", "true"]);
    check(&detached, 0, "no paired runner could ever take this run");
    let again = served.did(&["run", "--detach", "--require", "xcode>=16", "--key", "k", "--", "true"]);
    check(&again, 0, detached.out.trim());
    check(&served.did(&["run", "--detach", "--key", "k", "--", "false"]), 4, "submitted with other work");
    check(&served.did(&["run", "--detach", "--name", "two", "--", "true"]), 0, "run_");
    check(&served.did(&["runs", "show", "run_0"]), 3, "matches 2");
    check(&served.did(&["runs", "show", "nothing"]), 3, "no run matches");
    let runs = json(served.path(), &["runs", "list"]);
    assert_eq!((&runs["runs"][0]["name"], &runs["runs"][0]["state"]), (&"two".into(), &"ready".into()));
    let run = detached.out.trim();
    let short = format!("run_{}", &run[run.len() - 10..]);
    check(&served.did(&["runs", "wait", "--timeout", "50ms", &short]), 14, "not over after 50ms");
    check(&served.did(&["runs", "cancel", &short]), 0, "is cancelled");
    check(&served.did(&["runs", "wait", run]), 11, "cancelled");
    check(&served.did(&["runs", "diff", run]), 1, "kept no diff");
    check(&served.did(&["dead", "revive", run]), 4, "not a dead letter");
    check(&served.did(&["runs", "retry", run]), 0, "the same work as");
    check(&served.did(&["runs", "show", run]), 0, "asked true");
    check(&served.did(&["runs", "tell", run, "more"]), 2, "there is nobody to tell");
    let asked = served.did(&["run", "--detach", "--agent", "claude", "--model", "opus", "--check", "make", "fix it"]);
    let first = asked.out.trim().to_owned();
    check(&served.did(&["runs", "show", &first]), 0, "check $ make (sent back once at most)");
    let told = served.did(&["runs", "tell", "--detach", &first, "and then this"]);
    check(&told, 0, "has not begun anywhere");
    let task = json(served.path(), &["runs", "show", told.out.trim()])["run"]["task"].clone();
    assert_eq!((&task["continues"], &task["prompt"]), (&first.as_str().into(), &"and then this".into()));
    assert_eq!((&task["model"], &task["check"]["command"]), (&"opus".into(), &"make".into()));
}

#[test]
fn tickets_are_good_once_and_a_revoked_device_is_sent_away() {
    let served = Served::start();
    let ticket = served.did(&["invite", "--role", "viewer"]).out;
    let (looker, late) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    check(&fed(looker.path(), &["runner", "join", "-"], ticket.as_bytes()), 1, "viewer");
    check(&fed(looker.path(), &["join", "--name", "looker", "-"], ticket.as_bytes()), 0, "as viewer looker");
    check(&fed(late.path(), &["join", "-"], ticket.as_bytes()), 4, "does not know this device");
    check(&run(looker.path(), &["runs", "list"]), 0, "NAME");
    assert_eq!(run(looker.path(), &["run", "--detach", "--", "true"]).code, Some(4), "a viewer submits nothing");
    check(&served.did(&["devices", "revoke", "desk"]), 2, "the device you are using");
    check(&served.did(&["devices", "revoke", "looker"]), 0, "key is now epoch 2");
    check(&run(looker.path(), &["runs", "list"]), 4, "revoked");
    let devices = json(served.path(), &["devices", "list"]);
    let revoked = devices["devices"].as_array().expect("a list").iter().filter(|device| device["revoked"] == true);
    assert_eq!(revoked.count(), 1);
    check(&served.did(&["devices", "show", "looker"]), 0, "fleet key ▸ desk ▸ a ticket");
}

#[test]
fn a_relay_is_asked_checked_and_copied() {
    let served = Served::start();
    assert_eq!(json(served.path(), &["relay", "status"])["runners"]["paired"], 0);
    check(&served.did(&["relay", "backup"]), 0, "bytes");
    let (home, port) = (served.path().to_owned(), relay_port(&served));
    let taken = run(&home, &["up", "--listen", &format!("127.0.0.1:{port}")]);
    assert_eq!(taken.code, Some(1), "{}{}", taken.out, taken.err);
    let Served { home, .. } = &served;
    check(&run(home.path(), &["relay", "check"]), 1, "in use");
    check(&run(home.path(), &["relay", "check", "/nowhere"]), 1, "no directory");
}

fn relay_port(served: &Served) -> u16 {
    let status = json(served.path(), &["relay", "status"]);
    let address = status["relays"][0].as_str().expect("an address").to_owned();
    let authority = address.split('#').next().expect("an authority");
    authority.rsplit(':').next().expect("a port").parse().expect("a number")
}

#[test]
fn a_policy_is_tried_without_a_fleet_and_says_which_line_decides() {
    let home = tempfile::tempdir().expect("a directory");
    let (own, theirs) = (home.path().join("runner/ostler.policy"), home.path().join("my.policy"));
    let test = |words: &[&str]| run(home.path(), &[&["policy", "test", "--tree", "/srv/tree"], words].concat());
    check(&test(&["--command", "ls src"]), 0, "allow, risk low: default: only reads inside the tree");
    check(&test(&["--write", "../x"]), 20, "ask, risk high: default: writes outside the tree");
    check(&test(&["--fetch", "https://docs.rs/x"]), 20, "default: contacts docs.rs");
    check(&test(&["--mcp", "tracker"]), 2, "SERVER.TOOL");
    check(&test(&[]), 2, "--command");
    std::fs::create_dir(home.path().join("runner")).expect("made");
    std::fs::write(&own, "# pushes\n[[rule]]\neffect = 'deny'\nprogram = ['git']\nargs = ['push']\n").expect("written");
    std::fs::write(&theirs, "[[rule]]\neffect = 'allow'\nkind = ['command']\n").expect("written");
    let theirs = theirs.to_str().expect("text");
    check(&test(&["--policy", theirs, "--command", "make; git push"]), 21, "deny, risk high: ostler.policy:2");
    check(&test(&["--policy", theirs, "--command", "make"]), 0, "run       allow  my.policy:1");
    let told = json(home.path(), &["policy", "test", "--tree", "/srv/tree", "--policy", theirs, "--command", "make"]);
    assert_eq!((told["effect"].as_str(), told["because"].as_str()), (Some("allow"), Some("my.policy:1")));
    std::fs::write(&own, "[[rule]]\nefect = 'deny'\n").expect("written");
    check(&test(&["--read", "x"]), 1, "ostler.policy:2: unknown key `efect`; did you mean `effect`?");
    check(&run(home.path(), &["policy", "show"]), 0, "# [[rule]]");
}
