//! Which of the tools an agent declares does an op, and what it is called with.
//!
//! Owns the names that tools of agents have. Must not know the agents: a tool is recognised wherever it is declared.

use super::edit;
use super::fit::fit;
use super::script::Op;
use serde_json::{Map, Value, json};
use std::path::Path;

/// A tool that an agent declared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tool {
    pub(crate) name: String,
    /// What it belongs to, where the protocol has such a thing.
    pub(crate) namespace: Option<String>,
    /// How it is called: with arguments of this schema; none is plain text.
    pub(crate) schema: Option<Value>,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// Unlike that of any other call.
    pub(crate) id: String,
    pub(crate) tool: String,
    pub(crate) namespace: Option<String>,
    pub(crate) input: Input,
}

/// What a tool is called with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Input {
    Arguments(Value),
    Text(String),
}

impl Input {
    /// As arguments, for protocols that have nothing else.
    pub(crate) fn arguments(&self) -> Value {
        match self {
            Self::Arguments(arguments) => arguments.clone(),
            Self::Text(text) => json!({ "input": text }),
        }
    }
}

/// Names, the likeliest first, as they stand behind a prefix such as `mcp__server__`.
const SHELLS: &[&str] = &[
    "Bash",
    "bash",
    "exec_command",
    "shell_command",
    "shell",
    "run_shell_command",
    "terminal",
    "execute_bash",
    "exec",
    "local_shell",
];
const WRITERS: &[&str] = &[
    "Write",
    "write",
    "write_file",
    "create",
    "create_file",
    "file_editor",
    "str_replace_based_edit_tool",
    "str_replace_editor",
    "text_editor",
    "apply_patch",
    "patch",
];
const EDITORS: &[&str] = &[
    "Edit",
    "edit",
    "replace",
    "file_editor",
    "str_replace_based_edit_tool",
    "str_replace_editor",
    "apply_patch",
    "patch",
];
const READERS: &[&str] = &["Read", "read", "read_file", "view", "file_editor"];
const PLANNERS: &[&str] =
    &["update_plan", "TodoWrite", "todo_write", "write_todos", "todowrite", "TodoList", "todo", "task_tracker"];
const ASKERS: &[&str] =
    &["AskUserQuestion", "request_user_input", "ask_user_question", "ask_user", "question", "clarify"];

/// The call that does an op; none when no tool can. `directory` makes paths absolute, where it is known.
pub(crate) fn call(op: &Op, tools: &[Tool], directory: Option<&str>) -> Option<Call> {
    let place =
        |path: &str| directory.map_or_else(|| path.to_owned(), |at| Path::new(at).join(path).display().to_string());
    match op {
        Op::Shell(command) => with(tools, SHELLS, &shell(command)),
        Op::Write(path, content) => match find(tools, WRITERS) {
            Some(tool) if takes_patch(tool) => Some(patch(tool, &edit::patch(path, content))),
            Some(tool) => Some(called(tool, &write(&place(path), content))),
            None => with(tools, SHELLS, &shell(&edit::command(path, content))),
        },
        Op::Edit { path, old, new } => match find(tools, EDITORS) {
            Some(tool) if last_part(&tool.name) == "apply_patch" => Some(patch(tool, &edit::update(path, old, new))),
            Some(tool) => Some(called(tool, &replace(&place(path), old, new))),
            None => None,
        },
        Op::Read(path) => {
            with(tools, READERS, &read(&place(path))).or_else(|| with(tools, SHELLS, &shell(&edit::cat(path))))
        }
        Op::Plan(points) => with(tools, PLANNERS, &plan(points)),
        Op::Ask(question, choices) => with(tools, ASKERS, &ask(question, choices)),
        Op::Tool(name, arguments) => Some(Call {
            id: id(),
            tool: name.clone(),
            namespace: tools.iter().find(|tool| tool.name == *name).and_then(|tool| tool.namespace.clone()),
            input: Input::Arguments(arguments.clone()),
        }),
    }
}

