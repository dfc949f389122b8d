//! The play: submits, listens to every run at once, and does what a person would do at the right moment.
//!
//! ```text
//! followers (one per run) ──▶ Cue ──▶ one handler ──▶ kill, cancel, approve; a line for people
//! ```

use super::cast::Cast;
use super::repository::Repository;
use super::script::{self, Part};
use super::seen::{Seen, shared_trees};
use super::{Args, say};
use crate::command::answer::{Keyboard, Word, sign};
use crate::command::approve::LINES_MAX;
use crate::command::names;
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use crate::render::approval::{self, Look};
use crate::render::run::{self as render, Names};
use crate::render::table::{Cell, Table};
use crate::render::text::{cut, output, plain};
use crate::render::{event, time};
use ostler_client::{Client, ClientError, Draft, Step};
use ostler_core::approval::{Action, Deed};
use ostler_core::event::Event;
use ostler_core::ids::{ApprovalId, RunId};
use ostler_core::time::Timestamp;
use ostler_proto::RunView;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Characters of an event: an agent may say a page at once.
const LINE_CHARS_MAX: usize = 240;

/// What the handler hears of.
enum Cue {
    Heard(Box<Event>),
    Moved(Box<RunView>),
    Over,
    Lost(ClientError),
    Answered(ApprovalId, Word),
}

/// Where followers put what they hear.
type Cues = mpsc::UnboundedSender<(RunId, Cue)>;

/// The play as it stands.
pub(super) struct Play<'a> {
    context: &'a Context,
    args: &'a Args,
    client: &'a Client,
    repository: &'a Repository,
    names: Names,
    seen: Vec<Seen>,
    diff: Option<Vec<u8>>,
    began: Timestamp,
    cues: (Cues, mpsc::UnboundedReceiver<(RunId, Cue)>),
    followers: JoinSet<()>,
    keyboard: Option<Keyboard>,
    asking: JoinSet<()>,
}

impl<'a> Play<'a> {
    pub(super) fn new(context: &'a Context, args: &'a Args, client: &'a Client, repository: &'a Repository) -> Self {
        Self {
            context,
            args,
            client,
            repository,
            names: Names::new(),
            seen: Vec::new(),
            diff: None,
            began: context.now(),
            cues: mpsc::unbounded_channel(),
            followers: JoinSet::new(),
            keyboard: Keyboard::of_person(args.yes),
            asking: JoinSet::new(),
        }
    }

    /// From the first submission to the end of the last run.
    pub(super) async fn perform(&mut self, cast: &mut Cast) -> Result<Exit, Fault> {
        self.names = names(self.client).await;
        self.act("one run; its runner is killed half way, without warning (SIGKILL)");
        self.submit(Part::Survivor, &script::survivor(self.repository.top())?).await?;
        while let Some((run, cue)) = self.cues.1.recv().await {
            self.handle(run, cue, cast).await?;
            if self.seen.iter().all(|seen| seen.over) {
                break;
            }
        }
        self.judge()
    }

    /// The second act, as soon as the first runner is dead.
    async fn second_act(&mut self) -> Result<(), Fault> {
        let agent = if self.args.no_agent { None } else { script::signed_in() };
        self.act("meanwhile: an edit, an approval, a dead letter, three copies, one to be stopped");
        match agent {
            Some(agent) => self.act(&format!("and {agent}, which is installed and signed in")),
            None => self.act("(no run with a real agent: none is installed and signed in, or --no-agent)"),
        }
        for (part, draft) in script::others(self.repository.top(), agent)? {
            self.submit(part, &draft).await?;
        }
        Ok(())
    }

    async fn submit(&mut self, part: Part, draft: &Draft) -> Result<(), Fault> {
        let run = self.client.submit(draft).await?.run;
        self.seen.push(Seen::new(part, run, &draft.name));
        self.tell(run, &format!("submitted as {run}"));
        let (client, cues) = (self.client.clone(), self.cues.0.clone());
        self.followers.spawn(follow(client, run, cues));
        Ok(())
    }

    async fn handle(&mut self, run: RunId, cue: Cue, cast: &mut Cast) -> Result<(), Fault> {
        match cue {
            Cue::Heard(event) => self.heard(run, &event, cast).await,
            Cue::Moved(view) => {
                let news = self.of(run).look(&view);
                if news {
                    self.moved(run, &view);
                }
                Ok(())
            }
            Cue::Over => {
                self.of(run).over = true;
                Ok(())
            }
            Cue::Lost(error) => Err(error.into()),
            Cue::Answered(id, word) => self.answer(run, id, &word).await,
        }
    }

