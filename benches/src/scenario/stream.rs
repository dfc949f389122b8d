//! Agents that talk for an hour, and what that does to everybody else.
//!
//! ```text
//! warm: fast talk until caches are full ─▶ quiet ─▶ talk: N runs, an ear on each ─▶ quiet ─▶ figures, each with its bound
//!                                          └────────── trickle: to this relay, and to a twin that has no agents ──┘
//! ```
//!
//! A relay keeps pages of its event log up to a bound, and how full that is tells nothing: the talk before the first look
//! fills it. The twin tells what the machine does to a ledger at the same time, whoever else uses it; and what the trickle
//! itself adds to a relay, which keeps the runs it is told of.

use crate::daemon::Daemon;
use crate::figure::{Figure, tail};
use crate::site::Site;
use crate::soak::actor::Script;
use crate::soak::diary::{Diary, LEGEND, Look, WHO};
use crate::soak::ear::Ear;
use crate::soak::scales::{Weight, mib};
use crate::soak::stand::Stand;
use crate::soak::trickle::Trickle;
use crate::{Error, Options, clock};
use std::io::Write;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Events a second and how long, when nothing is said: what is asked of a run that talks.
const RATE: u64 = 100;
const LASTS: Duration = Duration::from_secs(3_600);
/// How long the ledger is listened to before and after, and how many runs a second trickle in.
const QUIET: Duration = Duration::from_secs(60);
const TRICKLE: u64 = 10;
/// Events that fill the caches, and how many a second: several times what an event log keeps in memory.
const WARM: u64 = 250_000;
const WARM_RATE: u64 = 2_000;
/// Looks of a talk: of an hour, one a minute.
const LOOKS: u32 = 60;
const LOOK_EVERY_MIN: Duration = Duration::from_secs(1);
/// Talk that is not heard so long after its end is lost.
const HEARD_WITHIN: Duration = Duration::from_secs(120);
/// The agents: one to listen to, one to fill the caches.
const TALKER: &str = "talker";
const WARMER: &str = "warmer";

/// What may grow (MiB) from the second tenth of a talk to its last: the relay, beyond what its twin does, the runner, all
/// shims.
const RELAY_GROWTH_MIB_MAX: f64 = 4.0;
const RUNNER_GROWTH_MIB_MAX: f64 = 2.0;
const SHIMS_GROWTH_MIB_MAX: f64 = 0.5;
/// How long an event may be under way (ms, p99) for a follower to keep up.
const LAG_MS_MAX: f64 = 1_000.0;
/// How much longer the ledger may take, against the worse of its own quiet time and its twin at the same time.
const KEPT_RATIO_MAX: f64 = 1.5;

/// Everything that is there for a talk.
struct Scene {
    script: Script,
    runs: u64,
    trickles: [Trickle; 2],
    stand: Stand,
    twin: Daemon,
    _site: Site,
}

pub(super) async fn round(options: &Options) -> Result<Vec<Figure>, Error> {
    let script = Script::read(options, RATE, LASTS)?;
    let (runs, quiet) = (options.number("runs", 1), options.time("quiet", QUIET));
    let warm = options.number("warm", WARM);
    let warmer = Script::new(WARM_RATE, Duration::from_millis(warm.max(2) * 1_000 / WARM_RATE))?;
    let stand = Stand::raise(options, runs, &[(TALKER, script), (WARMER, warmer)]).await?;
    if warm > 0 {
        let mut ear = stand.cast(WARMER).await?;
        ear.over().await?;
        say(&format!("warm: {} of {} events heard", ear.tally().heard, warmer.events))?;
    }
    let site = Site::of_ostler(options)?;
    let twin = site.start()?.0;
    let rate = options.number("trickle", TRICKLE);
    let trickles = [Trickle::start(&stand.site, rate).await?, Trickle::start(&site, rate).await?];
    let mut scene = Scene { script, runs, trickles, stand, twin, _site: site };
    let mut silence = scene.listen(quiet).await?;
    say(LEGEND)?;
    let (diary, ears) = scene.talk().await?;
    for (all, more) in silence.iter_mut().zip(scene.listen(quiet).await?) {
        all.extend(more);
    }
    scene.judge(diary, &ears, silence)
}

impl Scene {
    /// What the ledger and its twin take while nobody talks.
    async fn listen(&mut self, quiet: Duration) -> Result<[Vec<Duration>; 2], Error> {
        // What was begun before does not count.
        sleep(LOOK_EVERY_MIN).await;
        self.kept().await?;
        sleep(quiet).await;
        self.kept().await
    }

    async fn kept(&mut self) -> Result<[Vec<Duration>; 2], Error> {
        let [ours, twin] = &mut self.trickles;
        Ok([ours.take().await?, twin.take().await?])
    }

