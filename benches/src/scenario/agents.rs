//! Our memory for many agents that work at once on one runner: the runner's and the shims', the agents' own left out.
//!
//! ```text
//! idle runner ─▶ weigh ─▶ cast them all ─▶ each said something ─▶ weigh again and again ─▶ all over ─▶ weigh
//! ```

use crate::figure::Figure;
use crate::soak::actor::Script;
use crate::soak::ear::Ear;
use crate::soak::scales::{Weight, mib};
use crate::soak::stand::Stand;
use crate::{Error, Options, clock};
use std::time::Duration;
use tokio::time::sleep;

/// What issue and mission allow one run, besides what its agent takes.
const EACH_MIB_MAX: f64 = 3.0;
/// A runner that did nothing for so long has done what it does at a start.
const SETTLES: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Agents that did not all begin by then never will.
const BEGIN_WITHIN: Duration = Duration::from_secs(120);
/// Events a second of each, and for how long, when nothing is said.
const RATE: u64 = 10;
const LASTS: Duration = Duration::from_secs(60);
/// The agent.
const AGENT: &str = "actor";

pub(super) async fn round(options: &Options) -> Result<Vec<Figure>, Error> {
    let runs = options.number("runs", 20);
    let script = Script::read(options, RATE, LASTS)?;
    let stand = Stand::raise(options, runs, &[(AGENT, script)]).await?;
    sleep(SETTLES).await;
    let [relay, idle, _] = stand.weigh()?;
    let mut ears = Vec::new();
    for _ in 0..runs {
        ears.push(stand.cast(AGENT).await?);
    }
    begun(&ears).await?;
    let heaviest = weighed(&stand, &mut ears, runs).await?;
    sleep(SETTLES).await;
    let [_, after, _] = stand.weigh()?;
    let heard: u64 = ears.iter().map(|ear| ear.tally().heard).sum();
    let odd: u64 = ears.iter().map(|ear| ear.tally().odd).sum();
    let each = |bytes: u64| mib(bytes) / runs as f64;
    let [relay_then, runner, shims] = heaviest;
    let ours = runner + shims - idle;
    Ok(vec![
        Figure::new("idle runner, PSS", "MiB", mib(idle.pss)),
        Figure::new("idle runner, of that anonymous", "MiB", mib(idle.anon)),
        Figure::new(format!("one of {runs} runs, runner and shim, PSS"), "MiB", each(ours.pss)).within(EACH_MIB_MAX),
        Figure::new(format!("one of {runs} runs, of that anonymous"), "MiB", each(ours.anon)),
        Figure::new("its shim, PSS", "MiB", each(shims.pss)),
        Figure::new("its shim, of that anonymous", "MiB", each(shims.anon)),
        Figure::new("its shim, RSS", "MiB", each(shims.rss)),
        Figure::new("its part of the runner, anonymous", "MiB", each((runner - idle).anon)),
        Figure::new("its part of the relay, anonymous", "MiB", each((relay_then - relay).anon)),
        Figure::new("runner after all of them, anonymous", "MiB", mib(after.anon)),
        Figure::new("events not heard", "", (script.events * runs).saturating_sub(heard) as f64).within(0.0),
        Figure::new("events odd", "", odd as f64).within(0.0),
    ])
}

/// Waits until every agent has said something.
async fn begun(ears: &[Ear]) -> Result<(), Error> {
    let started = clock::now();
    while !ears.iter().all(|ear| ear.tally().heard > 0) {
        if started.elapsed() > BEGIN_WITHIN {
            let silent = ears.iter().filter(|ear| ear.tally().heard == 0).count();
            return Err(format!("{silent} agents did not begin").into());
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// The most that relay, runner and shims weighed while all agents were at work; returns when all are over.
async fn weighed(stand: &Stand, ears: &mut [Ear], runs: u64) -> Result<[Weight; 3], Error> {
    let mut heaviest = [Weight::default(); 3];
    while stand.shims()?.len() as u64 == runs {
        let now = stand.weigh()?;
        if now[1].pss + now[2].pss > heaviest[1].pss + heaviest[2].pss {
            heaviest = now;
        }
        sleep(LOOK_EVERY).await;
    }
    for ear in ears {
        ear.over().await?;
    }
    Ok(heaviest)
}
