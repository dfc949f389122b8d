//! Events of a run: the log for reading along, one line each for looking closely, the diff.

use super::text::{command, lines, output, plain};
use super::time;
use crate::out::Paint;
use ostler_client::Heard;
use ostler_core::approval::Choice;
use ostler_core::event::{Event, Stream};
use serde_json::{Value, json};

/// What reads along: output as it came, and a line for whatever else matters; empty for what does not.
pub(crate) fn log(heard: &Heard, paint: Paint) -> String {
    let event = match &heard.event {
        Ok(event) => event,
        Err(error) => return paint.red(&format!("event {}: {}\n", heard.seq, plain(&error.to_string()))),
    };
    if let Event::Output { bytes, .. } = event {
        return output(bytes);
    }
    if let Event::Message(text) = event {
        return format!("{}\n", lines(text));
    }
    format!("{}\n", paint.dim(&format!("· {}", line(event))))
}

/// One line that says all that fits one.
pub(crate) fn line(event: &Event) -> String {
    match event {
        Event::Started { agent, argv, directory } => {
            format!("started {}: {} in {}", plain(agent), command(argv), plain(directory))
        }
        Event::Output { stream, bytes } => format!("{} {}", stream_word(*stream), plain(&output(bytes))),
        Event::Truncated { dropped_bytes } => format!("output cut: {dropped_bytes} bytes dropped so far"),
        Event::Message(text) => format!("says {}", plain(text)),
        Event::Asked { approval, action, .. } => {
            format!("asks {}: {} {}", approval.short(), plain(&action.kind), plain(&action.deed.line()))
        }
        Event::Answered { approval, choice, by, message } => {
            let word = match choice {
                Choice::Approve => "approved",
                Choice::Reject => "rejected",
            };
            let by = by.map_or_else(|| "the runner".to_owned(), |id| id.short());
            let message = if message.is_empty() { String::new() } else { format!(": {}", plain(message)) };
            format!("{} {word} by {by}{message}", approval.short())
        }
        Event::Saved { branch, repository, commit, uncommitted } => {
            let note = if *uncommitted { " (with uncommitted work)" } else { "" };
            let tip: String = commit.chars().take(12).collect();
            format!("saved as {} at {} in {}{note}", plain(branch), plain(&tip), plain(repository))
        }
        Event::Diff { stat: (files, added, removed), cut, .. } => {
            let note = if *cut { ", cut: the branch has it all" } else { "" };
            format!("changed {}, +{added} -{removed}{note}", files_word(*files))
        }
        Event::Ended { code, signal, message } => match (code, signal) {
            (Some(code), _) => format!("ended with code {code}: {}", plain(message)),
            (None, Some(signal)) => format!("ended by signal {signal}: {}", plain(message)),
            (None, None) => format!("ended: {}", plain(message)),
        },
        Event::Notice(text) => plain(text),
        Event::Raw(bytes) => format!("raw {}", plain(&String::from_utf8_lossy(bytes))),
    }
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

/// An event for programs.
pub(crate) fn json(heard: &Heard) -> Value {
    let (kind, data) = match &heard.event {
        Ok(event) => content(event),
        Err(error) => ("unreadable", json!({ "error": error.to_string() })),
    };
    json!({
        "seq": heard.seq,
        "epoch": heard.epoch,
        "n": heard.n,
        "at": time::rfc3339(heard.at),
        "kind": kind,
        "data": data,
    })
}

fn content(event: &Event) -> (&'static str, Value) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match event {
        Event::Started { agent, argv, directory } => {
            ("started", json!({ "agent": agent, "argv": argv, "directory": directory }))
        }
        Event::Output { stream, bytes } => ("output", json!({ "stream": stream_word(*stream), "text": text(bytes) })),
        Event::Truncated { dropped_bytes } => ("truncated", json!({ "dropped_bytes": dropped_bytes })),
        Event::Message(said) => ("message", json!({ "text": said })),
        Event::Asked { approval, action, digest } => (
            "asked",
            json!({ "approval": approval.to_string(), "kind": action.kind, "deed": action.deed, "digest": digest.to_string() }),
        ),
        Event::Answered { approval, choice, by, message } => (
            "answered",
            json!({
                "approval": approval.to_string(),
                "approved": *choice == Choice::Approve,
                "by": by.map(|id| id.to_string()),
                "message": message,
            }),
        ),
        Event::Saved { branch, repository, commit, uncommitted } => (
            "saved",
            json!({ "branch": branch, "repository": repository, "commit": commit, "uncommitted": uncommitted }),
        ),
        Event::Diff { patch, stat, cut } => ("diff", json!({ "patch": text(patch), "stat": stat, "cut": cut })),
        Event::Ended { code, signal, message } => {
            ("ended", json!({ "code": code, "signal": signal, "message": message }))
        }
        Event::Notice(said) => ("notice", json!({ "text": said })),
        Event::Raw(bytes) => ("raw", json!({ "text": text(bytes) })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_core::time::Timestamp;

    fn heard(event: Event) -> Heard {
        Heard { seq: 3, epoch: 1, n: 3, at: Timestamp(0), event: Ok(event) }
    }

    #[test]
    fn output_reads_as_it_came_and_obeys_nothing() {
        let out = heard(Event::Output { stream: Stream::Out, bytes: b"\x1b[31mhi\x1b[0m\nthere".to_vec() });
        assert_eq!(log(&out, Paint::off()), "hi\nthere");
        assert!(numbered(&out, Paint::off()).ends_with(r"1.3 out hi\nthere"));
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