    async fn talk(&mut self) -> Result<(Diary, Vec<Ear>), Error> {
        let (mut ears, mut diary) = (Vec::new(), Diary::default());
        self.kept().await?;
        for _ in 0..self.runs {
            ears.push(self.stand.cast(TALKER).await?);
        }
        let (began, lasts) = (clock::now(), self.script.due(self.script.events));
        let every = (lasts / LOOKS).max(LOOK_EVERY_MIN);
        while began.elapsed() < lasts + HEARD_WITHIN {
            tokio::select! {
                () = over(&mut ears) => break,
                () = sleep(every) => {}
            }
            if self.stand.shims()?.len() as u64 == self.runs {
                diary.enter(self.look(began, &ears).await?)?;
            }
        }
        Ok((diary, ears))
    }

    async fn look(&mut self, began: Instant, ears: &[Ear]) -> Result<Look, Error> {
        let now_ms = clock::unix_ms();
        let (mut events, mut lags) = ([0, 0], Vec::new());
        for ear in ears {
            let mut tally = ear.tally();
            let talks = Duration::from_millis(tally.began_ms.map_or(0, |began| now_ms.saturating_sub(began)));
            events = [events[0] + self.script.by(talks), events[1] + tally.heard];
            lags.extend(tally.lags());
        }
        let [relay, runner, shims] = self.stand.weigh()?;
        let weights = [relay, Weight::of(self.twin.pid())?, runner, shims, Weight::of(std::process::id())?];
        Ok(Look { at: began.elapsed(), events, lags, weights, kept: self.kept().await? })
    }

    fn judge(&self, mut diary: Diary, ears: &[Ear], mut silence: [Vec<Duration>; 2]) -> Result<Vec<Figure>, Error> {
        let (mut heard, mut odd, mut lost) = (0, 0, 0);
        for ear in ears {
            let mut tally = ear.tally();
            (heard, odd, lost) = (heard + tally.heard, odd + tally.odd, lost + tally.lost);
            diary.lags.extend(tally.lags());
            tally.quotes.iter().try_for_each(|quote| say(&format!("odd: {quote}")))?;
        }
        let due = self.script.events * self.runs;
        let mut figures = vec![
            Figure::new("events due", "", due as f64),
            Figure::new("events not heard", "", due.saturating_sub(heard) as f64).within(0.0),
            Figure::new("events out of order, twice, or odd", "", odd as f64).within(0.0),
            Figure::new("connections lost by the follower", "", lost as f64),
        ];
        if let Some([p50, p99]) = tail(&mut diary.lags) {
            figures.push(Figure::ms("from said to heard p50", p50));
            figures.push(Figure::ms("from said to heard p99", p99).within(LAG_MS_MAX));
        }
        figures.extend(diary.lags.last().map(|most| Figure::ms("from said to heard, the slowest", *most)));
        figures.extend(memory(&diary));
        figures.extend(ledger(&mut diary.kept, &mut silence));
        Ok(figures)
    }
}

/// What everybody weighs, and what grew.
fn memory(diary: &Diary) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (who, weight) in WHO.into_iter().zip(diary.last()) {
        figures.push(Figure::new(format!("{who} at the end, PSS"), "MiB", mib(weight.pss)));
        figures.push(Figure::new(format!("{who} at the end, of that anonymous"), "MiB", mib(weight.anon)));
    }
    let [relay, twin, runner, shims, us] = diary.growth();
    let grew = |who: &str, mib: f64| Figure::new(format!("{who}, growth of what is anonymous"), "MiB", mib);
    figures.extend([
        grew("relay", relay),
        grew("twin", twin),
        grew("relay beyond its twin", relay - twin).within(RELAY_GROWTH_MIB_MAX),
        grew("runner", runner).within(RUNNER_GROWTH_MIB_MAX),
        grew("shims", shims).within(SHIMS_GROWTH_MIB_MAX),
        grew("us", us),
    ]);
    figures
}

/// What the ledger and its twin took, and how much longer it took than it should have.
fn ledger(talk: &mut [Vec<Duration>; 2], silence: &mut [Vec<Duration>; 2]) -> Vec<Figure> {
    let [ours, twin] = talk;
    let mut figures = Vec::new();
    let tails =
        [("kept, quiet", &mut silence[0]), ("kept while they talk", ours), ("kept by the twin meanwhile", twin)];
    let [quiet, ours, twin] = tails.map(|(what, samples)| {
        let tail = tail(samples);
        let named = tail.iter().flatten().zip(["p50", "p99"]);
        figures.extend(named.map(|(took, percent)| Figure::ms(format!("{what} {percent}"), *took)));
        tail
    });
    let (Some(quiet), Some(ours), Some(twin)) = (quiet, ours, twin) else {
        // No number is over every bound.
        return vec![Figure::new("samples of the ledger", "", f64::NAN).within(0.0)];
    };
    for (at, percent) in ["p50", "p99"].into_iter().enumerate() {
        let ratio = ours[at].as_secs_f64() / quiet[at].max(twin[at]).as_secs_f64();
        figures
            .push(Figure::new(format!("kept {percent} against the worse of both"), "", ratio).within(KEPT_RATIO_MAX));
    }
    figures
}

/// Waits until every run is over and heard to its end; one that failed is odd.
async fn over(ears: &mut [Ear]) {
    for ear in ears {
        if let Err(error) = ear.over().await {
            ear.tally().odd(error.to_string());
        }
    }
}

fn say(line: &str) -> Result<(), Error> {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}
