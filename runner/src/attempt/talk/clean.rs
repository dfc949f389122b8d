//! Secrets out of typed events: what a conversation means is understood first and cleaned after.
//!
//! An adapter of a conversation is fed the agent's exact bytes. A mark in the middle of its protocol could break it, and an
//! action whose command was changed on the way would be decided, sent back and executed changed. So what is decided and
//! executed stays exact, sealed to the people who decide; what is told in events is cleaned here.
//!
//! Owns which words of an event can hold a secret. Must not know where secrets come from.

use crate::attempt::secrets;
use ostler_agents::Redactor;
use ostler_core::deed::{Action, Deed};
use ostler_core::event::{Event, Stream};

/// Cleans the events of one conversation.
pub(super) struct Cleaner {
    redactor: Redactor,
    /// Noise beside the protocol comes in pieces that may cut a secret; messages are whole lines.
    noise: Option<Redactor>,
}

impl Cleaner {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self { redactor, noise: None }
    }

    /// `event` without secrets, after what was held back before it.
    pub(super) fn clean(&mut self, event: Event) -> Vec<Event> {
        let Event::Output { stream: Stream::Out, bytes } = event else {
            let rest = self.flush();
            return rest.into_iter().chain([event_without(&self.redactor, event)]).collect();
        };
        let noise = self.noise.get_or_insert_with(|| self.redactor.fresh());
        output(noise.feed(&bytes)).into_iter().collect()
    }

    /// What was held back.
    pub(super) fn flush(&mut self) -> Option<Event> {
        output(self.noise.take()?.finish())
    }
}

fn output(bytes: Vec<u8>) -> Option<Event> {
    (!bytes.is_empty()).then_some(Event::Output { stream: Stream::Out, bytes })
}

/// `event` with every secret in it replaced. Its numbers, ids and digests stay: the digest of an action is that of the exact one.
pub(in crate::attempt) fn event_without(redactor: &Redactor, mut event: Event) -> Event {
    let clean = |text: &mut String| *text = secrets::clean(redactor, text);
    match &mut event {
        Event::Started { argv, directory, .. } => argv.iter_mut().chain([directory]).for_each(clean),
        Event::Output { bytes, .. } | Event::Raw(bytes) | Event::Diff { patch: bytes, .. } => {
            *bytes = secrets::strip(redactor, bytes);
        }
        Event::Message(text)
        | Event::Notice(text)
        | Event::Thought(text)
        | Event::Failed(text)
        | Event::Prompted(text)
        | Event::Answered { message: text, .. }
        | Event::Ended { message: text, .. }
        | Event::Withdrawn { why: text, .. }
        | Event::Limit { message: text, .. }
        | Event::ToolEnded { output: text, .. }
        | Event::TurnEnded { reason: text } => clean(text),
        Event::Asked { action, .. } => action_without(action, &clean),
        Event::Ruled { action, because, .. } => {
            action_without(action, &clean);
            clean(because);
        }
        Event::Plan(entries) => entries.iter_mut().for_each(|entry| clean(&mut entry.text)),
        Event::ToolCalled { deed, title, .. } => {
            deed_without(deed, &clean);
            clean(title);
        }
        Event::Checked { command, output, .. } => [command, output].into_iter().for_each(clean),
        Event::Saved { .. } | Event::Truncated { .. } | Event::Usage(_) | Event::Session { .. } => {}
    }
    event
}

fn action_without(action: &mut Action, clean: &impl Fn(&mut String)) {
    deed_without(&mut action.deed, clean);
    clean(&mut action.title);
}

fn deed_without(deed: &mut Deed, clean: &impl Fn(&mut String)) {
    match deed {
        Deed::Program(program) => program.argv.iter_mut().for_each(clean),
        Deed::Command { line } => clean(line),
        Deed::Read { path } => clean(path),
        Deed::Edit { changes } => {
            for change in changes {
                clean(&mut change.path);
                clean(&mut change.diff);
            }
        }
        Deed::Search { pattern, path } => [pattern, path].into_iter().for_each(clean),
        Deed::Fetch { url } => clean(url),
        Deed::Subagent { prompt } => clean(prompt),
        Deed::Mcp { input, .. } | Deed::Other { input, .. } => clean(input),
        Deed::Question { text, options } => [text].into_iter().chain(options).for_each(clean),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_core::ids::{ApprovalId, Digest};

    const SECRET: &str = "hunter2-\"hunter2\"";

    #[test]
    fn a_secret_in_noise_is_found_wherever_it_is_cut_and_nothing_else_is_lost() {
        let text = format!("x {SECRET} y");
        let piece = |text: &str| Event::Output { stream: Stream::Out, bytes: text.as_bytes().to_vec() };
        for at in 0..=text.len() {
            let mut cleaner = Cleaner::new(Redactor::new([SECRET]));
            let mut events = cleaner.clean(piece(&text[..at]));
            events.extend(cleaner.clean(piece(&text[at..])));
            events.extend(cleaner.clean(Event::Message(format!("so {SECRET}"))));
            assert_eq!(events.pop(), Some(Event::Message("so [redacted]".to_owned())), "cut at {at}");
            let told =
                events.iter().flat_map(|e| if let Event::Output { bytes, .. } = e { bytes.clone() } else { vec![] });
            assert_eq!(told.collect::<Vec<u8>>(), b"x [redacted] y", "cut at {at}");
        }
    }

    #[test]
    fn what_is_shown_of_an_action_is_clean_and_its_digest_stays() {
        let redactor = Redactor::new([SECRET]);
        let line = format!("curl -H {SECRET} {}", SECRET.replace('"', "\\\""));
        let action = Action::new(Deed::Command { line: line.clone() }, "/srv/tree", &line);
        let asked = Event::Asked { approval: ApprovalId([1; 16]), action, digest: Digest([7; 32]) };
        let Event::Asked { action, digest, .. } = event_without(&redactor, asked) else { panic!("another event") };
        assert_eq!(action.deed, Deed::Command { line: "curl -H [redacted] [redacted]".to_owned() });
        assert_eq!((action.title.as_str(), digest), ("curl -H [redacted] [redacted]", Digest([7; 32])));
    }
}
