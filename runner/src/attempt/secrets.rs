//! Secrets a run was given, as far as their names tell: what is taken out of everything it prints.

use ostler_agents::Redactor;
use ostler_core::task::Task;

/// Parts of names that are given to secrets, in upper case.
const TELLING: [&str; 8] =
    ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "API_KEY", "PRIVATE_KEY", "ACCESS_KEY"];

/// A redactor for the values that look secret by their name, in the task's and in the runner's own environment.
pub(super) fn redactor(task: &Task, host: &[(String, String)]) -> Redactor {
    let telling = |(name, _): &&(String, String)| {
        let upper = name.to_uppercase();
        TELLING.iter().any(|word| upper.contains(word))
    };
    Redactor::new(task.env.iter().chain(host).filter(telling).map(|(_, value)| value.as_bytes()))
}

/// `bytes` without secrets.
pub(super) fn strip(redactor: &Redactor, bytes: &[u8]) -> Vec<u8> {
    let mut one = redactor.fresh();
    let mut clean = one.feed(bytes);
    clean.extend(one.finish());
    clean
}

/// `text` without secrets.
pub(super) fn clean(redactor: &Redactor, text: &str) -> String {
    String::from_utf8_lossy(&strip(redactor, text.as_bytes())).into_owned()
}
