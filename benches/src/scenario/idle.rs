//! Memory of a relay for each connected runner that has nothing to do but its heartbeats.

use crate::figure::Figure;
use crate::hands::ticket;
use crate::site::Site;
use crate::{Error, Options};
use ostler_identity::Ticket;
use ostler_tests::Puppet;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Runners that come before the first look, so that what is made once is made.
const FIRST: u64 = 8;
/// Runners that join at the same time: as many as do not make the gate ask for proof.
const AT_ONCE: usize = 16;
/// Heartbeats of each before the last look: a third of the lease apart, as a runner's are.
const BEATS: u32 = 3;
const BEAT_EVERY: Duration = Duration::from_secs(10);

pub(super) async fn round(options: &Options) -> Result<Vec<Figure>, Error> {
    let runners = options.number("runners", 1_000);
    let site = Site::found(options)?;
    let (relay, _) = site.start()?;
    let client = site.connect().await?;
    let mut tickets = Vec::new();
    for _ in 0..FIRST + runners {
        tickets.push(ticket(&client).await?);
    }
    let mut first = join(tickets.split_off(usize::try_from(runners)?)).await?;
    beat(&mut first).await;
    let before = relay.resident()?;
    let mut all = join(tickets).await?;
    let joined = relay.resident()?;
    for _ in 0..BEATS {
        beat(&mut all).await;
        beat(&mut first).await;
        sleep(BEAT_EVERY).await;
    }
    let after = relay.resident()?;
    let each = |bytes: u64| bytes.saturating_sub(before) as f64 / 1024.0 / runners as f64;
    Ok(vec![
        Figure::new("relay with no runner to speak of", "MiB", before as f64 / f64::from(1 << 20)),
        Figure::new("one more runner, just joined", "KiB", each(joined)),
        Figure::new(format!("one more runner, after {BEATS} heartbeats"), "KiB", each(after)),
    ])
}

async fn join(tickets: Vec<Ticket>) -> Result<Vec<Puppet>, Error> {
    let (mut joining, mut joined) = (JoinSet::new(), Vec::new());
    for ticket in tickets {
        while joining.len() >= AT_ONCE {
            joined.extend(joining.join_next().await.transpose()?);
        }
        joining.spawn(async move { Puppet::join(&ticket, "idle", 1).await });
    }
    joined.extend(joining.join_all().await);
    Ok(joined)
}

async fn beat(all: &mut [Puppet]) {
    for puppet in all {
        puppet.beat(&[]).await;
    }
}
