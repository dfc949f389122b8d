//! OpenHands, `openhands acp` (1.16).
//!
//! Its permission requests do not say what they are about; one of two options that allow once would let it judge for
//! itself from then on. It neither ends with its input nor stops a command that runs: signals do both.

use crate::adapter::LaunchContext;
use crate::catalog::entry::{Enforcement, Entry, Grip, Protocol, Shared, Sharing, SignIn, Standing};
use crate::codec::acp::Acp;
use crate::codec::acp::profile::{Asks, Counted, Model, Outfit, Profile};
use ostler_core::task::Task;

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
    enforces: Enforcement { command: Grip::Enforced, write: Grip::Enforced, fetch: Grip::Enforced },
    resumes: true,
    adapter: Some(|entry| Box::new(Acp::new(entry, &PROFILE))),
};

static PROFILE: Profile = Profile {
    args: &["acp"],
    // Without the first it asks the network for prices at every start.
    env: &[("LITELLM_LOCAL_MODEL_COST_MAP", "True"), ("OPENHANDS_SUPPRESS_BANNER", "1")],
    outfit: overridden,
    model: Model::Variable("LLM_MODEL"),
    mode: Some("always-ask"),
    usage: Counted::Metrics,
    asks: Asks::Blindly,
    yes: Some("accept"),
    ..Profile::PLAIN
};

/// It looks at its own environment only when told to.
fn overridden(task: &Task, context: &LaunchContext, outfit: &mut Outfit) {
    let given = context.host.iter().chain(&task.env).any(|(name, _)| name.starts_with("LLM_"));
    if given || task.model.is_some() {
        outfit.args.push("--override-with-envs".to_owned());
    }
}
