//! Clients: they submit, retry what was not answered, and come back under another id with the same key.
//!
//! Owns requests: at least once, each answer possibly lost.

use super::people::{GATEWAY, OPERATORS};
use super::relay::From;
use super::runner::POOLS;
use super::script::{Curse, Nature};
use super::{Happening, World};
use crate::seen::Situation;
use ostler_core::approval::SlotPolicy;
use ostler_core::command::{Command, Submission};
use ostler_core::decision::{Answer, Refusal};
use ostler_core::failure::{Attempts, FailureClass};
use ostler_core::ids::{Digest, RunId};
use ostler_core::run::Header;

/// Something a person's device asks of the relay until it is answered.
#[derive(Debug)]
pub(crate) struct Request {
    command: Command,
    tries: u32,
    relay_life: u32,
    over: bool,
}

impl Request {
    pub(crate) const fn is_over(&self) -> bool {
        self.over
    }
}

impl World {
    pub(crate) fn ask_relay(&mut self, command: Command, after_ms: u64) {
        self.requests.push(Request { command, tries: 0, relay_life: self.relay.life, over: false });
        self.after(after_ms, Happening::Retry(self.requests.len() - 1));
    }

    pub(crate) fn retry(&mut self, at: usize) {
        if self.requests[at].over {
            return;
        }
        let request = &mut self.requests[at];
        request.tries += 1;
        if request.tries > 1 && request.relay_life != self.relay.life {
            if matches!(request.command, Command::Submit(_)) {
                self.seen.note(Situation::ResubmitAcrossCrash);
            }
            request.relay_life = self.relay.life;
        }
        if !self.chance(self.options.loss) {
            let delay = 1 + self.roll(self.options.delay_ms);
            self.after(delay, Happening::Arrives(at));
        }
        let patience = 800 + self.roll(2_500);
        self.after(patience, Happening::Retry(at));
    }

    pub(crate) fn request_arrives(&mut self, at: usize) {
        let command = self.requests[at].command.clone();
        self.command(command, From::Request(at));
    }

    pub(crate) fn answer_request(&mut self, at: usize, answer: Result<Answer, Refusal>) {
        match (&self.requests[at].command, &answer) {
            (Command::Submit(_), Err(Refusal::KeyConflict(_))) => self.note(Situation::KeyConflict),
            (Command::Enrol(..), Err(Refusal::SpentInvite)) => self.note(Situation::TicketReused),
            (Command::Answer(_), Err(Refusal::AlreadyDecided(_))) => self.note(Situation::DecisionRace),
            (Command::Answer(_), Err(Refusal::NotPaired)) => self.note(Situation::CheatRefused),
            _ => {}
        }
        if let (Command::Revoke(device, _), Ok(_)) = (self.requests[at].command.clone(), &answer) {
            self.turned_away(device);
        }
        // A ticket not yet known is tried again: its invitation may still be on its way.
        let early = matches!((&self.requests[at].command, &answer), (Command::Enrol(..), Err(_)));
        if self.chance(self.options.loss) || (early && self.requests[at].tries < 6) {
            return;
        }
        let delay = 1 + self.roll(self.options.delay_ms);
        self.after(delay, Happening::Told(at));
    }

    pub(crate) fn told(&mut self, at: usize) {
        self.requests[at].over = true;
    }

    fn nature(&mut self) -> Nature {
        let curse = if self.chance(self.options.cursed) {
            let classes = [FailureClass::Agent, FailureClass::Task, FailureClass::Infra, FailureClass::Limit];
            let drawn = usize::try_from(self.roll(6)).unwrap_or(0);
            Some(classes.get(drawn).map_or(Curse::Kills, |class| Curse::Fails(*class)))
        } else {
            None
        };
        Nature {
            curse,
            long: self.chance(self.options.long),
            asks: self.chance(70),
            floods: self.options.ask > 0 && self.chance(3),
        }
    }

    fn header(&mut self, at: u64, nature: Nature) -> Header {
        let requirement = ["gpu", "os=linux", "", ""][usize::try_from(self.roll(4)).unwrap_or(0)];
        let timed = self.chance(self.options.timed);
        let park = !nature.floods && self.chance(self.options.park);
        Header {
            name: format!("run {at}"),
            queue: "default".to_owned(),
            pool: POOLS[usize::try_from(self.roll(2)).unwrap_or(0)].to_owned(),
            priority: 1 + u8::try_from(self.roll(5)).unwrap_or(0),
            requirements: requirement.parse().expect("the world's requirements are well formed"),
            agent: "noop".to_owned(),
            attempts: Attempts { max: 1 + u32::try_from(self.roll(4)).unwrap_or(0), of_task: self.chance(50) },
            hold_ms: timed.then(|| self.roll(6_000)),
            start_within_ms: (timed && self.chance(60)).then(|| self.roll(9_000)),
            slot: if park { SlotPolicy::Park } else { SlotPolicy::Stay },
            key: self.chance(self.options.keyed).then(|| format!("key {at}")),
        }
    }

    pub(crate) fn submit(&mut self, at: u64) {
        let nature = self.nature();
        let header = self.header(at, nature);
        let submitter = if self.chance(30) { GATEWAY } else { OPERATORS[usize::try_from(self.roll(2)).unwrap_or(0)] };
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&self.dice.next().to_be_bytes());
        let first = Submission { id: self.run_id(), submitter, header, digest: Digest(digest), body: vec![1] };
        self.oracle.natures.insert(first.id, nature);
        if first.header.key.is_some() && self.chance(50) {
            // The client lost its memory, and comes again under a new id; or somebody uses the key for other work.
            let mut second = Submission { id: self.run_id(), ..first.clone() };
            if self.chance(30) {
                second.digest = Digest([0xcc; 32]);
            }
            self.oracle.natures.insert(second.id, nature);
            let later = self.roll(9_000);
            self.ask_relay(Command::Submit(second), later);
        }
        self.ask_relay(Command::Submit(first), 0);
    }

    fn run_id(&mut self) -> RunId {
        let mut chance = [0; 10];
        chance[2..].copy_from_slice(&self.dice.next().to_be_bytes());
        RunId::from_parts(self.now, chance)
    }
}
