//! Durable submits per second through a whole relay: sealed by clients, over QUIC, each answered after its commit.

use crate::crowd::Crowd;
use crate::figure::{Figure, percentiles};
use crate::site::Site;
use crate::{Error, Options, clock};

pub(super) async fn round(options: &Options) -> Result<Vec<Figure>, Error> {
    let site = Site::found(options)?;
    let (relay, _) = site.start()?;
    let crowd = Crowd::connect(&site, options.number("clients", 16)).await?;
    let (before, started) = (relay.processor()?, clock::now());
    let kept = crowd.submit(options.number("count", 30_000), options.number("inflight", 48)).await?;
    let (took, busy) = (started.elapsed(), relay.processor()?.saturating_sub(before));
    let mut figures = vec![Figure::rate("durable submits over QUIC", kept.len() as u64, took)];
    let each = busy.as_secs_f64() * 1e6 / kept.len() as f64;
    figures.push(Figure::new("processor time of the relay, each", "us", each));
    figures.extend(percentiles("answer", kept.iter().map(|(_, began, ended)| *ended - *began).collect()));
    Ok(figures)
}