    async fn heard(&mut self, run: RunId, event: &Event, cast: &mut Cast) -> Result<(), Fault> {
        self.of(run).hear(event);
        match event {
            Event::Output { bytes, .. } => {
                output(bytes).lines().for_each(|line| self.tell(run, &Paint::stdout().dim(&format!("| {line}"))));
            }
            Event::Diff { patch, .. } if self.of(run).part == Part::Editor => self.diff = Some(patch.clone()),
            Event::Saved { branch, commit, .. } => {
                self.repository.note(branch, commit);
                self.tell(run, &event::line(event));
            }
            Event::Asked { approval, .. } => self.asked(run, *approval).await?,
            Event::Answered { .. }
            | Event::Diff { .. }
            | Event::Message(_)
            | Event::Notice(_)
            | Event::ToolCalled { .. }
            | Event::Ruled { .. }
            | Event::Withdrawn { .. }
            | Event::Usage(_)
            | Event::Limit { .. }
            | Event::Failed(_)
            | Event::Prompted(_)
            | Event::Checked { .. } => self.tell(run, &cut(&event::line(event), LINE_CHARS_MAX)),
            Event::Started { .. }
            | Event::Truncated { .. }
            | Event::Ended { .. }
            | Event::Raw(_)
            | Event::Thought(_)
            | Event::Plan(_)
            | Event::ToolEnded { .. }
            | Event::Session { .. }
            | Event::TurnEnded { .. } => {}
        }
        if matches!(event, Event::Output { .. }) { self.intervene(run, cast).await } else { Ok(()) }
    }

    /// What the tour does to a run that speaks.
    async fn intervene(&mut self, run: RunId, cast: &mut Cast) -> Result<(), Fault> {
        let (part, printed, alone) = (self.of(run).part, self.of(run).printed, self.seen.len() == 1);
        match part {
            Part::Survivor if alone && printed == 2 => {
                let lease = self.client.run(run).await?.view.life.lease().map(|lease| lease.worker);
                let name = lease.and_then(|worker| self.names.get(&worker).cloned()).unwrap_or_default();
                let pid = cast.kill(&name).await.unwrap_or_default();
                self.act(&format!("{} runner {name}, pid {pid}", Paint::stdout().red("kill -9")));
                self.second_act().await
            }
            Part::Stopped if printed == 1 => {
                self.act("ostler runs cancel, for the run that never ends");
                Ok(self.client.cancel(run).await?)
            }
            Part::Survivor | Part::Stopped | Part::Editor | Part::Asker | Part::Doomed | Part::Copy | Part::Agent => {
                Ok(())
            }
        }
    }

    /// Shows a question, and finds somebody to answer it.
    async fn asked(&mut self, run: RunId, id: ApprovalId) -> Result<(), Fault> {
        let question = self.client.approval(id).await?;
        if !question.approval.is_pending() {
            return Ok(());
        }
        let agent = self.of(run).view.as_ref().map(|view| view.spec.header.agent.clone());
        let look = Look { names: &self.names, now: self.context.now(), paint: Paint::stdout(), lines_max: LINES_MAX };
        let page = approval::page(&question, agent.as_deref(), look);
        let cues = self.cues.0.clone();
        // Should the play be over, nobody waits for the answer.
        let send = move |word| drop(cues.send((run, Cue::Answered(id, word))));
        match (&self.keyboard, question.action) {
            (Some(keyboard), Ok(action)) => {
                let keyboard = keyboard.clone();
                let no = || Word::No("nobody is at the terminal".to_owned());
                self.asking.spawn(async move { send(keyboard.ask(&page, &action).await.unwrap_or_else(no)) });
            }
            (_, action) => {
                say(self.context, &page);
                send(self.by_itself(action.ok().as_ref()));
            }
        }
        Ok(())
    }

    /// The word of the tour itself, when no person is to be asked.
    fn by_itself(&self, action: Option<&Action>) -> Word {
        if !self.args.yes {
            self.act("nobody is at the terminal and --yes was not given: rejecting");
            return Word::No("during the tour, by nobody".to_owned());
        }
        self.act("--yes: approving");
        match action.map(|action| &action.deed) {
            Some(Deed::Question { options, .. }) if !options.is_empty() => Word::Choose(1),
            Some(Deed::Question { .. }) => Word::Answer("as you think best".to_owned()),
            Some(_) | None => Word::Yes("during the tour".to_owned()),
        }
    }

