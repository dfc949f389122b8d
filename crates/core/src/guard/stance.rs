//! From which side a rule is read: what permits is read narrowly, what restricts is read widely.

use super::rule::Effect;

/// The side a rule stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stance {
    /// It allows: it must cover all that is done, and what is not known is not covered.
    Permit,
    /// It asks or denies: it speaks about any part of what is done, and what is not known may be it.
    Restrict,
}

impl From<Effect> for Stance {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Allow => Self::Permit,
            Effect::Ask | Effect::Deny => Self::Restrict,
        }
    }
}
