//! A relay that is compromised: it has the relay's key, the database, and all it ever saw. It can withhold and delay. It cannot
//! read (`keeps`), hand out work or admit anybody (`work`), decide (`verdicts`), or mislead people unnoticed (`people`).

#[path = "hostile_relay/hands.rs"]
mod hands;
#[path = "hostile_relay/keeps.rs"]
mod keeps;
#[path = "hostile_relay/people.rs"]
mod people;
#[path = "hostile_relay/verdicts.rs"]
mod verdicts;
#[path = "hostile_relay/work.rs"]
mod work;
