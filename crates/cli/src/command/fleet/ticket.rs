//! Where tickets come from: a person's paste or a file, never the argument list, which every process can read.

use crate::fault::Fault;
use crate::out;
use ostler_client::ClientError;
use ostler_identity::{TICKET_CHARS_MAX, Ticket};
use std::io::{IsTerminal, Read};
use std::path::Path;

/// Line breaks and blanks of a wrapped paste come on top of the longest ticket.
const BYTES_MAX: u64 = 2 * TICKET_CHARS_MAX as u64 + 1;
/// Shorter texts that start like a ticket may be a file's name.
const LOOKS_LIKE_ONE: usize = 40;

/// Reads the ticket that `place` names: `-` for stdin, else a file.
pub(crate) fn read(place: &str) -> Result<Ticket, Fault> {
    if is_ticket(place) {
        return Err(Fault::TicketInArguments);
    }
    let failed = |source| Fault::TicketFile { path: place.to_owned(), source };
    let text = if place == "-" { stdin() } else { file(Path::new(place)) }.map_err(failed)?;
    Ok(text.parse::<Ticket>().map_err(ClientError::from)?)
}

fn is_ticket(text: &str) -> bool {
    let starts = text.trim().get(..7).is_some_and(|start| start.eq_ignore_ascii_case("ostler1"));
    starts && text.len() >= LOOKS_LIKE_ONE && !Path::new(text).exists()
}

fn stdin() -> std::io::Result<String> {
    let stdin = std::io::stdin();
    let mut text = String::new();
    if stdin.is_terminal() {
        out::note("paste the ticket and press enter:");
        stdin.read_line(&mut text)?;
    } else {
        stdin.lock().take(BYTES_MAX).read_to_string(&mut text)?;
    }
    Ok(text)
}

fn file(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_in_the_arguments_is_refused_and_a_file_is_read() {
        let word = format!("ostler1{}", "a".repeat(60));
        assert!(matches!(read(&word), Err(Fault::TicketInArguments)));
        assert!(matches!(read(&word.to_uppercase()), Err(Fault::TicketInArguments)));
        assert!(matches!(read("/nowhere/ticket"), Err(Fault::TicketFile { .. })));
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "hello").expect("written");
        let error = read(&file.path().to_string_lossy()).expect_err("no ticket").to_string();
        assert!(error.contains("this is not a ticket"), "{error}");
    }
}
