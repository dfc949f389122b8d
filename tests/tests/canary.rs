//! Canaries: what a person, an agent or a secret says never reaches the relay's disk, logs or memory, or the wire.
//!
//! ```text
//! people, runners ─▶ Wiretap (every datagram kept) ─▶ relay process ─▶ files, log, writable memory
//! ```
//!
//! Each medium is searched raw, in hex, base64 at each offset and UTF-16. A search that finds nothing proves nothing: where the
//! run's public name must stand (files and memory) it is found, and the searcher itself is shown to find every disguise.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for some events and passes over the others")]

#[path = "canary/search.rs"]
mod search;

use ostler_client::{Client, Draft, Home, Offer};
use ostler_core::approval::Choice;
use ostler_core::device::Role;
use ostler_core::event::Event;
use ostler_core::ids::RunId;
use ostler_core::task::Source;
use ostler_identity::RelayAddress;
use ostler_tests::{Processes, RELAY, Wiretap, chance, command, until};
use search::{Canary, found, memory, tree};
use std::path::{Path, PathBuf};
use std::process::Command;

const OSTLER: &str = env!("CARGO_BIN_EXE_ostler-under-test");

/// A word nobody else says.
fn word(name: &'static str) -> Canary {
    let chance: String = chance().iter().map(|byte| format!("{byte:02x}")).collect();
    Canary { name, text: format!("canary-{name}-{chance}") }
}

/// What must stay secret.
struct Secrets {
    prompt: Canary,
    code: Canary,
    output: Canary,
    argv: Canary,
    message: Canary,
    secret: Canary,
    file: Canary,
    diff: Canary,
}

impl Secrets {
    fn new() -> Self {
        Self {
            prompt: word("prompt"),
            code: word("code"),
            output: word("output"),
            argv: word("argv"),
            message: word("message"),
            secret: word("secret"),
            file: word("file"),
            diff: word("diff"),
        }
    }

    fn all(&self) -> [&Canary; 8] {
        let Self { prompt, code, output, argv, message, secret, file, diff } = self;
        [prompt, code, output, argv, message, secret, file, diff]
    }
}

