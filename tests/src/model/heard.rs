//! The record of one request, on which tests assert.

use super::script::Trouble;
use serde_json::{Value, json};

/// A request that came to the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// The tag in its address; empty without one.
    pub tag: String,
    /// Its path behind the tag.
    pub path: String,
    /// The model it asked for; empty when it asked for none.
    pub model: String,
    /// The key it showed; empty without one.
    pub key: String,
    /// What it was.
    pub part: Part,
    /// Names of the tools the agent declared.
    pub tools: Vec<String>,
    /// Texts of the tool results since the message with the marker, in order.
    pub results: Vec<String>,
    /// The status it was answered with.
    pub status: u16,
    /// What went wrong with the answer, as its script says.
    pub trouble: Option<Trouble>,
    /// The whole request; null when it was none in JSON.
    pub body: Value,
}

/// What a request was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A step of a script: its name, and which step, from 0.
    Scripted(String, usize),
    /// A side call, for a title or a summary, answered with plain text and no usage.
    Aside,
    /// Not a call of the model: lists of models, counts of tokens, probes, and what is not spoken here.
    Outside,
}

impl Heard {
    /// Whether a script was played to it and went well, so that [`INPUT_TOKENS`](super::INPUT_TOKENS) and the others were
    /// reported.
    #[must_use]
    pub fn is_charged(&self) -> bool {
        matches!(self.part, Part::Scripted(..)) && matches!(self.trouble, None | Some(Trouble::Hold))
    }

    pub(crate) fn line(&self) -> Value {
        let part = match &self.part {
            Part::Scripted(script, step) => json!({"script": script, "step": step}),
            Part::Aside => json!("aside"),
            Part::Outside => json!("outside"),
        };
        json!({
            "tag": self.tag, "path": self.path, "model": self.model, "part": part, "status": self.status,
            "tools": self.tools, "results": self.results, "body": self.body,
        })
    }
}
