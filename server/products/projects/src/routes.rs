//! The table of this product's endpoints.

use crate::endpoints::{keys, platforms, policies, project, projects, switches};
use crate::service::Projects;
use floe_gateway::{Callers, Route, delete, get, patch, post, put};
use floe_kernel::scope::Scope;

/// Every endpoint about projects.
#[must_use]
pub fn routes() -> Vec<Route<Projects>> {
    [of_the_console(), of_a_project(), of_its_keys(), of_its_platforms(), of_its_policies()]
        .into_iter()
        .flatten()
        // Administration goes on when there is no room left.
        .map(Route::needs_no_room)
        // And when a project's data is lost: how else would anybody get rid of it?
        .map(Route::on_platform)
        .collect()
}

fn of_the_console() -> Vec<Route<Projects>> {
    vec![
        get("/projects", "projects.list", projects::list)
            .callers(Callers::USERS)
            .scopes(&[Scope::ProjectsRead])
            .answers(200, "projectList")
            .summary("The projects of the caller's organisations."),
        post("/projects", "projects.create", projects::create)
            .callers(Callers::USERS)
            .scopes(&[Scope::ProjectsWrite])
            .audit("projects.create")
            .answers(201, "project")
            .summary("Makes a project."),
        patch("/projects/{projectId}", "projects.update", projects::update)
            .callers(Callers::USERS)
            .scopes(&[Scope::ProjectsWrite])
            .audit("projects.update")
            .answers(200, "project")
            .summary("Gives a project another name and other details."),
        patch("/projects/{projectId}/team", "projects.updateTeam", projects::update_team)
            .callers(Callers::USERS)
            .scopes(&[Scope::ProjectsWrite])
            .audit("projects.team.update")
            .answers(200, "project")
            .summary("Gives a project to another organisation."),
    ]
}

fn of_a_project() -> Vec<Route<Projects>> {
    let routes = vec![
        get("/project", "project.get", project::get)
            .scopes(&[Scope::ProjectRead])
            .alias("/projects/{projectId}")
            .answers(200, "project")
            .summary("The project."),
        delete("/project", "project.delete", project::delete)
            .scopes(&[Scope::ProjectWrite])
            .alias("/projects/{projectId}")
            .audit("project.delete")
            .answers_nothing()
            .summary("Removes the project with everything in it, for good."),
        put("/project/labels", "project.updateLabels", project::update_labels)
            .scopes(&[Scope::ProjectWrite])
            .alias("/projects/{projectId}/labels")
            .audit("project.labels.update")
            .answers(200, "project")
            .summary("Puts other labels on the project."),
        patch("/project/auth-methods/{methodId}", "project.updateAuthMethod", switches::auth_method)
            .scopes(&[Scope::ProjectWrite])
            .alias("/projects/{projectId}/auth/{methodId}")
            .audit("project.authMethods.[methodId].update")
            .answers(200, "project")
            .summary("Switches a way to sign in on or off."),
        patch("/project/services/{serviceId}", "project.updateService", switches::service)
            .scopes(&[Scope::ProjectWrite])
            .alias("/project/services/{serviceId}/status")
            .audit("project.services.[serviceId].update")
            .answers(200, "project")
            .summary("Switches a service on or off for clients."),
    ];
    for_servers(routes)
}

fn of_its_keys() -> Vec<Route<Projects>> {
    let routes = vec![
        get("/project/keys", "project.listKeys", keys::list)
            .scopes(&[Scope::KeysRead])
            .alias("/projects/{projectId}/keys")
            .answers(200, "keyList")
            .summary("API keys, without their secrets."),
        post("/project/keys", "project.createKey", keys::create)
            .scopes(&[Scope::KeysWrite])
            .alias("/projects/{projectId}/keys")
            .audit("project.key.create")
            .answers(201, "key")
            .summary("Makes an API key. Its secret is in this answer and in no other."),
        get("/project/keys/{keyId}", "project.getKey", keys::get)
            .scopes(&[Scope::KeysRead])
            .alias("/projects/{projectId}/keys/{keyId}")
            .answers(200, "key")
            .summary("An API key, without its secret."),
        put("/project/keys/{keyId}", "project.updateKey", keys::update)
            .scopes(&[Scope::KeysWrite])
            .alias("/projects/{projectId}/keys/{keyId}")
            .audit("project.key.update")
            .answers(200, "key")
            .summary("Changes an API key; its secret stays."),
        delete("/project/keys/{keyId}", "project.deleteKey", keys::delete)
            .scopes(&[Scope::KeysWrite])
            .alias("/projects/{projectId}/keys/{keyId}")
            .audit("project.key.delete")
            .answers_nothing()
            .summary("Ends an API key."),
    ];
    for_servers(routes)
}

