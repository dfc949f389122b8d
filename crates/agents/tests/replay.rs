//! Recorded transcripts of the real programs, and noise, through every adapter.

use ostler_agents::{Adapter, Catalog, End, Input, Launch, LaunchContext, LaunchError, Outcome, Process, Step};
use ostler_core::event::{Event, Stream};
use ostler_core::failure::FailureClass;
use ostler_core::ids::RunId;
use ostler_core::limits::{EVENT_BYTES_MAX, EVENT_OUTPUT_BYTES_MAX};
use ostler_core::task::{Task, Work};
use std::path::Path;

fn adapter(name: &str) -> Box<dyn Adapter> {
    Catalog::standard().adapter(name).expect("in the catalog")
}

/// What is to be kept of `steps`.
fn told(steps: Vec<Step>) -> Vec<Event> {
    steps.into_iter().filter_map(|step| if let Step::Event(event) = step { Some(event) } else { None }).collect()
}

/// The recording as the program printed it, and how it ended.
fn recording(name: &str) -> (Vec<(Stream, Vec<u8>)>, End) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("transcripts/{name}.jsonl"));
    let (mut printed, mut end) = (Vec::new(), End { code: None, signal: Some(9) });
    for line in std::fs::read_to_string(path).expect("a transcript").lines() {
        let entry: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let message = &entry["msg"];
        let text = message.as_str().map_or_else(|| message.to_string(), str::to_owned) + "\n";
        match entry["dir"].as_str() {
            Some("out") => printed.push((Stream::Out, text.into_bytes())),
            Some("err") => printed.push((Stream::Err, text.into_bytes())),
            Some("exit") => {
                let status = i32::try_from(message.as_i64().expect("a status")).expect("small");
                end = if status < 0 {
                    End { code: None, signal: Some(-status) }
                } else {
                    End { code: Some(status), signal: None }
                };
            }
            other => panic!("{other:?}"),
        }
    }
    (printed, end)
}

fn replay(agent: &str, name: &str, piece: usize) -> (Vec<Event>, Outcome) {
    let (printed, end) = recording(name);
    let mut adapter = adapter(agent);
    let mut events = Vec::new();
    for (stream, bytes) in printed {
        for part in bytes.chunks(piece) {
            events.extend(told(adapter.feed(stream, part)));
        }
    }
    let (last, outcome) = adapter.end(end);
    events.extend(last);
    (events, outcome)
}

fn check(name: &str, expected: Result<&str, (FailureClass, &str)>) -> Vec<Event> {
    let agent = name.split('-').next().expect("a name");
    let (events, outcome) = replay(agent, name, usize::MAX);
    match (&outcome, expected) {
        (Outcome::Succeeded { message }, Ok(words)) => assert_eq!(message, words, "{name}"),
        (Outcome::Failed { failure, .. }, Err((class, code))) => {
            assert_eq!((failure.class, failure.code.as_str()), (class, code), "{name}");
        }
        (other, _) => panic!("{name}: {other:?}"),
    }
    assert!(matches!(events.last(), Some(Event::Ended { .. })), "{name}");
    // A tool call may straddle chunks anywhere: standard error is cut differently, nothing else is.
    let steady = |events: Vec<Event>| -> Vec<Event> {
        events.into_iter().filter(|event| !matches!(event, Event::Output { .. })).collect()
    };
    for piece in [1, 7, 4_096] {
        let (again, same) = replay(agent, name, piece);
        assert_eq!(steady(again), steady(events.clone()), "{name} in pieces of {piece}");
        assert_eq!(same, outcome);
    }
    events
}

fn said(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| if let Event::Message(text) = event { Some(text.as_str()) } else { None })
        .collect()
}

fn noted(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Notice(_))).count()
}

#[test]
fn claude_as_recorded() {
    let events = check("claude-acceptEdits", Ok("DONE: both steps finished."));
    assert_eq!(said(&events), ["DONE: both steps finished."]);
    assert!(events.iter().filter(|event| matches!(event, Event::Raw(_))).count() >= 4, "tool calls are kept");
    let events = check("claude-noperm", Err((FailureClass::Policy, "permission denied")));
    assert_eq!(noted(&events), 2, "each denial is told, though the program says success");
    check("claude-nokey", Err((FailureClass::Infra, "not signed in")));
    check("claude-maxturns", Err((FailureClass::Task, "turns spent")));
    check("claude-401", Err((FailureClass::Infra, "not signed in")));
    check("claude-sig-2-tool", Err((FailureClass::Agent, "interrupted")));
    check("claude-sig-15-text", Err((FailureClass::Agent, "exit 143")));
}

#[test]
fn codex_as_recorded() {
    let events = check("codex-exec-both", Ok("DONE: both steps finished."));
    assert_eq!(said(&events), ["DONE: both steps finished."]);
    let events = check("codex-fault-429", Ok("DONE: after 429."));
    assert_eq!(noted(&events), 1);
    check("codex-nokey", Err((FailureClass::Infra, "not signed in")));
    check("codex-fault-401", Err((FailureClass::Infra, "not signed in")));
    check("codex-sig-15-text", Err((FailureClass::Agent, "signal 15")));
}

fn task(work: Work) -> Task {
    Task { env: vec![("WISH".to_owned(), "granted".to_owned())], ..Task::new("", work) }
}

fn context() -> LaunchContext {
    LaunchContext {
        run: RunId([7; 16]),
        directory: "/srv/tree".into(),
        socket: "/state/ask.sock".into(),
        home: None,
        temporary: "/state/tmp".into(),
        host: vec![("PATH".to_owned(), "/opt/bin".to_owned())],
        program: None,
        prompt: String::new(),
        resume: None,
    }
}

