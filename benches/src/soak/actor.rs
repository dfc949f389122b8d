//! The actor: an agent without a model. It speaks the Agent Client Protocol on its standard input and output, and does what
//! its arguments say: so many events a second for so long, each with its number and its time, and perhaps a question first.
//!
//! ```text
//! Waiting ─ session/prompt ─▶ Speaking{next} ─ all said ─▶ end_turn ─▶ Waiting
//!              asks > 0 ─▶ Asking ─ answer ─▶ Speaking      session/cancel ─▶ cancelled ─▶ Waiting      end of input ─▶ exit
//! ```
//!
//! Owns the schedule. An event that is late is said as soon as it can be: the rate is kept on the whole. It is no part of
//! what is measured, so that it stays small: one thread, no runtime.

use super::dialogue::{self, Said};
use super::mark::Mark;
use crate::{Error, Options, clock};
use serde_json::Value;
use std::io::{BufRead, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// Events a second, and how long, when nothing is said.
const RATE: u64 = 100;
const SPEAKS: Duration = Duration::from_secs(60);
/// Lines of the client that wait to be understood.
const UNHEARD_MAX: usize = 4;

/// What it does with a prompt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    rate: u64,
    lasts: Duration,
    /// Events of a turn.
    pub(crate) events: u64,
    asks: u64,
}

impl Script {
    /// `rate` events a second for so long.
    pub(crate) fn new(rate: u64, lasts: Duration) -> Result<Self, Error> {
        let events = u64::try_from(lasts.as_millis())? * rate / 1_000;
        if events == 0 {
            return Err("an actor says something: --rate and --for are more than nothing".into());
        }
        Ok(Self { rate, lasts, events, asks: 0 })
    }

    /// As the options say, or else this rate and this long.
    pub(crate) fn read(options: &Options, rate: u64, lasts: Duration) -> Result<Self, Error> {
        let script = Self::new(options.number("rate", rate), options.time("for", lasts))?;
        Ok(Self { asks: options.number("asks", 0), ..script })
    }

    /// How many events are due so long after the first.
    pub(crate) fn by(&self, since: Duration) -> u64 {
        let all = since.as_millis() * u128::from(self.rate) / 1_000 + 1;
        u64::try_from(all).unwrap_or(u64::MAX).min(self.events)
    }

    /// The arguments that make an actor follow it.
    pub(crate) fn words(&self) -> [String; 7] {
        let Self { rate, lasts, asks, .. } = self;
        let [rate, lasts, asks] = [rate.to_string(), format!("{}ms", lasts.as_millis()), asks.to_string()];
        ["act".to_owned(), "--rate".to_owned(), rate, "--for".to_owned(), lasts, "--asks".to_owned(), asks]
    }

    /// When, after the first, the event with this number is due.
    pub(crate) fn due(&self, number: u64) -> Duration {
        Duration::from_secs(number - 1) / u32::try_from(self.rate).unwrap_or(u32::MAX)
    }
}

/// A turn under way.
struct Turn {
    prompt: Value,
    asked: u64,
    asking: bool,
    began: Instant,
    next: u64,
}

struct Actor<W> {
    script: Script,
    out: W,
    turn: Option<Turn>,
}

/// Acts until its input ends.
pub(crate) fn act(options: &Options) -> Result<(), Error> {
    let (tell, told) = sync_channel(UNHEARD_MAX);
    std::thread::Builder::new().name("input".to_owned()).spawn(move || {
        let lines = std::io::stdin().lock().lines();
        lines.map_while(Result::ok).try_for_each(|line| tell.send(dialogue::understand(&line)))
    })?;
    let script = Script::read(options, RATE, SPEAKS)?;
    let mut actor = Actor { script, out: std::io::stdout().lock(), turn: None };
    actor.play(&told)
}

