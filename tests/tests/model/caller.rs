//! A client of the model: one request, its whole answer. Must not know a protocol.

use ostler_tests::Model;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
}

impl Answer {
    /// The body, of an answer in one piece.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|wrong| panic!("{wrong}: {}", self.text))
    }

    /// The data of each event, of an answer that is a stream; the end mark of OpenAI is none.
    pub(crate) fn events(&self) -> Vec<Value> {
        let data = self.text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
        data.map(|data| serde_json::from_str(data).unwrap_or_else(|wrong| panic!("{wrong}: {data}"))).collect()
    }
}

/// Posts a body to a path under a tag.
pub(crate) fn post(model: &Model, tag: &str, path: &str, body: &Value) -> Answer {
    send(model, &format!("POST /t/{tag}{path}"), &["content-type: application/json"], &body.to_string())
}

/// Sends a request. HTTP/1.0, so that the answer is what comes before the connection closes.
pub(crate) fn send(model: &Model, request: &str, headers: &[&str], body: &str) -> Answer {
    let mut wire = TcpStream::connect(("127.0.0.1", model.port())).expect("the model answers");
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    write!(wire, "{request} HTTP/1.0\r\n{headers}content-length: {length}\r\n\r\n{body}").expect("sent");
    let mut bytes = Vec::new();
    // A stream that is broken off may end in a reset: what came before it counts.
    drop(wire.read_to_end(&mut bytes));
    let text = String::from_utf8(bytes).expect("text");
    let (head, text) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_ascii_lowercase(), text: text.to_owned() }
}
