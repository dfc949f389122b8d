//! The operator's window: `/healthz`, `/readyz` and `/metrics` over plain HTTP on loopback.
//! Must not know what readiness consists of: a closure says so. Shows no run, no name and no secret.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::Metrics;

/// Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats).
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Says whether the process may be given work; the error says why not. Asked at every request: keep it cheap.
pub type Ready = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// A bound window that does not answer yet.
pub struct Http {
    listener: TcpListener,
    address: SocketAddr,
    window: Window,
}

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is taken or not ours.
    #[error("cannot listen for HTTP on {address}: {source}; free the port or set another in `http`")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The listener broke.
    #[error("the HTTP listener on {address} broke: {source}")]
    Serve {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

#[derive(Clone)]
struct Window {
    metrics: Metrics,
    ready: Ready,
    hosts: Arc<[String]>,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Http {
    /// Binds `address` (port 0: any free one). `hosts` are the names, beside `localhost` and literal addresses, that a
    /// request may call this machine by: a name that is none of them is a web page rebinding its DNS to us.
    ///
    /// # Errors
    /// [`HttpError::Bind`].
    pub async fn bind(
        address: SocketAddr,
        hosts: &[String],
        metrics: Metrics,
        ready: Ready,
    ) -> Result<Self, HttpError> {
        let failed = |source| HttpError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, window: Window { metrics, ready, hosts: hosts.into() } })
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` resolves and the requests under way are answered, or until it is dropped.
    ///
    /// # Errors
    /// [`HttpError::Serve`].
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), HttpError> {
        let address = self.address;
        let served = axum::serve(self.listener, self.window.router()).with_graceful_shutdown(stop).await;
        served.map_err(|source| HttpError::Serve { address, source })
    }
}

impl Window {
    fn router(self) -> Router {
        Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .layer(middleware::from_fn_with_state(self.clone(), only_known_hosts))
            .with_state(self)
    }
}

async fn readyz(State(window): State<Window>) -> Response {
    match (window.ready)() {
        Ok(()) => "ready\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response(),
    }
}

async fn metrics(State(window): State<Window>) -> Response {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], window.metrics.render()).into_response()
}

async fn only_known_hosts(State(window): State<Window>, request: Request, next: Next) -> Response {
    if host(request.headers()).is_some_and(|host| is_known(host, &window.hosts)) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "this Host is not served here: add it to `http_hosts`\n").into_response()
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

fn is_known(host: &str, known: &[String]) -> bool {
    if host.parse::<SocketAddr>().is_ok() {
        return true;
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        Some(_) | None => host,
    };
    let literal = name.trim_start_matches('[').trim_end_matches(']');
    literal.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || known.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::watch;

    use super::*;

    async fn ask(address: SocketAddr, path: &str, host: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        answer
    }

    #[tokio::test]
    async fn the_window_shows_health_readiness_and_metrics() {
        let (ready, is_ready) = watch::channel(false);
        let asks: Ready =
            Arc::new(move || if *is_ready.borrow() { Ok(()) } else { Err("the ledger is loading".to_owned()) });
        let metrics = Metrics::install().expect("the recorder");
        metrics::gauge!("ostler_window_test").set(1.0);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let http = Http::bind(any, &["box.example".to_owned()], metrics, asks).await.expect("bound");
        let address = http.local_addr();
        let (stop, mut stopped) = watch::channel(());
        let served = http.serve(async move {
            stopped.changed().await.unwrap_or(());
        });
        let visit = async {
            assert!(ask(address, "/healthz", "localhost").await.starts_with("HTTP/1.1 200"));
            let refused = ask(address, "/readyz", "127.0.0.1:1").await;
            assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("the ledger is loading"), "{refused}");
            ready.send_replace(true);
            assert!(ask(address, "/readyz", "127.0.0.1:1").await.starts_with("HTTP/1.1 200"));
            assert!(ask(address, "/metrics", "box.example").await.contains("ostler_window_test 1"));
            assert!(ask(address, "/metrics", "evil.example").await.starts_with("HTTP/1.1 403"));
            stop.send_replace(());
        };
        let (served, ()) = tokio::join!(served, visit);
        served.expect("stopped in good order");
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = taken.local_addr().expect("bound");
        let refused = Http::bind(address, &[], Metrics::install().expect("the recorder"), Arc::new(|| Ok(()))).await;
        assert!(refused.expect_err("taken").to_string().contains(&address.to_string()));
    }

    #[test]
    fn only_literal_addresses_localhost_and_configured_names_are_known() {
        let known = ["relay.lan".to_owned()];
        for host in ["127.0.0.1", "127.0.0.1:7434", "[::1]", "[::1]:7434", "localhost:7434", "LOCALHOST", "relay.lan:1"]
        {
            assert!(is_known(host, &known), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example", "relay.lan.evil:80", "127.0.0.1.evil", "a:b:c"] {
            assert!(!is_known(host, &known), "{host}");
        }
    }
}
