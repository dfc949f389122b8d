//! Runs: listed, found, moved. Must not know bodies or events.

mod results;

use crate::client::{Client, unexpected};
use crate::error::ClientError;
use ostler_core::ids::RunId;
use ostler_proto::{Listing, Request, Response, RunDetail, RunView};

/// What looks for runs.
const SEE: &str = "`ostler runs list`";

impl Client {
    /// Runs, newest first; only those in `states` (their words) when there are any.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn runs(&self, states: &[&str], before: Option<RunId>, limit: u32) -> Result<Vec<RunView>, ClientError> {
        let states = states.iter().map(|word| (*word).to_owned()).collect();
        let Response::Runs(runs) = self.ask(&Request::Runs(Listing { states, before, limit })).await? else {
            return Err(unexpected("Runs"));
        };
        Ok(runs)
    }

    /// One run with everything about it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn run(&self, run: RunId) -> Result<RunDetail, ClientError> {
        let Response::Run(detail) = self.ask(&Request::Run(run)).await? else { return Err(unexpected("Run")) };
        Ok(*detail)
    }

    /// The one run whose printed id starts or ends with `text`.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], or [`ClientError::Ambiguous`] with all that match.
    pub async fn find(&self, text: &str) -> Result<RunId, ClientError> {
        if let Ok(run) = text.parse() {
            return Ok(run);
        }
        let mut found = self.found(text).await?;
        // The short form is the prefix and the tail: neither a start nor an end of the whole.
        if let (true, Some(tail)) = (found.is_empty(), text.strip_prefix("run_").filter(|tail| !tail.is_empty())) {
            found = self.found(tail).await?;
        }
        only("run", text, SEE, found, ToString::to_string)
    }

    async fn found(&self, text: &str) -> Result<Vec<RunId>, ClientError> {
        let Response::Found(found) = self.ask(&Request::FindRun(text.to_owned())).await? else {
            return Err(unexpected("FindRun"));
        };
        Ok(found)
    }

    /// Stops a run: it is over when this returns, and its runner is told.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn cancel(&self, run: RunId) -> Result<(), ClientError> {
        self.done(&Request::Cancel(run)).await
    }

    /// Gives a dead letter another chance.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn revive(&self, run: RunId) -> Result<(), ClientError> {
        self.done(&Request::Revive(run)).await
    }

    /// Throws a dead letter away.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn discard(&self, run: RunId) -> Result<(), ClientError> {
        self.done(&Request::Discard(run)).await
    }

    /// A request that is done or refused, sent once: done twice, it would be refused the second time.
    pub(crate) async fn done(&self, request: &Request) -> Result<(), ClientError> {
        let Response::Done = self.ask_once(request).await? else { return Err(unexpected("Done")) };
        Ok(())
    }
}

/// The only one of `found`.
pub(crate) fn only<T>(
    kind: &'static str,
    text: &str,
    see: &'static str,
    mut found: Vec<T>,
    print: impl Fn(&T) -> String,
) -> Result<T, ClientError> {
    match (found.pop(), found.is_empty()) {
        (None, _) => Err(ClientError::NotFound { kind, text: text.to_owned(), see }),
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            let matches = found.iter().chain([&last]).map(print).collect();
            Err(ClientError::Ambiguous { text: text.to_owned(), matches })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_found_none_and_several_are_errors_that_say_so() {
        let find = |found: Vec<u8>| only("run", "ab", SEE, found, u8::to_string);
        assert_eq!(find(vec![7]).expect("one"), 7);
        assert!(find(vec![]).expect_err("none").to_string().contains("no run matches `ab`"));
        assert!(find(vec![1, 2]).expect_err("two").to_string().contains("matches 2: 1, 2"));
    }
}
