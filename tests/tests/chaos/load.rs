//! Runs that leave a trace, submitters that do not give up, and an approver.
//!
//! Owns the history: what was acknowledged, and what was decided. Must not judge it.

use ostler_client::{Client, ClientError, Draft, Question};
use ostler_core::approval::{Choice, Deed};
use ostler_core::failure::Attempts;
use ostler_core::ids::{ApprovalId, LeaseId, RunId};
use ostler_tests::{Processes, command};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Submitters at a time, and the pause of each between two submissions: several runs are under way at any moment, and two
/// cores keep up.
const SUBMITTERS: u64 = 4;
const SUBMIT_EVERY: Duration = Duration::from_millis(250);
/// Between two looks at the inbox.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A run's script: `$1` is its number, `$2` how long it works, `$3` whether it asks. Its working directory is called
/// `run-epoch`. A verdict whose word was lost with a killed runner is asked for anew.
const WORK: &str = r#"#!/bin/sh
me=${PWD##*/}
echo "begin $me" >> EFFECTS
echo one
sleep "$2"
code=0
if [ "$3" = ask ]; then
    for attempt in 1 2 3 4 5 6 7 8; do
        OSTLER ask --kind deploy -- DEPLOY "$1" "$me"
        code=$?
        [ "$code" = 125 ] || break
    done
fi
echo two
echo "end $me $code" >> EFFECTS
[ "$code" = 0 ] || [ "$code" = 126 ]
"#;
const DEPLOY: &str = "#!/bin/sh\necho \"deploy $2\" >> EFFECTS\n";

/// Every third run asks, and every second of those is rejected.
pub(crate) const fn asks(index: u64) -> bool {
    index.is_multiple_of(3)
}

/// What people think of a run's action.
pub(crate) const fn verdict(index: u64) -> Choice {
    if index.is_multiple_of(6) { Choice::Approve } else { Choice::Reject }
}

/// What happened, as people know it.
pub(crate) struct History {
    /// Runs whose submission was acknowledged, by number.
    pub(crate) acknowledged: BTreeMap<u64, RunId>,
    /// Verdicts that were acknowledged.
    pub(crate) verdicts: BTreeMap<ApprovalId, (LeaseId, Choice)>,
    /// Lines of what the runs did.
    pub(crate) effects: PathBuf,
}

/// The submitters and the approver at work.
pub(crate) struct Load {
    submitting: watch::Sender<bool>,
    deciding: watch::Sender<bool>,
    submitters: JoinSet<BTreeMap<u64, RunId>>,
    approver: JoinSet<BTreeMap<ApprovalId, (LeaseId, Choice)>>,
    effects: PathBuf,
}

impl Load {
    /// Starts both.
    pub(crate) fn start(fleet: &Processes) -> Self {
        let (effects, work) = (fleet.directory().join("effects"), fleet.directory().join("work"));
        let deploy = fleet.directory().join("deploy");
        let put = |path: &Path, text: &str| {
            let text = text.replace("EFFECTS", &effects.display().to_string());
            let text = text.replace("OSTLER ask", &format!("{} ask", fleet.executable().display()));
            std::fs::write(path, text.replace("DEPLOY", &deploy.display().to_string())).expect("written");
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).expect("ours");
        };
        put(&deploy, DEPLOY);
        put(&work, WORK);
        let (submitting, until_stopped) = watch::channel(true);
        let submitter = |first| submit(fleet.client.clone(), work.clone(), first, until_stopped.clone());
        let submitters = (0..SUBMITTERS).map(submitter).collect();
        let (deciding, until_over) = watch::channel(true);
        let approver = [decide(fleet.client.clone(), until_over)].into_iter().collect();
        Self { submitting, deciding, submitters, approver, effects }
    }

    /// Submits no more. Verdicts are given until every acknowledged run is over, which `settled` waits for, one by one.
    pub(crate) async fn stop(mut self, settled: impl AsyncFn(RunId)) -> History {
        self.submitting.send_replace(false);
        let mut acknowledged = BTreeMap::new();
        while let Some(submitted) = self.submitters.join_next().await {
            acknowledged.extend(submitted.expect("a submitter ends"));
        }
        for run in acknowledged.values() {
            settled(*run).await;
        }
        self.deciding.send_replace(false);
        let verdicts = self.approver.join_next().await.expect("there is one").expect("the approver ends");
        History { acknowledged, verdicts, effects: self.effects }
    }
}

fn draft(work: &Path, index: u64) -> Draft {
    let (number, seconds) = (index.to_string(), format!("{}.{}", index % 7 / 5, index % 7 * 2 % 10));
    let asks = if asks(index) { "ask" } else { "go" };
    let mut draft = Draft::new(&name(index), command(&[&work.display().to_string(), &number, &seconds, asks]));
    draft.attempts = Attempts { max: 3, of_task: false };
    draft.key = Some(name(index));
    draft
}

/// What run number `index` is called: its idempotency key too.
pub(crate) fn name(index: u64) -> String {
    format!("chaos-{index}")
}

/// An answer that was lost leaves it unknown whether the run is kept: the same key is submitted until it is known.
async fn submit(client: Client, work: PathBuf, first: u64, go_on: watch::Receiver<bool>) -> BTreeMap<u64, RunId> {
    let mut acknowledged = BTreeMap::new();
    let mut index = first;
    while *go_on.borrow() {
        let draft = draft(&work, index);
        let run = loop {
            match client.submit(&draft).await {
                Ok(kept) => break kept.run,
                Err(ClientError::Refusal(refusal)) => panic!("{refusal}"),
                Err(_) => {}
            }
        };
        acknowledged.insert(index, run);
        index += SUBMITTERS;
        tokio::time::sleep(SUBMIT_EVERY).await;
    }
    acknowledged
}

async fn decide(client: Client, go_on: watch::Receiver<bool>) -> BTreeMap<ApprovalId, (LeaseId, Choice)> {
    let mut decided = BTreeMap::new();
    while *go_on.borrow() {
        for question in client.inbox().await.unwrap_or_default() {
            let Some(choice) = choice(&question) else { continue };
            if client.decide(&question, choice, "as always").await.is_ok() {
                decided.insert(question.approval.id, (question.approval.lease, choice));
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    decided
}

fn choice(question: &Question) -> Option<Choice> {
    let action = question.action.as_ref().ok()?;
    let Deed::Program(program) = &action.deed else { return None };
    Some(verdict(program.argv.get(1)?.parse().ok()?))
}
