//! Commands, launches and noise: what holds for every adapter.

mod tape;

use ostler_agents::{Catalog, End, Input, Launch, LaunchError, Outcome, Process, Reply, Resume, Step};
use ostler_core::event::{Event, Stream};
use ostler_core::failure::FailureClass;
use ostler_core::limits::{ACTION_BYTES_MAX, EVENT_BYTES_MAX, EVENT_OUTPUT_BYTES_MAX};
use ostler_core::task::{Task, Work};
use tape::{adapter, context, launched, recording};

/// Only what the program printed.
fn printed(name: &str) -> Vec<Vec<u8>> {
    recording(name).0.into_iter().filter(|(direction, _)| direction != "in").map(|(_, bytes)| bytes).collect()
}

/// What is to be kept of `steps`.
fn told(steps: Vec<Step>) -> Vec<Event> {
    steps.into_iter().filter_map(|step| if let Step::Event(event) = step { Some(event) } else { None }).collect()
}

fn task(work: Work) -> Task {
    Task { env: vec![("WISH".to_owned(), "granted".to_owned())], ..Task::new("", work) }
}

#[test]
fn a_command_is_executed_as_it_is() {
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
    assert_eq!(adapter("noop").launch(&task(Work::Prompt(String::new())), &context()), Ok(Launch::Nothing));
}

/// The agents that are given a prompt, whoever speaks to them.
fn prompted() -> impl Iterator<Item = &'static str> {
    let catalog = Catalog::standard();
    let spoken: Vec<&str> =
        catalog.entries().iter().filter(|e| e.adapter.is_some() && !e.programs.is_empty()).map(|e| e.name).collect();
    spoken.into_iter()
}

#[test]
fn no_prompt_and_no_secret_stands_in_argv() {
    for agent in prompted() {
        let mut context = context();
        context.prompt = "p".repeat(500_000);
        let process = launched(adapter(agent).as_mut(), agent, &context);
        assert!(!process.argv.concat().contains("ppp"), "{agent}");
        assert!(process.argv[0].contains(agent.split('-').next().expect("a name")) || agent == "kimi", "{agent}");
        assert!(process.env.contains(&("HOME".to_owned(), "/srv/r/home".to_owned())), "{agent}");
        assert!(process.files.iter().all(|(path, _)| !path.starts_with('/') && !path.contains("..")), "{agent}");
        let command = Task::new(agent, Work::Command(vec!["ls".to_owned()]));
        let refused = adapter(agent).launch(&command, &context);
        assert_eq!(refused, Err(LaunchError::WantsPrompt(agent)));
    }
}

