//! Requirements and offers: what a run needs, what a worker has, and whether they fit.
//!
//! Owns the text form, the typed form, the match and its explanation. Must not know runs or leases.
//!
//! ```text
//! os=linux, agent.claude>=2.1, mem>=8GiB, xcode~16, zone in (eu-1, eu-2), gpu, !spot, repo!=acme/legacy
//! ```
//!
//! A literal is compared as the offer's own type: a number offer by units, a version offer by components, a set by
//! membership, anything else as text.

use crate::limits::{NAME_CHARS_MAX, REQUIREMENT_CHARS_MAX, REQUIREMENT_TERMS_MAX};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// What a worker offers, by attribute name.
pub type Offers = BTreeMap<String, Value>;

/// One offered value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// Present, and nothing more to say: a label.
    Flag,
    /// A word: `linux`, `eu-1`.
    Text(String),
    /// A count, or bytes.
    Number(u64),
    /// Dotted numeric components, most significant first.
    Version(Vec<u64>),
    /// Several words at once: `tool in rustc`, `tool=node`.
    Set(BTreeSet<String>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("yes"),
            Self::Text(text) => f.write_str(text),
            Self::Number(n) => f.write_str(&print_number(*n)),
            Self::Version(parts) => f.write_str(&parts.iter().map(u64::to_string).collect::<Vec<_>>().join(".")),
            Self::Set(words) => write!(f, "({})", words.iter().cloned().collect::<Vec<_>>().join(", ")),
        }
    }
}

/// How a term compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Compare {
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `~`: a version with these leading components.
    Compatible,
}

impl Compare {
    /// Longest symbols first, so that `>=` is not read as `>`.
    const SYMBOLS: [(&'static str, Self); 7] = [
        (">=", Self::GreaterOrEqual),
        ("<=", Self::LessOrEqual),
        ("!=", Self::Unequal),
        ("=", Self::Equal),
        (">", Self::Greater),
        ("<", Self::Less),
        ("~", Self::Compatible),
    ];

    fn symbol(self) -> &'static str {
        Self::SYMBOLS.iter().find(|(_, c)| *c == self).map_or("?", |(s, _)| s)
    }

    fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Equal | Self::Compatible => order == Ordering::Equal,
            Self::Unequal => order != Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterOrEqual => order != Ordering::Less,
        }
    }
}

/// One condition on one attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Term {
    /// `name`: offered at all.
    Has(String),
    /// `!name`: not offered.
    Lacks(String),
    /// `name>=literal`.
    Is(String, Compare, String),
    /// `name in (a, b)`.
    In(String, BTreeSet<String>),
}

/// A conjunction of terms in canonical order: two equal needs are equal values. One that exists is valid.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Requirements(Vec<Term>);

/// Why a text is not requirements.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum RequirementsError {
    /// More text or terms than anyone needs.
    #[error("too many requirements: at most {REQUIREMENT_TERMS_MAX} terms in {REQUIREMENT_CHARS_MAX} characters")]
    TooLong,
    /// A term without a usable attribute name.
    #[error("`{0}` has no attribute name before the comparison: write for example `os=linux` or `!spot`")]
    Name(String),
    /// A comparison with nothing to compare to.
    #[error("`{0}` compares with nothing: write a value after `{1}`")]
    Literal(String, String),
    /// An order asked of a word.
    #[error("`{0}`: `{1}` needs a number with an optional unit (8, 4GiB) or a version (2.1)")]
    Order(String, String),
    /// `in` without a list in parentheses.
    #[error("`{0}`: write the choices in parentheses, like `zone in (eu-1, eu-2)`")]
    List(String),
}

/// One condition a worker fails, in words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// The condition, as text.
    pub term: String,
    /// What the worker has instead: its value, or `nothing`.
    pub has: String,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "needs {}, has {}", self.term, self.has)
    }
}

