//! Signing in and out, and what a session is.

use floe_testkit::{Answer, Project, both_databases};
use serde_json::{Value as Json, json};

const PASSWORD: &str = "correct horse battery";

fn login(email: &str, password: &str) -> Json {
    json!({"email": email, "password": password})
}

fn text(json: &Json) -> String {
    json.as_str().unwrap().to_owned()
}

/// What an answer tells, but for the request's own id.
fn tells(mut answer: Answer) -> (u16, Json, Vec<String>) {
    answer.body.as_object_mut().unwrap().remove("requestId");
    let volatile = ["x-request-id", "date", "content-length"];
    let names = answer.headers.keys().map(|name| name.as_str().to_owned()).filter(|name| !volatile.contains(&&**name));
    (answer.status, answer.body.clone(), names.collect())
}

async fn sessions(client: &floe_testkit::Client) -> Vec<Json> {
    client.get("/v1/account/sessions").await.expect(200)["sessions"].as_array().unwrap().clone()
}

async fn with_account(floe: &floe_testkit::TestServer) -> Project {
    let project = floe.project("shop").await;
    let account = json!({"userId": "ada", "email": "ada@x.org", "password": PASSWORD, "name": "Ada"});
    project.guest().post("/v1/account", &account).await.ok(201);
    project
}

