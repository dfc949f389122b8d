//! What an agent is asked first: the task, or that it go on, or the task and what others did before it.
//!
//! ```text
//!                    the session is here        no session, or one that turns out to be gone
//! first attempt      –                          the task
//! later attempt      go on                      the task: what was done
//! follow-up          the new task               the new task: what was asked and done before
//! ```
//!
//! Owns the words. Must not know files or agents.

use crate::session::Note;
use ostler_agents::Resume;
use ostler_core::ids::RunId;
use std::fmt::Write as _;

/// The first words, and the session they are said in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) prompt: String,
    pub(super) resume: Option<Resume>,
}

/// What the agent of `run` is asked when its task is `task`; `session` is the one it can go on with.
pub(super) fn opening(run: RunId, task: &str, note: &Note, session: Option<String>) -> Opening {
    let Some(asked) = &note.asked else {
        return Opening { prompt: task.to_owned(), resume: None };
    };
    let again = asked.run == run;
    let otherwise = if again { afresh(task, note) } else { follow_up(task, &asked.prompt, note) };
    match session {
        Some(session) => {
            let prompt = if again { GO_ON.to_owned() } else { task.to_owned() };
            Opening { prompt, resume: Some(Resume { session, otherwise }) }
        }
        None => Opening { prompt: otherwise, resume: None },
    }
}

/// The session knows the task: said again, it would read as something new to do.
const GO_ON: &str = "Your earlier attempt at this task was interrupted. Look at what is done already, continue from there, and do \
                     not repeat what is done.";

fn afresh(task: &str, note: &Note) -> String {
    let mut text = format!(
        "{task}\n\n---\nAn earlier attempt at this task was interrupted. Its work is in the working directory: look at it first, \
         continue from there, and do not repeat what is done.\n"
    );
    done(note, &mut text);
    text
}

fn follow_up(task: &str, before: &str, note: &Note) -> String {
    let mut text = format!(
        "{task}\n\n---\nThis goes on with earlier work, which is in the working directory: look at it first. What was asked \
         then:\n\n{before}\n"
    );
    done(note, &mut text);
    text
}

fn done(note: &Note, text: &mut String) {
    let written = [("What it had done:", &note.done), ("How it ended:", &note.words)]
        .into_iter()
        .filter(|(_, said)| !said.is_empty())
        .try_for_each(|(title, said)| write!(text, "\n{title}\n{said}\n"));
    written.expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: RunId = RunId([1; 16]);
    const FOLLOW_UP: RunId = RunId([2; 16]);

    fn note() -> Note {
        let dir = tempfile::tempdir().expect("a directory");
        let runs = crate::session::Runs::new(dir.path());
        runs.open(RUN, None).expect("opens");
        runs.asked(RUN, "build a bridge");
        runs.ended(RUN, "out of stone", Some(("ostler/b".to_owned(), "A pillar")));
        runs.recall(RUN)
    }

    #[test]
    fn a_first_attempt_is_asked_its_task_and_nothing_else() {
        let opening = opening(RUN, "build a bridge", &Note::default(), None);
        assert_eq!(opening, Opening { prompt: "build a bridge".to_owned(), resume: None });
    }

    #[test]
    fn a_later_attempt_goes_on_in_its_session_and_is_briefed_without_one() {
        let with = opening(RUN, "build a bridge", &note(), Some("s".to_owned()));
        let resume = with.resume.expect("its session is there");
        assert!(with.prompt.contains("do not repeat") && !with.prompt.contains("bridge"), "{}", with.prompt);
        assert!(!with.prompt.contains("A pillar"), "the session knows what was done");
        let without = opening(RUN, "build a bridge", &note(), None);
        assert_eq!(
            (resume.otherwise, None),
            (without.prompt.clone(), without.resume),
            "a session that is gone is as none"
        );
        for part in ["build a bridge\n", "do not repeat", "A pillar", "out of stone"] {
            assert!(without.prompt.contains(part), "{part}: {}", without.prompt);
        }
    }

    #[test]
    fn a_follow_up_says_its_own_words_and_briefs_a_fresh_session_on_what_was_before() {
        let with = opening(FOLLOW_UP, "paint it", &note(), Some("s".to_owned()));
        assert_eq!(with.prompt, "paint it");
        let otherwise = with.resume.expect("its session is there").otherwise;
        for part in ["paint it\n", "build a bridge", "A pillar", "out of stone"] {
            assert!(otherwise.contains(part), "{part}: {otherwise}");
        }
        assert!(!otherwise.contains("interrupted"));
    }
}
