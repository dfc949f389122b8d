//! Events of a run: the log for reading along, one line each for looking closely, the diff.
//!
//! ```text
//! Event ─▶ Log      what a person reads along: words, output, one line per tool call, short results
//!       ─▶ line     one line with everything that fits one
//!       ─▶ json     for programs
//! ```

mod json;
mod line;

pub(crate) use json::json;
pub(crate) use line::line;

use super::text::{cut, lines, output, plain};
use super::time;
use crate::out::Paint;
use line::{called, checked, mark};
use ostler_client::Heard;
use ostler_core::approval::Choice;
use ostler_core::event::{Event, Stream};
use ostler_core::guard::Effect;
use ostler_core::ids::{ApprovalId, DeviceId};
use std::collections::BTreeMap;

/// Lines of a tool's result in a log: enough to see what it is. `runs events` has it all.
const RESULT_LINES_MAX: usize = 4;
/// Lines of a failed check in a log: the end of it, where the failures are counted.
const CHECK_LINES_MAX: usize = 20;
/// Characters of one line of a result.
const RESULT_CHARS_MAX: usize = 160;
/// Characters of what is told beside the agent's own words: three lines of a usual terminal.
const LINE_CHARS_MAX: usize = 240;
/// Calls remembered so that one told again is not shown again; an agent has far fewer under way.
const CALLS_MAX: usize = 64;

/// What reads along.
#[derive(Debug, Default)]
pub(crate) struct Log {
    calls: BTreeMap<String, String>,
}

impl Log {
    /// Output as it came, and lines for whatever else matters; empty for what does not.
    pub(crate) fn show(&mut self, heard: &Heard, paint: Paint) -> String {
        let event = match &heard.event {
            Ok(event) => event,
            Err(error) => return paint.red(&format!("event {}: {}\n", heard.seq, plain(&error.to_string()))),
        };
        if let Event::Output { bytes, .. } = event {
            return output(bytes);
        }
        let shown = self.shown(event, paint);
        if shown.is_empty() { shown } else { format!("{shown}\n") }
    }

    fn shown(&mut self, event: &Event, paint: Paint) -> String {
        match event {
            Event::Message(text) => lines(text),
            Event::Thought(text) => each(&lines(text), |line| paint.dim(line)),
            Event::Prompted(text) => each(&lines(text), |line| paint.bold(&format!("> {line}"))),
            Event::Plan(entries) => {
                let entry =
                    |entry: &ostler_core::event::PlanEntry| format!("  {} {}", mark(entry.state), plain(&entry.text));
                entries.iter().map(entry).collect::<Vec<_>>().join("\n")
            }
            Event::ToolCalled { call, deed, title } => self.called(call, called(deed, title), paint),
            Event::ToolEnded { call, ok, output } => self.ended(call, *ok, output, paint),
            Event::Checked { command, round, passed, output } => {
                verified(&checked(command, *round, *passed), *passed, output, paint)
            }
            Event::Asked { .. } | Event::Limit { .. } => paint.yellow(&format!("· {}", line(event))),
            Event::Ruled { effect: Effect::Deny, .. } => paint.yellow(&format!("· {}", line(event))),
            Event::Failed(_) => paint.red(&format!("· {}", line(event))),
            Event::Output { .. } | Event::Raw(_) => String::new(),
            Event::Started { .. }
            | Event::Truncated { .. }
            | Event::Answered { .. }
            | Event::Ruled { .. }
            | Event::Withdrawn { .. }
            | Event::Saved { .. }
            | Event::Diff { .. }
            | Event::Usage(_)
            | Event::Session { .. }
            | Event::TurnEnded { .. }
            | Event::Ended { .. }
            | Event::Notice(_) => paint.dim(&cut(&format!("· {}", line(event)), LINE_CHARS_MAX)),
        }
    }

    /// A call is shown when it is new, or when more is known of it.
    fn called(&mut self, call: &str, shown: String, paint: Paint) -> String {
        if self.calls.get(call) == Some(&shown) {
            return String::new();
        }
        if self.calls.len() >= CALLS_MAX {
            self.calls.clear();
        }
        self.calls.insert(call.to_owned(), shown.clone());
        paint.cyan(&shown)
    }

    fn ended(&mut self, call: &str, ok: bool, output: &str, paint: Paint) -> String {
        self.calls.remove(call);
        let shown: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
        let more = shown.len().saturating_sub(RESULT_LINES_MAX);
        let first = shown.iter().take(RESULT_LINES_MAX).map(|line| result(line));
        let more = (more > 0).then(|| format!("  … {more} more lines"));
        let failed = (!ok).then(|| paint.red("  failed"));
        let first = first.chain(more).map(|line| paint.dim(&line));
        failed.into_iter().chain(first).collect::<Vec<_>>().join("\n")
    }
}

fn result(line: &str) -> String {
    format!("  │ {}", cut(&plain(&line.replace('\t', "    ")), RESULT_CHARS_MAX))
}

fn verified(head: &str, passed: bool, output: &str, paint: Paint) -> String {
    if passed {
        return paint.green(head);
    }
    let shown: Vec<&str> = output.lines().collect();
    let end = shown[shown.len().saturating_sub(CHECK_LINES_MAX)..].iter().map(|line| result(line));
    std::iter::once(paint.red(head)).chain(end).collect::<Vec<_>>().join("\n")
}

fn each(text: &str, tint: impl Fn(&str) -> String) -> String {
    text.split('\n').map(tint).collect::<Vec<_>>().join("\n")
}