impl Requirements {
    /// These and `more` together.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self.0.sort();
        self.0.dedup();
        self
    }

    /// True when everything is met by `offers`.
    #[must_use]
    pub fn matches(&self, offers: &Offers) -> bool {
        self.0.iter().all(|term| term.met(offers))
    }

    /// Each condition that `offers` fails, in canonical order; empty means they match.
    #[must_use]
    pub fn misses(&self, offers: &Offers) -> Vec<Miss> {
        self.0
            .iter()
            .filter(|term| !term.met(offers))
            .map(|term| Miss {
                term: term.to_string(),
                has: offers.get(term.name()).map_or_else(|| "nothing".to_owned(), Value::to_string),
            })
            .collect()
    }

    /// Holds a decoded value to the bounds and the form of its text: what does not print and read back as itself is refused.
    ///
    /// # Errors
    /// As reading the text.
    pub fn check(&self) -> Result<(), RequirementsError> {
        if self.0.len() > REQUIREMENT_TERMS_MAX {
            return Err(RequirementsError::TooLong);
        }
        let text = self.to_string();
        if text.parse::<Self>()? == *self { Ok(()) } else { Err(RequirementsError::Name(text)) }
    }

    /// True when nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Term {
    fn name(&self) -> &str {
        match self {
            Self::Has(name) | Self::Lacks(name) | Self::Is(name, ..) | Self::In(name, _) => name,
        }
    }

    fn met(&self, offers: &Offers) -> bool {
        let value = offers.get(self.name());
        match self {
            Self::Has(_) => value.is_some(),
            Self::Lacks(_) => value.is_none(),
            // An absent attribute is different from every literal, and satisfies nothing else.
            Self::Is(_, Compare::Unequal, literal) => value.is_none_or(|v| v.compares(Compare::Unequal, literal)),
            Self::Is(_, compare, literal) => value.is_some_and(|v| v.compares(*compare, literal)),
            Self::In(_, choices) => value.is_some_and(|v| choices.iter().any(|c| v.compares(Compare::Equal, c))),
        }
    }
}

impl Value {
    fn compares(&self, compare: Compare, literal: &str) -> bool {
        match self {
            Self::Flag => compare.accepts("yes".cmp(literal)),
            Self::Text(text) => match compare {
                Compare::Equal | Compare::Unequal => compare.accepts(text.as_str().cmp(literal)),
                Compare::Compatible => text.starts_with(literal),
                Compare::Less | Compare::LessOrEqual | Compare::Greater | Compare::GreaterOrEqual => false,
            },
            Self::Number(n) => parse_number(literal).is_some_and(|wanted| compare.accepts(n.cmp(&wanted))),
            Self::Version(have) => parse_version(literal).is_some_and(|want| compare_versions(have, &want, compare)),
            Self::Set(words) => match compare {
                Compare::Unequal => !words.contains(literal),
                Compare::Equal | Compare::Compatible => words.contains(literal),
                Compare::Less | Compare::LessOrEqual | Compare::Greater | Compare::GreaterOrEqual => false,
            },
        }
    }
}

fn compare_versions(have: &[u64], want: &[u64], compare: Compare) -> bool {
    let at = |parts: &[u64], i: usize| parts.get(i).copied().unwrap_or(0);
    let components = match compare {
        // `~16` and `=16` constrain only the components that were written.
        Compare::Compatible | Compare::Equal | Compare::Unequal => want.len(),
        Compare::Less | Compare::LessOrEqual | Compare::Greater | Compare::GreaterOrEqual => have.len().max(want.len()),
    };
    let order = (0..components).map(|i| at(have, i).cmp(&at(want, i))).find(|o| o.is_ne()).unwrap_or(Ordering::Equal);
    compare.accepts(order)
}

