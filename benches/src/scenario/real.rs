//! Runs of the agent that does nothing, end to end, with a real runner: journal, sealed events, results and all.

use crate::crowd::Crowd;
use crate::daemon::Daemon;
use crate::figure::Figure;
use crate::hands::ticket;
use crate::site::Site;
use crate::{Error, Options, clock};
use ostler_client::Client;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How often the relay is asked how many runs are over: it counts them, so not too often.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A load that is not through by then never will be.
const WITHIN: Duration = Duration::from_secs(180);

pub(super) async fn round(options: &Options) -> Result<Vec<Figure>, Error> {
    let (count, inflight) = (options.number("count", 5_000), options.number("inflight", 32));
    let slots = options.number("slots", 8);
    let site = Site::found(options)?;
    let (relay, _) = site.start()?;
    let crowd = Crowd::connect(&site, options.number("clients", 4)).await?;
    let runner = join(&site, &options.runner, slots, &ticket(crowd.first()).await?.to_string())?;
    let before = (relay.processor()?, runner.processor()?);
    crowd.one().await?;
    over(crowd.first(), 1).await?;
    let started = clock::now();
    let (_, last) = tokio::try_join!(crowd.submit(count, inflight), over(crowd.first(), count + 1))?;
    let each = |busy: Duration| busy.as_secs_f64() * 1e6 / count as f64;
    Ok(vec![
        Figure::rate(format!("runs of a real runner, {slots} slots"), count, last - started),
        Figure::new("processor time of the relay, each", "us", each(relay.processor()?.saturating_sub(before.0))),
        Figure::new("processor time of the runner, each", "us", each(runner.processor()?.saturating_sub(before.1))),
    ])
}

/// Pairs a runner with a ticket and starts it.
fn join(site: &Site, program: &Path, slots: u64, ticket: &str) -> Result<Daemon, Error> {
    let (configuration, home) = (site.path("runner.toml"), site.path("runner"));
    let text = format!("slots = {slots}\ndata_dir = '{}'\n[log]\nfilter = 'warn'\n", home.display());
    std::fs::write(&configuration, text)?;
    let command = |word: &str| {
        let mut command = Command::new(program);
        command.arg("--config").arg(&configuration).arg(word).stdout(Stdio::null());
        command
    };
    let mut joining = command("join").arg("hands").stdin(Stdio::piped()).spawn()?;
    joining.stdin.take().ok_or("no standard input")?.write_all(ticket.as_bytes())?;
    if !joining.wait()?.success() {
        return Err("the runner could not join".into());
    }
    let log = std::fs::File::create(site.path("runner.log"))?;
    Daemon::spawn(command("start").stdin(Stdio::null()).stderr(log))
}

/// Waits until so many runs succeeded; when that was seen.
async fn over(client: &Client, count: u64) -> Result<Instant, Error> {
    let started = clock::now();
    while started.elapsed() < WITHIN {
        let runs = client.status().await?.runs;
        if runs.iter().any(|(word, settled)| word == "succeeded" && *settled >= count) {
            return Ok(clock::now());
        }
        sleep(LOOK_EVERY).await;
    }
    Err("the runs are not over in time: see runner.log".into())
}
