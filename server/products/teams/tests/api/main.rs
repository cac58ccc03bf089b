//! Teams through the public door.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![recursion_limit = "512"]

mod invitations;
mod memberships;
mod organisations;
mod teams;

use floe_kernel::secret::hash;
use floe_testkit::{Project, TestServer};
use serde_json::{Value as Json, json};

/// Adds a user to a team as a server does; gives the membership's id.
async fn join(project: &Project, team: &str, user_id: &str, roles: &[&str]) -> String {
    let body = json!({"userId": user_id, "roles": roles});
    text(&project.server().post(&format!("/v1/teams/{team}/memberships"), &body).await.expect(201)["$id"])
}

/// What stands in a project after an invitation was mailed: a membership that isn't confirmed, and the hash of its
/// secret.
async fn invite(floe: &TestServer, project: &str, team: &str, user_id: &str, id: &str, roles: &[&str], secret: &str) {
    let (roles, hash) = (json!(roles), hash(secret));
    let mut unit = floe.store(project).await.begin().await.unwrap();
    let sql = format!(
        "INSERT INTO memberships (id, team_id, user_id, roles, confirmed, secret_hash, invited_at, search, created_at, updated_at) \
         VALUES ('{id}', '{team}', '{user_id}', '{roles}', FALSE, '{hash}', 0, '', 0, 0)"
    );
    unit.batch(&sql).await.unwrap();
    unit.commit().await.unwrap();
}

fn text(json: &Json) -> String {
    json.as_str().unwrap().to_owned()
}
