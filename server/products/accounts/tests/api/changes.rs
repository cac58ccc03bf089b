//! What people change about themselves, and what they must show for it.

use floe_testkit::{Client, Project, both_databases};
use futures_util::future::join_all;
use serde_json::{Value as Json, json};

const PASSWORD: &str = "correct horse battery";

async fn another_session(project: &Project) -> Client {
    let login = json!({"email": "ada@x.org", "password": PASSWORD});
    let cookie = project.guest().post("/v1/account/sessions/email", &login).await.cookie("a_session_shop");
    project.guest().session(&cookie.unwrap())
}

async fn jwt_of(project: &Project, client: &Client) -> Client {
    let jwt = client.post("/v1/account/jwts", &json!({})).await.expect(201);
    project.guest().jwt(jwt["jwt"].as_str().unwrap())
}

both_databases! {
    async fn name_and_preferences_need_nothing_more(floe: TestServer) {
        let project = floe.project("shop").await;
        let ada = project.user("ada@x.org").await;
        assert_eq!(ada.client.patch("/v1/account/name", &json!({"name": "Ada"})).await.expect(200)["name"], "Ada");
        let prefs = json!({"theme": "dark", "__proto__": 1});
        assert_eq!(ada.client.patch("/v1/account/prefs", &json!({"prefs": prefs})).await.expect(200)["prefs"], prefs);
        assert_eq!(ada.client.get("/v1/account/prefs").await.expect(200), prefs);
        let account = ada.client.get("/v1/account").await.expect(200);
        assert_eq!((&account["name"], &account["prefs"], &account["$id"]), (&json!("Ada"), &prefs, &json!(ada.id)));
        for name in [json!(""), json!("x".repeat(129)), json!(7)] {
            ada.client.patch("/v1/account/name", &json!({"name": name})).await.refused(400, "general_argument_invalid");
        }
        let forged = json!({"name": "Ada", "labels": ["admin"], "emailVerification": true, "status": false});
        let account = ada.client.patch("/v1/account/name", &forged).await.expect(200);
        assert_eq!((&account["labels"], &account["emailVerification"], &account["status"]), (&json!([]), &json!(false), &json!(true)));
    }

    /// SEC-028: a session alone, or a JWT, is not enough.
    async fn addresses_need_the_password(floe: TestServer) {
        let project = floe.project("shop").await;
        let (ada, eve) = (project.user("ada@x.org").await, project.user("eve@x.org").await);
        for client in [&ada.client, &jwt_of(&project, &ada.client).await] {
            for (path, field, value) in [("/v1/account/email", "email", "new@x.org"), ("/v1/account/phone", "phone", "+491701234567")] {
                client.patch(path, &json!({field: value, "password": "wrong password"})).await.refused(401, "user_invalid_credentials");
                client.patch(path, &json!({field: value})).await.refused(400, "general_argument_invalid");
            }
        }
        project.server().patch(&format!("/v1/users/{}/verification", ada.id), &json!({"emailVerification": true})).await.ok(200);
        let changed = ada.client.patch("/v1/account/email", &json!({"email": "New@x.org", "password": PASSWORD})).await.expect(200);
        assert_eq!((&changed["email"], &changed["emailVerification"]), (&json!("new@x.org"), &json!(false)));
        ada.client.patch("/v1/account/phone", &json!({"phone": "+491701234567", "password": PASSWORD})).await.ok(200);
        eve.client.patch("/v1/account/phone", &json!({"phone": "+491701234567", "password": PASSWORD})).await.refused(409, "user_phone_already_exists");
        eve.client.patch("/v1/account/email", &json!({"email": "NEW@x.org", "password": PASSWORD})).await.refused(400, "general_bad_request");
    }

    /// SEC-017, SEC-028.
    async fn a_new_password_needs_the_old_one_and_ends_the_other_sessions(floe: TestServer) {
        let project = floe.project("shop").await;
        let ada = project.user("ada@x.org").await;
        let (other, jwt) = (another_session(&project).await, jwt_of(&project, &ada.client).await);
        let new = "another password";
        for fault in [json!({"password": new}), json!({"password": new, "oldPassword": ""}), json!({"password": new, "oldPassword": "wrong"})] {
            ada.client.patch("/v1/account/password", &fault).await.refused(401, "user_invalid_credentials");
            jwt.patch("/v1/account/password", &fault).await.refused(401, "user_invalid_credentials");
        }
        for fault in [json!({"password": new, "oldPassword": "x".repeat(257)}), json!({"password": new, "oldPassword": {"$ne": 1}}), json!({"password": "short", "oldPassword": PASSWORD})] {
            ada.client.patch("/v1/account/password", &fault).await.refused(400, "general_argument_invalid");
        }
        other.get("/v1/account").await.ok(200);
        ada.client.patch("/v1/account/password", &json!({"password": new, "oldPassword": PASSWORD})).await.ok(200);
        ada.client.get("/v1/account").await.ok(200);
        other.get("/v1/account").await.refused(401, "user_unauthorized");
        jwt.get("/v1/account").await.refused(401, "user_jwt_invalid");
        let login = |password: &str| json!({"email": "ada@x.org", "password": password});
        project.guest().post("/v1/account/sessions/email", &login(PASSWORD)).await.refused(401, "user_invalid_credentials");
        project.guest().post("/v1/account/sessions/email", &login(new)).await.ok(201);
    }

    async fn other_sessions_stay_where_the_project_says_so(floe: TestServer) {
        let project = floe.project("shop").await;
        project.server().patch("/v1/project/policies/session-invalidation", &json!({"enabled": false})).await.ok(200);
        let ada = project.user("ada@x.org").await;
        let other = another_session(&project).await;
        ada.client.patch("/v1/account/password", &json!({"password": "another password", "oldPassword": PASSWORD})).await.ok(200);
        other.get("/v1/account").await.ok(200);
    }

    /// An old password is good for one new password.
    async fn of_many_new_passwords_at_once_one_is_set(floe: TestServer) {
        let project = floe.project("shop").await;
        let ada = project.user("ada@x.org").await;
        let changes = (0..10).map(|n| json!({"password": format!("new password {n}"), "oldPassword": PASSWORD}));
        let set = changes.map(async |change| ada.client.patch("/v1/account/password", &change).await.status);
        let statuses = join_all(set).await;
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| [200, 401].contains(status)), "{statuses:?}");
    }

    async fn changes_at_once_lose_nothing(floe: TestServer) {
        let project = floe.project("shop").await;
        let ada = project.user("ada@x.org").await;
        let path = format!("/v1/users/{}", ada.id);
        let (path, server) = (path.as_str(), project.server());
        let rounds = join_all((0..10).map(async |n| {
            let (name, prefs, labels) = (json!({"name": format!("Ada {n}")}), json!({"prefs": {"n": n}}), json!({"labels": [format!("l{n}")]}));
            let (labels_path, login) = (format!("{path}/labels"), format!("{path}/sessions"));
            let none = json!({});
            let (a, b, c, d) = (
                ada.client.patch("/v1/account/name", &name), ada.client.patch("/v1/account/prefs", &prefs),
                server.put(&labels_path, &labels), server.post(&login, &none),
            );
            let (a, b, c, d) = futures_util::future::join4(a, b, c, d).await;
            [a.status, b.status, c.status, d.status]
        })).await;
        assert!(rounds.iter().all(|round| *round == [200, 200, 200, 201]), "{rounds:?}");
        let account = ada.client.get("/v1/account").await;
        // Ten more sessions than the ten that a user may have: the first is gone, and nothing else.
        account.refused(401, "user_unauthorized");
        let user = server.get(path).await.expect(200);
        assert!(user["name"].as_str().unwrap().starts_with("Ada ") && user["prefs"]["n"].is_number() && user["labels"][0].is_string());
        assert_eq!(server.get(&format!("{path}/sessions")).await.expect(200)["total"], 10);
    }

    async fn people_may_block_themselves(floe: TestServer) {
        let project = floe.project("shop").await;
        let ada = project.user("ada@x.org").await;
        let other = another_session(&project).await;
        let answer = ada.client.patch("/v1/account/status", &json!({})).await;
        assert_eq!(answer.cookie("a_session_shop").as_deref(), Some(""));
        assert_eq!(answer.expect(200)["status"], false);
        ada.client.get("/v1/account").await.refused(401, "user_unauthorized");
        other.get("/v1/account").await.refused(403, "user_blocked");
        project.server().patch(&format!("/v1/users/{}/status", ada.id), &json!({"status": true})).await.ok(200);
        ada.client.get("/v1/account").await.refused(401, "user_unauthorized");
        other.get("/v1/account").await.ok(200);
    }

    /// SEC-028.
    async fn an_account_is_deleted_by_its_session_and_not_by_a_jwt(floe: TestServer) {
        let project = floe.project("shop").await;
        let ada = project.user("ada@x.org").await;
        let jwt = jwt_of(&project, &ada.client).await;
        jwt.delete("/v1/account").await.refused(401, "user_unauthorized");
        let answer = ada.client.delete("/v1/account").await;
        assert_eq!(answer.cookie("a_session_shop").as_deref(), Some(""));
        answer.ok(204);
        ada.client.get("/v1/account").await.refused(401, "user_unauthorized");
        jwt.get("/v1/account").await.refused(401, "user_jwt_invalid");
        project.server().get(&format!("/v1/users/{}", ada.id)).await.refused(404, "user_not_found");
    }

    /// SEC-028.
    async fn a_jwt_gives_nobody_a_first_password(floe: TestServer) {
        let project = floe.project("shop").await;
        let cookie = project.guest().post("/v1/account/sessions/anonymous", &json!({})).await.cookie("a_session_shop");
        let anonymous = project.guest().session(&cookie.unwrap());
        let jwt = jwt_of(&project, &anonymous).await;
        jwt.patch("/v1/account/password", &json!({"password": PASSWORD})).await.refused(401, "user_unauthorized");
        jwt.patch("/v1/account/email", &json!({"email": "eve@x.org", "password": PASSWORD})).await.refused(401, "user_unauthorized");
        anonymous.patch("/v1/account/password", &json!({"password": PASSWORD})).await.ok(200);
        anonymous.patch("/v1/account/password", &json!({"password": PASSWORD})).await.refused(401, "user_invalid_credentials");
    }

    /// SEC-027: what opened an anonymous user, whoever has planted it or has a copy, doesn't open the account.
    async fn an_anonymous_user_that_becomes_an_account_has_another_secret(floe: TestServer) {
        let doors = [
            ("/v1/account/email", json!({"email": "ada@x.org", "password": PASSWORD})),
            ("/v1/account/phone", json!({"phone": "+491701234567", "password": PASSWORD})),
            ("/v1/account/password", json!({"password": PASSWORD})),
        ];
        for (n, (path, body)) in doors.into_iter().enumerate() {
            let project = floe.project(&format!("p{n}")).await;
            // The default, and also where the project wants sessions to outlive a new password.
            if n == 2 {
                project.server().patch("/v1/project/policies/session-invalidation", &json!({"enabled": false})).await.ok(200);
            }
            let name = format!("a_session_{}", project.id);
            let browser = |secret: &str| project.guest().header("Cookie", format!("{name}={secret}"));
            let planted = project.guest().post("/v1/account/sessions/anonymous", &json!({})).await.cookie(&name).unwrap();
            let before = browser(&planted).get("/v1/account/sessions/current").await.expect(200);
            let other = project.server().post(&format!("/v1/users/{}/sessions", before["userId"].as_str().unwrap()), &json!({})).await.expect(201);
            let other = project.guest().session(other["secret"].as_str().unwrap());
            let jwt = jwt_of(&project, &browser(&planted)).await;
            for client in [&other, &jwt] {
                client.get("/v1/account").await.ok(200);
            }

            let answer = browser(&planted).patch(path, &body).await;
            let own = answer.cookie(&name).unwrap();
            assert!(!own.is_empty() && own != planted && answer.cookie(&format!("{name}_legacy")).as_deref() == Some(&own));
            assert_eq!(answer.header("x-fallback-cookies"), json!({&name: own}).to_string());
            assert!(!answer.text.contains(&own) && !answer.text.contains(&planted), "{}", answer.text);
            let account = answer.expect(200);

            browser(&planted).get("/v1/account").await.refused(401, "general_unauthorized_scope");
            project.guest().session(&planted).get("/v1/account").await.refused(401, "user_unauthorized");
            other.get("/v1/account").await.refused(401, "user_unauthorized");
            jwt.get("/v1/account").await.refused(401, "user_jwt_invalid");
            assert_eq!(browser(&own).get("/v1/account").await.expect(200)["$id"], account["$id"]);
            let sessions = browser(&own).get("/v1/account/sessions").await.expect(200);
            assert_eq!((&sessions["total"], &sessions["sessions"][0]["$id"], &sessions["sessions"][0]["expire"]), (&json!(1), &before["$id"], &before["expire"]));
            // Who has a password is no more in danger than others: another address changes no secret.
            let moved = browser(&own).patch("/v1/account/email", &json!({"email": "new@x.org", "password": PASSWORD})).await;
            assert_eq!(moved.cookie(&name), None);
            moved.ok(200);
            browser(&own).get("/v1/account").await.ok(200);
        }
    }

    /// Who sends the session in a header keeps it, for nothing in the answer would tell an SDK of another one.
    async fn who_keeps_the_session_themselves_keeps_its_secret(floe: TestServer) {
        let project = floe.project("shop").await;
        let secret = project.guest().post("/v1/account/sessions/anonymous", &json!({})).await.cookie("a_session_shop").unwrap();
        let client = project.guest().session(&secret);
        let other = project.server().post(&format!("/v1/users/{}/sessions", client.get("/v1/account").await.expect(200)["$id"].as_str().unwrap()), &json!({})).await.expect(201);
        let answer = client.patch("/v1/account/email", &json!({"email": "ada@x.org", "password": PASSWORD})).await;
        assert_eq!((answer.cookie("a_session_shop"), answer.header("x-fallback-cookies")), (None, ""));
        answer.ok(200);
        client.get("/v1/account").await.ok(200);
        project.guest().session(other["secret"].as_str().unwrap()).get("/v1/account").await.refused(401, "user_unauthorized");
    }

    /// SEC-017, SEC-027: the copy of a browser that keeps its session where scripts can read it, too.
    async fn a_new_password_gives_a_browsers_session_another_secret(floe: TestServer) {
        let project = floe.project("shop").await;
        let ada = project.user("ada@x.org").await;
        let browser = |secret: &str| project.guest().header("X-Fallback-Cookies", json!({"a_session_shop": secret}).to_string());
        let change = |old: &str, new: &str| json!({"password": new, "oldPassword": old});
        let answer = browser(&ada.session).patch("/v1/account/password", &change(PASSWORD, "another password")).await;
        let own = answer.cookie("a_session_shop").unwrap();
        answer.ok(200);
        assert_ne!(own, ada.session);
        ada.client.get("/v1/account").await.refused(401, "user_unauthorized");
        browser(&own).get("/v1/account").await.ok(200);

        project.server().patch("/v1/project/policies/session-invalidation", &json!({"enabled": false})).await.ok(200);
        let kept = browser(&own).patch("/v1/account/password", &change("another password", PASSWORD)).await;
        assert_eq!(kept.cookie("a_session_shop"), None, "where sessions outlive passwords");
        browser(&own).get("/v1/account").await.ok(200);
    }

    /// SEC-020.
    async fn a_jwt_stands_for_its_session_and_makes_no_other(floe: TestServer) {
        let project = floe.project("shop").await;
        let ada = project.user("ada@x.org").await;
        let jwt = jwt_of(&project, &ada.client).await;
        assert_eq!(jwt.get("/v1/account").await.expect(200)["$id"], ada.id);
        assert_eq!(jwt.get("/v1/account/sessions/current").await.expect(200)["current"], true);
        jwt.post("/v1/account/jwts", &json!({})).await.refused(404, "user_session_not_found");
        jwt.clone().session(&ada.session).get("/v1/account").await.refused(403, "user_jwt_and_cookie_set");
        jwt.post("/v1/account/sessions/anonymous", &json!({})).await.refused(401, "user_session_already_exists");
        ada.client.post("/v1/account/jwt", &json!({"duration": 0})).await.ok(201);
        ada.client.post("/v1/account/jwts", &json!({"duration": 3601})).await.refused(400, "general_argument_invalid");
        ada.client.delete("/v1/account/sessions/current").await.ok(204);
        jwt.get("/v1/account").await.refused(401, "user_jwt_invalid");
    }

    /// A JWT is given away, to act in somebody's name for a while. It must not lock them out.
    async fn a_jwt_neither_blocks_nor_signs_out_elsewhere(floe: TestServer) {
        let project = floe.project("shop").await;
        let ada = project.user("ada@x.org").await;
        let other = another_session(&project).await;
        let other_id = other.get("/v1/account/sessions/current").await.expect(200)["$id"].as_str().unwrap().to_owned();
        let jwt = jwt_of(&project, &ada.client).await;
        jwt.patch("/v1/account/status", &json!({})).await.refused(401, "user_unauthorized");
        jwt.delete("/v1/account/sessions").await.refused(401, "user_unauthorized");
        for path in [format!("/v1/account/sessions/{other_id}"), "/v1/account/sessions/nobody".to_owned()] {
            jwt.delete(&path).await.refused(401, "user_unauthorized");
            jwt.patch(&path, &json!({})).await.refused(401, "user_unauthorized");
        }
        jwt.patch("/v1/account/sessions/current", &json!({})).await.refused(401, "user_unauthorized");
        other.get("/v1/account").await.ok(200);
        // What it stands for it may end, and itself with it.
        jwt.delete("/v1/account/sessions/current").await.ok(204);
        ada.client.get("/v1/account").await.refused(401, "user_unauthorized");
        jwt.get("/v1/account").await.refused(401, "user_jwt_invalid");
        other.get("/v1/account").await.ok(200);
    }

    async fn own_accounts_are_for_users_alone(floe: TestServer) {
        let project = floe.project("shop").await;
        let calls: [(&str, Json); 4] = [
            ("/v1/account/name", json!({"name": "Eve"})), ("/v1/account/status", json!({})),
            ("/v1/account/prefs", json!({"prefs": {}})), ("/v1/account/password", json!({"password": PASSWORD})),
        ];
        for client in [project.guest(), project.server()] {
            for (path, body) in &calls {
                client.patch(path, body).await.refused(401, "general_unauthorized_scope");
            }
            client.get("/v1/account").await.refused(401, "general_unauthorized_scope");
            client.delete("/v1/account").await.refused(401, "general_unauthorized_scope");
            client.get("/v1/account/sessions/current").await.refused(401, "general_unauthorized_scope");
            client.post("/v1/account/jwts", &json!({})).await.refused(401, "general_unauthorized_scope");
        }
    }
}