/// Whether an op is one that not every agent has a tool for, and this one has not.
pub(crate) fn is_extra(op: &Op, tools: &[Tool]) -> bool {
    match op {
        Op::Plan(_) => find(tools, PLANNERS).is_none(),
        Op::Ask(..) => find(tools, ASKERS).is_none(),
        Op::Shell(_) | Op::Write(..) | Op::Edit { .. } | Op::Read(_) | Op::Tool(..) => false,
    }
}

fn find<'a>(tools: &'a [Tool], names: &[&str]) -> Option<&'a Tool> {
    names.iter().find_map(|name| tools.iter().find(|tool| last_part(&tool.name) == *name))
}

fn last_part(name: &str) -> &str {
    name.rsplit("__").next().and_then(|part| part.rsplit(['.', '/']).next()).unwrap_or(name)
}

fn with(tools: &[Tool], names: &[&str], said: &Value) -> Option<Call> {
    find(tools, names).map(|tool| called(tool, said))
}

fn called(tool: &Tool, said: &Value) -> Call {
    let schema = tool.schema.clone().unwrap_or_default();
    named(tool, Input::Arguments(fit(&schema, said.clone())))
}

fn named(tool: &Tool, input: Input) -> Call {
    Call { id: id(), tool: tool.name.clone(), namespace: tool.namespace.clone(), input }
}

fn takes_patch(tool: &Tool) -> bool {
    matches!(last_part(&tool.name), "apply_patch" | "patch")
}

fn patch(tool: &Tool, text: &str) -> Call {
    if tool.schema.is_none() {
        return named(tool, Input::Text(text.to_owned()));
    }
    let names = ["input", "patch", "patchText", "patch_text"];
    let mut said: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), json!(text))).collect();
    said.insert("mode".to_owned(), json!("patch"));
    called(tool, &Value::Object(said))
}

fn id() -> String {
    let chance: String = crate::chance().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("call_{chance}")
}

// What each kind of tool is told, under all the names its properties were seen to have; `fit` keeps those it has.

fn shell(command: &str) -> Value {
    json!({
        "command": command, "cmd": command, "description": "Runs what the script says", "is_background": false,
        "security_risk": "LOW",
    })
}

fn write(path: &str, content: &str) -> Value {
    json!({
        "file_path": path, "filePath": path, "absolute_path": path, "path": path, "content": content,
        "contents": content, "file_text": content, "command": "create", "security_risk": "LOW",
    })
}

fn replace(path: &str, old: &str, new: &str) -> Value {
    json!({
        "file_path": path, "filePath": path, "path": path, "command": "str_replace", "mode": "replace",
        "old_string": old, "oldString": old, "old_str": old, "before": old,
        "new_string": new, "newString": new, "new_str": new, "after": new,
        "edits": [{"oldText": old, "newText": new}], "instruction": "As the script says", "security_risk": "LOW",
    })
}

fn read(path: &str) -> Value {
    json!({
        "file_path": path, "filePath": path, "absolute_path": path, "path": path, "command": "view",
        "security_risk": "LOW",
    })
}

fn plan(points: &[String]) -> Value {
    let point = |(at, point): (usize, &String)| {
        json!({
            "id": at.to_string(), "content": point, "title": point, "description": point, "step": point,
            "activeForm": point, "status": "pending", "priority": "medium",
        })
    };
    let points: Vec<Value> = points.iter().enumerate().map(point).collect();
    json!({"todos": points, "plan": points, "task_list": points, "command": "plan", "security_risk": "LOW"})
}

fn ask(question: &str, choices: &[String]) -> Value {
    let options = choices.iter().map(|choice| json!({"label": choice, "description": choice, "value": choice}));
    let options: Vec<Value> = options.collect();
    let one = json!({
        "id": "scripted", "header": "Scripted", "question": question, "options": options, "multiSelect": false,
    });
    json!({"questions": [one], "question": question, "choices": choices, "options": options})
}

