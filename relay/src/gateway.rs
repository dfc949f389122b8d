//! The gateway: health, readiness and metrics over HTTP.
//!
//! ```text
//! bound at start ─▶ serving ─ falls ─▶ binding again, until the port is free ─▶ serving
//! ```

use ostler_boot::{Http, HttpError};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

/// A port is free again a moment after its last listener went.
const BIND_AGAIN: Duration = Duration::from_millis(100);

/// A listener on its way.
pub(crate) type Bound = Pin<Box<dyn Future<Output = Result<Http, HttpError>> + Send>>;
/// Binds the configured address.
pub(crate) type Bind = Arc<dyn Fn() -> Bound + Send + Sync>;

/// Serves a listener that was bound when the relay started, so that a taken port is told before anything else runs.
pub(crate) struct GatewayActor {
    pub(crate) bind: Bind,
    /// The first listener, bound at start.
    pub(crate) first: Mutex<Option<Http>>,
}

impl Actor for GatewayActor {
    type Msg = ();
    type State = JoinSet<()>;
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<()>, (): ()) -> Result<JoinSet<()>, ActorProcessingErr> {
        let first = self.first.lock().map(|mut first| first.take()).unwrap_or_default();
        let bind = Arc::clone(&self.bind);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let http = match first {
                Some(http) => http,
                None => again(&bind).await,
            };
            if let Err(error) = http.serve(std::future::pending()).await {
                tracing::error!(%error, "the HTTP gateway broke");
                me.kill();
            }
        });
        Ok(tasks)
    }
}

async fn again(bind: &Bind) -> Http {
    loop {
        match bind().await {
            Ok(http) => return http,
            Err(error) => tracing::warn!(%error, "the HTTP gateway waits for its port"),
        }
        tokio::time::sleep(BIND_AGAIN).await;
    }
}
