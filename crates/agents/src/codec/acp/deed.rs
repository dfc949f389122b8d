//! A tool call as the agent describes it, as a [`Deed`].
//!
//! ```text
//! diff in the content ─────────────────────────────────▶ Edit
//! kind of the call, else the tool's name ─▶ Command | Edit | Read | Search | Fetch | Subagent | Mcp | Other
//! ```
//!
//! Owns the reading of descriptions, which every agent words in its own way. A deed is what people and policy decide
//! about, so that nothing is guessed that could hide something: what is not understood is `Other`, input and all. Bounds are its users' business: what is asked about is shown whole.

use super::diff;
use crate::codec::words::{first, list, text};
use ostler_core::deed::{Deed, FileChange};
use serde_json::{Map, Value};

const PATHS: [&str; 8] =
    ["path", "file_path", "filePath", "filepath", "fileName", "absolute_path", "notebook_path", "dir_path"];
const COMMANDS: [&str; 4] = ["command", "cmd", "script", "commandLine"];
const DIRECTORIES: [&str; 5] = ["cwd", "workdir", "directory", "dir_path", "working_directory"];

/// What a message says about a tool call.
pub(super) struct Described<'a> {
    /// ACP's kind; empty when it says none.
    pub(super) kind: &'a str,
    /// The agent's words about it; may be empty.
    pub(super) title: &'a str,
    /// The whole `toolCall` or update.
    pub(super) call: &'a Value,
}

