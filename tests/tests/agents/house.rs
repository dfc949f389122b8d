//! A fleet with one real agent on its runner, a scripted model, and a repository to work in.
//!
//! Owns the waiting for questions and ends. Must not know what is proven.

use ostler_client::{Client, Draft, Question};
use ostler_core::approval::{Choice, Remark};
use ostler_core::event::Event;
use ostler_core::guard::{Effect, Rule};
use ostler_core::ids::RunId;
use ostler_core::task::{Source, Task, Work};
use ostler_tests::{Installed, Model, Part, Processes, RELAY, Scripts, setup, until_within};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

const OSTLER: &str = env!("CARGO_BIN_EXE_ostler-under-test");
/// The one runner.
pub(crate) const RUNNER: &str = "stable";
/// A restarted relay soon finds its runners again, and a failed attempt is soon tried again.
const RELAY_CONFIG: &str = "[lease]\nttl = '15s'\ngrace = '60s'\nreconnect_allowance = '5s'\n\
                            [backoff.infra]\nbase = '20ms'\ncap = '100ms'\n";
/// The slowest of them loads for twenty seconds on a busy machine, and thinks several times.
const PATIENCE: Duration = Duration::from_secs(180);
/// Real agents at once: each takes a processor to itself while it loads.
static ROOM: Semaphore = Semaphore::const_new(2);

/// Of one event, in the story of a failed test.
const EVENT_CHARS_MAX: usize = 400;

