//! A conversation without processes: what an agent's steps, people's answers and time lead to.

use super::*;
use ostler_agents::{Adapter, Launch, LaunchContext, LaunchError, Redactor};
use ostler_core::deed::Deed;
use ostler_core::event::Stream;
use ostler_core::guard::Rule;
use ostler_core::task::{Task, Work};
use std::sync::Arc;

const START: Timestamp = Timestamp(1_000);

/// Each byte it prints is a step: `a`, `b`… ask for `make a`… with patience, `A`, `B`… without, `.` is idle, `-` gives up `a`.
struct Scripted;

impl Adapter for Scripted {
    fn launch(&mut self, _: &Task, _: &LaunchContext) -> Result<Launch, LaunchError> {
        Ok(Launch::Nothing)
    }

    fn feed(&mut self, _: Stream, bytes: &[u8]) -> Vec<Step> {
        let step = |byte: &u8| match byte {
            b'.' => Step::Idle,
            b'-' => Step::Withdraw("a".to_owned()),
            letter => {
                let line = format!("make {}", letter.to_ascii_lowercase() as char);
                let patience_ms = letter.is_ascii_lowercase().then_some(500);
                let action = Action::new(Deed::Command { line }, "/srv/tree", "");
                Step::Ask(Ask { key: (*letter as char).to_string(), action, patience_ms })
            }
        };
        bytes.iter().map(step).collect()
    }

    fn reply(&mut self, key: &str, reply: &Reply) -> Vec<Step> {
        let said = match reply {
            Reply::Allow { text, .. } => format!("{key} yes {text}"),
            Reply::Deny { text } => format!("{key} no {text}"),
        };
        vec![Step::Send(said.into_bytes())]
    }

    fn prompt(&mut self, text: &str) -> Option<Vec<Step>> {
        Some(vec![Step::Send(text.as_bytes().to_vec())])
    }

    fn interrupt(&mut self) -> Option<Vec<Step>> {
        Some(Vec::new())
    }

    fn end(&mut self, _: End) -> (Vec<Event>, Outcome) {
        (Vec::new(), Outcome::Succeeded { message: String::new() })
    }
}

/// A conversation in which every command is asked about, and how far its output was read.
struct Scene(Talk, u64);

impl Scene {
    fn new() -> Self {
        let task = Task { rules: vec![Rule::new(Effect::Ask)], ..Task::new("scripted", Work::Prompt(String::new())) };
        let rules = Rules::new(Arc::from([]), &task, "/srv/tree".to_owned(), Vec::new());
        let output = Output::of_conversation(Box::new(Scripted), Redactor::new::<&str>([]), 0);
        Self(Talk::new(output, rules), 0)
    }

    fn prints(&mut self, text: &str, now: Timestamp) -> Vec<Act> {
        self.1 += 5 + text.len() as u64;
        self.0.take(&[Chunk { stream: Stream::Out, bytes: text.as_bytes().to_vec() }], self.1, now)
    }

    /// Prints one letter that is asked about; the question.
    fn asks(&mut self, letter: &str, now: Timestamp) -> ApprovalId {
        let acts = self.prints(letter, now);
        let [Act::Ask(id, _)] = acts[..] else { panic!("{acts:?}") };
        id
    }
}

fn sent(acts: &[Act]) -> Vec<String> {
    let text = |act: &Act| if let Act::Send(bytes) = act { String::from_utf8(bytes.clone()).ok() } else { None };
    acts.iter().filter_map(text).collect()
}

fn yes() -> Decision {
    Decision::Yes(Box::new(Remark::words("go")))
}

#[test]
fn an_answer_reaches_whoever_waits_and_twice_the_same_is_one_question() {
    let mut scene = Scene::new();
    let first = scene.asks("A", START);
    assert_eq!(scene.prints("a", START), [], "the same deed again");
    let second = scene.asks("B", START);
    assert_eq!(sent(&scene.0.decided(second, Decision::No("why".to_owned()), START)), ["B no why"]);
    assert_eq!(sent(&scene.0.decided(first, yes(), START)), ["A yes go", "a yes go"]);
    assert!(!scene.0.is_asking());
    scene.asks("A", START);
}

#[test]
fn impatience_is_denied_and_the_late_answer_is_told_once_the_agent_listens() {
    let mut scene = Scene::new();
    let id = scene.asks("a", START);
    assert_eq!((scene.0.next_due(), scene.0.due(Timestamp(1_499))), (Some(Timestamp(1_500)), Vec::new()));
    assert_eq!(sent(&scene.0.due(Timestamp(1_500))), [format!("a no {NOT_YET}")]);
    scene.prints(".", Timestamp(1_600));
    assert!(scene.0.is_idle() && scene.0.is_asking(), "an open question keeps the agent");
    assert_eq!(scene.0.take_late(), None);
    assert_eq!(scene.0.decided(id, yes(), Timestamp(9_000)), []);
    let late = scene.0.take_late().expect("something to say");
    assert_eq!(late, "This was approved, do it now: make a\ngo");
    let acts = scene.0.prompt(&late, Timestamp(9_000)).expect("takes prompts");
    assert_eq!((sent(&acts), scene.0.is_idle()), (vec![late], false));
    let again = scene.prints("a", Timestamp(9_100));
    assert!(matches!(&again[0], Act::Tell(Event::Ruled { effect: Effect::Allow, .. })), "{again:?}");
    assert_eq!(sent(&again), ["a yes "]);
    scene.asks("a", Timestamp(9_200));
}

#[test]
fn an_impatient_agent_that_asks_again_joins_the_question_that_people_have() {
    let mut scene = Scene::new();
    let id = scene.asks("a", START);
    scene.0.due(Timestamp(2_000));
    assert_eq!(scene.prints("a", Timestamp(2_100)), []);
    assert_eq!(sent(&scene.0.decided(id, yes(), Timestamp(2_200))), ["a yes go"]);
    assert_eq!(scene.0.take_late(), None, "it was told in time");
}

#[test]
fn what_was_given_up_is_withdrawn_and_its_answer_does_nothing() {
    let mut scene = Scene::new();
    let id = scene.asks("a", START);
    let acts = scene.prints("-", START);
    assert!(matches!(acts[..], [Act::Withdraw(of, _)] if of == id), "{acts:?}");
    let acts = scene.0.decided(id, yes(), START);
    assert!(matches!(&acts[..], [Act::Tell(Event::Notice(_))]), "{acts:?}");
    assert_eq!(scene.prints("-", START), [], "nothing is given up twice");
}

#[test]
fn a_run_that_ends_asks_nobody() {
    let mut scene = Scene::new();
    scene.asks("A", START);
    assert_eq!(scene.0.interrupt(START), Some(Vec::new()));
    assert!(!scene.0.is_asking());
    let acts = scene.prints("B", START);
    assert_eq!(sent(&acts), [format!("B no {ENDING}")]);
    assert!(matches!(&acts[0], Act::Tell(Event::Ruled { effect: Effect::Deny, .. })), "{acts:?}");
}

#[test]
fn what_is_too_large_to_be_shown_is_denied_with_a_way_out() {
    let mut scene = Scene::new();
    let line = "x".repeat(ostler_core::limits::ACTION_BYTES_MAX);
    let action = Action::new(Deed::Command { line }, "/srv/tree", "");
    let ask = Ask { key: "k".to_owned(), action, patience_ms: None };
    let acts = scene.0.acts(vec![Step::Ask(ask)], START);
    assert!(sent(&acts)[0].contains("smaller steps"), "{:?}", sent(&acts));
}
