//! Kill -9 of the relay, of a runner, of both, of a runner with everything it started, at random moments under load: no
//! acknowledged run lost, none completed twice, nothing repeated within an attempt, no gated action without its verdict,
//! event numbers gapless.
//!
//! ```text
//! load ─ submits, the same key until it is acknowledged ─▶ history ┐
//! approver ─ approves some, rejects some ─▶ history                ├─▶ check: history and files alone
//! runs ─ one line when they begin, act, end ─▶ effects             ┘
//! ```
//!
//! The number of kills is `OSTLER_KILLS` (200 when unset); the seed is printed, and taken from `OSTLER_SEED`.

#[path = "chaos/check.rs"]
mod check;
#[path = "chaos/load.rs"]
mod load;

use load::Load;
use ostler_client::Client;
use ostler_core::ids::RunId;
use ostler_core::policy::Dice;
use ostler_core::run::State;
use ostler_tests::{Hurt, Processes, RELAY, until};
use std::time::Duration;

const OSTLER: &str = env!("CARGO_BIN_EXE_ostler-under-test");
/// Leases longer than most pauses between kills, or this would only test lapses; retries at once, and as often as it takes.
const RELAY_CONFIG: &str = "[lease]\nttl = '3s'\ngrace = '6s'\nreconnect_allowance = '2s'\naccept_timeout = '2s'\nstop_grace = '500ms'\n\
     [backoff.infra]\nbase = '50ms'\ncap = '200ms'\n[backoff.agent]\nbase = '50ms'\ncap = '200ms'\n\
     [attempts]\ninfra_budget = 1000\n";
const RUNNER_CONFIG: &str = "slots = 4\n[workspace]\ndisk_reserve = '1MiB'\n";
/// Kills between two signs of life.
const TELL_EVERY: u64 = 100;
const RUNNERS: [&str; 3] = ["alpha", "beta", "gamma"];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_doubled_under_kill_9() {
    let (kills, seed) = (number("OSTLER_KILLS", 200), number("OSTLER_SEED", 1));
    eprintln!("OSTLER_KILLS={kills} OSTLER_SEED={seed}");
    let mut dice = Dice::new(seed);
    let mut fleet = Processes::start(OSTLER, RELAY_CONFIG).await;
    for name in RUNNERS {
        fleet.runner(name, RUNNER_CONFIG).await;
    }
    let load = Load::start(&fleet);
    let mut done = 0;
    while done < kills {
        // Mostly blow upon blow, with a breath now and then: both what is half done and what is done must survive.
        let most = 1 + dice.roll(1_500);
        tokio::time::sleep(Duration::from_millis(20 + dice.roll(most))).await;
        let killed = strike(&mut fleet, &mut dice).await;
        if (done + killed) / TELL_EVERY > done / TELL_EVERY {
            eprintln!("{} kills", done + killed);
        }
        done += killed;
    }
    let history = load.stop(async |run| settled(&fleet.client, run).await).await;
    eprintln!("{done} kills, {} runs, {} verdicts", history.acknowledged.len(), history.verdicts.len());
    assert!(history.acknowledged.len() as u64 >= kills, "there was load");
    // Whatever is read from now on is read from disk, and only from the relay's.
    RUNNERS.iter().for_each(|name| fleet.crash(name));
    fleet.hurt(RELAY, Hurt::Kill);
    fleet.start_relay();
    check::all(&fleet.client, &history).await;
}

/// Waits until a run is over, or given up.
async fn settled(client: &Client, run: RunId) {
    until(&format!("{run} is over"), || async {
        let life = client.run(run).await.ok()?.view.life;
        matches!(life.state(), State::Settled(_) | State::Dead { .. }).then_some(())
    })
    .await;
}

/// One blow: how many processes it killed on purpose.
async fn strike(fleet: &mut Processes, dice: &mut Dice) -> u64 {
    let runner = RUNNERS[usize::try_from(dice.roll(3)).expect("below three")];
    let (relay_too, runner_too, machine) = match dice.roll(10) {
        0..=3 => (true, false, false),
        4..=6 => (false, true, false),
        7..=8 => (true, true, false),
        _ => (false, true, true),
    };
    if machine {
        fleet.crash(runner);
    } else if runner_too {
        fleet.hurt(runner, Hurt::Kill);
    }
    if relay_too {
        fleet.hurt(RELAY, Hurt::Kill);
    }
    tokio::time::sleep(Duration::from_millis(dice.roll(100))).await;
    if relay_too {
        fleet.start_relay();
    }
    if runner_too {
        fleet.start_runner(runner);
    }
    u64::from(relay_too) + u64::from(runner_too)
}