fn git(dir: &Path, words: &[&str]) {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"];
    let done = Command::new("git").args(identity).args(words).current_dir(dir).output().expect("git is there");
    assert!(done.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A repository whose code and file names are secret.
fn repository(below: &Path, secrets: &Secrets) -> PathBuf {
    let dir = below.join("repository");
    std::fs::create_dir(&dir).expect("a directory");
    git(&dir, &["init", "-q"]);
    std::fs::write(dir.join(format!("{}.txt", secrets.file.text)), &secrets.code.text).expect("written");
    git(&dir, &["add", "."]);
    git(&dir, &["commit", "-q", "-m", "first"]);
    dir
}

/// A run that says, changes, asks and is answered everything secret.
fn draft(public: &str, secrets: &Secrets, repository: &Path) -> Draft {
    let Secrets { prompt, output, argv, diff, secret, file, .. } = secrets;
    // The secret as it is, in two encodings, in two writes, and as a file's name.
    let leaks = "echo x$TOKEN; printf %s $TOKEN | base64 -w0; printf %s $TOKEN | od -An -v -tx1 | tr -d ' \\n'; \
                 half=${TOKEN%???????}; printf %s $half; sleep 0.3; echo ${TOKEN#$half}; echo x > $TOKEN";
    let script = format!(
        "# {}\necho {}; cat '{}.txt'; echo {} >> '{}.txt'; {leaks}; '{OSTLER}' ask --kind deploy -- /bin/echo {}",
        prompt.text, output.text, file.text, diff.text, file.text, argv.text
    );
    let mut task = command(&["/bin/sh", "-c", &script]);
    task.env = vec![("TOKEN".to_owned(), secret.text.clone())];
    task.source = Some(Source { repository: repository.display().to_string(), reference: None });
    Draft::new(public, task)
}

/// The founder as somebody whose every packet passes the tap.
async fn tapped(fleet: &Processes, tap: &Wiretap) -> Client {
    let mut home = Home::open(&fleet.directory().join("operator")).expect("the founder's home");
    let relay = home.relays()[0].relay();
    home.use_relays(vec![RelayAddress::new(&tap.address().to_string(), relay).expect("an address")]).expect("kept");
    Client::connect(home).await.expect("let in")
}

async fn decide(client: &Client, message: &str) {
    let question = until("a question", || async { client.inbox().await.ok()?.pop() }).await;
    assert!(question.action.is_ok(), "a person reads it: {question:?}");
    client.decide(&question, Choice::Approve, message).await.expect("decided");
}

/// Everything people were told about the run, as the fleet reads it.
async fn told(client: &Client, run: RunId) -> String {
    let heard = client.events(run, 1).await.expect("readable").events;
    let words = heard.into_iter().map(|heard| match heard.event.expect("a member reads it") {
        Event::Output { bytes, .. } | Event::Diff { patch: bytes, .. } => String::from_utf8_lossy(&bytes).into_owned(),
        other => format!("{other:?}"),
    });
    words.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_people_agents_or_secrets_say_reaches_the_relay_in_clear() {
    let fleet = Processes::start(OSTLER, "").await;
    let relay = fleet.client.home().relays()[0].authority().parse().expect("an address");
    let tap = Wiretap::start(relay).await;
    let client = tapped(&fleet, &tap).await;
    let offer = Offer { role: Role::Runner, pools: vec![], lasts_ms: 600_000 };
    let ticket = client.invite(&offer).await.expect("a ticket that leads through the tap");
    let home = fleet.directory().join("tapped");
    ostler_runner::join(&home, &ticket, "tapped").await.expect("paired");
    let config = ostler_runner::RunnerConfig::read(None).expect("the defaults");
    let options = ostler_runner::RunnerOptions { home, config, exe: OSTLER.into() };
    let runner = ostler_runner::Runner::start(options).await.expect("it starts");
    let secrets = Secrets::new();
    let public = word("public");
    let repository = repository(fleet.directory(), &secrets);
    let run = client.submit(&draft(&public.text, &secrets, &repository)).await.expect("kept").run;
    decide(&client, &secrets.message.text).await;
    until("the run is over", || async { client.run(run).await.ok()?.view.life.is_settled().then_some(()) }).await;
    let heard = told(&client, run).await;
    for said in [&secrets.output, &secrets.code, &secrets.argv, &secrets.message, &secrets.diff, &secrets.file] {
        assert!(heard.contains(&said.text), "people read {}: {heard}", said.name);
    }
    assert_eq!(found(&secrets.secret, heard.as_bytes()), None, "the environment's secret is redacted: {heard}");
    assert!(heard.matches("[redacted]").count() >= 4, "each of its leaks was there: {heard}");
    let files = tree(&fleet.directory().join(RELAY));
    let log = fleet.log(RELAY).into_bytes();
    let packets = tap.datagrams();
    let pages = memory(fleet.pid(RELAY).expect("the relay runs"));
    runner.stop().await;
    assert!(found(&public, &files).is_some(), "the public name stands in the relay's files");
    assert!(!log.is_empty() && packets.len() > 20_000, "there was a log and {} bytes of packets", packets.len());
    let mut media = vec![("files", files), ("log", log), ("packets", packets)];
    match pages {
        Ok(pages) => {
            assert!(found(&public, &pages).is_some(), "the public name stands in the relay's memory");
            media.push(("memory", pages));
        }
        Err(error) => {
            eprintln!("NOT RUN: the relay's memory could not be read ({error}): run as the same user or as root")
        }
    }
    for (medium, bytes) in &media {
        for secret in secrets.all() {
            assert_eq!(found(secret, bytes), None, "{} in the relay's {medium}", secret.name);
        }
    }
    let public_on_the_wire = found(&public, &media[2].1);
    assert_eq!(public_on_the_wire, None, "what the relay may read, the line between still may not");
}
