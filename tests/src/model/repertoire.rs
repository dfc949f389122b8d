//! The scripts every model knows.
//!
//! Any of them is struck by a fault with words in the marker: `[[script:both fault=429 after=5 at=1 times=1]]` answers the
//! step 1 (the second) once with 429 and then plays on. `fault` is a status, `drop`, `hold` or `garbage`; `after` is in
//! seconds; `at` is 0 and `times` unbounded where they are not said. `pace=200` streams in pieces 200 ms apart.

use super::script::{Op, Step};
use std::collections::BTreeMap;
use std::time::Duration;

const SHELL: &str = "{{command:printf 'ran\\n' > scripted-shell.txt}}";
const PATH: &str = "{{path:scripted.txt}}";
const CONTENT: &str = "{{content:written by the script}}\n";
/// Never ends by itself, and needs no more than coreutils. Agents refuse a long `sleep`.
const ENDLESS: &str = "{{command:tail -f /dev/null}}";
/// Between two pieces of the slow script: short enough to go on, slow enough to be caught in its middle.
const DRIP: Duration = Duration::from_millis(100);
/// Pieces of the slow script are a few words long: it takes about half a minute.
const DRIP_WORDS: usize = 1000;

pub(crate) fn scripts() -> BTreeMap<String, Vec<Step>> {
    let scripts = [
        ("say", vec![Step::say("{{words:Done: there was nothing to do.}}")]),
        ("shell", vec![Step::shell(SHELL), Step::say("Done: the command ran.")]),
        ("write", vec![Step::write(PATH, CONTENT), Step::say("Done: the file is written.")]),
        ("both", both()),
        ("pair", vec![pair(), Step::say("Done: both at once.")]),
        ("steps", steps()),
        ("long", vec![Step::shell(ENDLESS), Step::say("Done: the long command came back.")]),
        ("read", vec![Step::call(Op::Read("{{path:README.md}}".to_owned())), Step::say("Done: it is read.")]),
        ("edit", edit()),
        ("plan", plan()),
        ("ask", ask()),
        ("think", vec![Step::say("Done: it is thought through.").thinking("One thing after the other.")]),
        ("drip", vec![Step::say(&"drop ".repeat(DRIP_WORDS)).paced(DRIP)]),
    ];
    scripts.into_iter().map(|(name, steps)| (name.to_owned(), steps)).collect()
}

fn both() -> Vec<Step> {
    vec![
        Step::write(PATH, CONTENT).saying("First the file."),
        Step::shell(SHELL).saying("Then the command."),
        Step::say("Done: the file is written and the command ran."),
    ]
}

fn pair() -> Step {
    Step::write(PATH, CONTENT).and(Op::Shell(SHELL.to_owned()))
}

/// Three commands that each leave a line: one that is done twice shows.
fn steps() -> Vec<Step> {
    let line = |word: &str| Step::shell(&format!("echo {word} >> {{{{path:scripted-steps.txt}}}}"));
    vec![line("one"), line("two"), line("three"), Step::say("Done: three steps.")]
}

/// In a file that is there: `path`, a line `old` of it, and its successor `new`.
fn edit() -> Vec<Step> {
    let path = "{{path:README.md}}".to_owned();
    let (old, new) = ("{{old:old}}\n".to_owned(), "{{new:new}}\n".to_owned());
    let edit = Op::Edit { path: path.clone(), old, new };
    vec![Step::call(Op::Read(path)), Step::call(edit), Step::say("Done: it is edited.")]
}

fn plan() -> Vec<Step> {
    let points = ["Look around", "Change one file", "Say so"].map(str::to_owned).to_vec();
    vec![Step::call(Op::Plan(points)), Step::shell(SHELL), Step::say("Done: as planned.")]
}

fn ask() -> Vec<Step> {
    let choices = ["red", "blue"].map(str::to_owned).to_vec();
    vec![Step::call(Op::Ask("Which colour shall it be?".to_owned(), choices)), Step::say("Done: it was asked.")]
}
