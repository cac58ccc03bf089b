//! Projects through the public door.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![recursion_limit = "512"]

mod isolation;
mod keys;
mod lifetime;
mod platforms;
mod projects;
mod settings;

use floe_testkit::{Client, TestServer, User};
use serde_json::json;

/// A console user with an organisation of their own.
async fn owner_of(floe: &TestServer, team: &str) -> User {
    let user = floe.console_user(&format!("{team}@example.org")).await;
    user.client.post("/v1/teams", &json!({"teamId": team, "name": team})).await.ok(201);
    user
}

/// The console user, managing this project.
fn admin(floe: &TestServer, user: &User, project: &str) -> Client {
    floe.client().to_project(project).header("X-Appwrite-Mode", "admin").session(&user.session)
}
