//! The real agents, through relay and runner: each as its registry gives it at the version in `tests/agents/pins`, thinking by a
//! scripted model on loopback.
//!
//! ```text
//! OSTLER_REAL=1 cargo test -p ostler-tests --test agents            after tests/agents/install
//! ```
//!
//! Without the variable, or where an agent is not installed, each test says loudly that it did not run; with
//! `OSTLER_AGENTS_REQUIRED=1` a missing agent is a failure. Which agent asks for what is stated here and in docs/agents.md, and
//! both are what was measured.

#[path = "agents/day.rs"]
mod day;
#[path = "agents/house.rs"]
mod house;
#[path = "agents/lost.rs"]
mod lost;

use day::Habits;

/// Asks for everything, and counts what it uses.
const EVERYTHING: Habits =
    Habits { asks_to_write: true, asks_for_commands: true, counts_tokens: true, forgets_within_the_minute: false };

macro_rules! days {
    ($($name:ident: $habits:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            day::whole(stringify!($name), $habits).await;
        }
    )*};
}

days! {
    claude: EVERYTHING;
    codex: EVERYTHING;
    opencode: EVERYTHING;
    gemini: Habits { forgets_within_the_minute: true, ..EVERYTHING };
    qwen: EVERYTHING;
    goose: EVERYTHING;
    copilot: EVERYTHING;
    kimi: Habits { asks_to_write: false, counts_tokens: false, ..EVERYTHING };
    hermes: Habits { asks_for_commands: false, ..EVERYTHING };
    openhands: EVERYTHING;
    aider: EVERYTHING;
}

macro_rules! losses {
    ($($test:ident: $agent:literal;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            lost::with_its_runner($agent).await;
        }
    )*};
}

losses! {
    claude_lost_with_its_runner: "claude";
    codex_lost_with_its_runner: "codex";
    goose_lost_with_its_runner: "goose";
}
