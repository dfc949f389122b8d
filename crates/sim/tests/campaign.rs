//! A small campaign for every test run: no law broken, defects found, the same seed twice the same history.

use ostler_core::mutant::Mutant;
use ostler_sim::{Defect, kill, live, run_many};

const THREADS: u64 = 2;

#[test]
fn a_hundred_and_fifty_worlds_break_no_law() {
    let campaign = run_many(0, 150, THREADS, None);
    let broken: Vec<_> = campaign.broken.iter().map(|world| (world.seed, world.violation.clone())).collect();
    assert!(broken.is_empty(), "replay with `cargo run --release -p ostler-sim -- seed N -v`: {broken:#?}");
    assert!(
        campaign.never_met().count() < 6,
        "the worlds have become tame: {:?}",
        campaign.never_met().collect::<Vec<_>>()
    );
}

#[test]
fn planted_defects_are_found_by_the_law_they_break() {
    let mutants = [
        (Mutant::NoFence, "I3"),
        (Mutant::NoDedup, "I11"),
        (Mutant::EpochReuse, "I2"),
        (Mutant::NoGate, "I25"),
        (Mutant::DeadlineFromAnswer, "I6"),
        (Mutant::NoRecoveryGrace, "I9"),
        (Mutant::NumbersRestart, "I16"),
    ];
    for (mutant, law) in mutants {
        let killed = kill(Defect::Core(mutant), 0, 400, THREADS);
        let violation = killed.by.and_then(|world| world.violation);
        let violation = violation.unwrap_or_else(|| panic!("{mutant:?} was not found"));
        assert_eq!(format!("{:?}", violation.law), law, "{mutant:?}: {violation}");
    }
}

#[test]
fn the_same_seed_is_the_same_history_and_another_is_another() {
    let mut traces = Vec::new();
    for seed in 0..12 {
        let (once, again) = (live(seed, None, false), live(seed, None, true));
        assert_eq!((once.trace, once.steps, &once.seen), (again.trace, again.steps, &again.seen), "seed {seed}");
        assert!(once.steps > 50 && !again.lines.is_empty());
        traces.push(once.trace);
    }
    traces.sort_unstable();
    traces.dedup();
    assert_eq!(traces.len(), 12);
}
