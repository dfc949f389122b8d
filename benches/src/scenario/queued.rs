//! Memory of a relay for each run that waits, and how soon it serves again with all of them.

use crate::crowd::Crowd;
use crate::figure::Figure;
use crate::site::Site;
use crate::{Error, Options};

/// Runs that come before the first look, so that what is made once is made.
const FIRST: u64 = 2_000;

pub(super) async fn round(options: &Options) -> Result<Vec<Figure>, Error> {
    let (count, inflight) = (options.number("count", 100_000), options.number("inflight", 48));
    let site = Site::found(options)?;
    let (relay, _) = site.start()?;
    let crowd = Crowd::connect(&site, options.number("clients", 16)).await?;
    crowd.submit(FIRST, inflight).await?;
    let before = relay.resident()?;
    crowd.submit(count, inflight).await?;
    let after = relay.resident()?;
    drop(crowd);
    relay.stop()?;
    let (again, ready_after) = site.start()?;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    Ok(vec![
        Figure::new("relay before", "MiB", mib(before)),
        Figure::new(format!("{count} runs more"), "MiB", mib(after.saturating_sub(before))),
        Figure::new("one queued run", "KiB", after.saturating_sub(before) as f64 / 1024.0 / count as f64),
        Figure::new("relay started again with them", "MiB", mib(again.resident()?)),
        Figure::ms("start with them, to ready", ready_after),
    ])
}