/// How often it is looked whether a process is left.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The command line of a process, as far as it still has one.
fn line(pid: u32) -> String {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

/// The house.
pub(crate) struct House {
    pub(crate) agent: &'static str,
    pub(crate) fleet: Processes,
    pub(crate) model: Model,
    answered: BTreeSet<String>,
    story: Mutex<String>,
    _room: SemaphorePermit<'static>,
}

impl House {
    /// A house with `agent`; none, said loudly, when it is not wanted or not there.
    pub(crate) async fn with(agent: &'static str, scripts: Scripts) -> Option<Self> {
        let installed = Installed::for_real(&format!("{agent}, through relay and runner"), agent)?;
        let room = ROOM.acquire().await.expect("nobody closes it");
        let mut fleet = Processes::start(OSTLER, RELAY_CONFIG).await;
        let model = Model::start_at(scripts, 0, Some(&fleet.directory().join("model.log")));
        let owner = fleet.directory().join("owner");
        std::fs::create_dir(&owner).expect("a home");
        let needs = setup(agent, &model.url(agent), &owner);
        needs.lay().expect("written");
        let mut environment: Vec<(String, String)> =
            needs.env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        environment.push(("HOME".to_owned(), owner.display().to_string()));
        environment.push(("PATH".to_owned(), installed.path_env.to_str().expect("a path in UTF-8").to_owned()));
        fleet.equip(RUNNER, environment);
        let config = "slots = 2\n[workspace]\ndisk_reserve = '1MiB'\n";
        fleet.runner(RUNNER, config).await;
        let house = Self { agent, fleet, model, answered: BTreeSet::new(), story: Mutex::default(), _room: room };
        house.repository();
        house.is_ready().await;
        Some(house)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.fleet.client
    }

    fn place(&self) -> PathBuf {
        self.fleet.directory().join("repository")
    }

    fn repository(&self) {
        std::fs::create_dir_all(self.place().join("precious")).expect("a directory");
        std::fs::write(self.place().join("precious/thing.txt"), "dear\n").expect("written");
        std::fs::write(self.place().join("README.md"), "# A place to work\n").expect("written");
        self.git(&["init", "-q", "-b", "main"]);
        self.git(&["add", "-A"]);
        self.git(&["-c", "user.name=Test", "-c", "user.email=test@localhost", "commit", "-q", "-m", "first"]);
    }

    /// What git says about the repository.
    pub(crate) fn git(&self, words: &[&str]) -> String {
        let done = Command::new("git").arg("-C").arg(self.place()).args(words).output().expect("git is there");
        assert!(done.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Waits until the runner offers the agent: found, understood, signed in.
    pub(crate) async fn is_ready(&self) {
        let wanted = format!("agent.{}", self.agent);
        until_within(PATIENCE, &format!("the runner offers {wanted}"), || async {
            let workers = self.client().workers().await.ok()?;
            workers.iter().any(|worker| worker.connected && worker.offers.contains_key(&wanted)).then_some(())
        })
        .await;
    }

    /// A task for the agent, every action of which is asked.
    pub(crate) fn task(&self, prompt: &str) -> Task {
        let kind = ["write", "command", "tool", "mcp"].map(str::to_owned).to_vec();
        let ask = Rule { kind, origin: "test:1".to_owned(), ..Rule::new(Effect::Ask) };
        let repository = self.place().display().to_string();
        Task {
            source: Some(Source { repository, reference: None }),
            rules: vec![ask],
            requirements: format!("agent.{}", self.agent).parse().expect("a requirement"),
            ..Task::new(self.agent, Work::Prompt(prompt.to_owned()))
        }
    }

    /// Submits.
    pub(crate) async fn submit(&self, task: Task) -> RunId {
        self.client().submit(&Draft::new(self.agent, task)).await.expect("kept").run
    }

    /// The next question of the run that was not answered yet; none when the run is over first.
    pub(crate) async fn question(&mut self, run: RunId) -> Option<Question> {
        let what = format!("{}: a question or the end", self.agent);
        let asked = self.asked(run, &what).await;
        if asked.is_none() {
            self.remember(run).await;
        }
        asked
    }

    async fn asked(&self, run: RunId, what: &str) -> Option<Question> {
        let answered = &self.answered;
        let client = &self.fleet.client;
        until_within(PATIENCE, what, || async {
            let asked = client.inbox().await.ok()?;
            let new = |q: &Question| q.approval.lease.run == run && !answered.contains(&q.approval.id.to_string());
            if let Some(question) = asked.into_iter().find(new) {
                return Some(Some(question));
            }
            let over = client.run(run).await.ok()?.view.life.is_settled();
            over.then_some(None)
        })
        .await
    }

    /// Answers a question, however often the relay must be reached for it.
    pub(crate) async fn answer(&mut self, question: &Question, choice: Choice, words: &str) {
        let remark = Remark::words(words);
        until_within(PATIENCE, "the verdict is taken", || async {
            self.client().answer(question, choice, &remark).await.ok()
        })
        .await;
        self.answered.insert(question.approval.id.to_string());
    }

    /// Waits for the run's end, as its word.
    pub(crate) async fn over(&self, run: RunId) -> &'static str {
        until_within(PATIENCE, &format!("{}: the run is over", self.agent), || async {
            let life = self.client().run(run).await.ok()?.view.life;
            life.is_settled().then(|| life.state().word())
        })
        .await
    }

    /// What the run said is told when a test fails.
    async fn remember(&self, run: RunId) {
        let mut told = format!("--- {}, {run}\n", self.agent);
        for event in self.events(run).await {
            let line: String = format!("{event:?}").chars().take(EVENT_CHARS_MAX).collect();
            told.push_str(&format!("{line}\n"));
        }
        for heard in self.model.heard(self.agent).iter().filter(|heard| heard.part != Part::Outside) {
            told.push_str(&format!("model {:?} {}\n", heard.part, heard.status));
        }
        self.story.lock().expect("nobody panics with it").push_str(&told);
    }

    /// All events of the run, readable ones.
    pub(crate) async fn events(&self, run: RunId) -> Vec<Event> {
        let recording = self.client().events(run, 1).await.expect("its events are there");
        recording.events.into_iter().map(|heard| heard.event.expect("readable")).collect()
    }

    /// The branch the work of a run came home on.
    pub(crate) async fn branch(&self, run: RunId) -> String {
        let events = self.events(run).await;
        let saved = |event| if let Event::Saved { branch, .. } = event { Some(branch) } else { None };
        events.into_iter().rev().find_map(saved).unwrap_or_else(|| panic!("{}: the work came home", self.agent))
    }

    /// Waits until nothing that the runner started is left.
    pub(crate) async fn nothing_left(&self, why: &str) {
        let gone = async {
            while !self.fleet.offspring(RUNNER).is_empty() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(PATIENCE, gone).await.is_err() {
            let left: Vec<String> = self.fleet.offspring(RUNNER).into_iter().map(line).collect();
            panic!("{}: left {why}: {left:?}", self.agent);
        }
    }

    /// Waits until a process of the agent's has `words` in its arguments.
    pub(crate) async fn at_work(&self, words: &str) {
        until_within(PATIENCE, &format!("{}: `{words}` is executed", self.agent), || async {
            self.fleet.offspring(RUNNER).into_iter().any(|pid| line(pid).contains(words)).then_some(())
        })
        .await;
    }

    /// Kills the relay and starts it again.
    pub(crate) fn relay_dies(&mut self) {
        self.fleet.hurt(RELAY, ostler_tests::Hurt::Kill);
        self.fleet.start_relay();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let story = self.story.lock().map_or_else(|poisoned| poisoned.into_inner().clone(), |story| story.clone());
            eprintln!("{story}");
        }
    }
}
