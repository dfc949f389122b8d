//! What an agent is asked, from the command line or stdin, and which agent that is.

use crate::fault::Fault;
use ostler_client::ClientError;
use ostler_core::limits::BODY_BYTES_MAX;
use ostler_core::requirements::Requirements;
use ostler_core::task::Work;
use std::io::Read;

/// Agents that every runner has.
const BUILTIN: [&str; 3] = ["shell", "pty", "noop"];

/// The work. A prompt of `-` is read from stdin, never further than a little over what any relay would keep.
pub(crate) fn read(prompt: Option<&str>, command: &[String]) -> Result<Work, Fault> {
    match prompt {
        None => Ok(Work::Command(command.to_vec())),
        Some("-") => piped(std::io::stdin().lock()).map(Work::Prompt),
        Some(text) => bounded(text.to_owned()).map(Work::Prompt),
    }
}

fn piped(from: impl Read) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    from.take(BODY_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(Fault::io("stdin"))?;
    let oversize = ClientError::TooLarge { bytes: bytes.len(), max: BODY_BYTES_MAX };
    if bytes.len() > BODY_BYTES_MAX {
        return Err(oversize.into());
    }
    let text =
        String::from_utf8(bytes).map_err(|_| Fault::Usage("the prompt on stdin is not UTF-8 text".to_owned()))?;
    bounded(text)
}

fn bounded(text: String) -> Result<String, Fault> {
    if text.len() > BODY_BYTES_MAX {
        return Err(ClientError::TooLarge { bytes: text.len(), max: BODY_BYTES_MAX }.into());
    }
    if text.trim().is_empty() {
        return Err(Fault::Usage("the prompt is empty".to_owned()));
    }
    Ok(text)
}

/// The agent that was named, or the one a command has by itself.
pub(crate) fn agent(named: Option<&str>, work: &Work) -> Result<String, Fault> {
    let prompt = super::is_prompt(work);
    match named {
        Some(name @ ("shell" | "pty")) if prompt => {
            Err(Fault::Usage(format!("agent `{name}` executes a command: write it after `--`, like `-- make test`")))
        }
        Some(name) => Ok(name.to_owned()),
        None if prompt => Err(Fault::Usage(
            "a prompt needs an agent: give --agent claude (or codex…), or set OSTLER_AGENT; a command goes after `--`"
                .to_owned(),
        )),
        None => Ok("shell".to_owned()),
    }
}

/// True for an agent that executes commands, and takes no prompt.
pub(crate) fn takes_commands(agent: &str) -> bool {
    BUILTIN.contains(&agent)
}

/// Runners offer the agents they found as `agent.NAME`.
pub(crate) fn requirement(agent: &str) -> Option<Requirements> {
    if BUILTIN.contains(&agent) { None } else { format!("agent.{agent}").parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_megabytes_are_refused_before_they_are_read() {
        let mut endless = std::io::repeat(b'x');
        let error = piped(&mut endless).expect_err("too long");
        assert!(matches!(error, Fault::Client(ClientError::TooLarge { .. })), "{error}");
        assert!(matches!(bounded("x".repeat(10 << 20)), Err(Fault::Client(ClientError::TooLarge { .. }))));
    }

    #[test]
    fn a_prompt_is_text() {
        assert_eq!(piped(&b"do it\n"[..]).expect("read"), "do it\n");
        assert!(piped(&b"\xff\xfe"[..]).is_err());
        assert!(piped(&b"  \n"[..]).is_err());
    }
}
