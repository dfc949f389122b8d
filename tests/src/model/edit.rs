//! Files as some agents want them written: patches, and blocks in plain text. Must not know tools.

use super::script::Op;

/// What an agent says to its model when it reads edits out of the text instead of offering tools.
const READS_BLOCKS: &str = "SEARCH/REPLACE";

/// A patch that adds a file, in the grammar of `apply_patch`.
pub(crate) fn patch(path: &str, content: &str) -> String {
    let lines: String = content.lines().map(|line| format!("+{line}\n")).collect();
    format!("*** Begin Patch\n*** Add File: {path}\n{lines}*** End Patch\n")
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

/// What an op is in plain text.
pub(crate) fn block(op: &Op) -> String {
    match op {
        Op::Shell(command) => format!("```bash\n{command}\n```\n\n"),
        Op::Write(path, content) => {
            format!("{path}\n```\n<<<<<<< SEARCH\n=======\n{content}>>>>>>> REPLACE\n```\n\n")
        }
        Op::Read(path) => format!("Please add {path} to the chat.\n\n"),
        Op::Plan(points) => points.iter().map(|point| format!("- {point}\n")).collect(),
        Op::Ask(question, choices) => format!("{question} ({})\n\n", choices.join(", ")),
        Op::Tool(name, _) => format!("(There is no tool {name} here.)\n\n"),
    }
}
