//! Whoever is in one organisation reaches nothing of another, whichever door they try (SEC-018, SEC-050, SEC-056).

use crate::{admin, owner_of};
use floe_kernel::directory::PRINCIPALS;
use floe_store::prelude::*;
use floe_testkit::{TestServer, User, both_databases};
use serde_json::{Value as Json, json};

both_databases! {
    async fn a_user_of_one_organisation_reaches_no_project_of_another(floe: TestServer) {
        let (ada, eve) = (owner_of(&floe, "acme").await, owner_of(&floe, "evil").await);
        ada.client.post("/v1/projects", &json!({"projectId": "shop", "name": "Shop", "teamId": "acme"})).await.ok(201);
        let owner = admin(&floe, &ada, "shop");
        owner.post("/v1/project/keys", &json!({"keyId": "k", "name": "K", "scopes": ["rows.read"]})).await.ok(201);
        owner.post("/v1/project/platforms/web", &json!({"platformId": "w", "name": "W", "hostname": "a.b.org"})).await.ok(201);

        assert_eq!(eve.client.get("/v1/projects").await.expect(200)["total"], 0);
        assert_eq!(eve.client.get("/v1/projects?search=shop").await.expect(200)["total"], 0);
        let of_acme = [json!({"method": "equal", "attribute": "teamId", "values": ["acme"]})];
        assert_eq!(eve.client.list("/v1/projects", &of_acme).await.expect(200)["total"], 0);
        eve.client.list("/v1/projects", &[json!({"method": "cursorAfter", "values": ["shop"]})]).await.refused(400, "general_cursor_not_found");

        // As if it weren't there.
        for id in ["shop", "nothing"] {
            eve.client.patch(&format!("/v1/projects/{id}"), &json!({"name": "Mine"})).await.refused(404, "project_not_found");
            eve.client.patch(&format!("/v1/projects/{id}/team"), &json!({"teamId": "evil"})).await.refused(404, "project_not_found");
        }
        for team in ["acme", "nothing"] {
            eve.client.post("/v1/projects", &json!({"projectId": "bad", "name": "Bad", "teamId": team})).await.refused(404, "team_not_found");
        }
        // By the aliases, which imply an admin; by the header, with and without the mode; by the query.
        let (get, key) = ("/v1/projects/shop", json!({"keyId": "unique()", "name": "K", "scopes": ["rows.read"]}));
        for path in [get, "/v1/projects/shop/keys", "/v1/projects/shop/keys/k", "/v1/projects/shop/platforms", "/v1/projects/shop/platforms/w", "/v1/projects/shop/webhooks"] {
            eve.client.get(path).await.refused(401, "user_unauthorized");
            admin(&floe, &eve, "evil-one").get(path).await.refused(401, "user_unauthorized");
        }
        eve.client.delete(get).await.refused(401, "user_unauthorized");
        eve.client.post("/v1/projects/shop/keys", &key).await.refused(401, "user_unauthorized");
        eve.client.put("/v1/projects/shop/keys/k", &key).await.refused(401, "user_unauthorized");
        eve.client.patch("/v1/projects/shop/auth/duration", &json!({"duration": 60})).await.refused(401, "user_unauthorized");
        let mode = admin(&floe, &eve, "shop");
        for path in ["/v1/project", "/v1/project/keys", "/v1/users", "/v1/teams", "/v1/webhooks"] {
            mode.get(path).await.refused(401, "user_unauthorized");
            floe.client().session(&eve.session).get(&format!("{path}?project=shop&mode=admin")).await.refused(401, "user_unauthorized");
            // A console session is no session of the project.
            floe.client().to_project("shop").session(&eve.session).get(path).await.refused(401, "user_unauthorized");
        }
        assert_eq!(owner.get("/v1/project").await.expect(200)["name"], "Shop");
    }

    async fn a_key_opens_its_own_project_and_no_other(floe: TestServer) {
        let (shop, blog) = (floe.project("shop").await, floe.project("blog").await);
        blog.with_key(&shop.key).get("/v1/project").await.refused(401, "general_access_forbidden");
        // An alias names the project, so the key is checked against that one, whatever the header says.
        shop.server().get("/v1/projects/blog").await.refused(401, "general_access_forbidden");
        shop.server().get("/v1/projects/blog/keys").await.refused(401, "general_access_forbidden");
        shop.server().delete("/v1/projects/blog").await.refused(401, "general_access_forbidden");
        assert_eq!(shop.server().get("/v1/projects/shop").await.expect(200)["$id"], "shop");
        for path in ["/v1/projects", "/v1/console/variables"] {
            assert!(shop.server().get(path).await.status >= 400, "{path}");
        }
        blog.server().get("/v1/project").await.ok(200);
    }

    async fn the_same_ids_in_two_projects_are_two_things(floe: TestServer) {
        let (shop, blog) = (floe.project("shop").await, floe.project("blog").await);
        let mut secrets = Vec::new();
        for project in [&shop, &blog] {
            let key = json!({"keyId": "same", "name": project.id, "scopes": ["project.read"]});
            secrets.push(project.server().post("/v1/project/keys", &key).await.expect(201)["secret"].as_str().unwrap().to_owned());
            let web = json!({"platformId": "same", "name": project.id, "hostname": "same.example.org"});
            project.server().post("/v1/project/platforms/web", &web).await.ok(201);
        }
        assert_eq!(shop.with_key(&secrets[0]).get("/v1/project").await.expect(200)["$id"], "shop");
        shop.with_key(&secrets[1]).get("/v1/project").await.refused(401, "general_access_forbidden");
        shop.server().delete("/v1/project/keys/same").await.ok(204);
        shop.server().delete("/v1/project/platforms/same").await.ok(204);
        for path in ["/v1/project/keys/same", "/v1/project/platforms/same"] {
            assert_eq!(blog.server().get(path).await.expect(200)["name"], "blog");
            assert_eq!(shop.server().get(path).await.status, 404);
        }
    }

    async fn users_of_projects_have_nothing_to_look_for_on_the_console(floe: TestServer) {
        let shop = floe.project("shop").await;
        let user = shop.user("bo@example.org").await;
        user.client.get("/v1/projects").await.refused(401, "general_access_forbidden");
        for client in [user.client.clone(), shop.guest()] {
            for path in ["/v1/project", "/v1/project/keys", "/v1/project/platforms", "/v1/project/policies", "/v1/webhooks"] {
                client.get(path).await.refused(401, "general_unauthorized_scope");
            }
        }
        user.client.get("/v1/projects/shop").await.refused(401, "user_unauthorized");
        floe.client().to_project("console").session(&user.session).get("/v1/projects").await.refused(401, "user_unauthorized");
        floe.client().to_project("console").get("/v1/projects").await.refused(401, "general_unauthorized_scope");
    }

    async fn the_console_is_no_project_that_anybody_manages(floe: TestServer) {
        let ada = owner_of(&floe, "acme").await;
        for path in ["/v1/project", "/v1/project/keys", "/v1/webhooks"] {
            ada.client.get(path).await.refused(401, "general_access_forbidden");
            admin(&floe, &ada, "console").get(path).await.refused(400, "general_bad_request");
        }
        ada.client.delete("/v1/project").await.refused(401, "general_access_forbidden");
        let key = json!({"keyId": "k", "name": "K", "scopes": []});
        ada.client.post("/v1/projects/console/keys", &key).await.refused(404, "project_not_found");
        ada.client.delete("/v1/projects/console").await.refused(404, "project_not_found");
        for path in ["/v1/projects/console", "/v1/projects/console/keys", "/v1/projects/console/webhooks"] {
            ada.client.get(path).await.refused(404, "project_not_found");
        }
        ada.client.patch("/v1/projects/console", &json!({"name": "Mine"})).await.refused(404, "project_not_found");
    }

    async fn an_organisation_takes_its_projects_along(floe: TestServer) {
        let ada = owner_of(&floe, "acme").await;
        ada.client.post("/v1/projects", &json!({"projectId": "shop", "name": "Shop", "teamId": "acme"})).await.ok(201);
        let client = admin(&floe, &ada, "shop");
        client.get("/v1/project").await.ok(200);
        ada.client.delete("/v1/teams/acme").await.ok(204);
        client.get("/v1/project").await.refused(404, "project_not_found");
        assert_eq!(ada.client.get("/v1/projects").await.expect(200)["total"], 0);
    }

    async fn a_project_moves_only_between_organisations_of_who_moves_it(floe: TestServer) {
        let (ada, eve) = (owner_of(&floe, "acme").await, owner_of(&floe, "evil").await);
        ada.client.post("/v1/teams", &json!({"teamId": "second", "name": "Second"})).await.ok(201);
        ada.client.post("/v1/projects", &json!({"projectId": "shop", "name": "Shop", "teamId": "acme"})).await.ok(201);
        ada.client.patch("/v1/projects/shop/team", &json!({"teamId": "evil"})).await.refused(404, "team_not_found");
        let moved: Json = ada.client.patch("/v1/projects/shop/team", &json!({"teamId": "second"})).await.expect(200);
        assert_eq!(moved["teamId"], "second");
        admin(&floe, &ada, "shop").get("/v1/project").await.ok(200);
        admin(&floe, &eve, "shop").get("/v1/project").await.refused(401, "user_unauthorized");
    }

    async fn a_developer_takes_no_project_away_from_its_organisation(floe: TestServer) {
        let (ada, dev) = (owner_of(&floe, "acme").await, owner_of(&floe, "own").await);
        join(&floe, &dev, "acme", "developer").await;
        ada.client.post("/v1/projects", &json!({"projectId": "shop", "name": "Shop", "teamId": "acme"})).await.ok(201);
        dev.client.patch("/v1/projects/shop", &json!({"name": "Better"})).await.ok(200);
        dev.client.patch("/v1/projects/shop/team", &json!({"teamId": "own"})).await.refused(401, "user_unauthorized");
        let project = ada.client.get("/v1/projects/shop").await.expect(200);
        assert_eq!((&project["teamId"], &project["name"]), (&json!("acme"), &json!("Better")));
        // Who owns both may.
        join(&floe, &ada, "own", "developer").await;
        ada.client.patch("/v1/projects/shop/team", &json!({"teamId": "own"})).await.ok(200);
        ada.client.patch("/v1/projects/shop/team", &json!({"teamId": "acme"})).await.refused(401, "user_unauthorized");
    }

    async fn no_project_is_made_for_an_organisation_that_whoever_comes_could_make(floe: TestServer) {
        let refused = floe.app.create_project("shop", "Shop", Some("acme")).await.unwrap_err().to_string();
        assert!(refused.contains("Team with the requested ID could not be found"), "{refused}");
        let eve = owner_of(&floe, "acme").await;
        assert_eq!(eve.client.get("/v1/projects").await.expect(200)["total"], 0);
        admin(&floe, &eve, "shop").get("/v1/project").await.refused(404, "project_not_found");
        floe.app.create_project("shop", "Shop", Some("acme")).await.unwrap();
        admin(&floe, &eve, "shop").get("/v1/project").await.ok(200);
    }

    /// A project that is made while its organisation is removed goes with it, or isn't made.
    async fn no_project_outlives_its_organisation(floe: TestServer) {
        let ada = owner_of(&floe, "home").await;
        for round in 0..5 {
            let team = format!("team{round}");
            ada.client.post("/v1/teams", &json!({"teamId": team, "name": "T"})).await.ok(201);
            let make = async |n: u32| {
                let body = json!({"projectId": format!("p{round}-{n}"), "name": "P", "teamId": team});
                ada.client.post("/v1/projects", &body).await.status
            };
            let remove = async || ada.client.delete(&format!("/v1/teams/{team}")).await.status;
            let (a, removed, b, c) = tokio::join!(make(0), remove(), make(1), make(2));
            // A team for which projects are made all the time is removed another time.
            assert!([204, 503].contains(&removed), "{removed}");
            for made in [a, b, c] {
                assert!([201, 401, 404].contains(&made), "{made}");
            }
            if removed == 503 {
                ada.client.delete(&format!("/v1/teams/{team}")).await.ok(204);
            }
        }
        let mut conn = floe.app.stores.platform().await.unwrap().read().await.unwrap();
        let query = diesel::sql_query("SELECT count(*) AS n FROM projects WHERE team_id NOT IN (SELECT id FROM teams)");
        assert_eq!(on_conn!(conn, |c| query.get_result::<Counted>(c)).unwrap().n, 0);
    }
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

/// Makes a console user a member of an organisation; over HTTP that takes a mail.
async fn join(floe: &TestServer, user: &User, team: &str, role: &str) {
    let mut unit = floe.app.stores.platform().await.unwrap().begin().await.unwrap();
    let (id, membership) = (&user.id, floe.unique("membership"));
    let sql = format!(
        "INSERT INTO memberships (id, team_id, user_id, roles, confirmed, secret_hash, invited_at, search, created_at, updated_at) \
         VALUES ('{membership}', '{team}', '{id}', '[\"{role}\"]', TRUE, '', 0, '', 0, 0)"
    );
    unit.batch(&sql).await.unwrap();
    unit.invalidate(PRINCIPALS, id);
    unit.commit().await.unwrap();
}