/// A verdict, and whose it was.
fn answered(approval: ApprovalId, choice: Choice, by: Option<DeviceId>, message: &str) -> String {
    let word = match choice {
        Choice::Approve => "approved",
        Choice::Reject => "rejected",
    };
    let by = by.map_or_else(|| "the runner".to_owned(), |id| id.short());
    let message = if message.is_empty() { String::new() } else { format!(": {}", plain(message)) };
    format!("{} {word} by {by}{message}", approval.short())
}

/// `1 file`, `2 files`.
pub(crate) fn files_word(files: u32) -> String {
    if files == 1 { "1 file".to_owned() } else { format!("{files} files") }
}

const fn stream_word(stream: Stream) -> &'static str {
    match stream {
        Stream::Out => "out",
        Stream::Err => "err",
        Stream::Terminal => "tty",
    }
}

/// The last diff among events, painted.
pub(crate) fn diff(events: &[Heard], paint: Paint) -> Option<String> {
    let patch = events.iter().rev().find_map(|heard| match &heard.event {
        Ok(Event::Diff { patch, .. }) => Some(patch),
        Ok(_) | Err(_) => None,
    })?;
    Some(painted_patch(patch, paint))
}

/// A unified diff in its usual colours.
pub(crate) fn painted_patch(patch: &[u8], paint: Paint) -> String {
    let painted = |text: &str| match text.chars().next() {
        Some('+') if !text.starts_with("+++") => paint.green(text),
        Some('-') if !text.starts_with("---") => paint.red(text),
        Some('@') => paint.cyan(text),
        Some(_) | None => text.to_owned(),
    };
    let text = String::from_utf8_lossy(patch);
    text.lines().map(|text| painted(&lines(text))).collect::<Vec<_>>().join("\n")
}

/// A line in front of which stands where it belongs.
pub(crate) fn numbered(heard: &Heard, paint: Paint) -> String {
    let what = match &heard.event {
        Ok(event) => line(event),
        Err(error) => paint.red(&plain(&error.to_string())),
    };
    let place = paint.dim(&format!("{:>5} {} {}.{}", heard.seq, time::clock(heard.at), heard.epoch, heard.n));
    format!("{place} {what}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_core::approval::Action;
    use ostler_core::deed::Deed;
    use ostler_core::event::{PlanEntry, PlanState};
    use ostler_core::time::Timestamp;

    fn heard(event: Event) -> Heard {
        Heard { seq: 3, epoch: 1, n: 3, at: Timestamp(0), event: Ok(event) }
    }

    #[track_caller]
    fn check(event: Event, shown: &str) {
        assert_eq!(Log::default().show(&heard(event), Paint::off()), shown);
    }

    fn command(line: &str) -> Deed {
        Deed::Command { line: line.to_owned() }
    }

    #[test]
    fn output_reads_as_it_came_and_obeys_nothing() {
        let bytes = b"\x1b[31mhi\x1b[0m\nthere".to_vec();
        check(Event::Output { stream: Stream::Out, bytes: bytes.clone() }, "hi\nthere");
        let out = heard(Event::Output { stream: Stream::Out, bytes });
        assert!(numbered(&out, Paint::off()).ends_with(r"1.3 out hi\nthere"));
    }

    #[test]
    fn an_agent_reads_like_a_conversation() {
        check(Event::Message("one\ntwo\u{1b}[2J".to_owned()), "one\ntwo\\u{1b}[2J\n");
        let entry = |text: &str, state| PlanEntry { text: text.to_owned(), state };
        let plan =
            vec![entry("look", PlanState::Done), entry("fix", PlanState::Active), entry("test", PlanState::Pending)];
        check(Event::Plan(plan), "  [x] look\n  [>] fix\n  [ ] test\n");
        let action = Action::new(command("rm -rf /"), "/srv", "");
        let because = "ostler.policy:7".to_owned();
        check(Event::Ruled { action, effect: Effect::Deny, because }, "· denied: $ rm -rf / (ostler.policy:7)\n");
        check(Event::Raw(b"{}".to_vec()), "");
        let output = "1 passed\n1 failed".to_owned();
        let checked = Event::Checked { command: "make test".to_owned(), round: 2, passed: false, output };
        check(checked, "check failed (round 2): $ make test\n  │ 1 passed\n  │ 1 failed\n");
    }

    #[test]
    fn a_call_told_again_is_shown_once_and_its_result_is_short() {
        let mut log = Log::default();
        let mut show = |event| log.show(&heard(event), Paint::off());
        let called = |line| Event::ToolCalled { call: "1".to_owned(), deed: command(line), title: String::new() };
        assert_eq!(show(called("ls")), "$ ls\n");
        assert_eq!(show(called("ls")), "");
        assert_eq!(show(called("ls -l")), "$ ls -l\n", "more is known");
        let ended = Event::ToolEnded { call: "1".to_owned(), ok: false, output: "a\nb\n\nc\nd\ne\nf".to_owned() };
        assert_eq!(show(ended), "  failed\n  │ a\n  │ b\n  │ c\n  │ d\n  … 2 more lines\n");
        assert_eq!(show(called("ls -l")), "$ ls -l\n", "another call under the same id");
    }

    #[test]
    fn the_last_diff_is_shown() {
        let patch = |text: &str| heard(Event::Diff { patch: text.into(), stat: (1, 1, 0), cut: false });
        let events = [patch("old"), patch("@@ x\n+new\u{202e}")];
        assert_eq!(diff(&events, Paint::off()).as_deref(), Some("@@ x\n+new\\u{202e}"));
        assert_eq!(diff(&[], Paint::off()), None);
    }

    #[test]
    fn an_end_says_how() {
        let ended = Event::Ended { code: Some(3), signal: None, message: "no\nluck".to_owned() };
        assert_eq!(line(&ended), r"ended with code 3: no\nluck");
        assert_eq!(json(&heard(ended))["kind"], "ended");
    }
}
