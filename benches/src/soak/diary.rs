//! The diary of a long talk: what everybody weighed at each look, and what grew.
//!
//! Owns the looks. Must not know how long a talk is, or what may grow.

use super::scales::{Weight, mib};
use crate::Error;
use crate::figure::{load_average, tail};
use std::io::Write;
use std::time::Duration;

/// Who is weighed: the relay, its twin, the runner, all shims together, and the process that listens.
pub(crate) const WHO: [&str; 5] = ["relay", "twin", "runner", "shims", "us"];

/// One look.
pub(crate) struct Look {
    /// Since the talk began.
    pub(crate) at: Duration,
    /// Events that were due by now, and those that were heard.
    pub(crate) events: [u64; 2],
    /// How long they were under way.
    pub(crate) lags: Vec<Duration>,
    /// Everybody.
    pub(crate) weights: [Weight; WHO.len()],
    /// What the ledger took to keep a run, and what the twin's took.
    pub(crate) kept: [Vec<Duration>; 2],
}

/// All looks, and every sample that came with them.
#[derive(Default)]
pub(crate) struct Diary {
    weights: Vec<[Weight; WHO.len()]>,
    /// How long events were under way.
    pub(crate) lags: Vec<Duration>,
    /// What the ledger took to keep a run, and what the twin's took.
    pub(crate) kept: [Vec<Duration>; 2],
}

impl Diary {
    /// Writes a look down, and says it in one line.
    ///
    /// # Errors
    /// A standard output that is closed.
    pub(crate) fn enter(&mut self, mut look: Look) -> Result<(), Error> {
        let Look { at, events: [due, heard], lags, weights, kept } = &mut look;
        let weigh = |(who, weight): (&str, &Weight)| format!("{who} {:.1}/{:.1}", mib(weight.pss), mib(weight.anon));
        let weighed = WHO.into_iter().zip(weights.iter()).map(weigh).collect::<Vec<_>>().join(", ");
        let ms = |samples: &mut Vec<Duration>| match tail(samples) {
            Some(all) => all.map(|took| format!("{:.1}", took.as_secs_f64() * 1e3)).join("/"),
            None => "-".to_owned(),
        };
        let (lag, [ours, twin]) = (ms(lags), kept.each_mut().map(ms));
        writeln!(
            std::io::stdout().lock(),
            "{:>5} s  due {due}, heard {heard}, lag {lag} ms  {weighed} MiB  kept {ours}, by the twin {twin} ms  load {}",
            at.as_secs(),
            load_average(),
        )?;
        self.weights.push(look.weights);
        self.lags.append(&mut look.lags);
        for (all, new) in self.kept.iter_mut().zip(&mut look.kept) {
            all.append(new);
        }
        Ok(())
    }

    /// What everybody weighed at the last look.
    pub(crate) fn last(&self) -> [Weight; WHO.len()] {
        self.weights.last().copied().unwrap_or_default()
    }

    /// MiB that each has more of what no file backs: the mean of the last tenth of all looks against that of the second. The
    /// first is left out, in which everybody still makes what is made once. No number when there are too few looks.
    pub(crate) fn growth(&self) -> [f64; WHO.len()] {
        let (looks, tenth) = (self.weights.len(), self.weights.len() / 10);
        let mean = |who: usize, from: usize| {
            let all = self.weights.iter().skip(from).take(tenth).map(|weights| mib(weights[who].anon));
            all.sum::<f64>() / tenth as f64
        };
        std::array::from_fn(|who| mean(who, looks - tenth) - mean(who, tenth))
    }
}

/// What the columns of a line are.
pub(crate) const LEGEND: &str = "MiB: PSS/of that anonymous; lag and kept: p50/p99";

#[cfg(test)]
mod tests {
    use super::*;

    fn look(anon: [u64; 5]) -> Look {
        let weights = anon.map(|mib| Weight { rss: 0, pss: 0, anon: mib << 20 });
        let (lags, kept) = (vec![Duration::from_millis(1)], [vec![], vec![]]);
        Look { at: Duration::ZERO, events: [1, 1], lags, weights, kept }
    }

    #[test]
    fn growth_is_what_the_end_has_more_than_the_second_tenth() {
        let mut diary = Diary::default();
        for at in 0..30 {
            diary.enter(look([at, 0, 5, if at < 3 { 90 } else { 7 }, 30 - at])).expect("said");
        }
        assert_eq!(diary.growth(), [24.0, 0.0, 0.0, 0.0, -24.0]);
        assert_eq!(diary.lags.len(), 30);
    }

    #[test]
    fn too_few_looks_tell_nothing() {
        let mut diary = Diary::default();
        diary.enter(look([1; 5])).expect("said");
        assert!(diary.growth()[0].is_nan());
    }
}