#[test]
fn a_command_is_executed_as_it_is_and_a_prompt_never_stands_in_argv() {
    let argv = vec!["printf".to_owned(), "%s; $HOME".to_owned()];
    for (agent, wants) in [("shell", None), ("pty", Some((120, 40)))] {
        let launched = adapter(agent).launch(&task(Work::Command(argv.clone())), &context()).expect("launches");
        let Launch::Process(Process { argv: given, env, terminal, input, .. }) = launched else { panic!("a process") };
        assert_eq!((given, terminal, input), (argv.clone(), wants, Input::Nothing));
        assert!(env.contains(&("WISH".to_owned(), "granted".to_owned())));
        let refused = adapter(agent).launch(&task(Work::Prompt("do".to_owned())), &context());
        assert_eq!(refused, Err(LaunchError::WantsCommand(agent)));
        assert_eq!(adapter(agent).launch(&task(Work::Command(Vec::new())), &context()), Err(LaunchError::Empty));
    }
    for agent in ["claude", "codex"] {
        let prompt = "p".repeat(500_000);
        let launched = adapter(agent).launch(&task(Work::Prompt(prompt.clone())), &context()).expect("launches");
        let Launch::Process(Process { argv: given, input, .. }) = launched else { panic!("a process") };
        assert_eq!(given[0], agent);
        assert!(!given.concat().contains("ppp"));
        assert_eq!(input, Input::Given(prompt.into_bytes()));
        let refused = adapter(agent).launch(&task(Work::Command(argv.clone())), &context());
        assert_eq!(refused, Err(LaunchError::WantsPrompt(agent)));
    }
    assert_eq!(adapter("noop").launch(&task(Work::Prompt(String::new())), &context()), Ok(Launch::Nothing));
}

#[test]
fn the_exit_code_judges_a_command() {
    let cases = [
        (End { code: Some(0), signal: None }, None),
        (End { code: Some(3), signal: None }, Some((FailureClass::Task, "exit 3"))),
        (End { code: None, signal: Some(11) }, Some((FailureClass::Agent, "signal 11"))),
        (End { code: None, signal: None }, Some((FailureClass::Infra, "end unseen"))),
    ];
    for (end, expected) in cases {
        let (events, outcome) = adapter("shell").end(end);
        assert!(matches!(events[..], [Event::Ended { code, signal, .. }] if (code, signal) == (end.code, end.signal)));
        match (outcome, expected) {
            (Outcome::Succeeded { .. }, None) => {}
            (Outcome::Failed { failure, .. }, Some((class, code))) => {
                assert_eq!((failure.class, failure.code.as_str()), (class, code));
            }
            (other, _) => panic!("{other:?}"),
        }
    }
}

/// A small generator, so that a failure names the seed that repeats it.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Bytes that are sometimes nearly the protocol: recorded lines with a few bytes changed.
    fn bytes(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let pick = self.next() as usize;
        let mut bytes = match pick % 3 {
            0 => (0..pick % 500).map(|_| self.next() as u8).collect(),
            1 => {
                const ODD: [&str; 8] =
                    ["{\"type\":", "null", "[[[[", "\"result\"", "}\n", "{\"type\":1e999}\n", "\u{0}\n", "{}\n"];
                (0..pick % 40).flat_map(|_| ODD[self.next() as usize % ODD.len()].bytes()).collect()
            }
            _ => seeds[pick % seeds.len()].clone(),
        };
        for _ in 0..self.next() % 4 {
            if !bytes.is_empty() {
                let at = self.next() as usize % bytes.len();
                bytes[at] = self.next() as u8;
            }
        }
        bytes
    }
}

#[test]
fn noise_becomes_bounded_events_and_never_a_panic() {
    let seeds: Vec<Vec<u8>> = ["claude-noperm", "claude-nokey", "codex-exec-both", "codex-fault-401"]
        .into_iter()
        .flat_map(|name| recording(name).0)
        .map(|(_, bytes)| bytes)
        .collect();
    let catalog = Catalog::standard();
    for entry in catalog.entries().iter().filter(|entry| entry.adapter.is_some()) {
        for seed in 1..=150u64 {
            let mut noise = Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut adapter = adapter(entry.name);
            let mut events = Vec::new();
            for _ in 0..20 {
                let stream = [Stream::Out, Stream::Out, Stream::Err, Stream::Terminal][noise.next() as usize % 4];
                events.extend(told(adapter.feed(stream, &noise.bytes(&seeds))));
            }
            let (last, _) = adapter.end(End { code: Some(0), signal: None });
            events.extend(last);
            for event in &events {
                if let Event::Output { bytes, .. } = event {
                    assert!(!bytes.is_empty() && bytes.len() <= EVENT_OUTPUT_BYTES_MAX);
                }
                let sealed = postcard::to_allocvec(event).expect("encodes").len();
                assert!(sealed < EVENT_BYTES_MAX, "{} seed {seed}", entry.name);
            }
            assert!(matches!(events.last(), Some(Event::Ended { .. })));
        }
    }
}

#[test]
fn commands_lose_no_byte() {
    for agent in ["shell", "pty"] {
        let mut noise = Noise(42);
        let (mut adapter, mut fed, mut out) = (adapter(agent), Vec::new(), Vec::new());
        for _ in 0..200 {
            let bytes = noise.bytes(&[b"\xe2\x82".to_vec(), vec![b'x'; 40_000]]);
            out.extend(told(adapter.feed(Stream::Out, &bytes)));
            fed.extend(bytes);
        }
        out.extend(adapter.end(End::default()).0);
        let got: Vec<u8> = out
            .into_iter()
            .flat_map(|event| if let Event::Output { bytes, .. } = event { bytes } else { Vec::new() })
            .collect();
        assert!(got == fed);
    }
}
