//! Results of runs: how each attempt ended, in words and numbers, as its runner sealed it.
//!
//! Must not know what the numbers are worth to people. The relay keeps these bytes and cannot read them.

use crate::client::Client;
use crate::error::ClientError;
use ostler_core::ids::RunId;
use ostler_core::usage::Conclusion;
use ostler_identity::Purpose;
use ostler_proto::RunDetail;

impl Client {
    /// How the attempts of `run` ended, by epoch, oldest first.
    ///
    /// # Errors
    /// When one of them cannot be read, or see [`ClientError`].
    pub async fn conclusions(&self, run: RunId) -> Result<Vec<(u64, Conclusion)>, ClientError> {
        let ends = self.ends(&self.run(run).await?).await;
        ends.into_iter().map(|(epoch, end)| end.map(|conclusion| (epoch, conclusion))).collect()
    }

    /// As [`Client::conclusions`], of a run that was fetched: one that cannot be read does not hide the others.
    pub async fn ends(&self, detail: &RunDetail) -> Vec<(u64, Result<Conclusion, ClientError>)> {
        let run = detail.view.spec.id;
        let mut ends = Vec::with_capacity(detail.results.len());
        for (epoch, sealed) in &detail.results {
            ends.push((*epoch, self.end(run, *epoch, sealed).await));
        }
        ends.sort_by_key(|(epoch, _)| *epoch);
        ends
    }

    async fn end(&self, run: RunId, epoch: u64, sealed: &[u8]) -> Result<Conclusion, ClientError> {
        let plain = self.open(&Purpose::Result { run, epoch }, sealed).await?;
        postcard::from_bytes(&plain).map_err(|_| ClientError::Content("the result"))
    }
}
