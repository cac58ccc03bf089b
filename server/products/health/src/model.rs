//! What health looks like on the wire.

use serde::Serialize;
use std::collections::BTreeMap;

/// The outcome of one check (the contract's `healthStatus`).
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Check {
    /// What was checked.
    pub(crate) name: &'static str,
    /// How long it took, in milliseconds.
    pub(crate) ping: u64,
    /// `pass` or `fail`.
    pub(crate) status: &'static str,
}

/// The server as a whole, for orchestrators.
#[derive(Debug, Serialize)]
pub(crate) struct Readiness {
    /// `ok`; `degraded` when single projects can't be used, or no room is left; `error` when requests aren't welcome.
    pub(crate) status: &'static str,
    /// One by one, by their names.
    pub(crate) checks: BTreeMap<&'static str, Probe>,
    /// The version of Floe.
    pub(crate) version: &'static str,
    /// Seconds since the start.
    pub(crate) uptime: u64,
}

/// One of the checks for orchestrators.
#[derive(Debug, Serialize)]
pub(crate) struct Probe {
    /// `ok`, `degraded` or `error`.
    pub(crate) status: &'static str,
    /// How long it took, in milliseconds.
    pub(crate) latency: u64,
    /// The projects that can't be used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) projects: Vec<String>,
    /// How many bytes are free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) free: Option<u64>,
}

/// Whether uploads are searched for viruses (the contract's `healthAntivirus`).
#[derive(Debug, Serialize)]
pub(crate) struct AntiVirus {
    pub(crate) version: &'static str,
    pub(crate) status: &'static str,
}

/// The version of the API (the contract's `healthVersion`).
#[derive(Debug, Serialize)]
pub(crate) struct Version {
    pub(crate) version: &'static str,
}

/// What the server's clock says (the contract's `healthTime`), in seconds since 1970.
///
/// There is no remote clock to compare with: reaching out to a time server isn't a health check's business, so the
/// difference is always 0.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Time {
    pub(crate) remote_time: i64,
    pub(crate) local_time: i64,
    pub(crate) diff: i64,
}
