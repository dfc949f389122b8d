//! What an attempt will do: drawn from the seed, the run and the epoch, so that it is the same wherever it runs.
//!
//! Owns the plot. Some attempts outlive the TTL by far, some ask, some kill their machine.

use super::World;
use ostler_core::command::ReportedEnd;
use ostler_core::failure::{Failure, FailureClass};
use ostler_core::ids::{Digest, LeaseId};
use ostler_core::policy::Dice;

/// One step of an attempt.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Says something.
    Emit,
    /// Does something in the outer world.
    Act,
    /// Asks before it does something.
    Ask(Digest),
    /// Asks more than anyone could read.
    Flood,
    /// Takes its machine down.
    Kill,
    /// Ends.
    End(ReportedEnd),
}

/// How a run's attempts always end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curse {
    Fails(FailureClass),
    Kills,
}

/// The nature of a run, written by its client and unknown to the relay.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Nature {
    pub(crate) curse: Option<Curse>,
    pub(crate) long: bool,
    pub(crate) asks: bool,
    pub(crate) floods: bool,
}

impl World {
    /// Steps with the pause before each.
    pub(crate) fn script(&self, lease: LeaseId, nature: Nature) -> Vec<(u64, Step)> {
        let mut key = [0; 8];
        key.copy_from_slice(&lease.run.0[8..]);
        let mut dice = Dice::new(u64::from_be_bytes(key) ^ lease.epoch.rotate_left(32) ^ self.options.seed);
        let ttl_ms = self.options.policy.lease_ttl_ms;
        // What is healed comes to an end; what is cursed stays so.
        let long = nature.long && !self.healed;
        let (count, pause) = if long { (8 + dice.roll(24), ttl_ms / 8) } else { (1 + dice.roll(5), 120) };
        let mut steps = Vec::new();
        for at in 0..count {
            let wait = 1 + pause / 2 + dice.roll(pause);
            let step = match dice.roll(100) {
                chance if nature.asks && chance < self.options.ask / if long { 6 } else { 1 } => {
                    Step::Ask(digest(lease, at))
                }
                0..40 => Step::Emit,
                _ => Step::Act,
            };
            steps.push((wait, step));
        }
        if nature.floods {
            steps.push((10, Step::Flood));
        }
        if nature.curse == Some(Curse::Kills) {
            steps.insert(usize::from(dice.roll(2) == 1), (30, Step::Kill));
        }
        steps.push((10, Step::End(self.ending(nature, &mut dice))));
        steps
    }

    fn ending(&self, nature: Nature, dice: &mut Dice) -> ReportedEnd {
        let class = match nature.curse {
            Some(Curse::Fails(class)) => class,
            Some(Curse::Kills) | None if self.healed || dice.roll(100) >= self.options.fail => {
                return ReportedEnd::Succeeded;
            }
            Some(Curse::Kills) | None => CLASSES[usize::try_from(dice.roll(CLASSES.len() as u64)).unwrap_or(0)],
        };
        let mut failure = Failure::new(class, "scripted");
        if dice.roll(4) == 0 {
            failure.retry_after_ms = Some(dice.roll(1_500));
        }
        ReportedEnd::Failed(failure)
    }
}

/// The action asked about at a step is the same in every epoch: an old verdict would fit it, but for its epoch.
fn digest(lease: LeaseId, at: u64) -> Digest {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&lease.run.0);
    bytes[16..24].copy_from_slice(&(at % 3).to_be_bytes());
    Digest(bytes)
}

const CLASSES: [FailureClass; 7] = [
    FailureClass::Agent,
    FailureClass::Agent,
    FailureClass::Task,
    FailureClass::Infra,
    FailureClass::Limit,
    FailureClass::Absence,
    FailureClass::Policy,
];