impl<W: Write> Actor<W> {
    fn play(&mut self, told: &Receiver<Said>) -> Result<(), Error> {
        loop {
            let wait = match &self.turn {
                Some(turn) if !turn.asking => self.script.due(turn.next).saturating_sub(turn.began.elapsed()),
                Some(_) | None => Duration::MAX,
            };
            let said = match wait {
                Duration::MAX => told.recv().map_err(|_| RecvTimeoutError::Disconnected),
                wait => told.recv_timeout(wait),
            };
            match said {
                Ok(said) => self.hear(said)?,
                Err(RecvTimeoutError::Timeout) => self.speak()?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn hear(&mut self, said: Said) -> Result<(), Error> {
        match said {
            Said::Initialize(id) => self.say(&dialogue::initialized(&id)),
            Said::NewSession(id) => self.say(&dialogue::session(&id)),
            Said::Prompt(prompt) => {
                self.turn = Some(Turn { prompt, asked: 0, asking: false, began: clock::now(), next: 1 });
                self.ask()
            }
            Said::Answer(allowed) => match &mut self.turn {
                Some(turn) if turn.asking && allowed => {
                    (turn.asking, turn.began) = (false, clock::now());
                    self.ask()
                }
                Some(turn) if turn.asking => self.over("refusal"),
                Some(_) | None => Ok(()),
            },
            Said::Cancel => self.over("cancelled"),
            Said::Unknown(id) => self.say(&dialogue::refused(&id)),
            Said::Noise => Ok(()),
        }
    }

    /// Asks, while there is something to ask.
    fn ask(&mut self) -> Result<(), Error> {
        let Some(turn) = self.turn.as_mut().filter(|turn| turn.asked < self.script.asks) else { return Ok(()) };
        (turn.asked, turn.asking) = (turn.asked + 1, true);
        let question = dialogue::ask(turn.asked);
        self.say(&question)
    }

    /// Says the next event, and with the last one that it is done.
    fn speak(&mut self) -> Result<(), Error> {
        let Some(turn) = &mut self.turn else { return Ok(()) };
        let event = dialogue::event(Mark { number: turn.next, at_ms: clock::unix_ms() });
        turn.next += 1;
        let last = turn.next > self.script.events;
        self.say(&event)?;
        if last { self.over("end_turn") } else { Ok(()) }
    }

    fn over(&mut self, reason: &str) -> Result<(), Error> {
        match self.turn.take() {
            Some(turn) => self.say(&dialogue::over(&turn.prompt, reason)),
            None => Ok(()),
        }
    }

    /// One line, in one write.
    fn say(&mut self, message: &Value) -> Result<(), Error> {
        let mut line = message.to_string();
        line.push('\n');
        self.out.write_all(line.as_bytes())?;
        Ok(self.out.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What is said to `lines` of a client that then hangs up, or does so when all was said.
    fn played(script: Script, said: Vec<Said>, turns: usize) -> Vec<Value> {
        let (tell, told) = sync_channel(said.len());
        said.into_iter().try_for_each(|said| tell.send(said)).expect("there is room");
        let mut actor = Actor { script, out: Vec::new(), turn: None };
        drop(tell);
        let mut ended = 0;
        while let Ok(said) = told.try_recv() {
            actor.hear(said).expect("a vector takes all");
            while actor.turn.as_ref().is_some_and(|turn| !turn.asking) && ended < turns {
                actor.speak().expect("a vector takes all");
                ended += usize::from(actor.turn.is_none());
            }
        }
        let text = String::from_utf8(actor.out).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("one message in a line")).collect()
    }

    const SCRIPT: Script = Script { rate: 1_000, lasts: Duration::from_millis(6), events: 6, asks: 0 };

    #[test]
    fn a_prompt_is_answered_with_every_event_and_an_end() {
        let said = vec![Said::Initialize(json!(1)), Said::NewSession(json!(2)), Said::Prompt(json!(3))];
        let lines = played(SCRIPT, said, 1);
        assert_eq!(lines.len(), 2 + 6 + 1);
        assert_eq!(lines[8], json!({ "jsonrpc": "2.0", "id": 3, "result": { "stopReason": "end_turn" } }));
        let words = lines.iter().filter_map(|line| line.pointer("/params/update/sessionUpdate")?.as_str());
        let words: Vec<_> = words.take(3).collect();
        assert_eq!(words, ["tool_call", "tool_call_update", "agent_message_chunk"]);
    }

    #[test]
    fn it_says_nothing_before_it_is_allowed_to_and_nothing_after_a_cancel() {
        let script = Script { asks: 1, ..SCRIPT };
        let stop = |lines: &[Value]| lines.last().and_then(|line| line.pointer("/result/stopReason").cloned());
        let asked = played(script, vec![Said::Prompt(json!(3))], 1);
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0]["method"], "session/request_permission");
        let allowed = played(script, vec![Said::Prompt(json!(3)), Said::Answer(true)], 1);
        assert_eq!((allowed.len(), stop(&allowed)), (1 + 6 + 1, Some(json!("end_turn"))));
        let denied = played(script, vec![Said::Prompt(json!(3)), Said::Answer(false)], 1);
        assert_eq!((denied.len(), stop(&denied)), (2, Some(json!("refusal"))));
        let cancelled = played(script, vec![Said::Prompt(json!(3)), Said::Cancel], 1);
        assert_eq!((cancelled.len(), stop(&cancelled)), (2, Some(json!("cancelled"))));
    }

    #[test]
    fn the_schedule_is_even() {
        let script = Script::new(100, Duration::from_secs(3_600)).expect("it says something");
        assert_eq!(script.events, 360_000);
        assert_eq!((script.by(Duration::ZERO), script.by(Duration::from_secs(9_999))), (1, 360_000));
        assert_eq!(script.due(1), Duration::ZERO);
        assert_eq!(script.due(101), Duration::from_secs(1));
        assert_eq!(script.due(360_000), Duration::from_millis(3_599_990));
    }
}
