//! Grant latency: from the call that submits to the runner's receipt of the offer, over QUIC, both ends real processes' ends.
//!
//! At low load one run at a time, with the disk probed between them. At a rate, submits are begun by the clock however
//! slowly they are answered, so that a stall is seen by all that meet it; the disk is probed beside them.

use crate::crowd::Crowd;
use crate::disk::Probe;
use crate::figure::{Figure, percentiles};
use crate::hands::{Hands, News};
use crate::site::Site;
use crate::{Error, Options, clock};
use ostler_core::ids::RunId;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Between one run and the next at low load.
const PAUSE: Duration = Duration::from_millis(2);
/// Between probes of the disk beside a steady load.
const PROBE_EVERY: Duration = Duration::from_millis(50);
/// Connections a steady load comes over.
const CLIENTS: u64 = 4;

pub(super) async fn round(options: &Options) -> Result<Vec<Figure>, Error> {
    let site = Site::found(options)?;
    let (_relay, _) = site.start()?;
    let crowd = Crowd::connect(&site, CLIENTS).await?;
    let mut hands = Hands::join(crowd.first(), u32::try_from(options.number("slots", 256))?).await?;
    let probe = Probe::beside(site.directory())?;
    match options.number("rate", 0) {
        0 => alone(&crowd, &mut hands, probe, options.number("count", 1_000)).await,
        rate => steady(&crowd, &mut hands, probe, (options.number("count", 10 * rate), rate)).await,
    }
}

async fn alone(crowd: &Crowd, hands: &mut Hands, mut probe: Probe, count: u64) -> Result<Vec<Figure>, Error> {
    let (mut grants, mut answers, mut fsyncs) = (vec![], vec![], vec![]);
    for _ in 0..count {
        fsyncs.push(probe.fsync()?);
        let (run, began, answered) = crowd.one().await?;
        let offered = arrival(hands, run).await?;
        hands.reported(1).await?;
        grants.push(offered - began);
        answers.push(answered - began);
        sleep(PAUSE).await;
    }
    Ok([percentiles("grant", grants), percentiles("answer", answers), percentiles("fsync", fsyncs)].concat())
}

async fn arrival(hands: &mut Hands, wanted: RunId) -> Result<Instant, Error> {
    loop {
        match hands.news.recv().await.ok_or("the relay closed the runner's connection")? {
            News::Offered(run, at) if run == wanted => return Ok(at),
            News::Offered(..) | News::Reported(..) => {}
        }
    }
}

async fn steady(
    crowd: &Crowd,
    hands: &mut Hands,
    mut probe: Probe,
    (count, rate): (u64, u64),
) -> Result<Vec<Figure>, Error> {
    let (mut fsyncs, mut offered, mut done) = (vec![], BTreeMap::new(), 0);
    let probing = async {
        loop {
            sleep(PROBE_EVERY).await;
            match probe.fsync() {
                Ok(took) => fsyncs.push(took),
                Err(error) => return error,
            }
        }
    };
    let hearing = async {
        while done < count {
            match hands.news.recv().await.ok_or("the relay closed the runner's connection")? {
                News::Offered(run, at) => drop(offered.entry(run).or_insert(at)),
                News::Reported(..) => done += 1,
            }
        }
        Ok::<_, Error>(())
    };
    let started = clock::now();
    let kept = tokio::select! {
        error = probing => return Err(error),
        both = async { tokio::try_join!(crowd.submit_at(count, rate), hearing) } => both?.0,
    };
    let begun = kept.iter().map(|(_, began, _)| *began).max().unwrap_or(started);
    let grants = kept.iter().filter_map(|(run, began, _)| offered.get(run).map(|at| *at - *began)).collect();
    let answers = kept.iter().map(|(_, began, answered)| *answered - *began).collect();
    let mut figures = vec![Figure::rate("submits begun", count, begun - started)];
    figures
        .extend([percentiles("grant", grants), percentiles("answer", answers), percentiles("fsync", fsyncs)].concat());
    Ok(figures)
}
