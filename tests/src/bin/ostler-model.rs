//! The scripted model by itself, for looking at an agent by hand.
//!
//! `ostler-model [--port N] [--port-file F] [--log L]`: answers until it is killed, with the scripts every model knows.

use ostler_tests::{Model, Scripts};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "ostler-model [--port N] [--port-file F] [--log L]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = options(&words) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let Ok(port) = options.get("--port").copied().unwrap_or("0").parse() else {
        eprintln!("--port is a number: {USAGE}");
        return ExitCode::from(2);
    };
    let model = Model::start_at(Scripts::builtin(), port, options.get("--log").map(Path::new));
    if let Some(file) = options.get("--port-file") {
        std::fs::write(file, model.port().to_string()).expect("the port file can be written");
    }
    println!("{}", model.url("hand"));
    loop {
        std::thread::park();
    }
}

/// Each option and its value; none when that is not what is there.
fn options(words: &[String]) -> Option<BTreeMap<&str, &str>> {
    let pairs = words.chunks(2).map(|pair| match pair {
        [name, value] if ["--port", "--port-file", "--log"].contains(&name.as_str()) => {
            Some((name.as_str(), value.as_str()))
        }
        _ => None,
    });
    pairs.collect()
}
