//! What a run keeps on its runner: its directory, over attempts and follow-ups, and never shared with another run.

use crate::relay::{Session, soon};
use crate::runs::failed;
use crate::world::{Process, World};
use ostler_core::command::{Report, ReportedEnd};
use ostler_core::event::Event;
use ostler_core::failure::FailureClass;
use ostler_core::ids::{LeaseId, RunId};
use ostler_core::task::{Source, Task, Work};
use ostler_proto::FromRelay;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

struct Bench {
    world: World,
    process: Process,
    session: Session,
}

impl Bench {
    async fn new() -> Self {
        Self::with(World::new().await).await
    }

    async fn with(world: World) -> Self {
        let process = world.spawn();
        let session = world.relay.attach_next().await;
        Self { world, process, session }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.dir.path().join(name)
    }

    /// The directory of a run.
    fn dir(&self, run: RunId) -> PathBuf {
        self.world.home().join("runs").join(run.to_string())
    }

    fn task(&self, script: &str) -> Task {
        let env = vec![("A".to_owned(), self.world.dir.path().display().to_string())];
        Task { env, ..Task::new("claude", Work::Prompt(script.to_owned())) }
    }

    /// Offers a run's first attempt.
    fn first(&self, n: u8, task: &Task) -> LeaseId {
        self.session.offer(self.world.boss.id(), self.world.body(n, task))
    }

    /// Offers the attempt after `lease`.
    fn next(&self, lease: LeaseId, task: &Task) -> LeaseId {
        let next = LeaseId { epoch: lease.epoch + 1, ..lease };
        self.session.offer(self.world.boss.id(), (next, self.world.body_of(next, task)))
    }

    async fn reported(&mut self, lease: LeaseId) -> Report {
        self.session.reported(lease).await
    }

    fn events(&self, lease: LeaseId) -> Vec<Event> {
        self.world.relay.events(&self.world.ring, lease)
    }

    /// What the agent said, line by line.
    fn said(&self, lease: LeaseId) -> Vec<String> {
        let said = |event| if let Event::Message(text) = event { Some(text) } else { None };
        self.events(lease).into_iter().filter_map(said).collect()
    }

    /// A repository with one commit.
    fn repository(&self) -> Source {
        let path = self.path("repository");
        std::fs::create_dir(&path).expect("makes");
        git(&path, &["init", "-q"]);
        std::fs::write(path.join("file"), "one\n").expect("writes");
        git(&path, &["add", "."]);
        git(&path, &["commit", "-qm", "first"]);
        Source { repository: path.display().to_string(), reference: None }
    }
}

