//! The table of this product's endpoints.

use crate::endpoints as at;
use crate::service::Console;
use floe_gateway::{Route, get};
use floe_kernel::scope::Scope;

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
        get("/console/setup", "console.getSetup", at::setup)
            .scopes(&[Scope::Public])
            .answers(200, "consoleSetup")
            .summary("What a console that nobody is signed in to must know."),
    ]
}
