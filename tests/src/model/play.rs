//! What is answered to a conversation: the next step of its script, or plain text for a side call.
//!
//! Owns the choice. Must not know a protocol, a clock, or how often anything happened.

use super::edit;
use super::fit::filler;
use super::marker::Marker;
use super::script::{Fault, Op, Scripts, Step, Trouble};
use super::talk::{Cue, Talk};
use super::tools::{Call, call, is_extra};
use serde_json::Value;
use std::time::Duration;

/// What a side call gets: short enough for a title.
const ASIDE: &str = "Scripted work";

/// What the model says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) thought: Option<String>,
    pub(crate) words: Option<String>,
    pub(crate) calls: Vec<Call>,
    /// Whether it reports usage.
    pub(crate) charged: bool,
}

/// What is played to a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Play {
    pub(crate) answer: Answer,
    /// Where in which script; none for a side call.
    pub(crate) place: Option<Place>,
    pub(crate) fault: Option<Fault>,
    pub(crate) pace: Duration,
}

/// A step of a script that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) marker: Marker,
    pub(crate) step: usize,
}

/// The play for a request.
pub(crate) fn play(talk: &Talk, scripts: &Scripts) -> Play {
    let blocks = talk.tools.is_empty() && edit::wants_blocks(&talk.system);
    match talk.cue() {
        Some(cue) if blocks || !talk.tools.is_empty() => match scripts.named(&cue.marker.name) {
            Some(steps) if blocks => in_blocks(&cue, steps),
            Some(steps) => in_calls(&cue, steps, talk),
            None => said(&cue, format!("There is no script called {}.", cue.marker.name)),
        },
        Some(_) | None => aside(talk),
    }
}

fn aside(talk: &Talk) -> Play {
    let words = talk.schema.as_ref().map_or_else(|| ASIDE.to_owned(), |schema| filler(schema).to_string());
    Play { answer: Answer { words: Some(words), ..Answer::default() }, ..Play::default() }
}

fn said(cue: &Cue<'_>, words: String) -> Play {
    let answer = Answer { words: Some(words), charged: true, ..Answer::default() };
    Play { answer, place: Some(Place { marker: cue.marker.clone(), step: 0 }), ..Play::default() }
}

fn in_calls(cue: &Cue<'_>, steps: &[Step], talk: &Talk) -> Play {
    // What is passed over depends on the tools alone, so that the place in the rest is the same in each request.
    let passed = |step: &&Step| !step.ops.is_empty() && step.ops.iter().all(|op| is_extra(op, &talk.tools));
    let steps: Vec<&Step> = steps.iter().filter(|step| !passed(step)).collect();
    if steps.is_empty() {
        return said(cue, "There is no tool here for any step.".to_owned());
    }
    let at = cue.step(&steps);
    let (step, marker) = (steps[at], &cue.marker);
    let directory = marker.words.get("cwd").map(String::as_str).or_else(|| talk.directory());
    let ops: Vec<Op> = step.ops.iter().map(|op| filled(op, marker)).collect();
    let calls: Option<Vec<Call>> = ops.iter().map(|op| call(op, &talk.tools, directory)).collect();
    let answer = match calls {
        Some(calls) => Answer { calls, ..spoken(step, marker) },
        None => Answer { words: Some(format!("There is no tool here for {ops:?}.")), ..spoken(step, marker) },
    };
    let thought = answer.thought.clone().filter(|_| talk.thinks);
    struck(step, marker, at, Answer { thought, ..answer })
}

/// For an agent that reads edits out of the text: all up to the next words that end a turn, in one answer.
fn in_blocks(cue: &Cue<'_>, steps: &[Step]) -> Play {
    let turns: Vec<&[Step]> = steps.split_inclusive(|step| step.ops.is_empty()).collect();
    let played = cue.spoken();
    let turn = turns[played.min(turns.len() - 1)];
    // Of a script that is over, only its last words are said again.
    let turn = if played < turns.len() { turn } else { &turn[turn.len() - 1..] };
    let text = |step: &Step| {
        let blocks: String = step.ops.iter().map(|op| edit::block(&filled(op, &cue.marker))).collect();
        let words = step.words.as_deref().map_or_else(String::new, |words| cue.marker.fill(words) + "\n\n");
        words + &blocks
    };
    let words = Some(turn.iter().map(text).collect());
    let first = &turn[0];
    struck(first, &cue.marker, played, Answer { words, charged: true, ..Answer::default() })
}

fn spoken(step: &Step, marker: &Marker) -> Answer {
    let filled = |text: &Option<String>| text.as_deref().map(|text| marker.fill(text));
    Answer { thought: filled(&step.thought), words: filled(&step.words), calls: Vec::new(), charged: true }
}

fn struck(step: &Step, marker: &Marker, at: usize, answer: Answer) -> Play {
    let pace = marker.number("pace").map_or(step.pace, Duration::from_millis);
    let fault = marked_fault(marker, at).or_else(|| step.fault.clone());
    Play { answer, place: Some(Place { marker: marker.clone(), step: at }), fault, pace }
}

/// The fault that the marker itself asks for at this step.
fn marked_fault(marker: &Marker, at: usize) -> Option<Fault> {
    let trouble = match marker.words.get("fault")?.as_str() {
        "drop" => Trouble::Drop,
        "hold" => Trouble::Hold,
        "garbage" => Trouble::Garbage,
        status => Trouble::Status { status: status.parse().ok()?, retry_after_s: marker.number("after") },
    };
    let here = marker.number("at").unwrap_or(0) == at;
    here.then(|| Fault { trouble, times: marker.number("times") })
}