#[cfg(test)]
mod tests {
    use super::{Call, Input, Tool, call};
    use crate::model::script::Op;
    use serde_json::{Value, json};

    fn tool(name: &str, properties: &Value) -> Tool {
        Tool { name: name.to_owned(), namespace: None, schema: Some(json!({ "properties": properties })) }
    }

    fn write() -> Op {
        Op::Write("a.txt".to_owned(), "hello\n".to_owned())
    }

    #[track_caller]
    fn check(op: &Op, tools: &[Tool], name: &str, input: &Value) {
        let call = call(op, tools, Some("/srv/tree")).expect("there is a tool for it");
        assert_eq!((call.tool.as_str(), &call.input.arguments()), (name, input));
    }

    #[test]
    fn an_op_is_done_by_the_tool_that_is_declared_for_it() {
        let read = tool("Read", &json!({"file_path": {}}));
        let shell = tool("mcp__developer__shell", &json!({"command": {}}));
        let text = json!({"file_path": "/srv/tree/a.txt", "content": "hello\n"});
        check(&write(), &[read.clone(), tool("Write", &json!({"file_path": {}, "content": {}}))], "Write", &text);
        check(
            &write(),
            &[read.clone(), shell.clone()],
            "mcp__developer__shell",
            &json!({
                "command": "printf %s 'hello\n' > 'a.txt'",
            }),
        );
        check(&Op::Read("a".to_owned()), &[shell.clone(), read.clone()], "Read", &json!({"file_path": "/srv/tree/a"}));
        check(&Op::Shell("ls".to_owned()), &[read.clone(), shell], "mcp__developer__shell", &json!({"command": "ls"}));
        check(&Op::Tool("X".to_owned(), json!({"y": 1})), &[], "X", &json!({"y": 1}));
        assert_eq!(call(&Op::Shell("ls".to_owned()), &[read], None), None);
    }

    #[test]
    fn a_tool_of_patches_gets_a_patch() {
        let free = Tool { name: "apply_patch".to_owned(), namespace: Some("edits".to_owned()), schema: None };
        let Some(Call { input, namespace, .. }) = call(&write(), &[free], Some("/srv/tree")) else { panic!("a call") };
        let patch = "*** Begin Patch\n*** Add File: a.txt\n+hello\n*** End Patch\n";
        assert_eq!((input, namespace.as_deref()), (Input::Text(patch.to_owned()), Some("edits")));
        let declared = tool("apply_patch", &json!({"input": {"type": "string"}}));
        check(&write(), &[declared], "apply_patch", &json!({ "input": patch }));
    }

    #[test]
    fn questions_and_plans_are_put_as_the_tool_wants_them() {
        let ask = Op::Ask("Which?".to_owned(), vec!["red".to_owned()]);
        let clarify = tool("clarify", &json!({"question": {}, "choices": {"type": "array", "items": {}}}));
        check(&ask, &[clarify], "clarify", &json!({"question": "Which?", "choices": ["red"]}));
        let options = json!({"items": {"properties": {"label": {}}}});
        let items = json!({"items": {"properties": {"question": {}, "options": options}}});
        let asker = tool("AskUserQuestion", &json!({ "questions": items }));
        let said = json!({"questions": [{"question": "Which?", "options": [{"label": "red"}]}]});
        check(&ask, &[asker], "AskUserQuestion", &said);
        let todos = json!({"items": {"properties": {"title": {}, "status": {"enum": ["pending", "done"]}}}});
        let todo = tool("TodoList", &json!({ "todos": todos }));
        let said = json!({"todos": [{"title": "Look", "status": "pending"}]});
        check(&Op::Plan(vec!["Look".to_owned()]), &[todo], "TodoList", &said);
    }
}
