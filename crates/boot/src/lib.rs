//! How a daemon starts and what it shows: configuration, clock, data directory, logs, metrics, health, signals.
//!
//! Owns: the one reading of each of these from the outside. Must not know what a relay or a runner is: it depends on
//! nothing of ours, and whoever calls it decides what a setting means.

mod clock;
mod config;
mod http;
mod log;
mod metrics;
mod place;
mod quantity;
mod signals;

pub use clock::Clock;
pub use config::{ConfigError, load, load_tables, parse};
pub use http::{Http, HttpError, Ready};
pub use log::{LogError, LogFormat, LogSettings};
pub use metrics::{Metrics, MetricsError};
pub use place::{PlaceError, home, private_dir};
pub use quantity::{Period, QuantityError, Size};
pub use signals::{Ask, Signals};
