//! Questions an agent asks the person: a form of one field, or Qwen's own kind of permission request.
//!
//! Owns what is asked and how the answer is worded. A form of several fields is no question: nobody could answer it with
//! one choice or one text.

use crate::adapter::Reply;
use crate::codec::words::{clipped, first, list, text};
use ostler_core::deed::Deed;
use serde_json::{Value, json};

/// Bytes of a question.
const QUESTION_BYTES_MAX: usize = 16 * 1024;
/// Choices of a question: a person must be able to read them.
const CHOICES_MAX: usize = 64;
const CHOICE_BYTES_MAX: usize = 512;

/// A question that waits.
#[derive(Debug)]
pub(super) struct Question {
    field: Field,
    way: Way,
}

/// Which protocol's answer is wanted.
#[derive(Debug)]
enum Way {
    /// `elicitation/create`: the form's only field.
    Form(String),
    /// `session/request_permission`: the option that submits the answer.
    Permission(String),
}

/// How a field of a form is filled.
#[derive(Debug)]
enum Field {
    /// By one of these values.
    Choice(Vec<Value>),
    /// By one of these values, or by words.
    Open(Vec<Value>),
    /// By a list of one of these.
    Choices(Vec<Value>),
    /// By words.
    Text,
    /// By a number.
    Number,
}

impl Question {
    /// Reads an `elicitation/create`; none when it is not one question.
    pub(super) fn form(params: &Value) -> Option<(Self, Deed)> {
        let (name, field, options) = form(params)?;
        let deed = Deed::Question { text: clipped(text(params, "/message"), QUESTION_BYTES_MAX), options };
        Some((Self { field, way: Way::Form(name) }, deed))
    }

    /// Reads a permission request that asks one question (qwen); `yes` is the option that submits the answer.
    pub(super) fn permission(params: &Value, yes: &str) -> Option<(Self, Deed)> {
        let [question] = list(params, "/toolCall/_meta/qwenQuestions") else { return None };
        let labels = list(question, "/options").iter().map(|option| text(option, "/label"));
        let options: Vec<String> = labels.take(CHOICES_MAX).map(|label| clipped(label, CHOICE_BYTES_MAX)).collect();
        let values = options.iter().map(|label| json!(label)).collect();
        let deed = Deed::Question { text: clipped(text(question, "/question"), QUESTION_BYTES_MAX), options };
        Some((Self { field: Field::Open(values), way: Way::Permission(yes.to_owned()) }, deed))
    }

    /// What the agent is told.
    pub(super) fn answer(&self, reply: &Reply) -> Value {
        let value = match reply {
            Reply::Allow { text, option } => filled(&self.field, text, *option),
            Reply::Deny { .. } => None,
        };
        match (&self.way, value) {
            (Way::Form(name), Some(value)) => json!({ "action": "accept", "content": { name: value } }),
            (Way::Permission(yes), Some(value)) => {
                json!({ "outcome": { "outcome": "selected", "optionId": yes }, "answers": { "0": value } })
            }
            (Way::Form(_), None) => json!({ "action": "decline" }),
            (Way::Permission(_), None) => json!({ "outcome": { "outcome": "cancelled" } }),
        }
    }
}

/// A form of one field: its name, how it is filled, and the choices in words.
fn form(params: &Value) -> Option<(String, Field, Vec<String>)> {
    let fields = params.pointer("/requestedSchema/properties")?.as_object()?;
    let (name, schema) = fields.iter().next().filter(|_| fields.len() == 1)?;
    let kind = text(schema, "/type");
    let (field, options) = match kind {
        "boolean" => (Field::Choice(vec![json!(true), json!(false)]), vec!["yes".to_owned(), "no".to_owned()]),
        "number" | "integer" => (Field::Number, Vec::new()),
        "array" => choices(schema.get("items")?).map(|(values, words)| (Field::Choices(values), words))?,
        _ => choices(schema).map_or((Field::Text, Vec::new()), |(values, words)| (Field::Choice(values), words)),
    };
    Some((clipped(name, CHOICE_BYTES_MAX), field, options))
}

/// The values a schema allows, and their words.
fn choices(schema: &Value) -> Option<(Vec<Value>, Vec<String>)> {
    let list = ["enum", "oneOf", "anyOf"].iter().find_map(|name| schema.get(*name)?.as_array())?;
    let value = |one: &Value| one.get("const").unwrap_or(one).clone();
    let word = |one: &Value| match first(one, &["title", "const"]).or_else(|| one.as_str()) {
        Some(word) => clipped(word, CHOICE_BYTES_MAX),
        None => clipped(&one.to_string(), CHOICE_BYTES_MAX),
    };
    let list = &list[..list.len().min(CHOICES_MAX)];
    (!list.is_empty()).then(|| (list.iter().map(value).collect(), list.iter().map(word).collect()))
}

/// What a field is given; none when the answer does not fit it.
fn filled(field: &Field, text: &str, option: Option<u32>) -> Option<Value> {
    let chosen = |values: &[Value]| match option {
        Some(option) => values.get(usize::try_from(option).ok()?).cloned(),
        None => values.iter().find(|value| value.as_str() == Some(text)).cloned(),
    };
    match field {
        Field::Choice(values) => chosen(values),
        Field::Open(values) => chosen(values).or_else(|| (!text.is_empty()).then(|| json!(text))),
        Field::Choices(values) => chosen(values).map(|value| json!([value])),
        Field::Text => Some(json!(text)),
        Field::Number => {
            text.trim().parse::<i64>().map(|n| json!(n)).or_else(|_| text.trim().parse::<f64>().map(|n| json!(n))).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_one_field_is_a_question_and_any_other_is_not() {
        let schema = |fields: Value| json!({ "message": "which?", "requestedSchema": { "type": "object", "properties": fields } });
        let (name, field, options) =
            form(&schema(json!({ "db": { "type": "string", "enum": ["a", "b"] } }))).expect("one");
        assert_eq!((name.as_str(), options), ("db", vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(filled(&field, "", Some(1)), Some(json!("b")));
        assert_eq!(filled(&field, "a", None), Some(json!("a")));
        assert_eq!((filled(&field, "c", None), filled(&field, "", Some(2))), (None, None));
        let titled = json!({ "x": { "type": "string", "oneOf": [{ "const": 7, "title": "seven" }] } });
        let (_, field, options) = form(&schema(titled)).expect("one");
        assert_eq!((options, filled(&field, "", Some(0))), (vec!["seven".to_owned()], Some(json!(7))));
        let several = json!({ "x": { "type": "array", "items": { "type": "string", "enum": ["p", "q"] } } });
        assert_eq!(filled(&form(&schema(several)).expect("one").1, "q", None), Some(json!(["q"])));
        let (_, text, _) = form(&schema(json!({ "x": { "type": "string" } }))).expect("one");
        assert_eq!(filled(&text, "free", None), Some(json!("free")));
        let (_, number, _) = form(&schema(json!({ "x": { "type": "integer" } }))).expect("one");
        assert_eq!((filled(&number, " 7 ", None), filled(&number, "many", None)), (Some(json!(7)), None));
        assert!(form(&schema(json!({ "x": {}, "y": {} }))).is_none());
        assert!(form(&schema(json!({}))).is_none());
        assert!(form(&Value::Null).is_none());
    }
}