fn filled(op: &Op, marker: &Marker) -> Op {
    let all = |texts: &[String]| texts.iter().map(|text| marker.fill(text)).collect();
    match op {
        Op::Shell(command) => Op::Shell(marker.fill(command)),
        Op::Write(path, content) => Op::Write(marker.fill(path), marker.fill(content)),
        Op::Edit { path, old, new } => {
            Op::Edit { path: marker.fill(path), old: marker.fill(old), new: marker.fill(new) }
        }
        Op::Read(path) => Op::Read(marker.fill(path)),
        Op::Plan(points) => Op::Plan(all(points)),
        Op::Ask(question, choices) => Op::Ask(marker.fill(question), all(choices)),
        Op::Tool(name, arguments) => Op::Tool(name.clone(), filled_value(arguments, marker)),
    }
}

fn filled_value(value: &Value, marker: &Marker) -> Value {
    match value {
        Value::String(text) => Value::String(marker.fill(text)),
        Value::Array(items) => items.iter().map(|item| filled_value(item, marker)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), filled_value(value, marker))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Play, play};
    use crate::model::script::{Op, Scripts, Step, Trouble};
    use crate::model::talk::{Talk, Turn};
    use crate::model::tools::Tool;
    use serde_json::json;

    fn talk(prompt: &str, tools: &[&str]) -> Talk {
        let tool = |name: &&str| Tool { name: (*name).to_owned(), namespace: None, schema: Some(json!({})) };
        let turns = vec![Turn::Person(prompt.to_owned())];
        Talk { turns, tools: tools.iter().map(tool).collect(), ..Talk::default() }
    }

    fn words(play: &Play) -> &str {
        play.answer.words.as_deref().unwrap_or_default()
    }

    #[test]
    fn side_calls_get_plain_text_in_the_shape_they_want() {
        let scripts = Scripts::builtin();
        let mut aside = talk("Make a title for: [[script:both]]", &[]);
        assert_eq!(words(&play(&aside, &scripts)), "Scripted work");
        aside.schema = Some(json!({"required": ["title"], "properties": {"title": {"type": "string"}}}));
        assert_eq!(words(&play(&aside, &scripts)), r#"{"title":"scripted"}"#);
        assert!(!play(&talk("no marker", &["bash"]), &scripts).answer.charged);
    }

    #[test]
    fn what_cannot_be_played_says_so() {
        let scripts = Scripts::builtin();
        assert_eq!(words(&play(&talk("[[script:lost]]", &["bash"]), &scripts)), "There is no script called lost.");
        let toolless = play(&talk("[[script:both]]", &["glob"]), &scripts);
        assert!(words(&toolless).starts_with("There is no tool here for"), "{toolless:?}");
    }

    #[test]
    fn a_question_that_cannot_be_asked_is_passed_over() {
        let ask = Step::call(Op::Ask("Which?".to_owned(), vec!["this".to_owned()]));
        let scripts = Scripts::builtin().with("only", vec![ask.clone()]).with("asks", vec![ask, Step::say("asked")]);
        assert_eq!(words(&play(&talk("[[script:asks]]", &["bash"]), &scripts)), "asked");
        assert_eq!(play(&talk("[[script:asks]]", &["clarify"]), &scripts).answer.calls.len(), 1);
        assert_eq!(words(&play(&talk("[[script:only]]", &["bash"]), &scripts)), "There is no tool here for any step.");
    }

    #[test]
    fn an_agent_without_tools_gets_a_turn_of_its_script_as_blocks() {
        let steps =
            vec![Step::write("a", "b\n"), Step::shell("ls"), Step::say("one"), Step::shell("pwd"), Step::say("two")];
        let scripts = Scripts::builtin().with("x", steps);
        let mut talk = talk("[[script:x]]", &[]);
        talk.system = "Answer in a SEARCH/REPLACE block".to_owned();
        assert_eq!(play(&talk, &scripts).answer.calls, []);
        let mut again = talk.clone();
        again
            .turns
            .extend([Turn::Model(0), Turn::Person("I added these files to the chat: a\nAnything else?".to_owned())]);
        assert_eq!(words(&play(&again, &scripts)), words(&play(&talk, &scripts)), "set aside, and given again");
        let first = "a\n```\n<<<<<<< SEARCH\n=======\nb\n>>>>>>> REPLACE\n```\n\n```bash\nls\n```\n\none\n\n";
        for expected in [first, "```bash\npwd\n```\n\ntwo\n\n", "two\n\n", "two\n\n"] {
            assert_eq!(words(&play(&talk, &scripts)), expected);
            talk.turns.extend([Turn::Model(0), Turn::Person("go on".to_owned())]);
        }
    }

    #[test]
    fn a_marker_strikes_one_step_with_a_fault() {
        let scripts = Scripts::builtin();
        let fault = play(&talk("[[script:both fault=429 after=7 times=2]]", &["bash"]), &scripts).fault.unwrap();
        assert_eq!(fault.trouble, Trouble::Status { status: 429, retry_after_s: Some(7) });
        assert_eq!(fault.times, Some(2));
        assert_eq!(play(&talk("[[script:both fault=drop at=1]]", &["bash"]), &scripts).fault, None);
    }
}
