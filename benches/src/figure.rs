//! Figures: what a round measured, and what several rounds say together. Must not know what was measured.

use crate::Error;
use std::io::Write;
use std::time::Duration;

/// One number of one round.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    what: String,
    unit: &'static str,
    value: f64,
    at_most: Option<f64>,
}

impl Figure {
    /// `value` of `what`, in `unit`.
    #[must_use]
    pub(crate) fn new(what: impl Into<String>, unit: &'static str, value: f64) -> Self {
        Self { what: what.into(), unit, value, at_most: None }
    }

    /// The same, for something that may be no more than `at_most`: the measurement fails where it is.
    #[must_use]
    pub(crate) fn within(self, at_most: f64) -> Self {
        Self { at_most: Some(at_most), ..self }
    }

    /// `count` things in `took`, per second.
    #[must_use]
    pub(crate) fn rate(what: impl Into<String>, count: u64, took: Duration) -> Self {
        Self::new(what, "/s", count as f64 / took.as_secs_f64())
    }

    /// A duration in milliseconds.
    #[must_use]
    pub(crate) fn ms(what: impl Into<String>, took: Duration) -> Self {
        Self::new(what, "ms", took.as_secs_f64() * 1e3)
    }
}

/// p50 and p99 of many durations, which are sorted by it; nothing of none.
pub(crate) fn tail(all: &mut [Duration]) -> Option<[Duration; 2]> {
    all.sort_unstable();
    let last = all.len().checked_sub(1)?;
    Some([50, 99].map(|percent| all[last * percent / 100]))
}

/// The same as figures.
pub(crate) fn percentiles(what: &str, mut all: Vec<Duration>) -> Vec<Figure> {
    let names = ["p50", "p99"].map(|percent| format!("{what} {percent}"));
    tail(&mut all)
        .into_iter()
        .flat_map(|tail| names.clone().into_iter().zip(tail))
        .map(|(name, took)| Figure::ms(name, took))
        .collect()
}

/// The figures of all rounds, by name, in the order they first came.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<(String, &'static str, Vec<f64>)>,
    broken: Vec<String>,
}

impl Table {
    /// Adds a round, and says what it was.
    ///
    /// # Errors
    /// A standard output that is closed.
    pub(crate) fn round(&mut self, number: u64, figures: Vec<Figure>) -> Result<(), Error> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "round {number}, load average {}", load_average())?;
        for Figure { what, unit, value, at_most } in figures {
            let bound = at_most.map_or_else(String::new, |most| format!(" (at most {})", short(most)));
            writeln!(out, "  {what:<44} {:>12} {unit}{bound}", short(value))?;
            if at_most.is_some_and(|most| value.total_cmp(&most).is_gt()) {
                self.broken.push(format!("{what}: {} {unit}{bound}", short(value)));
            }
            match self.rows.iter_mut().find(|(known, ..)| *known == what) {
                Some((.., values)) => values.push(value),
                None => self.rows.push((what, unit, vec![value])),
            }
        }
        Ok(())
    }

    /// Says median, least and most of each figure, of more than one round.
    ///
    /// # Errors
    /// Figures over what they may be, or a standard output that is closed.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        let mut out = std::io::stdout().lock();
        let several: Vec<_> = self.rows.iter_mut().filter(|(.., values)| values.len() > 1).collect();
        if !several.is_empty() {
            writeln!(out, "median (least to most)")?;
        }
        for (what, unit, values) in several {
            values.sort_by(f64::total_cmp);
            let [least, median, most] = [0, values.len() / 2, values.len() - 1].map(|at| short(values[at]));
            writeln!(out, "  {what:<44} {median:>12} {unit} ({least} to {most})")?;
        }
        if self.broken.is_empty() { Ok(()) } else { Err(format!("over the bound: {}", self.broken.join("; ")).into()) }
    }
}

/// Three figures of a number, whatever its size.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// How busy the machine was in the last minute; a dash where the system does not say.
pub(crate) fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().filter(|first| !first.is_empty()).unwrap_or("-").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_over_its_bound_fails_the_measurement() {
        for (value, good) in [(2.0, true), (2.1, false), (f64::NAN, false)] {
            let mut table = Table::default();
            table.round(1, vec![Figure::new("growth", "MiB", value).within(2.0)]).expect("said");
            assert_eq!(table.finish().is_ok(), good, "{value}");
        }
    }

    #[test]
    fn percentiles_are_taken_from_the_sorted_whole() {
        let all = (1..=101).rev().map(Duration::from_millis).collect();
        let expected = [Figure::new("grant p50", "ms", 51.0), Figure::new("grant p99", "ms", 100.0)];
        assert_eq!(percentiles("grant", all), expected);
        assert_eq!(percentiles("nothing", vec![]), []);
    }
}