/// Reads `8`, `4GiB`, `512MB`, `1.5GiB`; units are of bytes, binary (KiB…TiB) or decimal (kB…TB).
#[must_use]
pub fn parse_number(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let scale: u64 = match unit.trim() {
        "" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        "T" | "TiB" => 1 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if fraction.len() > 6 || (scale == 1 && !fraction.is_empty()) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let tenths = 10u64.pow(u32::try_from(fraction.len()).ok()?);
    whole.checked_mul(scale)?.checked_add(part.checked_mul(scale)? / tenths)
}

/// Reads `2`, `2.1`, `v16.2.0`; a suffix after `-` or `+` is ignored. At most six components.
#[must_use]
pub fn parse_version(text: &str) -> Option<Vec<u64>> {
    let core = text.trim_start_matches('v').split(['-', '+']).next()?;
    let parts: Vec<u64> = core.split('.').map(|p| p.parse().ok()).collect::<Option<_>>()?;
    (parts.len() <= 6).then_some(parts)
}

fn print_number(n: u64) -> String {
    for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if n >= 1 << shift {
            let tenths = (n >> (shift - 10)) * 10 / 1024;
            let (whole, tenth) = (tenths / 10, tenths % 10);
            return if tenth == 0 { format!("{whole}{unit}") } else { format!("{whole}.{tenth}{unit}") };
        }
    }
    n.to_string()
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NAME_CHARS_MAX
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':'))
}

impl FromStr for Term {
    type Err = RequirementsError;

    fn from_str(text: &str) -> Result<Self, RequirementsError> {
        let named = |name: &str| {
            let name = name.trim();
            if is_name(name) { Ok(name.to_owned()) } else { Err(RequirementsError::Name(text.to_owned())) }
        };
        if let Some((name, list)) = text.split_once(" in ") {
            let list = list.trim().strip_prefix('(').and_then(|l| l.strip_suffix(')'));
            let list = list.ok_or_else(|| RequirementsError::List(text.to_owned()))?;
            let choices: BTreeSet<String> =
                list.split(',').map(|c| c.trim().to_owned()).filter(|c| !c.is_empty()).collect();
            if choices.is_empty() {
                return Err(RequirementsError::List(text.to_owned()));
            }
            return Ok(Self::In(named(name)?, choices));
        }
        // The earliest symbol decides, the longest at that place.
        let found = Compare::SYMBOLS.iter().filter_map(|(s, c)| text.find(s).map(|at| (at, *s, *c)));
        let Some((at, symbol, compare)) = found.min_by_key(|(at, s, _)| (*at, usize::MAX - s.len())) else {
            return match text.strip_prefix('!') {
                Some(name) => named(name).map(Self::Lacks),
                None => named(text).map(Self::Has),
            };
        };
        let name = named(&text[..at])?;
        let literal = text[at + symbol.len()..].trim();
        if literal.is_empty() {
            return Err(RequirementsError::Literal(text.to_owned(), symbol.to_owned()));
        }
        let ordered = !matches!(compare, Compare::Equal | Compare::Unequal | Compare::Compatible);
        if ordered && parse_number(literal).is_none() && parse_version(literal).is_none() {
            return Err(RequirementsError::Order(text.to_owned(), symbol.to_owned()));
        }
        Ok(Self::Is(name, compare, literal.to_owned()))
    }
}

impl FromStr for Requirements {
    type Err = RequirementsError;

