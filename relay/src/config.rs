//! The relay's configuration: deploy/relay.toml, compiled in, with the operator's file laid over it.

use ostler_boot::{ConfigError, LogSettings, Period, Size, load};
use ostler_core::policy::{Backoff, Policy};
use serde::Deserialize;
use std::path::Path;

/// Every key with its default, its unit and its reason.
pub const DEFAULTS: &str = include_str!("../../deploy/relay.toml");

/// The relay's configuration as read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelayConfig {
    /// UDP address of the QUIC listener.
    pub listen: String,
    /// TCP address of health and metrics; empty switches it off.
    pub http: String,
    /// Names a request to `http` may use.
    pub http_hosts: Vec<String>,
    /// Where ledger, log and key are; empty means the platform's place.
    pub data_dir: String,
    /// The fleet's public key; empty means the one kept in the data directory.
    pub fleet: String,
    lease: LeaseConfig,
    attempts: AttemptsConfig,
    backoff: BackoffConfig,
    limit: LimitConfig,
    retention: RetentionConfig,
    /// Logging.
    pub log: LogSettings,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeaseConfig {
    ttl: Period,
    reconnect_allowance: Period,
    grace: Period,
    accept_timeout: Period,
    stop_grace: Period,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttemptsConfig {
    infra_budget: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct BackoffConfig {
    infra: Delays,
    agent: Delays,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delays {
    base: Period,
    cap: Period,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitConfig {
    hold: Period,
    budget: Period,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetentionConfig {
    settled: Period,
    events_age: Period,
    events_size: Size,
}

impl RelayConfig {
    /// The defaults, with `file` laid over them.
    ///
    /// # Errors
    /// An unknown key or a wrong value, with its line.
    pub fn read(file: Option<&Path>) -> Result<Self, ConfigError> {
        load(DEFAULTS, file)
    }

    pub(crate) fn policy(&self) -> Policy {
        let backoff = |d: &Delays| Backoff { base_ms: d.base.ms(), cap_ms: d.cap.ms() };
        Policy {
            lease_ttl_ms: self.lease.ttl.ms(),
            reconnect_allowance_ms: self.lease.reconnect_allowance.ms(),
            grace_ms: self.lease.grace.ms(),
            accept_ms: self.lease.accept_timeout.ms(),
            infra_budget: self.attempts.infra_budget,
            infra_backoff: backoff(&self.backoff.infra),
            agent_backoff: backoff(&self.backoff.agent),
            limit_hold_ms: self.limit.hold.ms(),
            limit_budget_ms: self.limit.budget.ms(),
            settled_retained_ms: self.retention.settled.ms(),
            stop_grace_ms: self.lease.stop_grace.ms(),
        }
    }

    /// Age (ms) and size (bytes) past which events of settled runs are removed.
    pub(crate) fn retention(&self) -> (u64, u64) {
        (self.retention.events_age.ms(), self.retention.events_size.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_in_defaults_are_the_domains_defaults() {
        let config = RelayConfig::read(None).expect("the defaults are whole");
        assert_eq!(config.policy(), Policy::default());
    }
}
