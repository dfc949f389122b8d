//! OpenHands, `openhands acp` (1.16).
//!
//! Its permission requests do not say what they are about; one of two options that allow once would let it judge for
//! itself from then on. It neither ends with its input nor stops a command that runs: signals do both. The repository's
//! hooks (`.openhands/hooks.json`) run unasked, and nothing switches them off: hence no more than advisory for commands.

use crate::adapter::LaunchContext;
use crate::catalog::entry::{Enforcement, Entry, Grip, Protocol, Shared, Sharing, SignIn, Standing};
use crate::codec::acp::Acp;
use crate::codec::acp::profile::{Asks, Counted, Model, Outfit, Profile};
use ostler_core::task::Task;
use serde_json::json;

pub(crate) static ENTRY: Entry = Entry {
    name: "openhands",
    programs: &["openhands"],
    version_args: &["--version"],
    marks: &["OpenHands CLI"],
    oldest: "1.16",
    protocol: Protocol::Acp,
    standing: Standing::Verified("1.16.0"),
    sign_in: SignIn {
        env: &["LLM_API_KEY"],
        files: &[".openhands/agent_settings.json"],
        how: "run `openhands` once and give it a model, or set LLM_MODEL and LLM_API_KEY",
    },
    env: &["LLM_API_KEY", "LLM_BASE_URL", "LLM_MODEL"],
    shared: &[
        Shared { path: ".openhands/agent_settings.json", how: Sharing::Copy },
        Shared { path: ".openhands/cli_config.json", how: Sharing::Copy },
    ],
    enforces: Enforcement { command: Grip::Advisory, write: Grip::Enforced, fetch: Grip::None },
    resumes: true,
    adapter: Some(|entry| Box::new(Acp::new(entry, &PROFILE))),
};

static PROFILE: Profile = Profile {
    args: &["acp"],
    // Without the first it asks the network for prices at every start.
    env: &[("LITELLM_LOCAL_MODEL_COST_MAP", "True"), ("OPENHANDS_SUPPRESS_BANNER", "1")],
    outfit: configured,
    model: Model::Session,
    mode: Some("always-ask"),
    usage: Counted::Metrics,
    asks: Asks::Blindly,
    yes: Some("accept"),
    ..Profile::PLAIN
};

/// Over ACP it heeds no environment (`--override-with-envs` is for its other modes), only its settings: they are made of
/// the environment where that names a model and a key.
fn configured(task: &Task, context: &LaunchContext, outfit: &mut Outfit) {
    // Its terminals live in a tmux server: a shared one would be another run's, and outlive both.
    outfit.env.push(("TMUX_TMPDIR".to_owned(), context.temporary.display().to_string()));
    let given = |name: &str| {
        let found = task.env.iter().chain(&context.host).find(|(one, value)| one == name && !value.is_empty());
        found.map(|(_, value)| value.clone())
    };
    let (Some(key), Some(model)) = (given("LLM_API_KEY"), task.model.clone().or_else(|| given("LLM_MODEL"))) else {
        return;
    };
    let mut llm = json!({ "model": model, "api_key": key, "usage_id": "agent" });
    if let Some(url) = given("LLM_BASE_URL") {
        llm["base_url"] = json!(url);
    }
    let settings = json!({ "kind": "Agent", "llm": llm });
    outfit.files.push((".openhands/agent_settings.json".to_owned(), settings.to_string().into_bytes()));
    outfit.knows_model = true;
}
