//! The model's HTTP server: what comes in is recorded, what goes out is delayed, broken or refused as a script says.
//!
//! Owns the count of faults dealt out and what is released. Must not know what is in an answer.

use super::heard::{Heard, Part};
use super::play::{Play, play};
use super::script::{Scripts, Trouble};
use super::talk::Talk;
use super::wire::{Api, Reset};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{Error, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// A conversation with some pictures in it; agents of a test send far less.
const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What is said to whoever counts tokens.
const COUNTED_TOKENS: u64 = super::INPUT_TOKENS;

/// What a model keeps between requests.
#[derive(Debug)]
pub(super) struct Stage {
    scripts: Scripts,
    heard: Mutex<Vec<Heard>>,
    log: Option<Mutex<File>>,
    /// How often a fault struck, per tag, marker and step.
    struck: Mutex<BTreeMap<(String, String, usize), u32>>,
    released: watch::Sender<BTreeSet<String>>,
}

impl Stage {
    pub(super) fn new(scripts: Scripts, log: Option<&Path>) -> Self {
        let log = log.map(|path| OpenOptions::new().create(true).append(true).open(path));
        let log = log.map(|opened| Mutex::new(opened.expect("the log can be written")));
        let (heard, struck) = (Mutex::default(), Mutex::default());
        Self { scripts, heard, log, struck, released: watch::Sender::default() }
    }

    pub(super) fn heard(&self) -> Vec<Heard> {
        lock(&self.heard).clone()
    }

    pub(super) fn release(&self, tag: &str) {
        self.released.send_modify(|released| {
            released.insert(tag.to_owned());
        });
    }

    fn record(&self, heard: Heard) {
        if let Some(log) = &self.log {
            writeln!(lock(log), "{}", heard.line()).expect("the log can be written");
        }
        lock(&self.heard).push(heard);
    }

    /// What goes wrong with this play, this time.
    fn trouble(&self, tag: &str, play: &Play) -> Option<Trouble> {
        let (fault, place) = (play.fault.as_ref()?, play.place.as_ref()?);
        let mut struck = lock(&self.struck);
        let times = struck.entry((tag.to_owned(), place.marker.text.clone(), place.step)).or_default();
        if fault.times.is_some_and(|most| *times >= most) {
            return None;
        }
        *times += 1;
        Some(fault.trouble.clone())
    }

    async fn released(&self, tag: &str) {
        let mut released = self.released.subscribe();
        // The sender is this stage: it outlives the wait.
        drop(released.wait_for(|released| released.contains(tag)).await);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until it is told to stop; connections that are open then are cut.
pub(super) fn serve(listener: TcpListener, stage: &Arc<Stage>, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a socket of the system");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let router = Router::new().fallback(answer).with_state(Arc::clone(stage));
        tokio::select! {
            served = async { axum::serve(listener, router).await } => served.expect("it serves"),
            _ = stopped => {}
        }
    });
}

/// A request, as far as all protocols agree on it.
struct Call {
    tag: String,
    path: String,
    key: String,
    body: Value,
}

async fn answer(State(stage): State<Arc<Stage>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (tag, path) = tagged(parts.uri.path());
    let wants_socket = parts.headers.get(header::UPGRADE).is_some();
    let body = match to_bytes(body, REQUEST_BYTES_MAX).await {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        // The client went away in the middle of its own request.
        Err(gone) => return (StatusCode::BAD_REQUEST, gone.to_string()).into_response(),
    };
    let call = Call { tag, path, key: shown_key(&parts.headers, parts.uri.query()), body };
    if wants_socket {
        return outside(&stage, call, StatusCode::UPGRADE_REQUIRED, json!({"error": {"message": "no socket here"}}));
    }
    match Api::of(&call.path).filter(|_| parts.method == Method::POST) {
        Some(api) => modelled(&stage, api, call).await,
        None => {
            let (status, body) = beside(&parts.method, &call.path);
            outside(&stage, call, status, body)
        }
    }
}

/// The tag in a path (`/t/TAG/…`) and the rest.
fn tagged(path: &str) -> (String, String) {
    let tagged = path.strip_prefix("/t/").and_then(|rest| rest.split_once('/'));
    let (tag, rest) = tagged.map_or(("", path), |(tag, _)| (tag, &path["/t/".len() + tag.len()..]));
    (tag.to_owned(), rest.to_owned())
}

fn shown_key(headers: &HeaderMap, query: Option<&str>) -> String {
    let named = ["x-api-key", "x-goog-api-key", "api-key", "authorization"];
    let shown = named.iter().find_map(|name| headers.get(*name)?.to_str().ok());
    let asked = || query.into_iter().flat_map(|query| query.split('&')).find_map(|part| part.strip_prefix("key="));
    shown.or_else(asked).map(|key| key.trim_start_matches("Bearer ").to_owned()).unwrap_or_default()
}

/// What is answered to everything that is no call of the model.
fn beside(method: &Method, path: &str) -> (StatusCode, Value) {
    let named = path.rsplit_once("/models/").map(|(_, name)| name);
    if path.ends_with("/count_tokens") || path.ends_with(":countTokens") {
        (StatusCode::OK, json!({"input_tokens": COUNTED_TOKENS, "totalTokens": COUNTED_TOKENS}))
    } else if method == Method::GET && (path.ends_with("/models") || named.is_some()) {
        let one = model(named.unwrap_or("scripted"));
        let listed = json!({"object": "list", "data": [one], "models": [one], "has_more": false});
        (StatusCode::OK, if named.is_some() { one } else { listed })
    } else if method == Method::HEAD {
        (StatusCode::OK, Value::Null)
    } else {
        (StatusCode::NOT_FOUND, json!({"error": {"message": format!("{method} {path} is not spoken here")}}))
    }
}

/// One model, as every provider lists it.
fn model(name: &str) -> Value {
    json!({
        "id": name, "object": "model", "type": "model", "created": 0, "created_at": "2025-01-01T00:00:00Z",
        "owned_by": "scripted", "display_name": name, "context_length": 200_000, "name": format!("models/{name}"),
        "displayName": name, "supportedGenerationMethods": ["generateContent"], "inputTokenLimit": 200_000,
        "outputTokenLimit": 32_000,
    })
}

fn outside(stage: &Stage, call: Call, status: StatusCode, body: Value) -> Response {
    let talk = Talk::default();
    stage.record(heard(call, &talk, Part::Outside, Ending { status: status.as_u16(), trouble: None }));
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// How a request is answered.
struct Ending {
    status: u16,
    trouble: Option<Trouble>,
}

fn heard(call: Call, talk: &Talk, part: Part, Ending { status, trouble }: Ending) -> Heard {
    let Call { tag, path, key, body } = call;
    let tools = talk.tools.iter().map(|tool| tool.name.clone()).collect();
    let results = talk.cue().map_or_else(Vec::new, |cue| cue.results());
    Heard { tag, path, model: talk.model.clone(), key, part, tools, results, status, trouble, body }
}

async fn modelled(stage: &Stage, api: Api, call: Call) -> Response {
    let talk = api.read(&call.path, &call.body);
    let play = play(&talk, &stage.scripts);
    let wrong_key = stage.scripts.key(&call.tag).is_some_and(|key| key != call.key);
    let refused = Trouble::Status { status: StatusCode::UNAUTHORIZED.as_u16(), retry_after_s: None };
    let trouble = if wrong_key { Some(refused) } else { stage.trouble(&call.tag, &play) };
    let status = match &trouble {
        Some(Trouble::Status { status, .. }) => *status,
        Some(Trouble::Drop | Trouble::Hold | Trouble::Garbage) | None => StatusCode::OK.as_u16(),
    };
    let part = play.place.as_ref().map_or(Part::Aside, |place| Part::Scripted(place.marker.name.clone(), place.step));
    let tag = call.tag.clone();
    stage.record(heard(call, &talk, part, Ending { status, trouble: trouble.clone() }));
    match trouble {
        Some(Trouble::Status { status, retry_after_s }) => refusal(api, status, retry_after_s),
        Some(Trouble::Drop) => streamed(cut(api.frames(&play.answer, &talk)), play.pace),
        Some(Trouble::Garbage) => streamed(vec![Some("data: {this is no JSON\n\n".to_owned())], play.pace),
        Some(Trouble::Hold) => {
            stage.released(&tag).await;
            whole_or_streamed(api, &play, &talk)
        }
        None => whole_or_streamed(api, &play, &talk),
    }
}

fn whole_or_streamed(api: Api, play: &Play, talk: &Talk) -> Response {
    if talk.stream {
        return streamed(api.frames(&play.answer, talk).into_iter().map(Some).collect(), play.pace);
    }
    let body = api.whole(&play.answer, talk).to_string();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn refusal(api: Api, status: u16, retry_after_s: Option<u64>) -> Response {
    let now_s = crate::unix_ms() / 1000;
    let refusal = api.refusal(status, retry_after_s.map(|in_s| Reset { in_s, at_unix_s: now_s + in_s }));
    let status = StatusCode::from_u16(status).expect("a script names a status of HTTP");
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], refusal.body.to_string()).into_response();
    for (name, value) in refusal.headers {
        response.headers_mut().insert(name, value.parse().expect("digits and letters"));
    }
    response
}

/// The first half of a stream, and its break.
fn cut(frames: Vec<String>) -> Vec<Option<String>> {
    let half = frames.len().div_ceil(2);
    frames.into_iter().take(half).map(Some).chain([None]).collect()
}

/// Frames one by one; a missing one breaks the connection.
fn streamed(frames: Vec<Option<String>>, pace: Duration) -> Response {
    let frames = stream::unfold(frames.into_iter(), move |mut frames| async move {
        let frame = frames.next()?;
        if !pace.is_zero() {
            tokio::time::sleep(pace).await;
        } else if frame.is_none() {
            // What came before is sent only when there is nothing to send.
            tokio::task::yield_now().await;
        }
        Some((frame.ok_or_else(|| Error::other("the script breaks the stream")), frames))
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (headers, Body::from_stream(frames)).into_response()
}
