//! Chunks of what an agent says, as few messages that each end where a reader would end them.
//!
//! Owns the gathering. Agents send a chunk per token; an event per token would drown everybody who reads along.

use crate::codec::words::floor;
use ostler_core::event::Event;

/// From here on a text is told up to its last whole line: soon enough to read along.
const TOLD_BYTES: usize = 1_024;
/// Bytes held at most: a text without lines is cut here.
const HELD_BYTES_MAX: usize = 16 * 1024;
/// Bytes kept of the last words, for the sentence an attempt ends with.
const WORDS_BYTES_MAX: usize = 4 * 1024;

/// Who a chunk is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Voice {
    /// People.
    #[default]
    Aloud,
    /// The agent itself.
    Thought,
}

/// What was said and not yet told.
#[derive(Debug, Default)]
pub(super) struct Speech {
    voice: Voice,
    held: String,
    words: String,
}

impl Speech {
    /// Takes one chunk; gives what can be told.
    pub(super) fn say(&mut self, voice: Voice, chunk: &str, events: &mut Vec<Event>) {
        if self.voice != voice {
            self.finish(events);
            self.voice = voice;
        }
        if voice == Voice::Aloud {
            self.words.push_str(chunk);
            let over = self.words.len().saturating_sub(WORDS_BYTES_MAX);
            let whole = |at: &usize| self.words.is_char_boundary(*at);
            self.words.drain(..(over..).find(whole).expect("the end of a text is between characters"));
        }
        self.held.push_str(chunk);
        if self.held.len() >= TOLD_BYTES
            && let Some(line) = self.held.rfind('\n')
        {
            self.tell(line + 1, events);
        }
        while self.held.len() > HELD_BYTES_MAX {
            self.tell(floor(&self.held, HELD_BYTES_MAX), events);
        }
    }

    /// Gives all that is held: something else is to be told.
    pub(super) fn finish(&mut self, events: &mut Vec<Event>) {
        self.tell(self.held.len(), events);
    }

    /// The last words said aloud since [`forget`](Self::forget).
    pub(super) fn words(&self) -> &str {
        self.words.trim()
    }

    /// What was said so far is not the last word.
    pub(super) fn forget(&mut self) {
        self.words.clear();
    }

    fn tell(&mut self, at: usize, events: &mut Vec<Event>) {
        let rest = self.held.split_off(at);
        let told = std::mem::replace(&mut self.held, rest);
        let text = told.trim_matches('\n');
        if text.trim().is_empty() {
            return;
        }
        let text = text.to_owned();
        events.push(match self.voice {
            Voice::Aloud => Event::Message(text),
            Voice::Thought => Event::Thought(text),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_become_few_messages_and_nothing_is_lost() {
        let text: String = (0..2_000).map(|n| format!("word{n} é{}", if n % 9 == 0 { "\n" } else { " " })).collect();
        for size in [1, 7, 100, 5_000] {
            let (mut speech, mut events) = (Speech::default(), Vec::new());
            let chars: Vec<char> = text.chars().collect();
            for chunk in chars.chunks(size) {
                speech.say(Voice::Aloud, &chunk.iter().collect::<String>(), &mut events);
                assert!(speech.held.len() <= HELD_BYTES_MAX && speech.words.len() <= WORDS_BYTES_MAX);
            }
            speech.finish(&mut events);
            assert!(events.len() <= text.len() / TOLD_BYTES + 2, "{}", events.len());
            let told: Vec<&str> =
                events.iter().map(|e| if let Event::Message(text) = e { text.as_str() } else { panic!() }).collect();
            assert_eq!(told.join("\n"), text.trim_matches('\n'));
        }
    }

    #[test]
    fn a_text_without_lines_is_cut_and_voices_are_not_mixed() {
        let (mut speech, mut events) = (Speech::default(), Vec::new());
        speech.say(Voice::Thought, "hm", &mut events);
        speech.say(Voice::Aloud, "\n\n", &mut events);
        speech.say(Voice::Aloud, &"€".repeat(HELD_BYTES_MAX), &mut events);
        speech.finish(&mut events);
        assert_eq!(events[0], Event::Thought("hm".to_owned()));
        let told: String =
            events[1..].iter().map(|e| if let Event::Message(text) = e { text.as_str() } else { panic!() }).collect();
        assert_eq!(told, "€".repeat(HELD_BYTES_MAX));
        assert!(speech.words().len() <= WORDS_BYTES_MAX && speech.words().ends_with('€'));
    }
}
