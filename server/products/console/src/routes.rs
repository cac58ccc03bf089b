//! The table of this product's endpoints.

use crate::endpoints as at;
use floe_gateway::{Route, get};
use floe_kernel::scope::Scope;

/// Knows what the instance can do.
#[derive(Debug, Default)]
pub struct Console {
    /// How the contract calls the database behind it.
    pub(crate) database: &'static str,
}

impl Console {
    /// Of an instance on PostgreSQL, or on SQLite.
    #[must_use]
    pub fn new(postgres: bool) -> Self {
        Self { database: if postgres { "postgresql" } else { "sqlite" } }
    }
}

/// Every endpoint about the instance itself.
#[must_use]
pub fn routes() -> Vec<Route<Console>> {
    vec![
        get("/console/variables", "console.variables", at::variables)
            .scopes(&[Scope::ProjectsRead])
            .answers(200, "consoleVariables")
            .summary("What this instance can do."),
        get("/console/scopes/project", "console.listProjectScopes", at::project_scopes)
            .scopes(&[Scope::Public])
            .answers(200, "consoleKeyScopeList")
            .summary("The scopes that a project's API key may have."),
        get("/console/scopes/organization", "console.listOrganizationScopes", at::organization_scopes)
            .scopes(&[Scope::Public])
            .answers(200, "consoleKeyScopeList")
            .summary("The scopes that an organisation's API key may have."),
        get("/console/oauth2-providers", "console.listOAuth2Providers", at::oauth2_providers)
            .scopes(&[Scope::Public])
            .answers(200, "consoleOAuth2ProviderList")
            .summary("The OAuth2 providers that a project can be set up with."),
    ]
}
