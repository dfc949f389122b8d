//! Claude Code's tools in the common vocabulary (read against 2.1.329).
//!
//! Owns the tools' names and their inputs. A tool that is unknown, or whose input is not as expected, is told as it is.

use crate::codec::diff::{added, removed, replaced};
use crate::codec::words::{list, text};
use ostler_core::deed::{Deed, FileChange};
use serde_json::Value;

/// What `tool` does when it is given `input`.
pub(crate) fn deed(tool: &str, input: &Value) -> Deed {
    if let Some((server, tool)) = tool.strip_prefix("mcp__").and_then(|rest| rest.split_once("__")) {
        return Deed::Mcp { server: server.to_owned(), tool: tool.to_owned(), input: input.to_string() };
    }
    known(tool, input).unwrap_or_else(|| Deed::Other { tool: tool.to_owned(), input: input.to_string() })
}

fn known(tool: &str, input: &Value) -> Option<Deed> {
    let field = |name: &str| input.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(match tool {
        "Bash" | "Monitor" => Deed::Command { line: field("command")? },
        "Read" => Deed::Read { path: field("file_path")? },
        "Write" => edit(field("file_path")?, added(&field("content")?)),
        "Edit" => edit(field("file_path")?, replaced(&field("old_string")?, &field("new_string")?)),
        "MultiEdit" => edit(field("file_path")?, many(list(input, "/edits"))),
        "NotebookEdit" => edit(field("notebook_path")?, cell(input)),
        "Glob" | "Grep" => Deed::Search { pattern: field("pattern")?, path: field("path").unwrap_or_default() },
        "WebFetch" => Deed::Fetch { url: field("url")? },
        "WebSearch" | "web_search" => Deed::Fetch { url: field("query")? },
        "Task" | "Agent" => Deed::Subagent { prompt: field("prompt")? },
        "ExitPlanMode" => {
            let text = field("plan").unwrap_or_else(|| "It has made a plan. May it carry it out?".to_owned());
            Deed::Question { text, options: Vec::new() }
        }
        "AskUserQuestion" => question(list(input, "/questions").first()?),
        _ => return None,
    })
}

/// One question of `AskUserQuestion`.
pub(crate) fn question(question: &Value) -> Deed {
    let options = list(question, "/options").iter().map(|option| match text(option, "/description") {
        "" => text(option, "/label").to_owned(),
        more => format!("{}: {more}", text(option, "/label")),
    });
    Deed::Question { text: text(question, "/question").to_owned(), options: options.collect() }
}

fn edit(path: String, diff: String) -> Deed {
    Deed::Edit { changes: vec![FileChange { path, diff }] }
}

fn many(edits: &[Value]) -> String {
    edits.iter().map(|one| replaced(text(one, "/old_string"), text(one, "/new_string"))).collect()
}

fn cell(input: &Value) -> String {
    match text(input, "/edit_mode") {
        "delete" => removed(&format!("cell {}", text(input, "/cell_id"))),
        _ => added(text(input, "/new_source")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(tool: &str, input: Value, kind: &str, line: &str) {
        let deed = deed(tool, &input);
        assert_eq!((deed.kind(), deed.line().as_str()), (kind, line), "{tool}");
    }

    #[test]
    fn every_tool_has_its_word_and_a_strange_one_keeps_its_own() {
        check("Bash", json!({"command": "make", "description": "d"}), "command", "make");
        check("Edit", json!({"file_path": "/a", "old_string": "x", "new_string": "y"}), "write", "/a");
        check(
            "MultiEdit",
            json!({"file_path": "/a", "edits": [{"old_string": "x", "new_string": "y"}]}),
            "write",
            "/a",
        );
        check("NotebookEdit", json!({"notebook_path": "/n", "new_source": "1"}), "write", "/n");
        check("Grep", json!({"pattern": "x", "path": "src"}), "search", "x in src");
        check("WebFetch", json!({"url": "https://example.com"}), "fetch", "https://example.com");
        check("Agent", json!({"prompt": "look"}), "subagent", "look");
        check("mcp__files__put_it", json!({"a": 1}), "mcp", "files.put_it");
        check("AskUserQuestion", json!({"questions": [{"question": "Which?"}]}), "question", "Which?");
        check("Bash", json!({"command": 7}), "tool", "Bash");
        check("Sing", json!({}), "tool", "Sing");
        check("mcp__odd", json!({}), "tool", "mcp__odd");
    }
}