    async fn answer(&mut self, run: RunId, id: ApprovalId, word: &Word) -> Result<(), Fault> {
        let question = self.client.approval(id).await?;
        match sign(self.client, &question, word).await {
            Ok(_) => Ok(()),
            // Its runner was lost, or it was cancelled meanwhile: it will ask again, or nobody needs the answer.
            Err(Fault::Client(error @ (ClientError::Answered | ClientError::Refusal(_)))) => {
                self.tell(run, &plain(&error.to_string()));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The table, the diff, and where the results are.
    pub(super) async fn tell_end(&mut self) -> Result<(), Fault> {
        if self.seen.is_empty() {
            return Ok(());
        }
        if self.context.json() {
            let runs: Vec<_> = self.seen.iter().filter_map(|seen| seen.view.as_ref()).collect();
            let runs: Vec<_> = runs.into_iter().map(|view| render::json(view, &self.names)).collect();
            self.context.print_json(json!({ "runs": runs, "repository": self.repository.top() }));
            return Ok(());
        }
        if let Some(patch) = &self.diff {
            self.act("what the run `edit` changed:");
            out::line(&event::painted_patch(patch, Paint::stdout()));
        }
        out::line("");
        out::line(&self.table().print(out::width(), Paint::stdout()));
        self.tell_results();
        out::line(&format!("{} runs in {}", self.seen.len(), time::length(self.context.now().since(self.began))));
        Ok(())
    }

    /// Where the work of each run is.
    fn tell_results(&self) {
        let fate = if self.args.keep { "kept" } else { "removed in a moment; --keep keeps them" };
        out::line(&format!("\nresults, as branches in {} ({fate}):", self.repository.top().display()));
        for seen in &self.seen {
            if let (Some(branch), Some((files, added, removed))) = (&seen.branch, seen.changed) {
                let changed = format!("{}, +{added} -{removed}", event::files_word(files));
                out::line(&format!("  {:>9} {} ({changed})", plain(&seen.name), plain(branch)));
            }
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&["RUN", "NAME", "STATE", "RUNNERS", "TRIES", "BRANCH", "TOOK"], 5);
        for seen in &self.seen {
            let Some(view) = &seen.view else { continue };
            let runners: Vec<String> = seen.runners.iter().map(|id| render::name(&self.names, *id)).collect();
            let ended = render::ended_at(&view.life).unwrap_or(view.spec.created_at);
            table.row(vec![
                Cell::painted(seen.run.short(), Paint::bold),
                plain(&seen.name).into(),
                Cell::painted(render::word(view), render::tint(&view.life)),
                runners.join(" ▸ ").into(),
                format!("{}/{}", render::attempts(&view.life), view.spec.header.attempts.max).into(),
                plain(seen.branch.as_deref().unwrap_or("-")).into(),
                time::length(ended.since(view.spec.created_at)).into(),
            ]);
        }
        table
    }

    fn judge(&self) -> Result<Exit, Fault> {
        let broken = self.seen.iter().filter_map(Seen::broken_promise);
        let broken: Vec<String> = broken.chain(shared_trees(&self.seen, self.repository.top())).collect();
        if broken.is_empty() { Ok(Exit::Success) } else { Err(Fault::Tour(broken.join("\n"))) }
    }

    fn of(&mut self, run: RunId) -> &mut Seen {
        self.seen.iter_mut().find(|seen| seen.run == run).expect("only submitted runs are followed")
    }

    fn moved(&mut self, run: RunId, view: &RunView) {
        let line = render::stands(view, &self.names, self.context.now(), Paint::stdout());
        self.tell(run, &line);
    }

    /// A line about a run.
    fn tell(&self, run: RunId, text: &str) {
        let name = self.seen.iter().find(|seen| seen.run == run).map_or("", |seen| seen.name.as_str());
        say(self.context, &format!("{} {name:>9} {text}", self.stamp()));
    }

    /// A line about what the tour itself does.
    fn act(&self, text: &str) {
        say(self.context, &format!("{} {}", self.stamp(), Paint::stdout().bold(text)));
    }

    fn stamp(&self) -> String {
        let since = self.context.now().since(self.began);
        Paint::stdout().dim(&format!("{:>3}.{}s", since / 1_000, since % 1_000 / 100))
    }
}

/// Tells the handler everything about one run, in order.
async fn follow(client: Client, run: RunId, cues: Cues) {
    let mut follow = client.follow(run, 1);
    let send = |cue| drop(cues.send((run, cue)));
    loop {
        match follow.next().await {
            Ok(Some(Step::Heard(heard))) => {
                heard
                    .into_iter()
                    .filter_map(|heard| heard.event.ok())
                    .for_each(|event| send(Cue::Heard(Box::new(event))));
            }
            Ok(Some(Step::Moved(view))) => send(Cue::Moved(view)),
            Ok(Some(Step::Truncated(_) | Step::Lost(_))) => {}
            Ok(None) => break,
            Err(error) => return send(Cue::Lost(error)),
        }
    }
    match client.run(run).await {
        Ok(detail) => send(Cue::Moved(Box::new(detail.view))),
        Err(error) => return send(Cue::Lost(error)),
    }
    send(Cue::Over);
}
