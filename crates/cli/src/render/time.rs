//! Points and lengths of time, short enough for a column.

use jiff::tz::TimeZone;
use ostler_core::time::Timestamp;

/// `850ms`, `12s`, `3m 20s`, `2h 5m`, `4d 2h`.
pub(crate) fn length(ms: u64) -> String {
    let (s, m, h, d) = (ms / 1_000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..10_000 => format!("{s}.{}s", ms % 1_000 / 100),
        10_000..60_000 => format!("{s}s"),
        60_000..3_600_000 => two((m, "m"), (s % 60, "s")),
        3_600_000..86_400_000 => two((h, "h"), (m % 60, "m")),
        _ => two((d, "d"), (h % 24, "h")),
    }
}

fn two((many, unit): (u64, &str), (rest, smaller): (u64, &str)) -> String {
    if rest == 0 { format!("{many}{unit}") } else { format!("{many}{unit} {rest}{smaller}") }
}

/// `12s ago`, without the fraction: a listing is read later than it was made.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    match now.since(at) {
        0..1_000 => "now".to_owned(),
        ms => format!("{} ago", length(ms - ms % 1_000).replace(".0s", "s")),
    }
}

/// The local date and time.
pub(crate) fn local(at: Timestamp) -> String {
    shown(at, TimeZone::system(), "%Y-%m-%d %H:%M:%S")
}

/// The local time of day.
pub(crate) fn clock(at: Timestamp) -> String {
    shown(at, TimeZone::system(), "%H:%M:%S")
}

/// RFC 3339 in UTC, for programs.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    instant(at).map_or_else(|| at.0.to_string(), |instant| instant.to_string())
}

fn instant(at: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()
}

fn shown(at: Timestamp, zone: TimeZone, format: &str) -> String {
    let text = instant(at).map(|instant| instant.to_zoned(zone).strftime(format).to_string());
    text.unwrap_or_else(|| at.0.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_two_units_at_most() {
        let cases = [
            (0, "0ms"),
            (999, "999ms"),
            (1_250, "1.2s"),
            (12_999, "12s"),
            (200_000, "3m 20s"),
            (600_000, "10m"),
            (7_500_000, "2h 5m"),
            (353_000_000, "4d 2h"),
        ];
        for (ms, text) in cases {
            assert_eq!(length(ms), text);
        }
    }

    #[test]
    fn ages_and_instants_survive_nonsense() {
        assert_eq!(ago(Timestamp(5_000), Timestamp(3_000)), "now");
        assert_eq!(ago(Timestamp(1_000), Timestamp(3_400)), "2s ago");
        assert_eq!(rfc3339(Timestamp(1_800_000_000_000)), "2027-01-15T08:00:00Z");
        assert_eq!(rfc3339(Timestamp(u64::MAX)), u64::MAX.to_string());
        assert_eq!(shown(Timestamp(0), TimeZone::UTC, "%H:%M:%S"), "00:00:00");
    }
}
