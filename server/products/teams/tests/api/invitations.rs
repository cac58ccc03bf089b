use crate::invite;
use floe_testkit::both_databases;
use serde_json::json;

both_databases! {
    async fn an_owner_can_not_invite_without_mail(floe: TestServer) {
        let shop = floe.project("shop").await;
        let ada = shop.user("ada@example.org").await;
        ada.client.post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        let path = "/v1/teams/red/memberships";
        ada.client.post(path, &json!({"email": "bo@example.org", "roles": []})).await.refused(400, "general_argument_invalid");
        ada.client.post(path, &json!({"email": "bo@example.org", "roles": [], "url": "https://a.org"})).await.refused(503, "general_smtp_disabled");
        assert_eq!(shop.server().get("/v1/users").await.expect(200)["total"], 1, "nobody was made");
    }

    async fn who_follows_the_link_joins_and_is_signed_in(floe: TestServer) {
        let shop = floe.project("shop").await;
        let (ada, bo) = (shop.user("ada@example.org").await, shop.user("bo@example.org").await);
        ada.client.post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        invite(&floe, "shop", "red", &bo.id, "m", &["editor"], "hush").await;
        // SEC-051: whoever is invited is no member yet.
        bo.client.get("/v1/teams/red").await.refused(404, "team_not_found");
        assert_eq!(shop.server().get("/v1/teams/red").await.expect(200)["total"], 1);

        let path = "/v1/teams/red/memberships/m/status";
        let proof = json!({"userId": bo.id, "secret": "hush"});
        let wrong = [json!({"userId": bo.id, "secret": "guess"}), json!({"userId": bo.id, "secret": " "})];
        for body in wrong {
            shop.guest().patch(path, &body).await.refused(401, "team_invalid_secret");
        }
        shop.guest().patch(path, &json!({"userId": ada.id, "secret": "hush"})).await.refused(401, "team_invite_mismatch");
        ada.client.patch(path, &proof).await.refused(401, "team_invite_mismatch");
        shop.guest().patch("/v1/teams/blue/memberships/m/status", &proof).await.refused(404, "membership_not_found");
        for secret in [json!(null), json!(1), json!([]), json!({}), json!(""), json!("x".repeat(257)), json!("a\u{0}")] {
            shop.guest().patch(path, &json!({"userId": bo.id, "secret": secret})).await.refused(400, "general_argument_invalid");
        }

        let accepted = shop.guest().patch(path, &proof).await;
        let session = accepted.cookie("a_session_shop").expect("a session cookie");
        let membership = accepted.expect(200);
        assert_eq!((&membership["confirm"], &membership["userId"], &membership["roles"]), (&json!(true), &json!(bo.id), &json!(["editor"])));
        let fresh = shop.guest().session(&session);
        assert_eq!(fresh.get("/v1/account").await.expect(200)["$id"], bo.id);
        fresh.get("/v1/teams/red").await.ok(200);
        // SEC-011: who signed up with the address before it was proved may have been somebody else; they are out.
        bo.client.get("/v1/teams/red").await.refused(401, "user_unauthorized");
        let old = json!({"email": "bo@example.org", "password": floe_testkit::PASSWORD});
        shop.guest().post("/v1/account/sessions/email", &old).await.refused(401, "user_invalid_credentials");
        shop.guest().patch(path, &proof).await.refused(409, "membership_already_confirmed");
    }

    async fn who_is_signed_in_keeps_their_session(floe: TestServer) {
        let shop = floe.project("shop").await;
        let bo = shop.user("bo@example.org").await;
        shop.server().post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        invite(&floe, "shop", "red", &bo.id, "m", &["owner"], "hush").await;
        let accepted = bo.client.patch("/v1/teams/red/memberships/m/status", &json!({"userId": bo.id, "secret": "hush"})).await;
        assert_eq!(accepted.cookie("a_session_shop"), None);
        accepted.ok(200);
        bo.client.put("/v1/teams/red", &json!({"name": "Mine"})).await.ok(200);
    }

    /// SEC-021
    async fn a_secret_is_used_once_by_however_many(floe: TestServer) {
        let shop = floe.project("shop").await;
        let bo = shop.user("bo@example.org").await;
        shop.server().post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        invite(&floe, "shop", "red", &bo.id, "m", &[], "hush").await;
        let tries: Vec<_> = (0..20)
            .map(|_| {
                let (client, body) = (shop.guest(), json!({"userId": bo.id, "secret": "hush"}));
                tokio::spawn(async move { client.patch("/v1/teams/red/memberships/m/status", &body).await.status })
            })
            .collect();
        let mut statuses = Vec::new();
        for one in tries {
            statuses.push(one.await.unwrap());
        }
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 200 | 409)), "{statuses:?}");
    }

    async fn who_is_blocked_joins_nothing(floe: TestServer) {
        let shop = floe.project("shop").await;
        let bo = shop.user("bo@example.org").await;
        shop.server().post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        invite(&floe, "shop", "red", &bo.id, "m", &[], "hush").await;
        shop.server().patch(&format!("/v1/users/{}/status", bo.id), &json!({"status": false})).await.ok(200);
        shop.guest().patch("/v1/teams/red/memberships/m/status", &json!({"userId": bo.id, "secret": "hush"})).await.refused(403, "user_blocked");
        assert_eq!(shop.server().get("/v1/teams/red").await.expect(200)["total"], 0);
    }

    async fn a_server_settles_an_invitation(floe: TestServer) {
        let shop = floe.project("shop").await;
        let bo = shop.user("bo@example.org").await;
        shop.server().post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        invite(&floe, "shop", "red", &bo.id, "m", &["guest"], "hush").await;
        let made = shop.server().post("/v1/teams/red/memberships", &json!({"userId": bo.id, "roles": ["editor"]})).await.expect(201);
        assert_eq!((&made["$id"], &made["confirm"], &made["roles"]), (&json!("m"), &json!(true), &json!(["editor"])));
        assert_eq!(shop.server().get("/v1/teams/red").await.expect(200)["total"], 1);
        bo.client.get("/v1/teams/red").await.ok(200);
    }
}
