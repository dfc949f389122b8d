//! What points each real agent at a base URL: files of its home, and environment variables where it reads no file.
//!
//! Owns the table; each row was found by running that agent at the version in `tests/agents/pins`. Must not know how an
//! agent is launched: a flag that only a launch can give is not here.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The agents of the table.
pub const AGENTS: [&str; 12] =
    ["claude", "codex", "gemini", "qwen", "opencode", "goose", "copilot", "kimi", "hermes", "openhands", "aider", "pi"];

/// Any key will do; some agents hide every word of their output that equals it.
const KEY: &str = "sk-scripted-0123456789";
/// A model of its own provider for the agents that know their models by name, so that they behave as usual.
const CODEX_MODEL: &str = "gpt-5.5";
const GEMINI_MODEL: &str = "gemini-2.5-pro";
/// What the others call it.
const MODEL: &str = "scripted";
/// Large enough that no agent compacts a short conversation.
const CONTEXT_TOKENS: u32 = 200_000;

/// What an agent is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Environment variables.
    pub env: Vec<(&'static str, String)>,
    /// Files of its home.
    pub files: Vec<File>,
}

/// A file of an agent's home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where it goes.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
}

impl Setup {
    /// Writes the files.
    ///
    /// # Errors
    /// What the file system says.
    pub fn lay(&self) -> io::Result<()> {
        for file in &self.files {
            fs::create_dir_all(file.path.parent().unwrap_or(Path::new("/")))?;
            fs::write(&file.path, &file.text)?;
        }
        Ok(())
    }
}

/// What points `agent` at the model under `base` ([`Model::url`](crate::Model::url)) when its home is `home`.
///
/// # Panics
/// When the agent is not in [`AGENTS`].
#[must_use]
pub fn setup(agent: &str, base: &str, home: &Path) -> Setup {
    let (env, files) = match agent {
        "claude" => claude(base),
        "codex" => codex(base),
        "gemini" => gemini(base),
        "qwen" => qwen(base),
        "opencode" => opencode(base),
        "goose" => goose(base),
        "copilot" => copilot(base),
        "kimi" => kimi(base),
        "hermes" => hermes(base),
        "openhands" => openhands(base),
        "aider" => aider(base),
        "pi" => pi(base),
        unknown => panic!("nobody has set up {unknown} yet"),
    };
    let file = |(path, text): (&str, String)| File { path: home.join(path), text };
    Setup { env, files: files.into_iter().map(file).collect() }
}