impl Described<'_> {
    /// What is done; none when the message does not say.
    pub(super) fn deed(&self) -> Option<Deed> {
        let input = self.input();
        let changes = self.diffs();
        if !changes.is_empty() {
            return Some(Deed::Edit { changes });
        }
        let name = self.name(&input);
        if let Some(mcp) = self.mcp(&name, &input) {
            return Some(mcp);
        }
        let known = match self.kind {
            "execute" | "edit" | "delete" | "move" | "read" | "search" | "fetch" => self.kind,
            _ => kind_of(&name).unwrap_or("other"),
        };
        let deed = match known {
            "execute" => self.command(&input),
            "edit" | "delete" | "move" => self.edit(&input),
            "read" if !input.is_null() || self.location().is_some() => {
                first(&input, &PATHS).or_else(|| self.location()).map(|path| Deed::Read { path: path.to_owned() })
            }
            "search" if !input.is_null() => search(&input),
            _ if input.is_null() => self.worded(known),
            "fetch" => {
                first(&input, &["url", "query", "prompt", "urls"]).map(|url| Deed::Fetch { url: url.to_owned() })
            }
            "subagent" => first(&input, &["prompt", "task", "instructions", "description", "objective", "goal"])
                .map(|prompt| Deed::Subagent { prompt: prompt.to_owned() }),
            _ => None,
        };
        deed.or_else(|| {
            let said = input.as_object().is_some_and(|input| !input.is_empty());
            // A tool whose kind is known will say what it does before it does it.
            let more = known != "other" && text(self.call, "/status") == "pending";
            (said && !more).then(|| self.other(&name, &input))
        })
    }

    /// True when the deed rests on an input or a diff, and not on words about it.
    pub(super) fn firm(&self) -> bool {
        !self.input().is_null() || list(self.call, "/content").iter().any(|part| text(part, "/type") == "diff")
    }

    /// What is done as far as is known, when the agent will say no more.
    pub(super) fn vaguely(&self) -> Deed {
        let input = self.input();
        let name = self.name(&input);
        match self.kind {
            "execute" if input.is_null() && !self.title.is_empty() => Deed::Command { line: self.title.to_owned() },
            _ => self.other(&name, &input),
        }
    }

    /// The directory it is done in, when the message says: in the input, or in words (gemini).
    pub(super) fn directory(&self) -> Option<String> {
        let input = self.input();
        let words =
            || text(self.call, "/content/0/content/text").strip_prefix("[current working directory ")?.split_once(']');
        first(&input, &DIRECTORIES).or_else(|| Some(words()?.0)).map(str::to_owned)
    }

    /// True when the message is one of a series that tells the input piece by piece.
    pub(super) fn unfinished(&self) -> bool {
        let text = text(self.call, "/content/0/content/text");
        let nothing = self.call.get("rawInput").and_then(Value::as_object).is_none_or(Map::is_empty);
        nothing && (text.is_empty() || (text.starts_with('{') && serde_json::from_str::<Value>(text).is_err()))
    }

    /// The tool's input: where the protocol has it, below `arguments`, or as JSON in a text.
    fn input(&self) -> Value {
        let raw = self.call.get("rawInput").filter(|raw| raw.as_object().is_none_or(|raw| !raw.is_empty()));
        match raw {
            Some(Value::Null) | None => {
                let text = text(self.call, "/content/0/content/text");
                let read = text.starts_with('{').then(|| serde_json::from_str::<Value>(text).ok());
                read.flatten().unwrap_or(Value::Null)
            }
            Some(raw) if raw.get("tool").is_some_and(Value::is_string) => {
                raw.get("arguments").filter(|input| input.is_object()).unwrap_or(raw).clone()
            }
            Some(raw) => raw.clone(),
        }
    }

    /// The tool's name, wherever the agent has put it, in lower case; the first word of the title at last.
    fn name(&self, input: &Value) -> String {
        const PLACES: [&str; 5] = [
            "/_meta/goose/toolCall/toolName",
            "/_meta/toolName",
            "/_meta/claudeCode/toolName",
            "/rawInput/tool",
            "/rawInput/toolName",
        ];
        let named = PLACES.iter().map(|place| text(self.call, place)).find(|name| !name.is_empty());
        let word = || self.title.split([' ', ':', '(', '/']).next().unwrap_or_default();
        let name = named.unwrap_or_else(|| if input.is_object() || !self.kind.is_empty() { word() } else { "" });
        name.to_lowercase()
    }

    fn mcp(&self, name: &str, input: &Value) -> Option<Deed> {
        let extension = text(self.call, "/_meta/goose/toolCall/extensionName");
        let server = text(self.call, "/_meta/mcp/server");
        let (server, tool) = match name.strip_prefix("mcp__").and_then(|rest| rest.split_once("__")) {
            Some((server, tool)) => (server, tool),
            None if !server.is_empty() => (server, name),
            None if !extension.is_empty() && extension != "developer" => (extension, name),
            None => return None,
        };
        Some(Deed::Mcp { server: server.to_owned(), tool: tool.to_owned(), input: input.to_string() })
    }

    fn other(&self, name: &str, input: &Value) -> Deed {
        let tool = if name.is_empty() { self.title.to_owned() } else { name.to_owned() };
        let input = if input.is_null() {
            self.call.get("content").map_or_else(String::new, Value::to_string)
        } else {
            input.to_string()
        };
        Deed::Other { tool, input }
    }

    fn location(&self) -> Option<&str> {
        Some(text(self.call, "/locations/0/path")).filter(|path| !path.is_empty())
    }

    /// A deed that is only told in words, whole (gemini).
    fn worded(&self, kind: &str) -> Option<Deed> {
        let title = Some(self.title).filter(|title| !title.is_empty() && text(self.call, "/kind") == kind)?.to_owned();
        match kind {
            "read" => Some(Deed::Read { path: title }),
            "search" => Some(Deed::Search { pattern: title, path: String::new() }),
            "fetch" => {
                let addresses: Vec<&str> = title.split([' ', '"', '\'', '`']).filter(|w| w.contains("://")).collect();
                Some(Deed::Fetch { url: if let [only] = addresses[..] { only.to_owned() } else { title } })
            }
            _ => None,
        }
    }

    fn command(&self, input: &Value) -> Option<Deed> {
        let line = COMMANDS.iter().find_map(|name| match input.get(name)? {
            Value::String(line) if !line.is_empty() => Some(line.clone()),
            Value::Array(words) => {
                Some(words.iter().filter_map(Value::as_str).map(quoted).collect::<Vec<_>>().join(" "))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => None,
        });
        // Without an input it is shown behind a prompt (hermes), or as the title (gemini) that is more than a name (kimi).
        let shown = text(self.call, "/content/0/content/text").strip_prefix("$ ");
        let title = Some(self.title).filter(|title| title.contains(' ') && text(self.call, "/kind") == "execute");
        let line = line.or_else(|| shown.or(title).filter(|_| input.is_null()).map(str::to_owned))?;
        Some(Deed::Command { line })
    }

    fn edit(&self, input: &Value) -> Option<Deed> {
        if let Some(patch) =
            first(input, &["patch", "input", "patchText"]).filter(|text| text.contains("*** Begin Patch"))
        {
            let changes = patched(patch);
            return (!changes.is_empty()).then_some(Deed::Edit { changes });
        }
        let path = first(input, &PATHS).or_else(|| self.location())?;
        let old = first(input, &["old_string", "old_str", "oldString", "oldText", "before"]).unwrap_or_default();
        let new = first(
            input,
            &["new_string", "new_str", "newString", "newText", "content", "file_text", "text", "after", "insert"],
        );
        let diff = match (first(input, &["diff", "patch"]), new) {
            (Some(diff), _) => diff.to_owned(),
            (None, None) if old.is_empty() => String::new(),
            (None, new) => diff::hunk(old, new.unwrap_or_default()),
        };
        let mut changes = vec![FileChange { path: path.to_owned(), diff }];
        if let Some(to) = first(input, &["destination", "new_path", "to"]) {
            changes.push(FileChange { path: to.to_owned(), diff: String::new() });
        }
        Some(Deed::Edit { changes })
    }

    /// The diffs in the content.
    fn diffs(&self) -> Vec<FileChange> {
        let tell = |part: &Value| FileChange {
            path: text(part, "/path").to_owned(),
            diff: diff::hunk(text(part, "/oldText"), text(part, "/newText")),
        };
        list(self.call, "/content").iter().filter(|part| text(part, "/type") == "diff").map(tell).collect()
    }
}

