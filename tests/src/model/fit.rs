//! Values that fit a JSON schema: what an op has to say, cut and completed to what a tool declares.
//!
//! Must not know any tool, nor more of JSON schema than tools of agents were seen to use.

use serde_json::{Map, Value, json};

/// The parts of `value` that the schema knows, and a filler for everything it requires besides.
pub(crate) fn fit(schema: &Value, value: Value) -> Value {
    match value {
        Value::Object(given) => fit_object(schema, given),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| fit(&schema["items"], item)).collect()),
        Value::String(text) if wants(schema, "array") => json!(["bash", "-lc", text]),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

fn fit_object(schema: &Value, mut given: Map<String, Value>) -> Value {
    let Some(properties) = schema["properties"].as_object() else { return Value::Object(given) };
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut fitted = Map::new();
    for (name, property) in properties {
        let value = given.remove(name).filter(|value| allowed(property, value)).map(|value| fit(property, value));
        let value = value.or_else(|| required.contains(&name.as_str()).then(|| filler(property)));
        fitted.extend(value.map(|value| (name.clone(), value)));
    }
    Value::Object(fitted)
}

fn allowed(schema: &Value, value: &Value) -> bool {
    schema["enum"].as_array().is_none_or(|values| values.contains(value))
}

/// Whether a schema's type is or may be this one. Some write types in capitals, some as a list.
fn wants(schema: &Value, kind: &str) -> bool {
    let is = |word: &Value| word.as_str().is_some_and(|word| word.eq_ignore_ascii_case(kind));
    is(&schema["type"]) || schema["type"].as_array().is_some_and(|words| words.iter().any(is))
}

/// Something that satisfies a schema.
pub(crate) fn filler(schema: &Value) -> Value {
    let said = [&schema["const"], &schema["default"], &schema["enum"][0]];
    if let Some(said) = said.into_iter().find(|value| !value.is_null()) {
        return said.clone();
    }
    if let Some(first) = schema["anyOf"].get(0).or_else(|| schema["oneOf"].get(0)) {
        return filler(first);
    }
    if wants(schema, "object") || schema["properties"].is_object() {
        return fit_object(schema, Map::new());
    }
    let plain = [("boolean", json!(false)), ("integer", json!(1)), ("number", json!(1)), ("array", json!([]))];
    let plain = plain.into_iter().find(|(kind, _)| wants(schema, kind));
    plain.map_or_else(|| json!("scripted"), |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::{filler, fit};
    use serde_json::{Value, json};

    #[track_caller]
    fn check(schema: &Value, given: Value, fitted: &Value) {
        assert_eq!(&fit(schema, given), fitted);
    }

    #[test]
    fn what_is_said_is_cut_and_completed_to_the_schema() {
        let given = json!({"path": "a", "content": "b", "command": "create"});
        let file = json!({"required": ["path", "risk"], "properties": {
            "path": {"type": "string"}, "risk": {"enum": ["LOW", "HIGH"]}, "content": {"type": "string"},
        }});
        check(&file, given.clone(), &json!({"path": "a", "content": "b", "risk": "LOW"}));
        let modes = json!({"properties": {"command": {"enum": ["view"]}, "path": {}}});
        check(&modes, given.clone(), &json!({"path": "a"}));
        check(&json!({}), given.clone(), &given);
        let argv = json!({"properties": {"command": {"type": "ARRAY", "items": {"type": "string"}}}});
        check(&argv, json!({"command": "ls"}), &json!({"command": ["bash", "-lc", "ls"]}));
        let list = json!({"properties": {"todos": {"items": {"required": ["status"], "properties": {
            "title": {}, "status": {"enum": ["todo", "done"]},
        }}}}});
        let todos = json!({"todos": [{"title": "x", "content": "x", "status": "pending"}]});
        check(&list, todos, &json!({"todos": [{"title": "x", "status": "todo"}]}));
    }

    #[test]
    fn a_filler_satisfies_its_schema() {
        let schema = json!({"type": "object", "required": ["title", "count", "rest"], "properties": {
            "title": {"type": ["string", "null"]}, "count": {"type": "integer"}, "rest": {"anyOf": [{"type": "array"}]},
            "other": {},
        }});
        assert_eq!(filler(&schema), json!({"title": "scripted", "count": 1, "rest": []}));
    }
}
