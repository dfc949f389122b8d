//! Health, readiness and metrics of a runner over HTTP, when its owner wants them.

use super::RunnerError;
use super::stable::Shared;
use ostler_boot::{Http, Metrics, Ready};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinSet;

/// A served address; dropping it ends the service.
pub(super) struct Window {
    address: SocketAddr,
    _task: JoinSet<()>,
}

impl Window {
    /// Binds and serves what the configuration names; none when it names nothing.
    pub(super) async fn open(stable: &Shared) -> Result<Option<Self>, RunnerError> {
        let wanted = &stable.config.http;
        if wanted.is_empty() {
            return Ok(None);
        }
        let address: SocketAddr = wanted.parse().map_err(|_| RunnerError::Address(wanted.clone()))?;
        let doors = Arc::clone(stable);
        let ready: Ready = Arc::new(move || match (doors.slots.get().is_some(), doors.relay.borrow().is_some()) {
            (true, true) => Ok(()),
            (false, _) => Err("the slots are restarting".to_owned()),
            (true, false) => Err("not connected to the relay".to_owned()),
        });
        let http = Http::bind(address, &stable.config.http_hosts, Metrics::install()?, ready).await?;
        let address = http.local_addr();
        let mut task = JoinSet::new();
        task.spawn(async move {
            if let Err(error) = http.serve(std::future::pending()).await {
                tracing::error!(%error, "health and metrics are not served any more");
            }
        });
        Ok(Some(Self { address, _task: task }))
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}
