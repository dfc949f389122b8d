//! Each turn as it reaches the disk: what changed, against what stood there before.

use super::{Checked, Oracle};
use crate::law::Law;
use crate::seen::Situation;
use crate::world::{Disk, Staged};
use ostler_core::approval::{Approval, ApprovalState};
use ostler_core::command::{Command, ReportedEnd};
use ostler_core::decision::{Answer, Change};
use ostler_core::device::Role;
use ostler_core::failure::{Cause, FailureClass};
use ostler_core::ids::{DeviceId, RunId};
use ostler_core::lease::Phase;
use ostler_core::policy::Policy;
use ostler_core::run::{Life, Outcome, State};

fn ensure(holds: bool, law: Law, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err((law, what())) }
}

const fn over(state: &State) -> bool {
    matches!(state, State::Settled(_) | State::Dead { .. })
}

impl Oracle {
    /// Holds one turn to the laws, just before its changes are written.
    pub(crate) fn turn(&mut self, disk: &Disk, staged: &Staged, policy: &Policy) -> Checked {
        self.report(disk, staged)?;
        submission(disk, staged)?;
        revoked_change_nothing(disk, staged)?;
        for change in &staged.decision.changes {
            match change {
                Change::Life(run, life) | Change::Settle(run, life) => {
                    self.moved(disk, staged, *run, life, policy)?;
                }
                Change::Approval(approval) => approved(disk, staged, approval)?,
                Change::Spec(spec) => {
                    ensure(!disk.specs.contains_key(&spec.id), Law::I18, || format!("{} was made twice", spec.id))?;
                }
                Change::Key(device, key, run) => {
                    let other = disk.keys.get(&(*device, key.clone())).filter(|known| *known != run);
                    ensure(other.is_none(), Law::I11, || format!("`{key}` stands for {run} and for another run"))?;
                }
                Change::Body(..)
                | Change::Forget(_)
                | Change::Result(..)
                | Change::Late(..)
                | Change::FreeKey(..)
                | Change::Device(_)
                | Change::Invite(_)
                | Change::DropInvite(_)
                | Change::KeyEpoch(_)
                | Change::Advert(..) => {}
            }
        }
        Ok(())
    }

    fn moved(&mut self, disk: &Disk, staged: &Staged, run: RunId, after: &Life, policy: &Policy) -> Checked {
        let before = disk.lives.get(&run);
        if let Some(before) = before {
            settled_stays(run, before, after)?;
            epochs_grow(staged, run, before, after)?;
            held_waits(staged, run, before, after)?;
            self.promise_kept(staged, before, after)?;
            self.note_end(staged, before, after);
        }
        cancelled_rests(staged, run, after)?;
        self.budgets(disk, staged, run, after, policy)?;
        self.note_state(before, after);
        Ok(())
    }

