//! A person's word on a question, from the command line or the keyboard, made into what is signed.
//!
//! ```text
//! --for-run, --choose N, --answer TEXT, -m TEXT ─┐
//! y, n, a, a number, words at the keyboard ──────┴─▶ Word ─▶ (choice, remark) ─▶ signed verdict ─▶ runner
//! ```
//!
//! Owns what can be said. Must not decide by itself: without a word nothing is signed.

mod keyboard;

pub(crate) use keyboard::Keyboard;

use crate::fault::Fault;
use crate::render::{deed, rule};
use ostler_client::{Client, Question};
use ostler_core::approval::{Action, Choice, Deed, Remark};
use ostler_core::guard::{Rule, for_this_run};

/// What a person says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// Do it, this once.
    Yes(String),
    /// Do it, and whatever is like it for the rest of the run.
    ForRun(String),
    /// This option of a question, counted from 1.
    Choose(u32),
    /// These words are the answer.
    Answer(String),
    /// Do not; the words are for the agent.
    No(String),
}

impl Word {
    /// What is signed for `question`.
    ///
    /// A no needs nothing; everything else needs an action that can be read, and must fit it.
    fn means(&self, question: &Question) -> Result<(Choice, Remark), Fault> {
        if let Self::No(text) = self {
            return Ok((Choice::Reject, Remark::words(text)));
        }
        // What cannot be read is refused where it is signed, with the reason.
        let Ok(action) = &question.action else { return Ok((Choice::Approve, Remark::default())) };
        let remark = match (self, &action.deed) {
            (Self::Choose(n), Deed::Question { options, .. }) => chosen(*n, options)?,
            (Self::Answer(text), Deed::Question { .. }) => Remark::words(text),
            (Self::Choose(_) | Self::Answer(_), _) => {
                return Err(Fault::Usage("it is not a question: --choose and --answer are for questions".to_owned()));
            }
            (Self::Yes(text) | Self::ForRun(text), Deed::Question { .. }) if text.is_empty() => {
                return Err(Fault::Usage("it is a question: answer it with --choose N or --answer TEXT".to_owned()));
            }
            (Self::ForRun(text), _) => Remark { text: text.clone(), option: None, allow: Some(for_run(action)?) },
            (Self::Yes(text) | Self::No(text), _) => Remark::words(text),
        };
        Ok((Choice::Approve, remark))
    }
}

fn chosen(n: u32, options: &[String]) -> Result<Remark, Fault> {
    let at = usize::try_from(n).ok().and_then(|n| n.checked_sub(1)).filter(|at| *at < options.len());
    let wrong = || Fault::Usage(format!("there is no option {n}: give 1 to {}, or --answer TEXT", options.len()));
    at.ok_or_else(wrong)?;
    Ok(Remark { text: String::new(), option: Some(n - 1), allow: None })
}

/// The rule of a yes for the whole run.
fn for_run(action: &Action) -> Result<Rule, Fault> {
    for_this_run(action).ok_or_else(|| Fault::NoRule(deed::line(&action.deed)))
}

/// Something that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    /// Yes or no.
    pub(crate) choice: Choice,
    /// What was said with it.
    pub(crate) remark: Remark,
    /// True for a question: a yes to it is an answer.
    asked: bool,
}

impl Signed {
    /// `approved`, and what else that allows.
    pub(crate) fn words(&self) -> String {
        let word = if self.asked && self.choice == Choice::Approve { "answered" } else { self.word() };
        match &self.remark.allow {
            Some(allowed) => format!("{word}; for the rest of this run: {}", rule::words(allowed)),
            None => word.to_owned(),
        }
    }

    /// `approved` or `rejected`.
    pub(crate) const fn word(&self) -> &'static str {
        match self.choice {
            Choice::Approve => "approved",
            Choice::Reject => "rejected",
        }
    }
}

/// Signs `word` on `question`.
pub(crate) async fn sign(client: &Client, question: &Question, word: &Word) -> Result<Signed, Fault> {
    let (choice, remark) = word.means(question)?;
    client.answer(question, choice, &remark).await?;
    let asked = question.action.as_ref().is_ok_and(|action| matches!(action.deed, Deed::Question { .. }));
    Ok(Signed { choice, remark, asked })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::render::approval::tests::question;

    pub(crate) fn colours() -> Deed {
        Deed::Question { text: "which?".to_owned(), options: vec!["red".to_owned(), "blue".to_owned()] }
    }

    fn meant(word: &Word, deed: Deed) -> Result<(Choice, Remark), String> {
        word.means(&question(Action::new(deed, "/srv", ""))).map_err(|fault| fault.to_string())
    }

    #[test]
    fn options_are_counted_from_one_and_only_questions_have_them() {
        let option = |n| meant(&Word::Choose(n), colours()).map(|(_, remark)| remark.option);
        assert_eq!(option(1), Ok(Some(0)));
        assert_eq!(option(2), Ok(Some(1)));
        assert!(option(0).is_err() && option(3).expect_err("no third").contains("1 to 2"));
        assert!(meant(&Word::Choose(1), Deed::Read { path: "x".to_owned() }).is_err());
        assert!(meant(&Word::Yes(String::new()), colours()).expect_err("needs an answer").contains("--choose"));
        let (choice, remark) = meant(&Word::Answer("green".to_owned()), colours()).expect("answered");
        assert_eq!((choice, remark.text.as_str()), (Choice::Approve, "green"));
    }

    #[test]
    fn a_no_needs_nothing_and_takes_words_along() {
        let (choice, remark) = meant(&Word::No("use make".to_owned()), colours()).expect("a no");
        assert_eq!((choice, remark), (Choice::Reject, Remark::words("use make")));
    }

    #[test]
    fn a_yes_for_the_run_has_a_rule_or_is_refused() {
        let deed = Deed::Question { text: "sure?".to_owned(), options: Vec::new() };
        let word = Word::ForRun("why".to_owned());
        assert!(meant(&word, deed).expect_err("no rule answers a question").contains("each time"));
    }
}