#[test]
fn what_makes_an_agent_ask_is_not_the_tasks_to_say() {
    let mut context = context();
    context.resume = Some(Resume { session: "s-1".to_owned(), otherwise: String::new() });
    let mut task = Task::new("codex", Work::Prompt("do it".to_owned()));
    task.env = vec![("CODEX_HOME".to_owned(), "/elsewhere".to_owned())];
    task.model = Some("m".to_owned());
    let Ok(Launch::Process(codex)) = adapter("codex").launch(&task, &context) else { panic!("a process") };
    assert!(codex.env.contains(&("CODEX_HOME".to_owned(), "/srv/r/home/.codex".to_owned())));
    assert!(codex.argv.contains(&r#"projects={"/srv/r/tree"={trust_level="untrusted"}}"#.to_owned()));
    let Ok(Launch::Process(claude)) = adapter("claude").launch(&task, &context) else { panic!("a process") };
    for wanted in ["--permission-prompt-tool", "stdio", "--setting-sources=user", "--model=m", "--resume=s-1"] {
        assert!(claude.argv.iter().any(|arg| arg == wanted), "{wanted}");
    }
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

fn adapter_launched(adapter: &mut dyn ostler_agents::Adapter, agent: &str) {
    if prompted().any(|name| name == agent) {
        launched(adapter, agent, &context());
    }
}

/// The steps, and those that follow from somebody who decides, prompts and interrupts as the dice say.
fn answered(adapter: &mut dyn ostler_agents::Adapter, steps: Vec<Step>, noise: &mut Noise) -> Vec<Step> {
    let mut all = Vec::new();
    for step in steps {
        if let Step::Ask(ask) = &step {
            let size = postcard::to_allocvec(&ask.action).expect("encodes").len();
            assert!(size < ACTION_BYTES_MAX, "{size}");
            let (text, option) = ("words".repeat(noise.next() as usize % 3), Some(noise.next() as u32 % 3));
            let reply =
                if noise.next().is_multiple_of(2) { Reply::Allow { text, option } } else { Reply::Deny { text } };
            all.extend(adapter.reply(&ask.key, &reply));
            assert_eq!(adapter.reply(&ask.key, &reply), [], "decided once");
        }
        if step == Step::Idle && noise.next().is_multiple_of(2) {
            all.extend(adapter.prompt("more").unwrap_or_default());
        }
        all.push(step);
    }
    if noise.next().is_multiple_of(8) {
        all.extend(adapter.interrupt().unwrap_or_default());
    }
    all
}

/// Everything `adapter` says when it is fed `bytes` in pieces of any size, bounded.
fn fed(adapter: &mut dyn ostler_agents::Adapter, bytes: &[u8], noise: &mut Noise) -> Vec<Event> {
    let (mut rest, mut events) = (bytes, Vec::new());
    while !rest.is_empty() {
        let (piece, later) = rest.split_at((1 + noise.next() as usize % 3_000).min(rest.len()));
        let steps = adapter.feed(Stream::Out, piece);
        events.extend(told(answered(adapter, steps, noise)));
        rest = later;
    }
    let (last, _) = adapter.end(End { code: Some(1), signal: None });
    events.extend(last);
    events
}

#[test]
fn a_damaged_conversation_is_understood_as_far_as_it_goes() {
    let native =
        ["claude-decide", "claude-question", "claude-follow", "codex-decide", "codex-question", "aider-decide"];
    let acp =
        ["gemini-resume", "goose-decide", "kimi-interrupt", "hermes-cancel", "openhands-decide", "copilot-follow"];
    for name in native.into_iter().map(str::to_owned).chain(acp.map(|name| format!("acp-{name}"))) {
        let name = name.as_str();
        let agent = name.trim_start_matches("acp-").split('-').next().expect("a name");
        let lines = printed(name);
        for seed in 1..=60u64 {
            let mut noise = Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut damaged = Vec::new();
            for line in &lines {
                for _ in 0..[1, 1, 1, 1, 0, 2][noise.next() as usize % 6] {
                    damaged.extend_from_slice(line);
                }
            }
            for _ in 0..noise.next() % 30 {
                let at = noise.next() as usize % damaged.len();
                damaged[at] = noise.next() as u8;
            }
            let mut adapter = adapter(agent);
            adapter_launched(adapter.as_mut(), agent);
            for event in fed(adapter.as_mut(), &damaged, &mut noise) {
                let sealed = postcard::to_allocvec(&event).expect("encodes").len();
                assert!(sealed < EVENT_BYTES_MAX, "{name} seed {seed}");
            }
        }
    }
}

#[test]
fn what_nobody_understands_is_kept_byte_for_byte() {
    for agent in ["claude", "codex", "gemini"] {
        let mut noise = Noise(7);
        let lines: Vec<String> = (0..200)
            .map(|n| format!("{{\"type\":\"new_{n}\",\"x\":\"{}\"}}\n", "é".repeat(noise.next() as usize % 99)))
            .collect();
        let mut adapter = adapter(agent);
        adapter_launched(adapter.as_mut(), agent);
        let events = fed(adapter.as_mut(), lines.concat().as_bytes(), &mut noise);
        let kept: Vec<u8> = events
            .into_iter()
            .flat_map(|event| if let Event::Raw(line) = event { [&line[..], b"\n"].concat() } else { Vec::new() })
            .collect();
        assert!(kept == lines.concat().as_bytes(), "{agent}");
    }
}

#[test]
fn noise_becomes_bounded_events_and_never_a_panic() {
    let seeds: Vec<Vec<u8>> = [
        "claude-decide",
        "claude-question",
        "claude-401",
        "codex-decide",
        "codex-gone",
        "aider-decide",
        "acp-kimi-decide",
    ]
    .into_iter()
    .flat_map(printed)
    .collect();
    let catalog = Catalog::standard();
    for entry in catalog.entries().iter().filter(|entry| entry.adapter.is_some()) {
        for seed in 1..=100u64 {
            let mut noise = Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut adapter = adapter(entry.name);
            adapter_launched(adapter.as_mut(), entry.name);
            let mut events = Vec::new();
            for _ in 0..20 {
                let stream = [Stream::Out, Stream::Out, Stream::Err, Stream::Terminal][noise.next() as usize % 4];
                let steps = adapter.feed(stream, &noise.bytes(&seeds));
                events.extend(told(answered(adapter.as_mut(), steps, &mut noise)));
            }
            assert!(adapter.in_flight() <= 2_048);
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

#[test]
fn a_text_agent_and_a_line_without_end_lose_no_byte() {
    for agent in ["claude", "codex", "aider", "gemini"] {
        let mut adapter = adapter(agent);
        let (mut fed, mut got) = (Vec::new(), Vec::new());
        let mut take = |events: Vec<Event>| {
            for event in events {
                if let Event::Output { bytes, .. } = event {
                    got.extend(bytes);
                }
            }
        };
        for _ in 0..300 {
            let piece = [b"{\"type\":\"assistant\",\"x\":\"".to_vec(), vec![b'y'; 10_000]].concat();
            take(told(adapter.feed(Stream::Out, &piece)));
            fed.extend(piece);
        }
        take(adapter.end(End::default()).0);
        assert!(got == fed || [&fed[..], b"\n"].concat() == got, "{agent}");
    }
}
