//! The end of the play: the table, the diff, where the results are, and whether it was as promised.

use super::Play;
use crate::command::tour::script::Part;
use crate::command::tour::seen::{Seen, shared_trees};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use crate::render::run as render;
use crate::render::table::{Cell, Table};
use crate::render::text::plain;
use crate::render::{event, time};
use serde_json::json;

impl Play<'_> {
    /// The table, the diff, and where the results are.
    pub(in crate::command::tour) async fn tell_end(&mut self) -> Result<(), Fault> {
        if self.seen.is_empty() {
            return Ok(());
        }
        if self.context.json() {
            let runs: Vec<_> = self.seen.iter().filter_map(|seen| seen.view.as_ref()).collect();
            let runs: Vec<_> = runs.into_iter().map(|view| render::json(view, &self.names)).collect();
            self.context.print_json(json!({ "runs": runs, "repository": self.repository.top() }));
            return Ok(());
        }
        if let Some((name, patch)) = &self.diff {
            self.act(&format!("what `{}` changed:", plain(name)));
            out::line(&event::painted_patch(patch, Paint::stdout()));
        }
        out::line("");
        out::line(&self.table().print(out::width(), Paint::stdout()));
        self.tell_results();
        let runs = if self.seen.len() == 1 { "1 run".to_owned() } else { format!("{} runs", self.seen.len()) };
        out::line(&format!("{runs} in {}", time::length(self.context.now().since(self.began))));
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

    pub(super) fn judge(&self) -> Result<Exit, Fault> {
        let broken = self.seen.iter().filter_map(Seen::broken_promise);
        let broken: Vec<String> = broken.chain(shared_trees(&self.seen, self.repository.top())).collect();
        match self.seen.as_slice() {
            _ if broken.is_empty() => Ok(Exit::Success),
            [lead] if lead.part == Part::Lead => Err(self.left(lead)),
            _ => Err(Fault::Tour(broken.join("\n"))),
        }
    }

    /// The agent of the tour did not get to its end.
    fn left(&self, lead: &Seen) -> Fault {
        let view = lead.view.as_ref();
        let why = view.map(|view| render::why(&view.life, self.context.now())).filter(|why| !why.is_empty());
        let word = view.map_or_else(|| "was never seen".to_owned(), render::word);
        Fault::Lead { agent: lead.name.clone(), why: why.unwrap_or(word) }
    }
}
