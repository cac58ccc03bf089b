//! `GET …/usage`: kept for what will measure usage. Until then the answer is the contract's for an instance that doesn't,
//! and never that there is no user or database of the name `usage`.

use floe_gateway::{Call, Callers, Reply, Route, get};
use floe_kernel::{ErrorKind, Result};
use std::sync::Arc;

/// The paths, with the names that the SDKs have for them.
const PATHS: &[(&str, &str)] = &[
    ("/users/usage", "users.getUsage"),
    ("/project/usage", "project.getUsage"),
    ("/databases/usage", "databases.listUsage"),
    ("/databases/{databaseId}/usage", "databases.getUsage"),
    ("/databases/{databaseId}/collections/{collectionId}/usage", "databases.getCollectionUsage"),
    ("/tablesdb/usage", "tablesDB.listUsage"),
    ("/tablesdb/{databaseId}/usage", "tablesDB.getUsage"),
    ("/tablesdb/{databaseId}/tables/{tableId}/usage", "tablesDB.getTableUsage"),
];

pub(crate) fn routes() -> Vec<Route<()>> {
    PATHS.iter().map(|(path, name)| get(path, name, unmeasured).callers(Callers::SERVERS).reserved()).collect()
}

async fn unmeasured(_nothing: Arc<()>, _call: Call, _input: ()) -> Result<Reply> {
    Err(ErrorKind::GeneralUsageDisabled.into())
}