fn search(input: &Value) -> Option<Deed> {
    let pattern = first(input, &["pattern", "query", "regex", "glob", "search", "name"]);
    let path = first(input, &PATHS).or_else(|| first(input, &["directory", "include"]));
    if pattern.is_none() && path.is_none() {
        return None;
    }
    Some(Deed::Search { pattern: pattern.unwrap_or("*").to_owned(), path: path.unwrap_or_default().to_owned() })
}

/// The files of a patch in the form models are taught: `*** Add File: path`, then its lines.
fn patched(patch: &str) -> Vec<FileChange> {
    let mut changes: Vec<(&str, String)> = Vec::new();
    for line in patch.lines() {
        let path = ["*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: "]
            .iter()
            .find_map(|head| line.strip_prefix(head));
        match (path, changes.last_mut()) {
            (Some(path), _) => changes.push((path, String::new())),
            (None, Some((_, diff))) if !line.starts_with("*** ") => {
                diff.push_str(line);
                diff.push('\n');
            }
            (None, _) => {}
        }
    }
    changes.into_iter().map(|(path, diff)| FileChange { path: path.to_owned(), diff }).collect()
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// What tools of these names do, in every agent that has one.
fn kind_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "shell" | "bash" | "exec" | "execute" | "run_shell_command" | "run_command" | "terminal" | "exec_command" => {
            "execute"
        }
        "write" | "write_file" | "edit" | "edit_file" | "create" | "create_file" | "str_replace" | "text_editor"
        | "file_editor" | "apply_patch" | "patch" | "replace" | "multi_edit" => "edit",
        "read" | "read_file" | "view" | "read_text_file" => "read",
        "grep" | "glob" | "search" | "find" | "ls" | "tree" | "list_directory" | "search_files" => "search",
        "fetch" | "web_fetch" | "webfetch" | "fetchurl" | "web_search" | "websearch" | "google_web_search"
        | "web_extract" => "fetch",
        "task" | "agent" | "delegate" | "delegate_task" | "subagent" => "subagent",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deed(call: Value) -> Option<Deed> {
        let call = &call;
        Described { kind: text(call, "/kind"), title: text(call, "/title"), call }.deed()
    }

    fn edit(path: &str, diff: &str) -> Option<Deed> {
        Some(Deed::Edit { changes: vec![FileChange { path: path.to_owned(), diff: diff.to_owned() }] })
    }

    fn line(line: &str) -> Option<Deed> {
        Some(Deed::Command { line: line.to_owned() })
    }

    #[test]
    fn commands_however_they_are_told() {
        assert_eq!(deed(json!({ "kind": "execute", "title": "ls -la > x", "content": [] })), line("ls -la > x"));
        assert_eq!(
            deed(json!({ "kind": "execute", "title": "Run it", "rawInput": { "command": "rm x" } })),
            line("rm x")
        );
        assert_eq!(
            deed(json!({ "kind": "execute", "rawInput": { "cmd": ["a", "b c", "d'e"] } })),
            line(r"a 'b c' 'd'\''e'")
        );
        assert_eq!(deed(json!({ "kind": "other", "title": "shell · x", "rawInput": { "command": "x" } })), line("x"));
        let text = json!([{ "type": "content", "content": { "type": "text", "text": "{\"command\":\"y\"}" } }]);
        assert_eq!(deed(json!({ "kind": "execute", "title": "Bash", "content": text })), line("y"));
        assert_eq!(deed(json!({ "kind": "execute", "title": "Bash" })), None);
    }

    #[test]
    fn edits_however_they_are_told() {
        let diff = json!([{ "type": "diff", "path": "/a", "oldText": "1\n", "newText": "2\n" }]);
        assert_eq!(deed(json!({ "content": diff })), edit("/a", "@@ -1,1 +1,1 @@\n-1\n+2\n"));
        let input = json!({ "path": "/a", "content": "x\n" });
        assert_eq!(
            deed(json!({ "kind": "other", "title": "write · /a", "rawInput": input })),
            edit("/a", "@@ -0,0 +1,1 @@\n+x\n")
        );
        let given = json!({ "fileName": "/a", "diff": "--- a" });
        assert_eq!(deed(json!({ "kind": "edit", "rawInput": given })), edit("/a", "--- a"));
        let replaced =
            json!({ "tool": "replace", "arguments": { "path": "/a", "old_string": "b", "new_string": "c" } });
        assert_eq!(deed(json!({ "kind": "edit", "rawInput": replaced })), edit("/a", "@@ -1,1 +1,1 @@\n-b\n+c\n"));
        assert_eq!(deed(json!({ "kind": "delete", "locations": [{ "path": "/a" }] })), edit("/a", ""));
        assert_eq!(deed(json!({ "kind": "edit", "title": "write", "rawInput": {} })), None);
        let patch = json!({ "input": "*** Begin Patch\n*** Add File: n\n+x\n*** Delete File: o\n*** End Patch\n" });
        let Some(Deed::Edit { changes }) = deed(json!({ "kind": "edit", "rawInput": patch })) else { panic!() };
        assert_eq!(
            changes.iter().map(|c| (c.path.as_str(), c.diff.as_str())).collect::<Vec<_>>(),
            [("n", "+x\n"), ("o", "")]
        );
    }

    #[test]
    fn the_rest_and_what_nobody_has_a_word_for() {
        let read = deed(json!({ "kind": "read", "rawInput": { "file_path": "/a" } }));
        assert_eq!(read, Some(Deed::Read { path: "/a".to_owned() }));
        let search = deed(json!({ "kind": "search", "rawInput": { "pattern": "x", "path": "src" } }));
        assert_eq!(search, Some(Deed::Search { pattern: "x".to_owned(), path: "src".to_owned() }));
        let fetch = deed(json!({ "kind": "fetch", "rawInput": { "url": "https://a.example" } }));
        assert_eq!(fetch, Some(Deed::Fetch { url: "https://a.example".to_owned() }));
        let mcp = deed(json!({ "title": "mcp__git__push", "rawInput": { "b": 1 } }));
        assert!(
            matches!(mcp, Some(Deed::Mcp { server, tool, .. }) if (server.as_str(), tool.as_str()) == ("git", "push"))
        );
        let other = deed(json!({ "kind": "other", "title": "wait", "rawInput": { "n": 1 } }));
        assert_eq!(other, Some(Deed::Other { tool: "wait".to_owned(), input: "{\"n\":1}".to_owned() }));
        assert_eq!(deed(json!({ "kind": "other", "title": "wait" })), None);
        let worded = |title: &str| deed(json!({ "kind": "fetch", "title": title, "content": [] }));
        assert_eq!(
            worded("get \"https://a.example/x\" now"),
            Some(Deed::Fetch { url: "https://a.example/x".to_owned() })
        );
        let both = "https://a.example and https://b.example, both of them";
        assert_eq!(worded(both), Some(Deed::Fetch { url: both.to_owned() }), "nothing is hidden");
    }
}
