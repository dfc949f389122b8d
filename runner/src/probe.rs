//! What this machine offers: probed, labelled, advertised.

use crate::config::RunnerConfig;
use ostler_agents::Catalog;
use ostler_core::requirements::Offers;

/// A stable name of this machine, the same for every runner on it: a digest, so that it says nothing else.
#[must_use]
pub fn machine_id() -> String {
    String::new()
}

/// What this machine offers now. Starts programs with a deadline each; takes up to some seconds.
pub async fn capabilities(_config: &RunnerConfig, _catalog: &Catalog) -> Offers {
    Offers::new()
}
