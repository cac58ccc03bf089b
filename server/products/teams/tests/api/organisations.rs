//! The teams of the console: what they let their members do with projects.

use crate::invite;
use floe_testkit::{Client, TestServer, User, both_databases};
use serde_json::json;

/// A console user who owns `acme` and its project `shop`.
async fn owner(floe: &TestServer) -> User {
    let ada = floe.console_user("ada@example.org").await;
    ada.client.post("/v1/teams", &json!({"teamId": "acme", "name": "Acme"})).await.ok(201);
    ada.client.post("/v1/projects", &json!({"projectId": "shop", "name": "Shop", "teamId": "acme"})).await.ok(201);
    ada
}

/// A console user who has accepted an invitation to `acme`.
async fn member(floe: &TestServer, name: &str, roles: &[&str]) -> User {
    let user = floe.console_user(&format!("{name}@example.org")).await;
    invite(floe, "console", "acme", &user.id, name, roles, "hush").await;
    let path = format!("/v1/teams/acme/memberships/{name}/status");
    user.client.patch(&path, &json!({"userId": user.id, "secret": "hush"})).await.ok(200);
    user
}

fn admin(floe: &TestServer, user: &User) -> Client {
    floe.client().to_project("shop").header("X-Appwrite-Mode", "admin").session(&user.session)
}

both_databases! {
    async fn developers_manage_projects_and_not_the_organisation(floe: TestServer) {
        owner(&floe).await;
        let dev = member(&floe, "dev", &["developer"]).await;
        assert_eq!(dev.client.get("/v1/projects").await.expect(200)["total"], 1);
        admin(&floe, &dev).post("/v1/project/keys", &json!({"keyId": "k", "name": "K", "scopes": ["rows.read"]})).await.ok(201);
        dev.client.post("/v1/projects", &json!({"projectId": "blog", "name": "Blog", "teamId": "acme"})).await.ok(201);
        dev.client.put("/v1/teams/acme", &json!({"name": "Mine"})).await.refused(401, "user_unauthorized");
        dev.client.delete("/v1/teams/acme").await.refused(401, "user_unauthorized");
        dev.client.patch("/v1/teams/acme/memberships/dev", &json!({"roles": ["owner"]})).await.refused(401, "user_unauthorized");
    }

    async fn members_without_a_role_that_counts_manage_nothing(floe: TestServer) {
        owner(&floe).await;
        for (name, roles) in [("none", &[][..]), ("odd", &["Owner", "owners", "viewer"])] {
            let user = member(&floe, name, roles).await;
            assert_eq!(user.client.get("/v1/projects").await.expect(200)["total"], 1);
            user.client.post("/v1/projects", &json!({"projectId": "blog", "name": "Blog", "teamId": "acme"})).await.refused(401, "user_unauthorized");
            user.client.patch("/v1/projects/shop", &json!({"name": "Mine"})).await.refused(401, "user_unauthorized");
            for path in ["/v1/project", "/v1/projects/shop", "/v1/project/keys", "/v1/users"] {
                admin(&floe, &user).get(path).await.refused(401, "general_unauthorized_scope");
            }
            admin(&floe, &user).delete("/v1/project").await.refused(401, "general_unauthorized_scope");
        }
    }

    /// SEC-051
    async fn who_is_only_invited_manages_nothing(floe: TestServer) {
        owner(&floe).await;
        let eve = floe.console_user("eve@example.org").await;
        invite(&floe, "console", "acme", &eve.id, "m", &["owner"], "hush").await;
        assert_eq!(eve.client.get("/v1/projects").await.expect(200)["total"], 0);
        admin(&floe, &eve).get("/v1/project").await.refused(401, "user_unauthorized");
        eve.client.get("/v1/teams/acme").await.refused(404, "team_not_found");
    }

    async fn who_leaves_loses_the_projects_at_once(floe: TestServer) {
        let ada = owner(&floe).await;
        let dev = member(&floe, "dev", &["developer"]).await;
        admin(&floe, &dev).get("/v1/project").await.ok(200);
        ada.client.delete("/v1/teams/acme/memberships/dev").await.ok(204);
        admin(&floe, &dev).get("/v1/project").await.refused(401, "user_unauthorized");
        assert_eq!(dev.client.get("/v1/projects").await.expect(200)["total"], 0);
    }

    async fn members_of_an_organisation_know_each_other(floe: TestServer) {
        let ada = owner(&floe).await;
        let dev = member(&floe, "dev", &["developer"]).await;
        let seen = ada.client.get("/v1/teams/acme/memberships/dev").await.expect(200);
        assert_eq!((&seen["userId"], &seen["userEmail"]), (&json!(dev.id), &json!("dev@example.org")));
    }

    async fn nobody_is_added_to_an_organisation_without_being_asked(floe: TestServer) {
        let ada = owner(&floe).await;
        let eve = floe.console_user("eve@example.org").await;
        let body = json!({"userId": eve.id, "roles": ["owner"], "url": "https://a.org"});
        ada.client.post("/v1/teams/acme/memberships", &body).await.refused(503, "general_smtp_disabled");
        // The admin mode makes nobody an admin of the console.
        let mode = floe.client().to_project("console").header("X-Appwrite-Mode", "admin").session(&eve.session);
        mode.post("/v1/teams/acme/memberships", &body).await.refused(400, "general_bad_request");
        mode.get("/v1/teams/acme").await.refused(400, "general_bad_request");
        mode.get("/v1/teams").await.refused(400, "general_bad_request");
        eve.client.get("/v1/teams/acme").await.refused(404, "team_not_found");
        assert_eq!(eve.client.get("/v1/teams").await.expect(200)["total"], 0);
    }

    async fn an_organisation_keeps_an_owner(floe: TestServer) {
        let ada = owner(&floe).await;
        let of_ada = ada.client.get("/v1/teams/acme/memberships").await.expect(200)["memberships"][0]["$id"].as_str().unwrap().to_owned();
        let path = format!("/v1/teams/acme/memberships/{of_ada}");
        ada.client.delete(&path).await.refused(400, "membership_deletion_prohibited");
        ada.client.patch(&path, &json!({"roles": ["developer"]})).await.refused(400, "membership_downgrade_prohibited");
        ada.client.patch(&path, &json!({"roles": ["developer", "owner"]})).await.ok(200);
        // Of two owners who leave at the same time, one stays.
        let bo = member(&floe, "bo", &["owner"]).await;
        let (left, stayed) = tokio::join!(ada.client.delete(&path), bo.client.delete("/v1/teams/acme/memberships/bo"));
        let mut statuses = [left.status, stayed.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 400]);
    }
}
