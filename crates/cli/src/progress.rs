//! A line on stderr for whatever takes longer than a second. Nothing in a pipe, nothing for what is quick.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::future::Future;
use std::io::IsTerminal;
use std::time::Duration;

/// A person starts to wonder after about this long.
const QUIET: Duration = Duration::from_secs(1);
/// Frames of the spinner: a tenth of a second looks alive.
const TICK: Duration = Duration::from_millis(100);

/// Waits for `work`; after a second, says on stderr that it is `doing`.
pub(crate) async fn with<T>(doing: &str, work: impl Future<Output = T>) -> T {
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let mut work = std::pin::pin!(work);
    if let Ok(done) = tokio::time::timeout(QUIET, &mut work).await {
        return done;
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template("{spinner} {msg} ({elapsed})").expect("a fixed template"));
    bar.set_message(doing.to_owned());
    bar.enable_steady_tick(TICK);
    let done = work.await;
    bar.finish_and_clear();
    done
}
