//! The gateway: health, readiness and metrics over HTTP.

use ostler_boot::Http;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Mutex;
use tokio::task::JoinSet;

/// Serves a listener that was bound when the relay started, so that a taken port is told before anything else runs.
pub(crate) struct GatewayActor {
    pub(crate) bind: Box<dyn Fn() -> Bound + Send + Sync>,
    /// The first listener, bound at start.
    pub(crate) first: Mutex<Option<Http>>,
}

/// A listener on its way.
pub(crate) type Bound =
    std::pin::Pin<Box<dyn std::future::Future<Output = Result<Http, ostler_boot::HttpError>> + Send>>;

impl Actor for GatewayActor {
    type Msg = ();
    type State = JoinSet<()>;
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<()>, (): ()) -> Result<JoinSet<()>, ActorProcessingErr> {
        let first = self.first.lock().map(|mut first| first.take()).unwrap_or_default();
        let http = match first {
            Some(http) => http,
            None => (self.bind)().await?,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            if let Err(error) = http.serve(std::future::pending()).await {
                tracing::error!(%error, "the HTTP gateway broke");
                me.kill();
            }
        });
        Ok(tasks)
    }
}
