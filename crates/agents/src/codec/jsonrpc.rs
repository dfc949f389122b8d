//! JSON-RPC 2.0, one message per line: what a message is, and how one is written.
//!
//! Owns the envelope. Must not know a method.

use serde_json::{Value, json};

/// The method does not exist (JSON-RPC 2.0 §5.1).
pub(crate) const METHOD_NOT_FOUND: i64 = -32601;
/// Bytes of a request's id: a number or a UUID; it is kept until the request is answered.
const ID_BYTES_MAX: usize = 256;

/// What the other side said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Incoming {
    /// It wants an answer.
    Request {
        /// Its own name of the request: a number or a string.
        id: Value,
        /// What it wants.
        method: String,
        /// With what.
        params: Value,
    },
    /// It wants none.
    Notice {
        /// What it tells.
        method: String,
        /// With what.
        params: Value,
    },
    /// It answers one of ours.
    Answer {
        /// The request's id.
        id: u64,
        /// What came of it.
        result: Result<Value, Fault>,
    },
}

/// A refusal of a request.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Fault {
    /// JSON-RPC's or the protocol's.
    pub(crate) code: i64,
    /// For people.
    pub(crate) message: String,
    /// What more there is; null when nothing.
    pub(crate) data: Value,
}

impl Fault {
    /// Everything it says, in one text.
    pub(crate) fn words(&self) -> String {
        match &self.data {
            Value::Null => self.message.clone(),
            Value::String(data) if self.message.is_empty() => data.clone(),
            Value::String(data) => format!("{}: {data}", self.message),
            data @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                format!("{}: {data}", self.message)
            }
        }
    }
}

/// Reads one message; none when it is no JSON-RPC.
pub(crate) fn read(message: &mut Value) -> Option<Incoming> {
    let object = message.as_object_mut()?;
    let method = object.get("method").and_then(Value::as_str).map(str::to_owned);
    let id = object.get("id").cloned().unwrap_or(Value::Null);
    if let Some(method) = method {
        let params = object.remove("params").unwrap_or(Value::Null);
        return match id {
            Value::Null => Some(Incoming::Notice { method, params }),
            Value::Number(_) => Some(Incoming::Request { id, method, params }),
            Value::String(ref text) if text.len() <= ID_BYTES_MAX => Some(Incoming::Request { id, method, params }),
            Value::String(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
    }
    let id = id.as_u64()?;
    if let Some(error) = object.get("error").filter(|error| !error.is_null()) {
        let message = error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
        let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
        let data = error.get("data").cloned().unwrap_or(Value::Null);
        return Some(Incoming::Answer { id, result: Err(Fault { code, message, data }) });
    }
    let result = object.remove("result")?;
    Some(Incoming::Answer { id, result: Ok(result) })
}

/// A request.
pub(crate) fn request(id: u64, method: &str, params: &Value) -> Vec<u8> {
    line(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
}

/// A notification.
pub(crate) fn notice(method: &str, params: &Value) -> Vec<u8> {
    line(&json!({ "jsonrpc": "2.0", "method": method, "params": params }))
}

/// The answer to the request `id`.
pub(crate) fn answer(id: &Value, result: &Value) -> Vec<u8> {
    line(&json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

/// The refusal of the request `id`.
pub(crate) fn refusal(id: &Value, code: i64, message: &str) -> Vec<u8> {
    line(&json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } }))
}

fn line(message: &Value) -> Vec<u8> {
    let mut bytes = message.to_string().into_bytes();
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Option<Incoming> {
        read(&mut serde_json::from_str(text).expect("JSON"))
    }

    #[test]
    fn each_kind_of_message_is_told_from_the_others() {
        assert!(matches!(check(r#"{"id":0,"method":"a"}"#), Some(Incoming::Request { .. })));
        assert!(matches!(check(r#"{"id":"x","method":"a","params":{}}"#), Some(Incoming::Request { .. })));
        assert!(matches!(check(r#"{"id":null,"method":"a"}"#), Some(Incoming::Notice { .. })));
        assert!(matches!(check(r#"{"method":"a"}"#), Some(Incoming::Notice { .. })));
        assert!(matches!(check(r#"{"id":3,"result":null}"#), Some(Incoming::Answer { id: 3, result: Ok(_) })));
        assert!(matches!(check(r#"{"id":3,"error":{}}"#), Some(Incoming::Answer { id: 3, result: Err(_) })));
        for odd in ["7", "{}", r#"{"id":-1,"result":1}"#, r#"{"id":"x","result":1}"#, r#"{"id":[],"method":"a"}"#] {
            assert_eq!(check(odd), None, "{odd}");
        }
        assert_eq!(check(&json!({ "id": "x".repeat(300), "method": "a" }).to_string()), None);
    }

    #[test]
    fn a_refusal_is_told_with_all_it_says() {
        let said = check(r#"{"id":1,"error":{"code":-32603,"message":"Internal error","data":{"details":"no"}}}"#);
        let Some(Incoming::Answer { result: Err(fault), .. }) = said else { panic!("{said:?}") };
        assert_eq!((fault.code, fault.words().as_str()), (-32603, r#"Internal error: {"details":"no"}"#));
    }
}
