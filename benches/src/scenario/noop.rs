//! Runs that are done at once, end to end: submitted, granted, accepted, reported and answered, over QUIC.
//!
//! Twice: while they are submitted, and with all of them waiting before the runner comes.

use crate::crowd::Crowd;
use crate::figure::Figure;
use crate::hands::Hands;
use crate::site::Site;
use crate::{Error, Options, clock};

pub(super) async fn round(options: &Options) -> Result<Vec<Figure>, Error> {
    let (count, inflight) = (options.number("count", 20_000), options.number("inflight", 32));
    let slots = u32::try_from(options.number("slots", 8))?;
    let site = Site::found(options)?;
    let (relay, _) = site.start()?;
    let crowd = Crowd::connect(&site, options.number("clients", 4)).await?;
    let mut hands = Hands::join(crowd.first(), slots).await?;
    let (before, started) = (relay.processor()?, clock::now());
    let (_, last) = tokio::try_join!(crowd.submit(count, inflight), hands.reported(count))?;
    let busy = relay.processor()?.saturating_sub(before);
    let mut figures = vec![Figure::rate(format!("runs, submitted meanwhile, {slots} slots"), count, last - started)];
    figures.push(Figure::new("processor time of the relay, each", "us", busy.as_secs_f64() * 1e6 / count as f64));
    drop(hands);
    crowd.submit(count, inflight).await?;
    let started = clock::now();
    let last = Hands::join(crowd.first(), slots).await?.reported(count).await?;
    figures.push(Figure::rate(format!("runs, waiting before, {slots} slots"), count, last - started));
    Ok(figures)
}