    fn from_str(text: &str) -> Result<Self, RequirementsError> {
        if text.len() > REQUIREMENT_CHARS_MAX {
            return Err(RequirementsError::TooLong);
        }
        let (mut depth, mut from, mut terms) = (0usize, 0, Vec::new());
        for (at, c) in text.char_indices().chain([(text.len(), ',')]) {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                ',' if depth == 0 || at == text.len() => {
                    let part = text[from..at].trim();
                    from = at + 1;
                    if !part.is_empty() {
                        terms.push(part.parse()?);
                    }
                }
                _ => {}
            }
        }
        if terms.len() > REQUIREMENT_TERMS_MAX {
            return Err(RequirementsError::TooLong);
        }
        Ok(Self::default().and(Self(terms)))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Has(name) => f.write_str(name),
            Self::Lacks(name) => write!(f, "!{name}"),
            Self::Is(name, compare, literal) => write!(f, "{name}{}{literal}", compare.symbol()),
            Self::In(name, choices) => {
                write!(f, "{name} in ({})", choices.iter().cloned().collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl fmt::Display for Requirements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(Term::to_string).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers() -> Offers {
        let words = |list: &[&str]| Value::Set(list.iter().map(|s| (*s).to_owned()).collect());
        BTreeMap::from([
            ("os".into(), Value::Text("linux".into())),
            ("mem".into(), Value::Number(8 << 30)),
            ("cpus".into(), Value::Number(2)),
            ("agent.claude".into(), Value::Version(vec![2, 1, 40])),
            ("tool".into(), words(&["node", "rustc"])),
            ("spot".into(), Value::Flag),
        ])
    }

    #[track_caller]
    fn check(text: &str, fits: bool) {
        let parsed: Requirements = text.parse().expect(text);
        assert_eq!(parsed.matches(&offers()), fits, "{text}");
        assert_eq!(parsed.misses(&offers()).is_empty(), fits, "{text}: explanation agrees with the match");
        assert_eq!(parsed.to_string().parse::<Requirements>(), Ok(parsed), "{text} round-trips");
    }

    #[test]
    fn terms_match_by_the_type_of_the_offer() {
        for yes in [
            "",
            "os=linux",
            "os!=macos",
            "mem>=8GiB",
            "mem>8GB",
            "cpus<=2",
            "agent.claude>=2",
            "agent.claude~2.1",
            "agent.claude=2",
            "agent.claude<2.2",
            "tool=node",
            "tool!=go",
            "spot",
            "!gpu",
            "os in (macos, linux)",
            "gpu!=h100",
            "agent.claude>2.1.9",
            "os=linux, mem>=1.5GiB, !gpu",
            "tool in (go, rustc)",
        ] {
            check(yes, true);
        }
        for no in [
            "os=macos",
            "mem>8GiB",
            "cpus>=3",
            "agent.claude>=2.2",
            "agent.claude~3",
            "agent.claude!=2.1",
            "tool=go",
            "!spot",
            "gpu",
            "gpu>=1",
            "os>=1",
            "os in (macos, windows)",
            "os=linux, gpu",
            "tool in (go, java)",
        ] {
            check(no, false);
        }
    }

    #[test]
    fn bad_text_says_which_part() {
        let fails = |text: &str| text.parse::<Requirements>().expect_err(text);
        assert!(matches!(fails("os="), RequirementsError::Literal(..)));
        assert!(matches!(fails("=linux"), RequirementsError::Name(_)));
        assert!(matches!(fails("mem>=lots"), RequirementsError::Order(..)));
        assert!(matches!(fails("zone in eu-1"), RequirementsError::List(_)));
        assert!(matches!(fails("zone in ()"), RequirementsError::List(_)));
        assert!(matches!(fails("a b"), RequirementsError::Name(_)));
        let many: Vec<String> = (0..=REQUIREMENT_TERMS_MAX).map(|i| format!("a{i}")).collect();
        assert_eq!(fails(&many.join(",")), RequirementsError::TooLong);
        assert_eq!(fails(&"x".repeat(REQUIREMENT_CHARS_MAX + 1)), RequirementsError::TooLong);
    }

    #[test]
    fn the_explanation_names_the_failed_part_and_what_there_is() {
        let wanted: Requirements = "mem>=16GiB, gpu>=1, os=linux".parse().expect("valid");
        let words: Vec<String> = wanted.misses(&offers()).iter().map(Miss::to_string).collect();
        assert_eq!(words, ["needs gpu>=1, has nothing", "needs mem>=16GiB, has 8GiB"]);
    }
}