fn of_its_platforms() -> Vec<Route<Projects>> {
    let mut routes = vec![
        get("/project/platforms", "project.listPlatforms", platforms::list)
            .scopes(&[Scope::PlatformsRead])
            .alias("/projects/{projectId}/platforms")
            .answers(200, "platformList")
            .summary("The apps that may call the project."),
        get("/project/platforms/{platformId}", "project.getPlatform", platforms::get)
            .scopes(&[Scope::PlatformsRead])
            .alias("/projects/{projectId}/platforms/{platformId}")
            .answers(200, "platform")
            .summary("An app that may call the project."),
        delete("/project/platforms/{platformId}", "project.deletePlatform", platforms::delete)
            .scopes(&[Scope::PlatformsWrite])
            .alias("/projects/{projectId}/platforms/{platformId}")
            .audit("project.platform.delete")
            .answers_nothing()
            .summary("Lets an app call the project no more."),
    ];
    let made = [
        post("/project/platforms/web", "project.createWebPlatform", platforms::create_web)
            .alias("/projects/{projectId}/platforms")
            .answers(201, "platformWeb"),
        post("/project/platforms/apple", "project.createApplePlatform", platforms::create_apple)
            .answers(201, "platformApple"),
        post("/project/platforms/android", "project.createAndroidPlatform", platforms::create_android)
            .answers(201, "platformAndroid"),
        post("/project/platforms/windows", "project.createWindowsPlatform", platforms::create_windows)
            .answers(201, "platformWindows"),
        post("/project/platforms/linux", "project.createLinuxPlatform", platforms::create_linux)
            .answers(201, "platformLinux"),
    ];
    routes.extend(made.into_iter().map(|route| {
        let route = route.scopes(&[Scope::PlatformsWrite]);
        route.audit("project.platform.create").summary("Lets an app call the project.")
    }));
    let changed = [
        put("/project/platforms/web/{platformId}", "project.updateWebPlatform", platforms::update_web)
            .alias("/projects/{projectId}/platforms/{platformId}")
            .answers(200, "platformWeb"),
        put("/project/platforms/apple/{platformId}", "project.updateApplePlatform", platforms::update_apple)
            .answers(200, "platformApple"),
        put("/project/platforms/android/{platformId}", "project.updateAndroidPlatform", platforms::update_android)
            .answers(200, "platformAndroid"),
        put("/project/platforms/windows/{platformId}", "project.updateWindowsPlatform", platforms::update_windows)
            .answers(200, "platformWindows"),
        put("/project/platforms/linux/{platformId}", "project.updateLinuxPlatform", platforms::update_linux)
            .answers(200, "platformLinux"),
    ];
    routes.extend(changed.into_iter().map(|route| {
        let route = route.scopes(&[Scope::PlatformsWrite]);
        route.audit("project.platform.update").summary("Changes an app that may call the project.")
    }));
    for_servers(routes)
}

fn of_its_policies() -> Vec<Route<Projects>> {
    let read = [
        get("/project/policies", "project.listPolicies", policies::list)
            .answers(200, "policyList")
            .summary("Rules about sessions, users and members."),
        get("/project/policies/{policyId}", "project.getPolicy", policies::get)
            .answers(200, "policy")
            .summary("One of these rules."),
    ];
    let read = read.into_iter().map(|route| route.scopes(&[Scope::PoliciesRead, Scope::ProjectPoliciesRead]));
    let write = [
        patch("/project/policies/session-duration", "project.updateSessionDurationPolicy", policies::session_duration)
            .alias("/projects/{projectId}/auth/duration")
            .summary("How long sessions last."),
        patch("/project/policies/session-limit", "project.updateSessionLimitPolicy", policies::session_limit)
            .alias("/projects/{projectId}/auth/max-sessions")
            .summary("How many sessions a user may have."),
        patch(
            "/project/policies/session-invalidation",
            "project.updateSessionInvalidationPolicy",
            policies::session_invalidation,
        )
        .alias("/projects/{projectId}/auth/session-invalidation")
        .summary("Whether a new password ends other sessions."),
        patch("/project/policies/user-limit", "project.updateUserLimitPolicy", policies::user_limit)
            .alias("/projects/{projectId}/auth/limit")
            .summary("How many users there may be."),
        patch(
            "/project/policies/membership-privacy",
            "project.updateMembershipPrivacyPolicy",
            policies::membership_privacy,
        )
        .alias("/projects/{projectId}/auth/memberships-privacy")
        .summary("What members of a team see of each other."),
    ];
    let write = write.into_iter().map(|route| {
        let route = route.scopes(&[Scope::PoliciesWrite, Scope::ProjectPoliciesWrite]);
        route.audit("projects.[projectId].policies.[policy].update").answers(200, "project")
    });
    for_servers(read.chain(write))
}

/// Only for who runs the project: its keys, and the admins of its organisation.
fn for_servers(routes: impl IntoIterator<Item = Route<Projects>>) -> Vec<Route<Projects>> {
    routes.into_iter().map(|route| route.callers(Callers::SERVERS)).collect()
}
