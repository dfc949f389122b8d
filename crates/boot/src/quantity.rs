//! Lengths of time and amounts of bytes as people write them: `90s`, `1h30m`, `64MiB`. Must not know what they bound.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

const TIME_UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const BYTE_UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// A length of time in whole milliseconds, written as `250ms`, `30s`, `15m`, `2h`, `7d` or a sum like `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period(Duration);

/// An amount of bytes, written as `512B`, `64KiB`, `10MiB`, `2GiB` or with decimal units `kB`, `MB`, `GB`, `TB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(u64);

/// A quantity nobody can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// There is no number where one must be.
    #[error("{text:?} does not start with a whole number: write for example {example}")]
    NoNumber {
        /// What was written.
        text: String,
        /// What could have been.
        example: &'static str,
    },
    /// A number without a unit, or with one that does not exist.
    #[error("{text:?} has no unit known here: use one of {units}")]
    NoUnit {
        /// What was written.
        text: String,
        /// The units there are.
        units: String,
    },
    /// More than 2^64 - 1 of the smallest unit.
    #[error("{text:?} is too large")]
    TooLarge {
        /// What was written.
        text: String,
    },
}

impl Period {
    /// A period of so many milliseconds.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(Duration::from_millis(ms))
    }

    /// Whole milliseconds.
    #[must_use]
    pub fn ms(self) -> u64 {
        u64::try_from(self.0.as_millis()).expect("a period is made of at most 2^64 - 1 milliseconds")
    }

    /// The same as a standard duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl Size {
    /// So many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Period {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let mut rest = text.trim();
        let mut total_ms = 0_u64;
        while !rest.is_empty() || text.trim().is_empty() {
            let (part_ms, after) = part(text, rest, &TIME_UNITS, "30s")?;
            total_ms =
                total_ms.checked_add(part_ms).ok_or_else(|| QuantityError::TooLarge { text: text.to_owned() })?;
            rest = after.trim_start();
        }
        Ok(Self::from_ms(total_ms))
    }
}

impl FromStr for Size {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (bytes, rest) = part(text, text.trim(), &BYTE_UNITS, "64MiB")?;
        if rest.is_empty() { Ok(Self(bytes)) } else { Err(no_unit(text, &BYTE_UNITS)) }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left_ms = self.ms();
        if left_ms == 0 {
            return f.write_str("0s");
        }
        for (unit, unit_ms) in TIME_UNITS.iter().rev() {
            if left_ms >= *unit_ms {
                write!(f, "{}{unit}", left_ms / unit_ms)?;
                left_ms %= unit_ms;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = BYTE_UNITS.iter().rev().filter(|(_, bytes)| bytes.is_power_of_two());
        let exact = binary.into_iter().find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes));
        let (unit, bytes) = exact.unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

/// Reads one `12unit` off the front of `rest`; `text` is the whole, for the error.
fn part<'a>(
    text: &str,
    rest: &'a str,
    units: &[(&str, u64)],
    example: &'static str,
) -> Result<(u64, &'a str), QuantityError> {
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, after) = rest.split_at(digits);
    if number.is_empty() {
        return Err(QuantityError::NoNumber { text: text.to_owned(), example });
    }
    let after = after.trim_start();
    let letters = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
    let (name, after) = after.split_at(letters);
    let unit = units.iter().find(|(unit, _)| *unit == name).map(|(_, value)| *value);
    let unit = unit.ok_or_else(|| no_unit(text, units))?;
    let value = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    Ok((value.ok_or_else(|| QuantityError::TooLarge { text: text.to_owned() })?, after))
}

fn no_unit(text: &str, units: &[(&str, u64)]) -> QuantityError {
    let names: Vec<&str> = units.iter().map(|(unit, _)| *unit).collect();
    QuantityError::NoUnit { text: text.to_owned(), units: names.join(", ") }
}

impl TryFrom<String> for Period {
    type Error = QuantityError;
    fn try_from(text: String) -> Result<Self, QuantityError> {
        text.parse()
    }
}

impl TryFrom<String> for Size {
    type Error = QuantityError;
    fn try_from(text: String) -> Result<Self, QuantityError> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn period(text: &str, expected_ms: Option<u64>) {
        assert_eq!(text.parse::<Period>().ok().map(Period::ms), expected_ms, "{text:?}");
    }

    #[track_caller]
    fn size(text: &str, expected: Option<u64>) {
        assert_eq!(text.parse::<Size>().ok().map(Size::bytes), expected, "{text:?}");
    }

    #[test]
    fn periods_are_read_with_their_units() {
        period("250ms", Some(250));
        period("30s", Some(30_000));
        period("1h30m", Some(5_400_000));
        period(" 2 h 5 s ", Some(7_205_000));
        period("0s", Some(0));
        for wrong in ["", "  ", "10", "s", "-1s", "1.5h", "10 sec", "1h30", "99999999999999999999d", "9999999999999d"] {
            period(wrong, None);
        }
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        size("512B", Some(512));
        size("64KiB", Some(65_536));
        size("2 GiB", Some(2 << 30));
        size("10MB", Some(10_000_000));
        for wrong in ["", "64", "MiB", "-1B", "1.5GiB", "1GiB2MiB", "1 gib", "99999999999TiB"] {
            size(wrong, None);
        }
    }

    #[test]
    fn what_is_printed_reads_back_as_itself() {
        for ms in [0, 1, 999, 1_000, 61_001, 5_400_000, 90_061_001, u64::MAX] {
            let period = Period::from_ms(ms);
            assert_eq!(period.to_string().parse(), Ok(period), "{period}");
        }
        for bytes in [0, 1, 1_023, 1_024, 1_000_000, 3 << 30, u64::MAX] {
            let size = Size::from_bytes(bytes);
            assert_eq!(size.to_string().parse(), Ok(size), "{size}");
        }
        assert_eq!(Period::from_ms(5_400_000).to_string(), "1h30m");
        assert_eq!(Size::from_bytes(64 << 20).to_string(), "64MiB");
    }
}
