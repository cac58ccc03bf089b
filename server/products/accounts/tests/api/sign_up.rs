//! Who becomes a user, and how.

use floe_testkit::{Client, both_databases};
use futures_util::future::join_all;
use serde_json::{Value as Json, json};

const PASSWORD: &str = "correct horse battery";

fn account(email: &str) -> Json {
    json!({"userId": "unique()", "email": email, "password": PASSWORD})
}

/// The statuses of so many sign-ups at the same time.
async fn together(client: &Client, accounts: &[Json]) -> Vec<u16> {
    let mut statuses: Vec<_> =
        join_all(accounts.iter().map(async |account| client.post("/v1/account", account).await.status)).await;
    statuses.sort_unstable();
    statuses
}

both_databases! {
    async fn signing_up_signs_nobody_in(floe: TestServer) {
        let project = floe.project("shop").await;
        let body = json!({"userId": "ada", "email": " Ada@X.org ", "password": PASSWORD, "name": "Ada"});
        let answer = project.guest().post("/v1/account", &body).await;
        assert_eq!((answer.header("set-cookie"), answer.header("x-fallback-cookies")), ("", ""));
        let user = answer.expect(201);
        assert_eq!((&user["$id"], &user["email"], &user["emailVerification"]), (&json!("ada"), &json!("ada@x.org"), &json!(false)));
        for secret in ["password", "hash", "hashOptions"] {
            assert!(user.get(secret).is_none(), "{secret} is for servers alone");
        }
        assert_eq!(project.server().get("/v1/users/ada/sessions").await.expect(200)["total"], 0);
        project.guest().get("/v1/account").await.refused(401, "general_unauthorized_scope");
    }

    async fn refuses_what_is_taken(floe: TestServer) {
        let guest = floe.project("shop").await.guest();
        guest.post("/v1/account", &json!({"userId": "ada", "email": "ada@x.org", "password": PASSWORD})).await.ok(201);
        guest.post("/v1/account", &json!({"userId": "ada", "email": "eve@x.org", "password": PASSWORD})).await.refused(409, "user_already_exists");
        for spelling in ["ada@x.org", "ADA@X.ORG", "  ada@x.org\t"] {
            guest.post("/v1/account", &account(spelling)).await.refused(409, "user_already_exists");
        }
    }

    /// SEC-023, SEC-036, SEC-037.
    async fn refuses_what_is_no_address_or_password(floe: TestServer) {
        let project = floe.project("shop").await;
        for email in [json!(""), json!("ada"), json!("\"a b\"@x.org"), json!("аda@x.org"), json!("ada@x.org\u{0}"), json!("ada@x.org."), json!(["ada@x.org"]), json!({"a": 1}), json!(null), json!(7)] {
            let body = json!({"userId": "unique()", "email": email, "password": PASSWORD});
            project.guest().post("/v1/account", &body).await.refused(400, "general_argument_invalid");
        }
        for password in [json!("1234567"), json!("x".repeat(257)), json!("x".repeat(60_000)), json!("12345678\u{0}"), json!(["12345678"]), json!({"$ne": 1}), json!(12_345_678), json!(null)] {
            let body = json!({"userId": "unique()", "email": "ada@x.org", "password": password});
            project.guest().post("/v1/account", &body).await.refused(400, "general_argument_invalid");
        }
        assert_eq!(project.server().get("/v1/users").await.expect(200)["total"], 0);
    }

    async fn of_a_hundred_with_one_address_one_gets_it(floe: TestServer) {
        let project = floe.project("shop").await;
        let statuses = together(&project.guest(), &vec![account("ada@x.org"); 100]).await;
        assert_eq!((statuses[0], statuses[1], statuses[99]), (201, 409, 409));
        assert_eq!(project.server().get("/v1/users").await.expect(200)["total"], 1);
    }

    async fn a_full_project_takes_nobody_in(floe: TestServer) {
        let project = floe.project("shop").await;
        project.server().patch("/v1/project/policies/user-limit", &json!({"total": 3})).await.ok(200);
        let accounts: Vec<_> = (0..10).map(|n| account(&format!("u{n}@x.org"))).collect();
        let statuses = together(&project.guest(), &accounts).await;
        assert_eq!(statuses, [201, 201, 201, 400, 400, 400, 400, 400, 400, 400]);
        project.guest().post("/v1/account", &account("late@x.org")).await.refused(400, "user_count_exceeded");
        project.guest().post("/v1/account/sessions/anonymous", &json!({})).await.refused(400, "user_count_exceeded");
        project.server().post("/v1/users", &json!({"userId": "vip"})).await.ok(201);
    }

    async fn a_way_that_is_switched_off_is_closed_to_clients(floe: TestServer) {
        let project = floe.project("shop").await;
        for method in ["email-password", "anonymous", "jwt"] {
            project.server().patch(&format!("/v1/project/auth-methods/{method}"), &json!({"enabled": false})).await.ok(200);
        }
        let login = json!({"email": "ada@x.org", "password": PASSWORD});
        let (guest, server) = (project.guest(), project.server());
        guest.post("/v1/account", &account("ada@x.org")).await.refused(501, "user_auth_method_unsupported");
        server.post("/v1/account", &account("ada@x.org")).await.ok(201);
        guest.post("/v1/account/sessions/email", &login).await.refused(501, "user_auth_method_unsupported");
        guest.post("/v1/account/sessions/anonymous", &json!({})).await.refused(501, "user_auth_method_unsupported");
        let session = server.post("/v1/account/sessions/email", &login).await.expect(201);
        let ada = guest.session(session["secret"].as_str().unwrap());
        ada.get("/v1/account").await.ok(200);
        ada.post("/v1/account/jwts", &json!({})).await.refused(501, "user_auth_method_unsupported");
    }

    /// SEC-112.
    async fn the_console_takes_the_first_with_the_token_and_nobody_else(floe: TestServer) {
        let console = floe.client().to_project("console");
        let token = floe.app.setup_token.expose().to_owned();
        console.post("/v1/account", &account("ada@x.org")).await.refused(501, "user_console_count_exceeded");
        let guess = console.clone().header("X-Floe-Setup-Token", "guess");
        guess.post("/v1/account", &account("ada@x.org")).await.refused(501, "user_console_count_exceeded");
        let accounts: Vec<_> = (0..20).map(|n| account(&format!("u{n}@x.org"))).collect();
        let statuses = together(&console.clone().header("X-Floe-Setup-Token", &token), &accounts).await;
        assert_eq!((statuses[0], statuses[1], statuses[19]), (201, 501, 501));
        let mut late = account("late@x.org");
        late["setupToken"] = token.into();
        console.post("/v1/account", &late).await.refused(501, "user_console_count_exceeded");
    }

    async fn the_token_of_the_console_may_stand_in_the_body(floe: TestServer) {
        let console = floe.client().to_project("console");
        let mut first = account("ada@x.org");
        first["setupToken"] = json!({"$ne": 1});
        console.post("/v1/account", &first).await.refused(400, "general_argument_invalid");
        first["setupToken"] = floe.app.setup_token.expose().into();
        console.post("/v1/account", &first).await.ok(201);
        console.post("/v1/account/sessions/email", &json!({"email": "ada@x.org", "password": PASSWORD})).await.ok(201);
    }

    async fn nobody_is_anonymous_on_the_console(floe: TestServer) {
        let console = floe.client().to_project("console");
        console.post("/v1/account/sessions/anonymous", &json!({})).await.refused(401, "user_anonymous_console_prohibited");
    }

    async fn the_token_is_spent_once_the_operator_has_made_an_account(floe: TestServer) {
        floe.console_user("root@x.org").await;
        let console = floe.client().to_project("console").header("X-Floe-Setup-Token", floe.app.setup_token.expose());
        console.post("/v1/account", &account("ada@x.org")).await.refused(501, "user_console_count_exceeded");
    }
}
