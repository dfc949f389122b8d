//! Files as some agents want them written: patches, and blocks in plain text. Must not know tools.

use super::script::Op;

/// What an agent says to its model when it reads edits out of the text instead of offering tools.
const READS_BLOCKS: &str = "SEARCH/REPLACE";

/// What an agent says when it did no more with an answer than show the file that it named.
const SHOWN: &str = "I added these files to the chat:";

/// A patch that adds a file, in the grammar of `apply_patch`.
pub(crate) fn patch(path: &str, content: &str) -> String {
    let lines: String = content.lines().map(|line| format!("+{line}\n")).collect();
    format!("*** Begin Patch\n*** Add File: {path}\n{lines}*** End Patch\n")
}

/// A patch that replaces lines of a file, in the grammar of `apply_patch`.
pub(crate) fn update(path: &str, old: &str, new: &str) -> String {
    let old: String = old.lines().map(|line| format!("-{line}\n")).collect();
    let new: String = new.lines().map(|line| format!("+{line}\n")).collect();
    format!("*** Begin Patch\n*** Update File: {path}\n@@\n{old}{new}*** End Patch\n")
}

/// A command that reads a file.
pub(crate) fn cat(path: &str) -> String {
    format!("cat {}", quoted(path))
}

/// A command that writes a file.
pub(crate) fn command(path: &str, content: &str) -> String {
    format!("printf %s {} > {}", quoted(content), quoted(path))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Whether a model that is told this must answer in blocks.
pub(crate) fn wants_blocks(system: &str) -> bool {
    system.contains(READS_BLOCKS)
}

/// Whether the answer before this message was set aside, and is to be given again.
pub(crate) fn set_aside(message: &str) -> bool {
    message.starts_with(SHOWN)
}

/// What an op is in plain text.
pub(crate) fn block(op: &Op) -> String {
    match op {
        Op::Shell(command) => format!("```bash\n{command}\n```\n\n"),
        Op::Write(path, content) => replacement(path, "", content),
        Op::Edit { path, old, new } => replacement(path, old, new),
        // A file that a block names is shown to the model without being asked for.
        Op::Read(_) => String::new(),
        Op::Plan(points) => points.iter().map(|point| format!("- {point}\n")).collect(),
        Op::Ask(question, choices) => format!("{question} ({})\n\n", choices.join(", ")),
        Op::Tool(name, _) => format!("(There is no tool {name} here.)\n\n"),
    }
}

fn replacement(path: &str, old: &str, new: &str) -> String {
    format!("{path}\n```\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```\n\n")
}
