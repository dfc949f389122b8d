//! `bash -lc "…"` taken apart: Codex shows a command as one text, quoted as a shell would read it.
//!
//! Owns the reading of words (POSIX shell, §2.2, without any expansion). A text that is not cleanly words is shown as it
//! is: nobody decides about a guess.

/// The script that `command` gives to a shell, or `command` itself.
pub(crate) fn script(command: &str) -> String {
    let words = words(command).unwrap_or_default();
    let [shell, flag, script] = words.as_slice() else { return command.to_owned() };
    let name = shell.rsplit('/').next().unwrap_or_default();
    let shell = ["bash", "sh", "zsh", "dash"].contains(&name) && ["-lc", "-c"].contains(&flag.as_str());
    if shell { script.clone() } else { command.to_owned() }
}

/// The words of `text`; none when a quote is not closed, or a character stands there that a shell would obey.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        match next {
            ' ' => words.extend(word.take()),
            '\'' => {
                let into = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        '\'' => break,
                        other => into.push(other),
                    }
                }
            }
            '"' => double(&mut rest, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(rest.next()?),
            '$' | '`' | '&' | '|' | ';' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '#' | '~' | '\n' | '\t' => {
                return None;
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

/// A text in double quotes, after the first of them.
fn double(rest: &mut std::str::Chars<'_>, into: &mut String) -> Option<()> {
    loop {
        match rest.next()? {
            '"' => return Some(()),
            '$' | '`' => return None,
            '\\' => match rest.next()? {
                '\n' => {}
                escaped @ ('$' | '`' | '"' | '\\') => into.push(escaped),
                other => into.extend(['\\', other]),
            },
            other => into.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &str, expected: &str) {
        assert_eq!(script(command), expected, "{command}");
    }

    #[test]
    fn a_script_is_shown_as_the_shell_will_read_it() {
        check(r#"/bin/bash -lc "printf 'shell ran\\n' > a.txt""#, r"printf 'shell ran\n' > a.txt");
        check("/bin/bash -lc 'echo \"$HOME\"'", "echo \"$HOME\"");
        check("/bin/bash -lc ls", "ls");
        check(r#"bash -lc 'it'"'"'s'"#, "it's");
        check(r#"/bin/zsh -c "a \$b \x""#, r"a $b \x");
    }

    #[test]
    fn what_is_no_such_call_is_shown_as_it_is() {
        for odd in [
            "ls -la",
            "/bin/bash -lc 'open",
            "/bin/bash -lc \"$(x)\"",
            "/bin/bash -lc 'a' 'b'",
            "python3 -c 'x'",
            "/bin/bash -lc a; rm -rf /",
            "",
        ] {
            check(odd, odd);
        }
    }
}
