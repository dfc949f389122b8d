//! Work that cannot be done, or does not know when to stop, on a real runner.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for some events and passes over the others")]

use crate::OSTLER;
use ostler_core::event::Event;
use ostler_core::failure::Attempts;
use ostler_core::ids::RunId;
use ostler_core::task::{Source, Task, Work};
use ostler_identity::Purpose;
use ostler_tests::{Operator, Processes, command, until};

/// Submits, waits for the end, and returns its state's word with everything people are told about it.
async fn outcome(fleet: &Processes, name: &str, task: Task) -> (String, String, RunId) {
    let mut draft = ostler_client::Draft::new(name, task);
    draft.attempts = Attempts { max: 1, of_task: true };
    let run = fleet.client.submit(&draft).await.expect("kept").run;
    let detail = until(&format!("{name} is over"), || async {
        let detail = fleet.client.run(run).await.ok()?;
        let life = &detail.view.life;
        (life.is_settled() || life.state().word() == "dead").then_some(detail)
    })
    .await;
    let keyring = Operator::of(&fleet.client).keyring;
    let told = detail.results.iter().map(|(epoch, sealed)| {
        let plain = keyring.open(&Purpose::Result { run, epoch: *epoch }, sealed).expect("sealed to the fleet");
        String::from_utf8_lossy(&plain).into_owned()
    });
    let told: String = told.collect();
    (detail.view.life.state().word().to_owned(), format!("{told} {:?}", detail.view.life), run)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_started_fails_with_the_reason_and_the_runner_goes_on() {
    // What may be better on another runner is tried again until its budget is spent: quickly, here.
    let mut fleet = Processes::start(OSTLER, "[backoff.infra]\nbase = '20ms'\ncap = '50ms'\n").await;
    fleet.runner("alpha", "").await;
    let plain = fleet.directory().join("plain");
    std::fs::create_dir(&plain).expect("a directory");
    let from = |repository: &str, reference: Option<&str>| {
        let (repository, reference) = (repository.to_owned(), reference.map(str::to_owned));
        Task { source: Some(Source { repository, reference }), ..command(&["true"]) }
    };
    let unknown = Task { agent: "nobody".to_owned(), work: Work::Prompt("x".to_owned()), ..command(&[]) };
    let missing = Task { agent: "codex".to_owned(), work: Work::Prompt("x".to_owned()), ..command(&[]) };
    let cases = [
        ("no such program", command(&["/no/such/program"]), "/no/such/program"),
        ("no such repository", from("/no/such/repository", None), "/no/such/repository"),
        ("not git", from(plain.to_str().expect("text"), None), "git"),
        ("a reference like an option", from("https://127.0.0.1:9/x", Some("--upload-pack=touch x")), "refused"),
        ("a transport that executes", from("ext::sh -c touch% x", None), "refused"),
        ("an agent nobody knows", unknown, "nobody"),
        ("an agent that is not installed", missing, "codex"),
    ];
    for (what, task, words) in cases {
        let (word, told, _) = outcome(&fleet, what, task).await;
        assert!(matches!(word.as_str(), "failed" | "dead"), "{what}: {word}");
        assert!(told.contains(words), "{what}: no `{words}` in {told}");
    }
    let (word, told, _) = outcome(&fleet, "honest", command(&["true"])).await;
    assert_eq!(word, "succeeded", "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_output_is_cut_at_its_bound_and_said_to_be() {
    const FLOOD: u64 = 200_000_000;
    const KEPT: u64 = 4 * 1024 * 1024;
    let mut fleet = Processes::start(OSTLER, "").await;
    fleet.runner("alpha", "[spool]\nbytes_max = '4MiB'\n").await;
    let script = format!("echo first; yes flood | head -c {FLOOD}");
    let (word, told, run) = outcome(&fleet, "flood", command(&["/bin/sh", "-c", &script])).await;
    assert_eq!(word, "succeeded", "{told}");
    let heard = fleet.client.events(run, 1).await.expect("readable").events;
    let (mut bytes, mut dropped, mut text) = (0, 0, Vec::new());
    for (n, one) in (1..).zip(heard) {
        assert_eq!(one.seq, n, "gapless");
        match one.event.expect("a member reads it") {
            Event::Output { bytes: said, .. } => {
                bytes += said.len() as u64;
                text.extend(said);
            }
            Event::Truncated { dropped_bytes } => dropped = dropped_bytes,
            _other => {}
        }
    }
    assert!(bytes <= KEPT + 64 * 1024, "{bytes} bytes were kept");
    assert!(dropped >= FLOOD - 2 * KEPT, "{dropped} bytes are said to be dropped");
    let begin = String::from_utf8_lossy(&text[..40]).into_owned();
    assert!(begin.starts_with("first\nflood\n"), "what came before the bound stands: {begin:?}");
    let (word, told, _) = outcome(&fleet, "after", command(&["true"])).await;
    assert_eq!(word, "succeeded", "{told}");
}
