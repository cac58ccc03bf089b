//! Sessions and JWTs that servers make for people.

use floe_testkit::{Project, both_databases};
use serde_json::{Value as Json, json};

fn text(json: &Json) -> String {
    json.as_str().unwrap().to_owned()
}

async fn session_ids(project: &Project, user: &str) -> Vec<String> {
    let list = project.server().get(&format!("/v1/users/{user}/sessions")).await.expect(200);
    assert_eq!(list["total"], list["sessions"].as_array().unwrap().len());
    list["sessions"].as_array().unwrap().iter().map(|session| text(&session["$id"])).collect()
}

async fn jwt(project: &Project, user: &str, body: &Json) -> String {
    text(&project.server().post(&format!("/v1/users/{user}/jwts"), body).await.expect(201)["jwt"])
}

both_databases! {
    async fn a_server_signs_a_user_in(floe: TestServer) {
        let project = floe.project("shop").await;
        project.server().post("/v1/users", &json!({"userId": "ada"})).await.ok(201);
        let server = project.server().header("User-Agent", "curl/8.5.0");
        let session = server.post("/v1/users/ada/sessions", &json!({})).await.expect(201);
        let expected = [
            "$id", "$createdAt", "$updatedAt", "userId", "expire", "provider", "providerUid", "providerAccessToken", "providerAccessTokenExpiry",
            "providerRefreshToken", "ip", "osCode", "osName", "osVersion", "clientType", "clientCode", "clientName", "clientVersion",
            "clientEngine", "clientEngineVersion", "deviceName", "deviceBrand", "deviceModel", "countryCode", "countryName", "current",
            "factors", "secret", "mfaUpdatedAt",
        ];
        assert_eq!(session.as_object().unwrap().keys().collect::<Vec<_>>(), expected);
        assert_eq!((&session["provider"], &session["clientName"], &session["ip"]), (&json!("server"), &json!("curl"), &json!("127.0.0.1")));
        assert_eq!((&session["countryCode"], &session["countryName"]), (&json!("--"), &json!("Unknown")));
        let account = project.guest().session(&text(&session["secret"])).get("/v1/account").await.expect(200);
        assert_eq!(account["$id"], "ada");
        let listed = project.server().get("/v1/users/ada/sessions").await.expect(200);
        assert_eq!(listed["sessions"][0]["secret"], "", "a secret is shown once");
        project.server().post("/v1/users/eve/sessions", &json!({})).await.refused(404, "user_not_found");
    }

    /// SEC-017.
    async fn a_session_that_is_ended_ends_at_once(floe: TestServer) {
        let project = floe.project("shop").await;
        let ada = project.user("ada@x.org").await;
        let of_jwt = project.guest().jwt(&jwt(&project, &ada.id, &json!({})).await);
        ada.client.get("/v1/account").await.ok(200);
        of_jwt.get("/v1/account").await.ok(200);
        let session = session_ids(&project, &ada.id).await.remove(0);
        project.server().delete(&format!("/v1/users/{}/sessions/{session}", ada.id)).await.ok(204);
        ada.client.get("/v1/account").await.refused(401, "user_unauthorized");
        of_jwt.get("/v1/account").await.refused(401, "user_jwt_invalid");
        project.server().delete(&format!("/v1/users/{}/sessions/{session}", ada.id)).await.refused(404, "user_session_not_found");
    }

    async fn all_sessions_end_together(floe: TestServer) {
        let project = floe.project("shop").await;
        let (ada, eve) = (project.user("ada@x.org").await, project.user("eve@x.org").await);
        project.server().post(&format!("/v1/users/{}/sessions", ada.id), &json!({})).await.ok(201);
        assert_eq!(session_ids(&project, &ada.id).await.len(), 2);
        let without_session = project.guest().jwt(&jwt(&project, &ada.id, &json!({})).await);
        project.server().delete(&format!("/v1/users/{}/sessions", ada.id)).await.ok(204);
        assert!(session_ids(&project, &ada.id).await.is_empty());
        assert_eq!((ada.client.get("/v1/account").await.status, eve.client.get("/v1/account").await.status), (401, 200));
        without_session.get("/v1/account").await.refused(401, "user_jwt_invalid");
    }

    /// SEC-050.
    async fn a_session_is_found_under_its_own_user_alone(floe: TestServer) {
        let project = floe.project("shop").await;
        let (ada, eve) = (project.user("ada@x.org").await, project.user("eve@x.org").await);
        let session = session_ids(&project, &ada.id).await.remove(0);
        let path = format!("/v1/users/{}/sessions/{session}", eve.id);
        project.server().delete(&path).await.refused(404, "user_session_not_found");
        let body = json!({"sessionId": session});
        project.server().post(&format!("/v1/users/{}/jwts", eve.id), &body).await.refused(404, "user_session_not_found");
        assert_eq!(ada.client.get("/v1/account").await.status, 200);
    }

    async fn the_oldest_sessions_make_room(floe: TestServer) {
        let project = floe.project("shop").await;
        project.server().patch("/v1/project/policies/session-limit", &json!({"total": 2})).await.ok(200);
        let ada = project.user("ada@x.org").await;
        let first = session_ids(&project, &ada.id).await;
        project.server().post(&format!("/v1/users/{}/sessions", ada.id), &json!({})).await.ok(201);
        assert_eq!(ada.client.get("/v1/account").await.status, 200);
        project.server().post(&format!("/v1/users/{}/sessions", ada.id), &json!({})).await.ok(201);
        let now = session_ids(&project, &ada.id).await;
        assert!(now.len() == 2 && !now.contains(&first[0]));
        ada.client.get("/v1/account").await.refused(401, "user_unauthorized");
    }

    async fn a_session_that_has_ended_is_seen_nowhere(floe: TestServer) {
        let project = floe.project("shop").await;
        project.server().patch("/v1/project/policies/session-duration", &json!({"duration": 3600})).await.ok(200);
        let ada = project.user("ada@x.org").await;
        floe.clock().advance(3599);
        ada.client.get("/v1/account").await.ok(200);
        floe.clock().advance(1);
        ada.client.get("/v1/account").await.refused(401, "user_unauthorized");
        assert!(session_ids(&project, &ada.id).await.is_empty());
    }

    async fn a_jwt_does_not_stand_for_another_user_of_the_same_id(floe: TestServer) {
        let project = floe.project("shop").await;
        let server = project.server();
        server.post("/v1/users", &json!({"userId": "ann"})).await.ok(201);
        let of_jwt = project.guest().jwt(&jwt(&project, "ann", &json!({})).await);
        of_jwt.get("/v1/account").await.ok(200);
        server.delete("/v1/users/ann").await.ok(204);
        server.post("/v1/users", &json!({"userId": "ann"})).await.ok(201);
        of_jwt.get("/v1/account").await.refused(401, "user_jwt_invalid");
        project.guest().jwt(&jwt(&project, "ann", &json!({})).await).get("/v1/account").await.ok(200);
    }

    async fn a_jwt_stands_for_a_user_for_a_while(floe: TestServer) {
        let project = floe.project("shop").await;
        let ada = project.user("ada@x.org").await;
        let of_jwt = project.guest().jwt(&jwt(&project, &ada.id, &json!({"duration": 60})).await);
        assert_eq!(of_jwt.get("/v1/account").await.expect(200)["$id"], ada.id);
        floe.clock().advance(60);
        of_jwt.get("/v1/account").await.refused(401, "user_jwt_invalid");
        for duration in [json!(-1), json!(3601), json!("x"), json!([])] {
            let body = json!({"duration": duration});
            project.server().post(&format!("/v1/users/{}/jwts", ada.id), &body).await.refused(400, "general_argument_invalid");
        }
    }

    async fn a_jwt_needs_no_session(floe: TestServer) {
        let project = floe.project("shop").await;
        project.server().post("/v1/users", &json!({"userId": "ada"})).await.ok(201);
        let of_jwt = project.guest().jwt(&jwt(&project, "ada", &json!({"sessionId": "recent"})).await);
        of_jwt.get("/v1/account").await.ok(200);
        of_jwt.get("/v1/account/sessions/current").await.refused(404, "user_session_not_found");
        project.server().patch("/v1/users/ada/status", &json!({"status": false})).await.ok(200);
        of_jwt.get("/v1/account").await.refused(403, "user_blocked");
        project.server().delete("/v1/users/ada").await.ok(204);
        of_jwt.get("/v1/account").await.refused(401, "user_jwt_invalid");
    }

    /// SEC-018, SEC-056.
    async fn credentials_of_one_project_open_no_other(floe: TestServer) {
        let (shop, blog) = (floe.project("shop").await, floe.project("blog").await);
        let ada = shop.user("ada@x.org").await;
        blog.server().post("/v1/users", &json!({"userId": ada.id, "email": "ada@x.org", "password": "another password"})).await.ok(201);
        let of_shop = jwt(&shop, &ada.id, &json!({})).await;
        blog.guest().jwt(&of_shop).get("/v1/account").await.refused(401, "user_jwt_invalid");
        blog.guest().session(&ada.session).get("/v1/account").await.refused(401, "user_unauthorized");
        let console = floe.console_user("root@x.org").await;
        shop.guest().session(&console.session).get("/v1/account").await.refused(401, "user_unauthorized");
        shop.server().patch(&format!("/v1/users/{}/status", ada.id), &json!({"status": false})).await.ok(200);
        assert_eq!(blog.server().get(&format!("/v1/users/{}", ada.id)).await.expect(200)["status"], true);
    }
}