type Env = Vec<(&'static str, String)>;
type Files = Vec<(&'static str, String)>;

fn words(pairs: &[(&'static str, &str)]) -> Env {
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Without the two switches it looks up its provider's hosts, offline in vain.
fn claude(base: &str) -> (Env, Files) {
    let env = [
        ("ANTHROPIC_BASE_URL", base),
        ("ANTHROPIC_API_KEY", KEY),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("DISABLE_AUTOUPDATER", "1"),
    ];
    (words(&env), Vec::new())
}

/// A provider of its own, because retries of the built-in one cannot be bounded; it signs in with the file that
/// `codex login --api-key` writes. The features that are off would call other hosts.
fn codex(base: &str) -> (Env, Files) {
    let config = format!(
        r#"model = "{CODEX_MODEL}"
model_provider = "scripted"
check_for_update_on_startup = false

[analytics]
enabled = false

[features]
apps = false
plugins = false
remote_plugin = false
skill_search = false

[model_providers.scripted]
name = "scripted"
base_url = "{base}/v1"
wire_api = "responses"
requires_openai_auth = true
request_max_retries = 2
stream_max_retries = 2
"#
    );
    let auth = json!({"OPENAI_API_KEY": KEY, "tokens": null, "last_refresh": null});
    (Vec::new(), vec![(".codex/config.toml", config), (".codex/auth.json", pretty(&auth))])
}

/// A model by name: with `auto` each turn begins with a classifier's call.
fn gemini(base: &str) -> (Env, Files) {
    let settings = json!({
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": false}},
        "privacy": {"usageStatisticsEnabled": false},
        "general": {"enableAutoUpdate": false},
        "model": {"name": GEMINI_MODEL},
    });
    let env = [("GEMINI_API_KEY", KEY), ("GOOGLE_GEMINI_BASE_URL", base), ("GEMINI_CLI_NO_RELAUNCH", "true")];
    (words(&env), vec![(".gemini/settings.json", pretty(&settings))])
}

/// Its memory would take each finished turn for a conversation of its own, with tools, and play the script on.
fn qwen(base: &str) -> (Env, Files) {
    let settings = json!({
        "security": {"auth": {"selectedType": "openai"}},
        "privacy": {"usageStatisticsEnabled": false},
        "general": {"enableAutoUpdate": false},
        "memory": {"enableManagedAutoMemory": false, "enableManagedAutoDream": false},
    });
    let base = format!("{base}/v1");
    let env = [("OPENAI_API_KEY", KEY), ("OPENAI_BASE_URL", &base), ("OPENAI_MODEL", MODEL)];
    (words(&env), vec![(".qwen/settings.json", pretty(&settings))])
}

/// A price, so that it reports one.
fn opencode(base: &str) -> (Env, Files) {
    let limit = json!({"context": CONTEXT_TOKENS, "output": 8000});
    let model = json!({"name": MODEL, "tool_call": true, "cost": {"input": 1, "output": 2}, "limit": limit});
    let provider = json!({
        "npm": "@ai-sdk/openai-compatible", "name": MODEL,
        "options": {"baseURL": format!("{base}/v1"), "apiKey": KEY},
        "models": {MODEL: model},
    });
    let name = format!("{MODEL}/{MODEL}");
    let config = json!({
        "autoupdate": false, "model": name, "small_model": name, "provider": {MODEL: provider},
    });
    let env = [
        ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
        ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
        ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
        ("OPENCODE_DISABLE_DEFAULT_PLUGINS", "1"),
    ];
    (words(&env), vec![(".config/opencode/opencode.json", pretty(&config))])
}

/// Host and path are two settings. Without the keyring, its secrets are a file.
fn goose(base: &str) -> (Env, Files) {
    let path_at = base.find("/t/").unwrap_or(base.len());
    let (host, path) = (&base[..path_at], base[path_at..].trim_start_matches('/'));
    let config = format!(
        "GOOSE_PROVIDER: openai\nGOOSE_MODEL: {MODEL}\nOPENAI_HOST: {host}\n\
         OPENAI_BASE_PATH: {path}/v1/chat/completions\nGOOSE_TELEMETRY_ENABLED: false\n"
    );
    let secrets = format!("OPENAI_API_KEY: {KEY}\n");
    let files = vec![(".config/goose/config.yaml", config), (".config/goose/secrets.yaml", secrets)];
    (words(&[("GOOSE_DISABLE_KEYRING", "1")]), files)
}

fn copilot(base: &str) -> (Env, Files) {
    let base = format!("{base}/v1");
    let env = [
        ("COPILOT_PROVIDER_BASE_URL", base.as_str()),
        ("COPILOT_PROVIDER_TYPE", "openai"),
        ("COPILOT_PROVIDER_API_KEY", KEY),
        ("COPILOT_MODEL", MODEL),
        ("COPILOT_OFFLINE", "true"),
        ("COPILOT_AUTO_UPDATE", "false"),
    ];
    (words(&env), Vec::new())
}

fn kimi(base: &str) -> (Env, Files) {
    let config = format!(
        r#"default_model = "{MODEL}"
telemetry = false

[providers.{MODEL}]
type = "openai"
base_url = "{base}/v1"
api_key = "{KEY}"

[models.{MODEL}]
provider = "{MODEL}"
model = "{MODEL}"
max_context_size = {CONTEXT_TOKENS}
"#
    );
    let env = [("KIMI_CODE_NO_AUTO_UPDATE", "1"), ("KIMI_DISABLE_TELEMETRY", "1")];
    (words(&env), vec![(".kimi-code/config.toml", config)])
}

fn hermes(base: &str) -> (Env, Files) {
    let config = format!("model:\n  provider: custom\n  base_url: {base}/v1\n  api_key: {KEY}\n  default: {MODEL}\n");
    (Vec::new(), vec![(".hermes/config.yaml", config)])
}

/// The price list of a library it uses would be fetched from the network, for ten seconds.
fn openhands(base: &str) -> (Env, Files) {
    let llm = json!({"model": format!("openai/{MODEL}"), "api_key": KEY, "base_url": format!("{base}/v1")});
    let settings = json!({"llm": llm});
    let env = [("LITELLM_LOCAL_MODEL_COST_MAP", "True"), ("OPENHANDS_SUPPRESS_BANNER", "1"), ("DO_NOT_TRACK", "1")];
    (words(&env), vec![(".openhands/agent_settings.json", pretty(&settings))])
}

/// A price list of its own keeps it from fetching one, and makes it report a price.
fn aider(base: &str) -> (Env, Files) {
    let name = format!("openai/{MODEL}");
    let config = format!(
        "model: {name}\nedit-format: diff\nopenai-api-base: {base}/v1\nopenai-api-key: {KEY}\n\
         analytics: false\ncheck-update: false\nshow-model-warnings: false\nshow-release-notes: false\nmap-tokens: 0\n"
    );
    let price = json!({
        "max_input_tokens": CONTEXT_TOKENS, "max_output_tokens": 8000, "input_cost_per_token": 0.000_001,
        "output_cost_per_token": 0.000_002, "litellm_provider": "openai", "mode": "chat",
    });
    let prices = (".aider/caches/model_prices_and_context_window.json", pretty(&json!({ (name): price })));
    (words(&[("LITELLM_LOCAL_MODEL_COST_MAP", "True")]), vec![(".aider.conf.yml", config), prices])
}

fn pi(base: &str) -> (Env, Files) {
    let cost = json!({"input": 1, "output": 2, "cacheRead": 0, "cacheWrite": 0});
    let model = json!({
        "id": MODEL, "name": MODEL, "contextWindow": CONTEXT_TOKENS, "maxTokens": 8000, "input": ["text"],
        "reasoning": false, "cost": cost,
    });
    let api = json!({"baseUrl": format!("{base}/v1"), "api": "openai-completions", "apiKey": KEY, "models": [model]});
    let models = json!({"providers": {MODEL: api}});
    let settings = json!({"defaultProvider": MODEL, "defaultModel": MODEL});
    let files = vec![(".pi/agent/models.json", pretty(&models)), (".pi/agent/settings.json", pretty(&settings))];
    (words(&[("PI_OFFLINE", "1"), ("PI_SKIP_VERSION_CHECK", "1")]), files)
}
