//! The Prometheus recorder. Must not know which metrics there are: rooms name their own with the `metrics` crate.
//!
//! Units stand last in a metric's name: `_seconds` and `_rows` get histogram buckets here, everything else a summary.

use std::sync::{Mutex, OnceLock, PoisonError};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// From a memory-only transition to a run that waited a minute: a commit on a quiet disk is 0.3–5 ms (docs/performance).
const SECONDS: [f64; 14] = [0.0001, 0.0003, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 60.0];
/// Group commits hold 1 to 1024 rows; powers of two show whether batching works.
const ROWS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

static INSTALLED: OnceLock<Metrics> = OnceLock::new();
/// Held while it is being installed.
static INSTALLING: Mutex<()> = Mutex::new(());

/// The process's metrics.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

/// Metrics could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("cannot install the metrics recorder: {0}")]
pub struct MetricsError(#[from] BuildError);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics(..)")
    }
}

impl Metrics {
    /// Installs the process-wide recorder; a relay and a runner in one process share it, so a second call returns the
    /// first one's.
    ///
    /// # Errors
    /// [`MetricsError`] when another recorder, not ours, is installed already.
    pub fn install() -> Result<Self, MetricsError> {
        // One at a time: between the recorder's installation and its handle's a second caller would find neither free.
        let _turn = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(installed) = INSTALLED.get() {
            return Ok(installed.clone());
        }
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
            .set_buckets_for_metric(Matcher::Suffix("_rows".to_owned()), &ROWS)?;
        let handle = builder.install_recorder()?;
        Ok(INSTALLED.get_or_init(|| Self { handle }).clone())
    }

    /// All metrics in Prometheus' text format, old samples folded away first.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_rendered_and_a_second_install_shares_it() {
        let metrics = Metrics::install().expect("the first recorder of this process");
        let again = Metrics::install().expect("the same one");
        metrics::counter!("ostler_test_total", "kind" => "run").increment(2);
        metrics::histogram!("ostler_test_seconds").record(0.004);
        let text = again.render();
        assert!(text.contains("ostler_test_total{kind=\"run\"} 2"), "{text}");
        assert!(text.contains("ostler_test_seconds_bucket{le=\"0.005\"} 1"), "{text}");
        assert!(metrics.render().contains("ostler_test_total"));
    }
}