fn git(dir: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    let output =
        command.arg("-C").arg(dir).args(["-c", "user.name=x", "-c", "user.email=x@x"]).args(arguments).output();
    let output = output.expect("git runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    soon(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

const WHERE: &str = "say $PWD; say $HOME; say $session; say $TMPDIR";

#[tokio::test(flavor = "multi_thread")]
async fn the_next_attempt_goes_on_in_the_same_tree_home_and_session() {
    let mut bench = Bench::new().await;
    let source = Some(bench.repository());
    let later = format!("{WHERE}; say $(cat half) $(cat $HOME/cache); echo whole > whole; over done");
    let script =
        format!("{WHERE}; echo half > half; echo cache > $HOME/cache; echo '{later}' > $HOME/again; kill -9 $$");
    let first = bench.first(1, &Task { source: source.clone(), ..bench.task(&script) });
    assert_eq!(failed(&bench.reported(first).await.end).0, FailureClass::Agent);
    let branch = format!("ostler/{}", first.run);
    let repository = bench.path("repository");
    assert_eq!(git(&repository, &["show", &format!("{branch}:half")]), "half", "nothing is lost meanwhile");
    let next = bench.next(first, &Task { source, ..bench.task(&script) });
    assert_eq!(bench.reported(next).await.end, ReportedEnd::Succeeded);
    let (before, after) = (bench.said(first), bench.said(next));
    assert_eq!(before[..3], after[..3], "tree, home and session");
    assert_eq!(after[4], "half cache");
    assert_ne!(before[3], after[3], "temporary files are the attempt's own");
    let tree = bench.dir(first.run).join("tree");
    assert_eq!(before[0], tree.display().to_string());
    let resumed = |event: &Event| matches!(event, Event::Session { resumed: true, .. });
    assert!(bench.events(next).iter().any(resumed));
    let stat = |event: &Event| matches!(event, Event::Diff { stat: (2, 2, 0), .. });
    assert!(bench.events(next).iter().any(stat), "the diff is of the whole run: {:?}", bench.events(next));
    assert_eq!(git(&repository, &["show", &format!("{branch}:whole")]), "whole");
    eventually("the tree to be cleared", || !tree.exists()).await;
    assert!(bench.dir(first.run).join("home/cache").exists(), "the session stays for follow-ups");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_up_finds_tree_home_and_session_and_its_work_lands_on_the_same_branch() {
    let mut bench = Bench::new().await;
    let source = Some(bench.repository());
    let script = format!("{WHERE}; echo one > one; over done");
    let parent = bench.first(1, &Task { source: source.clone(), ..bench.task(&script) });
    assert_eq!(bench.reported(parent).await.end, ReportedEnd::Succeeded);
    let tree = bench.dir(parent.run).join("tree");
    eventually("the tree to be cleared", || !tree.exists()).await;
    let repository = bench.path("repository");
    let branch = format!("ostler/{}", parent.run);
    let mut before = parent.run;
    for n in ["two", "three"] {
        let script = format!("{WHERE}; say $(cat one); echo {n} > {n}; over done");
        let task = Task { source: source.clone(), continues: Some(before), ..bench.task(&script) };
        let follow_up = bench.first(n.len() as u8, &task);
        assert_eq!(bench.reported(follow_up).await.end, ReportedEnd::Succeeded);
        let said = bench.said(follow_up);
        assert_eq!(bench.said(parent)[..3], said[..3], "tree, home and session");
        assert_eq!(said[4], "one");
        let stat = |event: &Event| matches!(event, Event::Diff { stat: (1, 1, 0), .. });
        assert!(
            bench.events(follow_up).iter().any(stat),
            "the diff is of the follow-up: {:?}",
            bench.events(follow_up)
        );
        let saved = |event: &Event| matches!(event, Event::Saved { branch: b, .. } if *b == branch);
        assert!(bench.events(follow_up).iter().any(saved));
        assert_eq!(git(&repository, &["show", &format!("{branch}:{n}")]), n);
        before = follow_up.run;
    }
    let stranger = RunId::from_parts(1, [9; 10]);
    let lost = bench.first(8, &Task { continues: Some(stranger), ..bench.task(&format!("{WHERE}; over done")) });
    assert_eq!(bench.reported(lost).await.end, ReportedEnd::Succeeded);
    assert_ne!(bench.said(lost)[0], bench.said(parent)[0]);
    let told = |event: &Event| matches!(event, Event::Notice(words) if words.contains(&stranger.to_string()));
    assert!(bench.events(lost).iter().any(told));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_up_without_a_repository_finds_the_files() {
    let mut bench = Bench::new().await;
    let parent = bench.first(1, &bench.task("mkdir -p a; echo one > a/one; chmod 755 a/one; over done"));
    assert_eq!(bench.reported(parent).await.end, ReportedEnd::Succeeded);
    let tree = bench.dir(parent.run).join("tree");
    eventually("the tree to be cleared", || !tree.exists()).await;
    let script = "say $(cat a/one); [ -x a/one ] && say executable; rm a/one; echo two > two; over done";
    let task = Task { continues: Some(parent.run), ..bench.task(script) };
    let follow_up = bench.first(2, &task);
    assert_eq!(bench.reported(follow_up).await.end, ReportedEnd::Succeeded);
    assert_eq!(bench.said(follow_up), ["one", "executable"]);
    let stat = |event: &Event| matches!(event, Event::Diff { stat: (2, 1, 1), .. });
    assert!(bench.events(follow_up).iter().any(stat), "{:?}", bench.events(follow_up));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_share_nothing_and_two_attempts_never_one_directory() {
    let mut bench = Bench::new().await;
    let wait = "while ! [ -e $A/go ]; do sleep 0.02; done";
    let script = format!("{WHERE}; echo mine > $HOME/mine; touch $A/begun; {wait}; touch done; over done");
    let one = bench.first(1, &bench.task(&script));
    let begun = bench.path("begun");
    eventually("the first to begin", || begun.exists()).await;
    let two = bench.first(2, &bench.task(&format!("{WHERE}; ls -A $HOME > $A/listed; over done")));
    assert_eq!(bench.reported(two).await.end, ReportedEnd::Succeeded);
    let (mine, theirs) = (bench.said(one), bench.said(two));
    assert!((0..4).all(|at| mine[at] != theirs[at]), "{mine:?} {theirs:?}");
    assert!(!std::fs::read_to_string(bench.path("listed")).expect("listed").contains("mine"));
    let task = Task { continues: Some(one.run), ..bench.task("[ -e done ] && say done; over done") };
    let follow_up = bench.first(3, &task);
    bench.session.accepted(follow_up).await;
    let three = bench.first(4, &bench.task("over done"));
    assert_eq!(bench.reported(three).await.end, ReportedEnd::Succeeded);
    assert_eq!(bench.events(follow_up), [], "it waits until the other is gone");
    std::fs::write(bench.path("go"), "").expect("writes");
    assert_eq!(bench.reported(one).await.end, ReportedEnd::Succeeded);
    assert_eq!(bench.reported(follow_up).await.end, ReportedEnd::Succeeded);
    assert_eq!(bench.said(follow_up), ["done"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_that_an_agent_renews_is_renewed_for_its_owner() {
    let world = World::new().await;
    let auth = world.dir.path().join(".claude/.credentials.json");
    std::fs::create_dir(auth.parent().expect("has one")).expect("makes");
    std::fs::write(&auth, "old").expect("writes");
    std::fs::write(world.dir.path().join(".gitconfig"), "[user]\n\tname = me\n").expect("writes");
    let mut bench = Bench::with(world).await;
    let script = "c=$HOME/.claude/.credentials.json; say $(cat $c); git config --global user.name agent; \
                  echo new > $c.x; touch -d '+1 minute' $c.x; mv $c.x $c; over done";
    let lease = bench.first(1, &bench.task(script));
    assert_eq!(bench.reported(lease).await.end, ReportedEnd::Succeeded);
    assert_eq!(bench.said(lease), ["old"]);
    assert_eq!(std::fs::read_to_string(&auth).expect("there"), "new\n");
    let own = std::fs::read_to_string(bench.path(".gitconfig")).expect("there");
    assert!(own.contains("name = me"), "the owner's settings stay the owner's: {own}");
    let home = bench.dir(lease.run).join("home");
    assert!(std::fs::read_link(home.join(".claude/.credentials.json")).is_ok(), "it is shared again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_used_for_long_is_swept_and_unsaved_work_is_not() {
    let mut bench = Bench::new().await;
    let done = bench.first(1, &bench.task("echo one > one; over done"));
    assert_eq!(bench.reported(done).await.end, ReportedEnd::Succeeded);
    let failing = bench.first(2, &bench.task("echo two > two; kill -9 $$"));
    assert_eq!(failed(&bench.reported(failing).await.end).0, FailureClass::Agent);
    let unsaved = bench.first(3, &bench.task("echo three > three; kill -9 $$"));
    assert_eq!(failed(&bench.reported(unsaved).await.end).0, FailureClass::Agent);
    let follow_up = bench.first(4, &Task { continues: Some(done.run), ..bench.task("over done") });
    assert_eq!(bench.reported(follow_up).await.end, ReportedEnd::Succeeded);
    let fresh = bench.first(5, &bench.task("over done"));
    assert_eq!(bench.reported(fresh).await.end, ReportedEnd::Succeeded);
    let tree = bench.dir(failing.run).join("tree");
    assert!(tree.join("two").exists(), "it waits for the next attempt");
    std::fs::write(bench.dir(unsaved.run).join("tree/later"), "by a lost attempt").expect("writes");
    let Bench { world, process, .. } = bench;
    process.kill();
    for lease in [done, failing, unsaved] {
        let dir = world.home().join("runs").join(lease.run.to_string());
        for path in [dir.join("session"), dir] {
            let file = std::fs::File::open(path).expect("there");
            file.set_modified(UNIX_EPOCH + Duration::from_secs(1)).expect("ours");
        }
    }
    let bench = Bench::with(world).await;
    let dirs = [done, failing, follow_up].map(|lease| bench.dir(lease.run));
    eventually("the sweep", || dirs.iter().all(|dir| std::fs::symlink_metadata(dir).is_err())).await;
    let home = bench.dir(unsaved.run).join("home");
    eventually("the sweep", || !home.exists()).await;
    assert!(bench.dir(unsaved.run).join("tree/later").exists(), "saved nowhere else");
    assert!(bench.dir(fresh.run).join("home").exists(), "not old enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn follow_ups_that_wait_for_each_other_go_one_after_the_other() {
    let mut bench = Bench::new().await;
    let wait = "while ! [ -e $A/go ]; do sleep 0.02; done";
    let parent = bench.first(1, &bench.task(&format!("touch $A/begun; {wait}; over done")));
    let begun = bench.path("begun");
    eventually("the parent to begin", || begun.exists()).await;
    let script = "[ -e alone ] && say together; touch alone; sleep 0.3; rm alone; over done";
    let task = Task { continues: Some(parent.run), ..bench.task(script) };
    let waiting = [bench.first(2, &task), bench.first(3, &task)];
    for lease in waiting {
        bench.session.accepted(lease).await;
    }
    std::fs::write(bench.path("go"), "").expect("writes");
    assert_eq!(bench.reported(parent).await.end, ReportedEnd::Succeeded);
    // Whichever is first: the other waits until the relay has its report.
    for _ in waiting {
        let Report { lease, digest, end, .. } = bench.session.report(|report| waiting.contains(&report.lease)).await;
        bench.session.say(FromRelay::Reported { lease, digest, fenced: None });
        assert_eq!((end, bench.said(lease)), (ReportedEnd::Succeeded, Vec::new()));
    }
}
