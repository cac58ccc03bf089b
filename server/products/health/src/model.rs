//! What health looks like on the wire.

use serde::Serialize;

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
    /// `pass` or `fail`.
    pub(crate) status: &'static str,
    /// The version of Floe.
    pub(crate) version: &'static str,
    /// Seconds since the start.
    pub(crate) uptime: u64,
    /// One by one.
    pub(crate) checks: Vec<Check>,
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