both_databases! {
    async fn a_browser_gets_cookies_and_no_secret(floe: TestServer) {
        let project = with_account(&floe).await;
        let guest = project.guest().header("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0");
        let answer = guest.post("/v1/account/sessions/email", &login(" ADA@x.org", PASSWORD)).await;
        let set = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned());
        let cookies: Vec<_> = set.filter(|cookie| cookie.starts_with("a_session_")).collect();
        let cookie = answer.cookie("a_session_shop").unwrap();
        assert_eq!(answer.cookie("a_session_shop_legacy").as_ref(), Some(&cookie));
        assert!(cookies.len() == 2 && cookies.iter().all(|cookie| cookie.contains("; HttpOnly") && cookie.contains("; Path=/;")));
        let session = answer.expect(201);
        assert_eq!((&session["secret"], &session["current"]), (&json!(""), &json!(true)));
        assert_eq!((&session["provider"], &session["providerUid"]), (&json!("email"), &json!("ada@x.org")));
        assert_eq!((&session["clientCode"], &session["osName"], &session["factors"]), (&json!("FF"), &json!("GNU/Linux"), &json!(["password"])));
        let browser = project.guest().header("Cookie", format!("a_session_shop={cookie}"));
        assert_eq!(browser.get("/v1/account").await.expect(200)["$id"], "ada");
        let listed = sessions(&browser).await;
        assert_eq!((listed.len(), &listed[0]["$id"], &listed[0]["current"], &listed[0]["secret"]), (1, &session["$id"], &json!(true), &json!("")));
    }

    async fn a_server_gets_the_secret(floe: TestServer) {
        let project = with_account(&floe).await;
        let server = project.with_key(&floe.key("shop", "sessions.write").await);
        let session = server.post("/v1/account/sessions/email", &login("ada@x.org", PASSWORD)).await.expect(201);
        let ada = project.guest().session(&text(&session["secret"]));
        assert_eq!(ada.get("/v1/account").await.expect(200)["$id"], "ada");
        let session = server.post("/v1/account/sessions/anonymous", &json!({})).await.expect(201);
        project.guest().session(&text(&session["secret"])).get("/v1/account").await.ok(200);
    }

    async fn the_old_path_leads_to_the_same_door(floe: TestServer) {
        let project = with_account(&floe).await;
        project.guest().post("/v1/account/sessions", &login("ada@x.org", PASSWORD)).await.ok(201);
    }

    /// SEC-035.
    async fn nobody_learns_which_addresses_there_are(floe: TestServer) {
        let project = with_account(&floe).await;
        project.server().post("/v1/users", &json!({"userId": "bare", "email": "bare@x.org"})).await.ok(201);
        let guest = project.guest();
        let wrong = tells(guest.post("/v1/account/sessions/email", &login("ada@x.org", "wrong password")).await);
        assert_eq!((wrong.0, &wrong.1["type"]), (401, &json!("user_invalid_credentials")));
        for email in ["nobody@x.org", "bare@x.org"] {
            assert_eq!(tells(guest.post("/v1/account/sessions/email", &login(email, "wrong password")).await), wrong, "{email}");
        }
    }

    /// SEC-023, SEC-037.
    async fn refuses_credentials_that_are_no_texts(floe: TestServer) {
        let guest = with_account(&floe).await.guest();
        for password in [json!(["correct horse battery"]), json!({"$gt": ""}), json!(1), json!(null), json!(""), json!("short"), json!("x".repeat(60_000)), json!("correct horse battery\u{0}")] {
            let body = json!({"email": "ada@x.org", "password": password});
            guest.post("/v1/account/sessions/email", &body).await.refused(400, "general_argument_invalid");
        }
        // Not even read.
        guest.post("/v1/account/sessions/email", &login("ada@x.org", &"x".repeat(1_000_000))).await.refused(413, "general_payload_too_large");
        for email in [json!(["ada@x.org"]), json!({"$gt": ""}), json!(null)] {
            let body = json!({"email": email, "password": PASSWORD});
            guest.post("/v1/account/sessions/email", &body).await.refused(400, "general_argument_invalid");
        }
    }

    async fn who_is_signed_in_does_not_sign_in_again(floe: TestServer) {
        let project = with_account(&floe).await;
        let anonymous = project.guest().post("/v1/account/sessions/anonymous", &json!({})).await.cookie("a_session_shop").unwrap();
        for client in [project.user("eve@x.org").await.client, project.guest().session(&anonymous)] {
            client.post("/v1/account/sessions/email", &login("ada@x.org", PASSWORD)).await.refused(401, "user_session_already_exists");
            client.post("/v1/account/sessions/anonymous", &json!({})).await.refused(401, "user_session_already_exists");
        }
    }

    /// SEC-027.
    async fn a_session_that_was_put_into_the_browser_before_is_not_taken_over(floe: TestServer) {
        let project = with_account(&floe).await;
        let planted = project.guest().header("Cookie", "a_session_shop=eyJpZCI6ImFkYSIsInNlY3JldCI6InBsYW50ZWQifQ==");
        let first = planted.post("/v1/account/sessions/email", &login("ada@x.org", PASSWORD)).await;
        let second = planted.post("/v1/account/sessions/email", &login("ada@x.org", PASSWORD)).await;
        assert!(first.cookie("a_session_shop").unwrap() != second.cookie("a_session_shop").unwrap());
        planted.get("/v1/account").await.refused(401, "general_unauthorized_scope");
    }

    /// SEC-019.
    async fn a_session_header_that_is_not_good_is_an_error_and_never_a_guest(floe: TestServer) {
        let project = with_account(&floe).await;
        let cookie = project.guest().post("/v1/account/sessions/email", &login("ada@x.org", PASSWORD)).await.cookie("a_session_shop").unwrap();
        for bad in ["x", "e30=", "bnVsbA==", &cookie[..cookie.len() - 8], "eyJpZCI6Ii4uLy4uL2V0YyIsInNlY3JldCI6IngifQ=="] {
            let client = project.guest().session(bad);
            client.post("/v1/account", &json!({"userId": "eve", "email": "eve@x.org", "password": PASSWORD})).await.refused(401, "user_unauthorized");
            client.get("/v1/account").await.refused(401, "user_unauthorized");
        }
        project.guest().jwt("x.y.z").get("/v1/account").await.refused(401, "user_jwt_invalid");
        project.guest().key("standard_x").get("/v1/account").await.refused(401, "general_access_forbidden");
    }

    async fn signing_out_ends_this_session_alone(floe: TestServer) {
        let project = with_account(&floe).await;
        let cookie = async || project.guest().post("/v1/account/sessions/email", &login("ada@x.org", PASSWORD)).await.cookie("a_session_shop").unwrap();
        let (here, there) = (project.guest().session(&cookie().await), project.guest().session(&cookie().await));
        assert_eq!(here.get("/v1/account/sessions/current").await.expect(200)["$id"], sessions(&here).await[0]["$id"]);
        let answer = here.delete("/v1/account/sessions/current").await;
        assert_eq!((answer.cookie("a_session_shop").as_deref(), answer.cookie("a_session_shop_legacy").as_deref()), (Some(""), Some("")));
        assert_eq!(answer.header("x-fallback-cookies"), "[]");
        answer.ok(204);
        here.get("/v1/account").await.refused(401, "user_unauthorized");
        assert_eq!(sessions(&there).await.len(), 1);
    }

    async fn another_session_is_ended_from_here(floe: TestServer) {
        let project = with_account(&floe).await;
        let cookie = async || project.guest().post("/v1/account/sessions/email", &login("ada@x.org", PASSWORD)).await.cookie("a_session_shop").unwrap();
        let (here, there) = (project.guest().session(&cookie().await), project.guest().session(&cookie().await));
        let other = text(&sessions(&here).await.iter().find(|session| session["current"] == false).unwrap()["$id"]);
        there.get("/v1/account").await.ok(200);
        let answer = here.delete(&format!("/v1/account/sessions/{other}")).await;
        assert_eq!(answer.header("set-cookie"), "", "the browser here stays signed in");
        answer.ok(204);
        there.get("/v1/account").await.refused(401, "user_unauthorized");
        here.delete("/v1/account/sessions").await.ok(204);
        here.get("/v1/account").await.refused(401, "user_unauthorized");
    }

    /// SEC-050, SEC-058.
    async fn the_sessions_of_others_are_not_there(floe: TestServer) {
        let project = with_account(&floe).await;
        let (ada, eve) = (project.user("a@x.org").await, project.user("eve@x.org").await);
        let foreign = text(&sessions(&ada.client).await[0]["$id"]);
        for id in [foreign.as_str(), "nobody"] {
            let path = format!("/v1/account/sessions/{id}");
            eve.client.get(&path).await.refused(404, "user_session_not_found");
            eve.client.patch(&path, &json!({})).await.refused(404, "user_session_not_found");
            eve.client.delete(&path).await.refused(404, "user_session_not_found");
        }
        ada.client.get("/v1/account").await.ok(200);
    }

    async fn a_session_lasts_longer_when_asked(floe: TestServer) {
        let project = floe.project("shop").await;
        project.server().patch("/v1/project/policies/session-duration", &json!({"duration": 3600})).await.ok(200);
        let ada = project.user("ada@x.org").await;
        let before = ada.client.get("/v1/account/sessions/current").await.expect(200);
        floe.clock().advance(3000);
        let after = ada.client.patch("/v1/account/sessions/current", &json!({})).await.expect(200);
        assert!(text(&after["expire"]) > text(&before["expire"]) && after["$id"] == before["$id"]);
        floe.clock().advance(3000);
        ada.client.get("/v1/account").await.ok(200);
        floe.clock().advance(600);
        ada.client.get("/v1/account").await.refused(401, "user_unauthorized");
        ada.client.patch("/v1/account/sessions/current", &json!({})).await.refused(401, "user_unauthorized");
    }

    async fn an_anonymous_user_becomes_somebody(floe: TestServer) {
        let project = floe.project("shop").await;
        let answer = project.guest().post("/v1/account/sessions/anonymous", &json!({})).await;
        let anonymous = project.guest().session(&answer.cookie("a_session_shop").unwrap());
        assert_eq!(answer.expect(201)["provider"], "anonymous");
        let before = anonymous.get("/v1/account").await.expect(200);
        assert_eq!((&before["email"], &before["passwordUpdate"]), (&json!(""), &json!("")));
        let after = anonymous.patch("/v1/account/email", &login("ada@x.org", PASSWORD)).await.expect(200);
        assert_eq!((&after["$id"], &after["email"]), (&before["$id"], &json!("ada@x.org")));
        anonymous.patch("/v1/account/email", &login("eve@x.org", "another password")).await.refused(401, "user_invalid_credentials");
        project.guest().post("/v1/account/sessions/email", &login("ada@x.org", PASSWORD)).await.ok(201);
    }
}