    /// I3: a report is accepted only from the current lease, once; a late one changes nothing.
    fn report(&mut self, disk: &Disk, staged: &Staged) -> Checked {
        let Command::Report(worker, report) = &staged.command else { return Ok(()) };
        let before = disk.lives.get(&report.lease.run);
        match &staged.decision.answer {
            Ok(Answer::Reported) => {
                let current = before.is_some_and(|life| life.fences(report.lease, *worker));
                let again = self.accepted.get(&report.lease) == Some(&report.digest);
                ensure(current || again, Law::I3, || format!("{} was accepted, and is not current", report.lease))?;
                self.accepted.insert(report.lease, report.digest);
                let counts = matches!(&report.end, ReportedEnd::Failed(failure)
                    if matches!(failure.class, FailureClass::Agent | FailureClass::Task));
                if current && counts {
                    *self.failures.entry(report.lease.run).or_default() += 1;
                }
                Ok(())
            }
            Ok(Answer::Fenced { settled }) => {
                self.seen.note(Situation::LateRefused);
                if *settled == Some(Outcome::Cancelled) {
                    self.seen.note(Situation::CancelRace);
                }
                let settles = |change: &Change| matches!(change, Change::Settle(run, _) if *run == report.lease.run);
                let applied = staged.decision.changes.iter().any(settles);
                ensure(!applied, Law::I3, || format!("{} came late, and settled its run", report.lease))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// I9: a lease lives at least as long as was promised.
    fn promise_kept(&mut self, staged: &Staged, before: &Life, after: &Life) -> Checked {
        let Some(lease) = before.lease().filter(|lease| matches!(lease.phase, Phase::Held { .. })) else {
            return Ok(());
        };
        let stands = after.lease().is_some_and(|now| now.id == lease.id && matches!(now.phase, Phase::Held { .. }));
        if stands || !matches!(staged.command, Command::Elapsed(_)) {
            return Ok(());
        }
        let promised = self.promised.get(&lease.id).copied().unwrap_or(0);
        ensure(staged.at >= promised, Law::I9, || format!("{} lapsed {} ms early", lease.id, promised - staged.at))
    }

    /// I19 and I21: what is used up is buried, with the cause that its counts show.
    fn budgets(&mut self, disk: &Disk, staged: &Staged, run: RunId, after: &Life, policy: &Policy) -> Checked {
        if matches!(staged.command, Command::Revive(_)) {
            self.failures.remove(&run);
        }
        let Some(spec) = disk.specs.get(&run) else { return Ok(()) };
        let (counts, max) = (&after.counts, spec.header.attempts.max);
        let failures = self.failures.get(&run).copied().unwrap_or(0);
        let spent = failures >= max || counts.infra > policy.infra_budget || counts.limit_ms > policy.limit_budget_ms;
        ensure(!spent || over(after.state()), Law::I19, || format!("{run} has spent its budgets and goes on"))?;
        ensure(!counts.poison() || over(after.state()), Law::I21, || format!("{run} is poison and goes on"))?;
        let State::Dead { cause, .. } = after.state() else { return Ok(()) };
        let shown = match cause {
            Cause::Exhausted => failures >= max,
            Cause::Budget => counts.infra > policy.infra_budget || counts.limit_ms > policy.limit_budget_ms,
            Cause::Poison => counts.poison(),
            Cause::Crashed => true,
        };
        ensure(shown, Law::I19, || format!("{run} is dead of {cause}, which its counts do not show"))
    }

    /// Remembers leases that a command ended at once.
    fn note_end(&mut self, staged: &Staged, before: &Life, after: &Life) {
        let Some(lease) = before.lease() else { return };
        if after.lease().is_some_and(|now| now.id == lease.id) {
            if matches!(lease.phase, Phase::Orphaned { .. })
                && after.lease().is_some_and(|now| matches!(now.phase, Phase::Held { .. }))
            {
                self.seen.note(Situation::OrphanReturned);
            }
            return;
        }
        let command = &staged.command;
        let by_command = matches!(command, Command::Cancel(_) | Command::Poisoned(_) | Command::Revoke(..))
            || matches!(command, Command::Report(worker, _) if *worker == lease.worker)
            || matches!(command, Command::Attach(attach) if attach.worker == lease.worker);
        if by_command {
            self.fiat.insert(lease.id);
        } else if matches!(lease.phase, Phase::Orphaned { .. }) {
            self.seen.note(Situation::OrphanLost);
        }
    }

    fn note_state(&mut self, before: Option<&Life>, after: &Life) {
        let was_dead = before.is_some_and(|life| matches!(life.state(), State::Dead { .. }));
        let noted = match after.state() {
            State::Dead { cause: Cause::Exhausted, .. } => Situation::DeadByFailure,
            State::Dead { cause: Cause::Budget, .. } => Situation::DeadByBudget,
            State::Dead { cause: Cause::Poison, .. } => Situation::DeadByPoison,
            State::Settled(settlement) if settlement.outcome == Outcome::Expired => Situation::Expired,
            State::Parked { due: true, .. } => Situation::ParkedWaited,
            State::Parked { .. } => Situation::Parked,
            State::Ready | State::Leased(_) if was_dead => Situation::Revived,
            State::Dead { .. } | State::Settled(_) | State::Ready | State::Leased(_) | State::Held { .. } => return,
        };
        self.seen.note(noted);
    }
}

/// I4: a settled run stays as it settled.
fn settled_stays(run: RunId, before: &Life, after: &Life) -> Checked {
    let same = !before.is_settled() || before.state() == after.state();
    ensure(same, Law::I4, || format!("{run} was {:?} and is {:?}", before.state(), after.state()))
}

/// I2 and I7: a new lease has the next epoch; a renewal makes none.
fn epochs_grow(staged: &Staged, run: RunId, before: &Life, after: &Life) -> Checked {
    let grown = after.epoch == before.epoch || after.epoch == before.epoch + 1;
    ensure(grown, Law::I2, || format!("{run} went from epoch {} to {}", before.epoch, after.epoch))?;
    let Some(lease) = after.lease() else { return Ok(()) };
    if let Some(was) = before.lease().filter(|was| was.id == lease.id) {
        let same = was.worker == lease.worker && was.granted_at == lease.granted_at;
        return ensure(same, Law::I2, || format!("{} was granted twice", lease.id));
    }
    let renewal = matches!(staged.command, Command::Beat(_, ref listed) if listed.contains(&lease.id));
    ensure(!renewal, Law::I7, || format!("a beat revived {}", lease.id))?;
    let next = lease.id.epoch == before.epoch + 1 && after.epoch == lease.id.epoch;
    ensure(next, Law::I2, || format!("{} was granted after epoch {}", lease.id, before.epoch))
}

/// I20: a held run is not granted before its time.
fn held_waits(staged: &Staged, run: RunId, before: &Life, after: &Life) -> Checked {
    let State::Held { until, .. } = before.state() else { return Ok(()) };
    let granted = matches!(after.state(), State::Ready | State::Leased(_));
    ensure(!granted || *until <= staged.read, Law::I20, || {
        format!("{run} was held until {} and left at {}", until.0, staged.read.0)
    })
}

/// I23: an acknowledged cancel settles the run, and no lease follows.
fn cancelled_rests(staged: &Staged, run: RunId, after: &Life) -> Checked {
    let cancelled = staged.command == Command::Cancel(run) && staged.decision.answer == Ok(Answer::Cancelled);
    ensure(!cancelled || after.is_settled(), Law::I23, || format!("{run} was cancelled and is {:?}", after.state()))
}

/// I24, I26 and I28: an approval is decided once, by a person who may, for its own digest.
fn approved(disk: &Disk, staged: &Staged, after: &Approval) -> Checked {
    let before = disk.approvals.get(&after.id).map(|known| &known.state);
    if let Some(before) = before.filter(|state| !matches!(state, ApprovalState::Pending)) {
        return ensure(before == &after.state, Law::I24, || format!("{} was decided again", after.id));
    }
    let ApprovalState::Decided(decided) = &after.state else { return Ok(()) };
    let person = disk.devices.get(&decided.by);
    let may = person.is_some_and(|device| device.role == Role::Operator && device.revoked.is_none());
    ensure(may, Law::I28, || format!("{} was decided by {}, who may not", after.id, decided.by))?;
    let own = matches!(&staged.command, Command::Answer(answering) if answering.digest == after.digest);
    ensure(own, Law::I26, || format!("{} was decided for another digest", after.id))
}

/// I11: work under a known key is the known run, or a conflict.
fn submission(disk: &Disk, staged: &Staged) -> Checked {
    let Command::Submit(submission) = &staged.command else { return Ok(()) };
    let Ok(Answer::Submitted { run, .. }) = &staged.decision.answer else { return Ok(()) };
    let Some(key) = &submission.header.key else { return Ok(()) };
    let Some(known) = disk.keys.get(&(submission.submitter, key.clone())) else { return Ok(()) };
    let same = disk.specs.get(known).is_none_or(|spec| spec.digest == submission.digest);
    ensure(known == run && same, Law::I11, || format!("`{key}` stands for {known}, and {run} was answered"))
}

/// I41: a revoked device changes nothing. What it reports late is kept as evidence.
fn revoked_change_nothing(disk: &Disk, staged: &Staged) -> Checked {
    let by: Option<DeviceId> = match &staged.command {
        Command::Submit(submission) => Some(submission.submitter),
        Command::Answer(answering) => Some(answering.by),
        Command::Attach(attach) => Some(attach.worker),
        Command::Accept(by, _)
        | Command::Decline(by, ..)
        | Command::Beat(by, _)
        | Command::Report(by, _)
        | Command::Ask(by, _)
        | Command::Withdraw(by, _)
        | Command::Stopped(by, _)
        | Command::Advertise(by, _) => Some(*by),
        // What people and the relay itself ask names no device, or another's.
        Command::Cancel(_)
        | Command::Revive(_)
        | Command::Discard(_)
        | Command::Detach(..)
        | Command::Drain(..)
        | Command::Elapsed(_)
        | Command::Poisoned(_)
        | Command::Invite(_)
        | Command::Enrol(..)
        | Command::Revoke(..)
        | Command::Rotate(_)
        | Command::Gap(_)
        | Command::Sweep => None,
    };
    let revoked = by.and_then(|by| disk.devices.get(&by)).is_some_and(|device| device.revoked.is_some());
    let changed = staged.decision.changes.iter().any(|change| !matches!(change, Change::Late(..)));
    ensure(!(revoked && changed), Law::I41, || format!("{:?} of a revoked device changed something", staged.command))
}
