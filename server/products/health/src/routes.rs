//! The table of this product's endpoints.

use crate::endpoints::{checks, ping, probes};
use crate::service::Health;
use floe_gateway::{Route, get, probe};
use floe_kernel::scope::Scope;

/// Every endpoint about the server's health.
#[must_use]
pub fn routes() -> Vec<Route<Health>> {
    vec![
        probe("/health/live", "health.live", probes::live)
            .any_origin()
            .answers(200, "probe")
            .summary("Whether the process runs."),
        probe("/health/ready", "health.ready", probes::ready)
            .any_origin()
            .answers(200, "probe")
            .summary("Whether requests are welcome."),
        probe("/health/startup", "health.startup", probes::startup)
            .any_origin()
            .answers(200, "probe")
            .summary("Whether it has been ready once."),
        get("/ping", "ping.get", ping::get).scopes(&[Scope::Global]).answers(200, "text").summary("Answers `Pong!`."),
        get("/health", "health.get", checks::get)
            .scopes(&[Scope::HealthRead])
            .answers(200, "healthStatus")
            .summary("Whether the HTTP server is well."),
        get("/health/db", "health.getDB", checks::database)
            .scopes(&[Scope::HealthRead])
            .answers(200, "healthStatusList")
            .summary("Whether the database is well."),
        get("/health/cache", "health.getCache", checks::in_process)
            .scopes(&[Scope::HealthRead])
            .answers(200, "healthStatusList")
            .summary("Whether the cache is well."),
        get("/health/pubsub", "health.getPubSub", checks::in_process)
            .scopes(&[Scope::HealthRead])
            .answers(200, "healthStatusList")
            .summary("Whether messages reach those who listen."),
        get("/health/storage", "health.getStorage", checks::storage)
            .scopes(&[Scope::HealthRead])
            .answers(200, "healthStatus")
            .summary("Whether files can be kept."),
        get("/health/storage/local", "health.getStorageLocal", checks::storage)
            .scopes(&[Scope::HealthRead])
            .answers(200, "healthStatus")
            .summary("Whether files can be kept on this machine."),
        get("/health/anti-virus", "health.getAntivirus", checks::anti_virus)
            .scopes(&[Scope::HealthRead])
            .answers(200, "healthAntivirus")
            .summary("Whether uploads are searched for viruses."),
        get("/health/time", "health.getTime", checks::time)
            .scopes(&[Scope::HealthRead])
            .answers(200, "healthTime")
            .summary("What the server's clock says."),
        get("/health/version", "health.getVersion", checks::version)
            .scopes(&[Scope::Public])
            .answers(200, "healthVersion")
            .summary("The version of the API."),
    ]
}
