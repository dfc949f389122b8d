//! `ostler policy test`: one action, judged as a runner would judge it.

use crate::command::runner;
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use crate::render::rule::judgement;
use ostler_core::deed::{Action, Deed, FileChange};
use ostler_core::guard::{Effect, Layers, Rule, Scene, judge};
use std::path::{Path, PathBuf};

/// Which action, and where.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 it would be allowed, 20 a person would be asked, 21 it would be denied.")]
pub(crate) struct Args {
    /// The submitter's rules, as in `ostler run --policy`.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The runner's rules; `ostler.policy` in this machine's runner directory when there is one.
    #[arg(long, value_name = "FILE")]
    owner: Option<PathBuf>,
    /// Catalog name of the agent.
    #[arg(long, default_value = "claude")]
    agent: String,
    /// The run's queue.
    #[arg(long, default_value = "default")]
    queue: String,
    /// The working tree; where you stand when absent.
    #[arg(long, value_name = "DIR")]
    tree: Option<PathBuf>,
    #[command(flatten)]
    deed: DeedArgs,
}

/// What would be done: one of these.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct DeedArgs {
    /// A command line for a shell.
    #[arg(long, value_name = "LINE", allow_hyphen_values = true)]
    command: Option<String>,
    /// Writing, making, moving or deleting a file.
    #[arg(long, value_name = "PATH")]
    write: Option<String>,
    /// Reading a file.
    #[arg(long, value_name = "PATH")]
    read: Option<String>,
    /// Getting something from the network.
    #[arg(long, value_name = "URL")]
    fetch: Option<String>,
    /// Calling a tool of an MCP server.
    #[arg(long, value_name = "SERVER.TOOL")]
    mcp: Option<String>,
}

impl DeedArgs {
    fn deed(&self) -> Result<Deed, Fault> {
        let clone = |text: &String| text.clone();
        let command = self.command.as_ref().map(|line| Deed::Command { line: clone(line) });
        let change = |path: &String| FileChange { path: clone(path), diff: String::new() };
        let write = self.write.as_ref().map(|path| Deed::Edit { changes: vec![change(path)] });
        let read = self.read.as_ref().map(|path| Deed::Read { path: clone(path) });
        let fetch = self.fetch.as_ref().map(|url| Deed::Fetch { url: clone(url) });
        if let Some(deed) = command.or(write).or(read).or(fetch) {
            return Ok(deed);
        }
        let (server, tool) = self.mcp.as_deref().and_then(|name| name.split_once('.')).ok_or_else(|| {
            Fault::Usage("a tool of an MCP server is written SERVER.TOOL, as in `tracker.create_issue`".to_owned())
        })?;
        Ok(Deed::Mcp { server: server.to_owned(), tool: tool.to_owned(), input: String::new() })
    }
}

/// Judges it.
pub(super) fn perform(context: &Context, args: &Args) -> Result<Exit, Fault> {
    let tree = tree(args.tree.as_deref())?;
    let action = Action::new(args.deed.deed()?, &tree, "");
    let (owner, run) = (owner(context, args.owner.as_deref())?, given(args.policy.as_deref())?);
    let scene = Scene { agent: &args.agent, queue: &args.queue, tree: &tree };
    let judged = judge(&action, &scene, &Layers { owner: &owner, run: &run, granted: &[] });
    if context.json() {
        context.print_json(judgement::json(&action, &scene, &judged));
    } else {
        out::line(&judgement::page(&action, &scene, &judged, Paint::stdout()));
    }
    Ok(match judged.effect {
        Effect::Allow => Exit::Success,
        Effect::Ask => Exit::WouldAsk,
        Effect::Deny => Exit::WouldDeny,
    })
}

/// Links resolved, as the runner's own trees are; a directory that is not there is taken as it is written.
fn tree(given: Option<&Path>) -> Result<String, Fault> {
    let path = given.unwrap_or(Path::new("."));
    let whole = path.canonicalize().or_else(|_| std::path::absolute(path));
    let whole = whole.map_err(Fault::io(path.display().to_string()))?;
    whole.to_str().map(str::to_owned).ok_or_else(|| Fault::Usage("the path of the tree is not UTF-8".to_owned()))
}

fn given(path: Option<&Path>) -> Result<Vec<Rule>, Fault> {
    path.map_or_else(|| Ok(Vec::new()), super::rules)
}

fn owner(context: &Context, path: Option<&Path>) -> Result<Vec<Rule>, Fault> {
    let (_, directory) = runner::configured(context, None)?;
    let own = Some(directory.join("ostler.policy")).filter(|path| path.exists());
    given(path.map(Path::to_owned).or(own).as_deref())
}
