//! What a person types wrong, in front of a real relay.

use crate::OSTLER;
use ostler_client::Offer;
use ostler_core::device::Role;
use ostler_tests::{Hurt, Processes, RELAY, draft};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// How a command ended: its code, and what it said to people.
struct Ended {
    code: Option<i32>,
    said: String,
}

impl Ended {
    /// It ended with `code` and said all of `words`.
    fn is(&self, what: &str, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{what}: {}", self.said);
        for word in words {
            assert!(self.said.contains(word), "{what}: no `{word}` in: {}", self.said);
        }
        assert!(!self.said.contains("panicked"), "{what}: {}", self.said);
    }
}

/// Runs `ostler` as the person whose data is in `home`.
fn ostler(home: &Path, words: &[&str], stdin: &[u8]) -> Ended {
    let mut command = Command::new(OSTLER);
    command.args(words).env("OSTLER_HOME", home).env_remove("OSTLER_AGENT").current_dir(home);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut into = child.stdin.take().expect("piped");
    let given = stdin.to_vec();
    // It may end before it has read everything.
    let writer = std::thread::spawn(move || into.write_all(&given).is_ok());
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("written");
    let said = [output.stderr, output.stdout].concat();
    // Long lines are wrapped for people; words are looked for as if they were not.
    let said =
        String::from_utf8_lossy(&said).split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
    Ended { code: output.status.code(), said }
}

/// What is wrong, the arguments, what is piped in, the exit code, and words of what is said.
type Case<'a> = (&'a str, &'a [&'a str], &'a [u8], i32, &'a [&'a str]);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_understood_or_not_there_is_said_and_nothing_is_submitted() {
    let fleet = Processes::start(OSTLER, "").await;
    let home = fleet.directory().join("operator");
    let plain = fleet.directory().join("plain");
    std::fs::create_dir(&plain).expect("a directory");
    let plain = plain.to_str().expect("text");
    let prompt = vec![b'x'; 10 << 20];
    let cases: [Case<'_>; 8] = [
        (
            "a prompt of 10 MB",
            &["run", "--agent", "claude", "--detach", "-"],
            &prompt,
            2,
            &["limit is 524288", "repository"],
        ),
        ("no such repository", &["run", "--repo", "/no/such/place", "--", "true"], &[], 2, &["/no/such/place"]),
        ("not git", &["run", "--repo", plain, "--", "true"], &[], 2, &[plain, "git"]),
        ("a requirement without a value", &["run", "--require", "os=", "--", "true"], &[], 2, &["write a value after"]),
        ("a word that is no order", &["run", "--require", "mem>=lots", "--", "true"], &[], 2, &["needs a number"]),
        ("an unknown run", &["runs", "show", "run_zzzz"], &[], 3, &["no run matches", "ostler runs list"]),
        (
            "a priority out of bounds",
            &["run", "--priority", "9", "--", "true"],
            &[],
            2,
            &["priority 9", "1 (most urgent) to 5"],
        ),
        ("an empty prompt", &["run", "--agent", "claude", "-"], b"  ", 2, &["empty"]),
    ];
    for (what, words, stdin, code, said) in cases {
        ostler(&home, words, stdin).is(what, code, said);
    }
    assert!(fleet.client.runs(&[], None, 10).await.expect("listed").is_empty(), "nothing was submitted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_id_that_matches_two_names_both_and_touches_neither() {
    let fleet = Processes::start(OSTLER, "").await;
    let home = fleet.directory().join("operator");
    let mut ids = Vec::new();
    for name in ["one", "two"] {
        ids.push(fleet.client.submit(&draft(name)).await.expect("kept").run.to_string());
    }
    let same = ids[0].bytes().zip(ids[1].bytes()).take_while(|(a, b)| a == b).count();
    let ended = ostler(&home, &["runs", "cancel", &ids[0][..same]], &[]);
    ended.is("two match", 3, &["matches 2", &ids[0], &ids[1], "give more characters"]);
    let ready = fleet.client.runs(&["ready"], None, 10).await.expect("listed");
    assert_eq!(ready.len(), 2, "neither was cancelled");
    ostler(&home, &["runs", "cancel", &ids[0][..same + 1]], &[]).is("one more character", 0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requirement_nobody_could_meet_is_said_at_submit_with_the_part_that_fails() {
    let mut fleet = Processes::start(OSTLER, "").await;
    fleet.runner("alpha", "").await;
    ostler_tests::until("the runner is attached", || async {
        fleet.client.workers().await.ok()?.iter().any(|worker| worker.connected).then_some(())
    })
    .await;
    let home = fleet.directory().join("operator");
    let words = ["run", "--detach", "--require", "os=linux, gpu>=4", "--", "true"];
    let ended = ostler(&home, &words, &[]);
    ended.is("warned", 0, &["no paired runner could ever take this run", "alpha", "gpu"]);
    assert!(!ended.said.contains("os=linux"), "only the part that fails: {}", ended.said);
    let ended = ostler(&home, &["run", "--detach", "--agent", "codex-unheard-of", "do it"], &[]);
    assert!(ended.said.contains("agent.codex-unheard-of"), "an agent nobody has is a part too: {}", ended.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_not_there_is_named_with_its_address_and_comes_back_whole() {
    let mut fleet = Processes::start(OSTLER, "").await;
    let home = fleet.directory().join("operator");
    let kept = fleet.client.submit(&draft("kept")).await.expect("kept").run;
    let address = fleet.client.home().relays()[0].authority().to_owned();
    fleet.hurt(RELAY, Hurt::Kill);
    ostler(&home, &["runs", "list"], &[]).is("nobody there", 5, &[&address, "check that it runs"]);
    fleet.start_relay();
    ostler_tests::until("it serves again", || async { fleet.client.run(kept).await.ok() }).await;
    ostler(&home, &["runs", "list"], &[]).is("there again", 0, &["kept"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_no_fleet_or_brings_a_bad_ticket_is_told_how_to_join() {
    let fleet = Processes::start(OSTLER, "").await;
    let nowhere = fleet.directory().join("nowhere");
    std::fs::create_dir(&nowhere).expect("a directory");
    ostler(&nowhere, &["runs", "list"], &[]).is("no fleet", 6, &["ostler init", "ostler join"]);
    let offer = Offer { role: Role::Viewer, pools: vec![], lasts_ms: 600_000 };
    let good = fleet.client.invite(&offer).await.expect("a ticket");
    let text = good.to_string();
    let cut = &text.as_bytes()[..text.len() - 3];
    let ended = ostler(&nowhere, &["join", "-"], b"hello");
    assert_ne!(ended.code, Some(0));
    assert!(ended.said.contains("not a ticket"), "{}", ended.said);
    let ended = ostler(&nowhere, &["join", "-"], cut);
    assert_ne!(ended.code, Some(0));
    assert!(ended.said.contains("damaged") && ended.said.contains("copy it again"), "{}", ended.said);
    let ended = ostler(&nowhere, &["join", &text], &[]);
    assert_eq!(ended.code, Some(2), "never in the arguments: {}", ended.said);
    ostler(&nowhere, &["join", "-"], text.as_bytes()).is("a good one is still good", 0, &[]);
    let again = fleet.directory().join("again");
    std::fs::create_dir(&again).expect("a directory");
    let ended = ostler(&again, &["join", "-"], text.as_bytes());
    ended.is("spent", 4, &["ostler invite"]);
}
