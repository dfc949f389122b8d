//! The play: submits, listens to every run at once, and does what a person would do at the right moment.
//!
//! ```text
//! followers (one per run) ──▶ Cue ──▶ one handler ──▶ kill, cancel, approve; a line for people
//! ```

mod asked;
mod end;

use super::cast::Cast;
use super::repository::Repository;
use super::script::{self, Part};
use super::seen::Seen;
use super::{Args, agent, say};
use crate::command::answer::{Keyboard, Word};
use crate::command::names;
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::Paint;
use crate::render::event;
use crate::render::run::{self as render, Names};
use crate::render::text::{cut, output};
use ostler_client::{Client, ClientError, Draft, Step};
use ostler_core::event::Event;
use ostler_core::ids::{ApprovalId, RunId};
use ostler_core::run::State;
use ostler_core::time::Timestamp;
use ostler_proto::RunView;
use ostler_runner::Entry;
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
    diff: Option<(String, Vec<u8>)>,
    lead: Option<&'static Entry>,
    began: Timestamp,
    cues: (Cues, mpsc::UnboundedReceiver<(RunId, Cue)>),
    followers: JoinSet<()>,
    keyboard: Option<Keyboard>,
    asking: JoinSet<()>,
}

impl<'a> Play<'a> {
    pub(super) fn new(
        context: &'a Context,
        args: &'a Args,
        client: &'a Client,
        repository: &'a Repository,
        lead: Option<&'static Entry>,
    ) -> Self {
        Self {
            context,
            args,
            client,
            repository,
            names: Names::new(),
            seen: Vec::new(),
            diff: None,
            lead,
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
        match self.lead {
            Some(entry) => self.only_act(entry).await?,
            None => self.first_act().await?,
        }
        while let Some((run, cue)) = self.cues.1.recv().await {
            self.handle(run, cue, cast).await?;
            if self.seen.iter().all(|seen| seen.over) {
                break;
            }
        }
        self.judge()
    }

    async fn first_act(&mut self) -> Result<(), Fault> {
        self.act("one run; its runner is killed half way, without warning (SIGKILL)");
        self.submit(Part::Survivor, &script::survivor(self.repository.top())?).await
    }

    /// The only act of a tour with an agent.
    async fn only_act(&mut self, entry: &'static Entry) -> Result<(), Fault> {
        self.act(&format!("{} is asked to write a file and to show it; {}", entry.name, agent::asks(entry)));
        self.submit(Part::Lead, &agent::draft(self.repository.top(), entry)?).await
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
                if news && self.of(run).part == Part::Lead && matches!(view.life.state(), State::Held { .. }) {
                    self.act("nobody waits for a provider in a tour: cancelling");
                    self.client.cancel(run).await?;
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
            Event::Diff { patch, .. } if self.of(run).shows_its_diff() => {
                self.diff = Some((self.of(run).name.clone(), patch.clone()));
            }
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
            Part::Survivor
            | Part::Stopped
            | Part::Editor
            | Part::Asker
            | Part::Doomed
            | Part::Copy
            | Part::Agent
            | Part::Lead => Ok(()),
        }
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
