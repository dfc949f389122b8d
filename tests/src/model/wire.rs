//! The protocols a model speaks: which one a path belongs to, and what each makes of an answer.
//!
//! Owns the choice between them and the frame of a stream. Must not know scripts.

mod anthropic;
mod chat;
mod gemini;
mod responses;

use super::play::Answer;
use super::talk::Talk;
use super::{CACHED_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS};
use serde_json::{Value, json};

/// Pieces of a text in a stream, in characters: several for a sentence.
const PIECE_CHARS: usize = 24;

/// A protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// `/v1/messages`
    Anthropic,
    /// `/v1/responses`
    Responses,
    /// `/v1/chat/completions`
    Chat,
    /// `/v1beta/models/X:streamGenerateContent` and `:generateContent`
    Gemini,
}

/// What a fault of the provider looks like.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) body: Value,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// When to come back after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reset {
    /// Seconds from now.
    pub(crate) in_s: u64,
    /// Seconds since 1970.
    pub(crate) at_unix_s: u64,
}

impl Api {
    /// The protocol of a path; none when it is not one for answers.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let ends = |end: &str| path.ends_with(end);
        if ends("/messages") {
            Some(Self::Anthropic)
        } else if ends("/responses") {
            Some(Self::Responses)
        } else if ends("/chat/completions") {
            Some(Self::Chat)
        } else if ends(":generateContent") || ends(":streamGenerateContent") {
            Some(Self::Gemini)
        } else {
            None
        }
    }

    /// The conversation in a request.
    pub(crate) fn read(self, path: &str, body: &Value) -> Talk {
        match self {
            Self::Anthropic => anthropic::read(body),
            Self::Responses => responses::read(body),
            Self::Chat => chat::read(body),
            Self::Gemini => gemini::read(path, body),
        }
    }

    /// An answer in one piece.
    pub(crate) fn whole(self, answer: &Answer, talk: &Talk) -> Value {
        match self {
            Self::Anthropic => anthropic::whole(answer, &talk.model),
            Self::Responses => responses::whole(answer, &talk.model),
            Self::Chat => chat::whole(answer, &talk.model),
            Self::Gemini => gemini::whole(answer, &talk.model),
        }
    }

    /// An answer as the frames of an event stream.
    pub(crate) fn frames(self, answer: &Answer, talk: &Talk) -> Vec<String> {
        match self {
            Self::Anthropic => anthropic::frames(answer, &talk.model),
            Self::Responses => responses::frames(answer, &talk.model),
            Self::Chat => chat::frames(answer, talk),
            Self::Gemini => gemini::frames(answer, &talk.model),
        }
    }

    /// An error of the provider, with or without a time to come back.
    pub(crate) fn refusal(self, status: u16, reset: Option<Reset>) -> Refusal {
        match self {
            Self::Anthropic => anthropic::refusal(status, reset),
            Self::Responses => responses::refusal(status, reset),
            Self::Chat => chat::refusal(status, reset),
            Self::Gemini => gemini::refusal(status, reset),
        }
    }
}

/// A frame of an event stream.
fn frame(event: Option<&str>, data: &Value) -> String {
    let event = event.map_or_else(String::new, |event| format!("event: {event}\n"));
    format!("{event}data: {data}\n\n")
}

/// A text in pieces, at least one.
fn pieces(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let pieces = letters.chunks(PIECE_CHARS).map(|piece| piece.iter().collect());
    let pieces: Vec<String> = pieces.collect();
    if pieces.is_empty() { vec![String::new()] } else { pieces }
}

/// Input (those from the cache included), cached and output tokens of an answer.
fn tokens(answer: &Answer) -> (u64, u64, u64) {
    if answer.charged { (INPUT_TOKENS, CACHED_TOKENS, OUTPUT_TOKENS) } else { (0, 0, 0) }
}

/// All texts in a value, however deep: contents are strings, blocks or lists of blocks.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n"),
        Value::Object(fields) => ["text", "content", "output", "parts"]
            .into_iter()
            .find_map(|name| fields.get(name))
            .map_or_else(String::new, text_of),
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What OpenAI says with a status, in both of its protocols.
fn openai_refusal(status: u16, reset: Option<Reset>) -> Refusal {
    let (kind, code, message) = match status {
        401 => ("invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-scripted."),
        403 => ("invalid_request_error", "unsupported_country_region_territory", "This is not allowed here."),
        429 if reset.is_none() => ("insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
        429 => ("rate_limit_exceeded", "rate_limit_exceeded", "Rate limit reached. Please try again later."),
        _ => ("server_error", "server_is_overloaded", "The server is overloaded, please try again later."),
    };
    let body = json!({"error": {"message": message, "type": kind, "code": code, "param": null}});
    let headers = reset.map(|reset| ("retry-after", reset.in_s.to_string())).into_iter().collect();
    Refusal { body, headers }
}
