//! The plan that Claude Code keeps by its tools: `TodoWrite` gives it whole, `TaskCreate` and `TaskUpdate` in pieces.

use crate::codec::words::{clipped, list, text};
use ostler_core::event::{Event, PlanEntry, PlanState};
use serde_json::Value;

/// Entries of a plan that are kept: more is no plan that anybody reads.
const ENTRIES_MAX: usize = 200;
/// Bytes of one entry.
const ENTRY_BYTES_MAX: usize = 512;

/// The plan as it stands, and the entries that have been asked for and have no number yet.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    entries: Vec<(String, PlanEntry)>,
    asked: Vec<(String, PlanEntry)>,
}

impl Plan {
    /// A call of a tool. True when the tool does nothing but keep the plan.
    pub(crate) fn called(&mut self, tool: &str, call: &str, input: &Value) -> (bool, Option<Event>) {
        match tool {
            "TodoWrite" => {
                let todo = |one: &Value| (String::new(), entry(text(one, "/content"), text(one, "/status")));
                self.entries = list(input, "/todos").iter().take(ENTRIES_MAX).map(todo).collect();
                (true, Some(self.told()))
            }
            "TaskCreate" if self.entries.len() + self.asked.len() < ENTRIES_MAX => {
                self.asked.push((call.to_owned(), entry(text(input, "/subject"), "")));
                (true, None)
            }
            "TaskUpdate" => (true, self.update(text(input, "/taskId"), text(input, "/status"))),
            "TaskCreate" | "TaskList" | "TaskGet" => (true, None),
            _ => (false, None),
        }
    }

    /// The result of a call: an entry that was asked for has its number now.
    pub(crate) fn ended(&mut self, call: &str, result: &Value) -> Option<Event> {
        let at = self.asked.iter().position(|(asked, _)| asked == call)?;
        let (_, entry) = self.asked.remove(at);
        let id = text(result, "/task/id");
        (!id.is_empty()).then(|| {
            self.entries.push((id.to_owned(), entry));
            self.told()
        })
    }

    fn update(&mut self, id: &str, status: &str) -> Option<Event> {
        let at = self.entries.iter().position(|(known, _)| known == id)?;
        match status {
            "" => return None,
            "deleted" => drop(self.entries.remove(at)),
            _ => self.entries[at].1.state = state(status),
        }
        Some(self.told())
    }

    fn told(&self) -> Event {
        Event::Plan(self.entries.iter().map(|(_, entry)| entry.clone()).collect())
    }
}

fn entry(words: &str, status: &str) -> PlanEntry {
    PlanEntry { text: clipped(words, ENTRY_BYTES_MAX), state: state(status) }
}

fn state(status: &str) -> PlanState {
    match status {
        "in_progress" => PlanState::Active,
        "completed" => PlanState::Done,
        _ => PlanState::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(event: Option<Event>) -> String {
        let Some(Event::Plan(entries)) = event else { return "none".to_owned() };
        entries.iter().map(|entry| format!("{}:{:?} ", entry.text, entry.state)).collect()
    }

    #[test]
    fn both_ways_to_keep_a_plan_tell_it_whole() {
        let mut plan = Plan::default();
        let todos =
            json!({"todos": [{"content": "a", "status": "completed"}, {"content": "b", "status": "in_progress"}]});
        assert_eq!(shown(plan.called("TodoWrite", "1", &todos).1), "a:Done b:Active ");
        let mut plan = Plan::default();
        assert_eq!(plan.called("TaskCreate", "1", &json!({"subject": "a"})), (true, None));
        assert_eq!(shown(plan.ended("1", &json!({"task": {"id": "7"}}))), "a:Pending ");
        assert_eq!(shown(plan.called("TaskUpdate", "2", &json!({"taskId": "7", "status": "completed"})).1), "a:Done ");
        assert_eq!(shown(plan.called("TaskUpdate", "3", &json!({"taskId": "8", "status": "completed"})).1), "none");
        assert_eq!(shown(plan.called("TaskUpdate", "4", &json!({"taskId": "7", "status": "deleted"})).1), "");
        assert!(!plan.called("Bash", "5", &json!({})).0);
    }
}
