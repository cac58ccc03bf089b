//! What the console is told.

use crate::service::Signup;
use floe_kernel::scope::Scope;
use serde::Serialize;

/// What this instance can do (the contract's `consoleVariables`). What isn't built yet is said to be off.
#[derive(Debug, Serialize)]
#[allow(non_snake_case, reason = "the names are the contract's")]
pub(crate) struct Variables {
    pub(crate) _APP_DOMAIN_TARGET_CNAME: &'static str,
    pub(crate) _APP_DOMAIN_TARGET_A: &'static str,
    pub(crate) _APP_COMPUTE_BUILD_TIMEOUT: i64,
    pub(crate) _APP_DOMAIN_TARGET_AAAA: &'static str,
    pub(crate) _APP_DOMAIN_TARGET_CAA: &'static str,
    pub(crate) _APP_STORAGE_LIMIT: i64,
    pub(crate) _APP_COMPUTE_SIZE_LIMIT: i64,
    pub(crate) _APP_USAGE_STATS: &'static str,
    pub(crate) _APP_VCS_ENABLED: bool,
    pub(crate) _APP_VCS_PROVIDERS: [&'static str; 0],
    pub(crate) _APP_VCS_PROVIDERS_WITH_REPOSITORY_CREATION: [&'static str; 0],
    pub(crate) _APP_VCS_PROVIDERS_WITH_PUBLIC_REPOSITORIES: [&'static str; 0],
    pub(crate) _APP_DOMAIN_ENABLED: bool,
    pub(crate) _APP_ASSISTANT_ENABLED: bool,
    pub(crate) _APP_DOMAIN_SITES: &'static str,
    pub(crate) _APP_DOMAIN_FUNCTIONS: &'static str,
    pub(crate) _APP_OPTIONS_FORCE_HTTPS: &'static str,
    pub(crate) _APP_DOMAINS_NAMESERVERS: &'static str,
    pub(crate) _APP_DB_ADAPTER: &'static str,
    #[serde(flatten)]
    pub(crate) databases: DatabaseFeatures,
}

/// What databases can do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_excessive_bools, reason = "the contract has a flag for each")]
pub(crate) struct DatabaseFeatures {
    support_for_relationships: bool,
    support_for_operators: bool,
    support_for_spatials: bool,
    support_for_spatial_index_null: bool,
    support_for_fulltext_wildcard: bool,
    support_for_multiple_fulltext_indexes: bool,
    support_for_attribute_resizing: bool,
    support_for_schemas: bool,
    max_index_length: i64,
    support_for_integer_ids: bool,
}

impl Default for Variables {
    fn default() -> Self {
        Self {
            _APP_DOMAIN_TARGET_CNAME: "",
            _APP_DOMAIN_TARGET_A: "",
            _APP_COMPUTE_BUILD_TIMEOUT: 0,
            _APP_DOMAIN_TARGET_AAAA: "",
            _APP_DOMAIN_TARGET_CAA: "",
            _APP_STORAGE_LIMIT: 0,
            _APP_COMPUTE_SIZE_LIMIT: 0,
            _APP_USAGE_STATS: "disabled",
            _APP_VCS_ENABLED: false,
            _APP_VCS_PROVIDERS: [],
            _APP_VCS_PROVIDERS_WITH_REPOSITORY_CREATION: [],
            _APP_VCS_PROVIDERS_WITH_PUBLIC_REPOSITORIES: [],
            _APP_DOMAIN_ENABLED: false,
            _APP_ASSISTANT_ENABLED: false,
            _APP_DOMAIN_SITES: "",
            _APP_DOMAIN_FUNCTIONS: "",
            _APP_OPTIONS_FORCE_HTTPS: "disabled",
            _APP_DOMAINS_NAMESERVERS: "",
            _APP_DB_ADAPTER: "sqlite",
            databases: DatabaseFeatures {
                support_for_relationships: false,
                support_for_operators: false,
                support_for_spatials: false,
                support_for_spatial_index_null: false,
                support_for_fulltext_wildcard: false,
                support_for_multiple_fulltext_indexes: false,
                support_for_attribute_resizing: true,
                support_for_schemas: true,
                max_index_length: 768,
                support_for_integer_ids: true,
            },
        }
    }
}

/// What a console that nobody is signed in to must know (`consoleSetup`, of Floe's own).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Setup {
    /// Whether nobody has a console account yet.
    pub(crate) needs_setup: bool,
    /// Who may make console accounts.
    pub(crate) signup: Signup,
    /// Whether the instance sends mail.
    pub(crate) smtp: bool,
    /// Whether people may sign in with passkeys.
    pub(crate) passkeys: bool,
    /// Floe's version.
    pub(crate) version: &'static str,
}

/// A scope that a key may have (the contract's `consoleKeyScope`).
#[derive(Debug, Serialize)]
pub(crate) struct KeyScope {
    #[serde(rename = "$id")]
    id: &'static str,
    description: String,
    category: &'static str,
    deprecated: bool,
}

impl From<Scope> for KeyScope {
    fn from(scope: Scope) -> Self {
        let id = scope.name();
        let (category, action) = id.rsplit_once('.').unwrap_or((id, "use"));
        let verb = match action {
            "read" => "see",
            "write" => "make, change and remove",
            other => other,
        };
        Self { id, description: format!("Access to {verb} {category}."), category, deprecated: false }
    }
}
