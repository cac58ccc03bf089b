use crate::{join, text};
use floe_testkit::both_databases;
use serde_json::{Value as Json, json};

both_databases! {
    async fn a_server_adds_members_at_once(floe: TestServer) {
        let shop = floe.project("shop").await;
        let ada = shop.user("ada@example.org").await;
        shop.server().post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        let add = async |body: Json| shop.server().post("/v1/teams/red/memberships", &body).await;

        let made = add(json!({"userId": ada.id, "roles": ["editor"]})).await.expect(201);
        assert_eq!((&made["confirm"], &made["teamName"], &made["userEmail"], &made["roles"]), (&json!(true), &json!("Red"), &json!("ada@example.org"), &json!(["editor"])));
        assert_ne!(made["joined"], "");
        add(json!({"userId": ada.id, "roles": ["owner"]})).await.refused(409, "membership_already_confirmed");
        add(json!({"email": "ADA@example.org", "roles": ["owner"]})).await.refused(409, "membership_already_confirmed");

        // Who isn't there yet is made.
        let new = add(json!({"email": "New@Example.org", "roles": [], "name": "New"})).await.expect(201);
        assert_eq!((&new["userEmail"], &new["userName"]), (&json!("new@example.org"), &json!("New")));
        let phone = add(json!({"phone": "+4915112345678", "roles": [], "userId": "", "email": ""})).await.expect(201);
        assert_eq!(phone["userPhone"], "+4915112345678");
        assert_eq!(shop.server().get("/v1/users").await.expect(200)["total"], 3);
        assert_eq!(shop.server().get("/v1/teams/red").await.expect(200)["total"], 3);

        add(json!({"userId": "nobody", "roles": []})).await.refused(404, "user_not_found");
        add(json!({"userId": ada.id, "email": "other@example.org", "roles": []})).await.refused(409, "user_already_exists");
        add(json!({"roles": []})).await.refused(400, "general_argument_invalid");
        shop.server().post("/v1/teams/nothing/memberships", &json!({"userId": ada.id, "roles": []})).await.refused(404, "team_not_found");
    }

    /// Who signs up with the address of somebody else doesn't collect what is meant for them.
    async fn an_address_that_nobody_has_verified_is_invited_and_no_member(floe: TestServer) {
        let shop = floe.project("shop").await;
        let squatter = shop.user("boss@example.org").await;
        for team in ["red", "blue"] {
            shop.server().post("/v1/teams", &json!({"teamId": team, "name": team})).await.ok(201);
        }
        let add = async |team: &str, body: Json| shop.server().post(&format!("/v1/teams/{team}/memberships"), &body).await;
        let by_email = json!({"email": "Boss@example.org", "roles": ["owner"]});
        let invited = add("red", by_email.clone()).await.expect(201);
        assert_eq!((&invited["confirm"], &invited["joined"], &invited["userId"]), (&json!(false), &json!(""), &json!(squatter.id)));
        squatter.client.get("/v1/teams/red").await.refused(404, "team_not_found");
        assert_eq!(shop.server().get("/v1/teams/red").await.expect(200)["total"], 0);
        let path = format!("/v1/teams/red/memberships/{}/status", text(&invited["$id"]));
        squatter.client.patch(&path, &json!({"userId": squatter.id, "secret": "guess"})).await.refused(401, "team_invalid_secret");

        // Asked again it is still the same invitation; once the address is known to be theirs it is a membership.
        assert_eq!(add("red", by_email.clone()).await.expect(201)["$id"], invited["$id"]);
        shop.server().patch(&format!("/v1/users/{}/verification", squatter.id), &json!({"emailVerification": true})).await.ok(200);
        squatter.client.get("/v1/teams/red").await.refused(404, "team_not_found");
        let member = add("red", by_email.clone()).await.expect(201);
        assert_eq!((&member["$id"], &member["confirm"]), (&invited["$id"], &json!(true)));
        squatter.client.get("/v1/teams/red").await.ok(200);

        // A phone number that was never verified is no better, although the email address is; a server that means this
        // very user names them.
        shop.server().patch(&format!("/v1/users/{}/phone", squatter.id), &json!({"number": "+4915112345678"})).await.ok(200);
        let by_phone = add("blue", json!({"phone": "+4915112345678", "roles": []})).await.expect(201);
        assert_eq!(by_phone["confirm"], false);
        assert_eq!(add("blue", json!({"userId": squatter.id, "roles": []})).await.expect(201)["confirm"], true);

        // Whom an invitation made nobody can have come in as before.
        for team in ["red", "blue"] {
            assert_eq!(add(team, json!({"email": "new@example.org", "roles": []})).await.expect(201)["confirm"], true);
        }
    }

    /// SEC-051
    async fn roles_inject_nothing(floe: TestServer) {
        let shop = floe.project("shop").await;
        let ada = shop.user("ada@example.org").await;
        shop.server().post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        let membership = join(&shop, "red", &ada.id, &[&"x".repeat(81)]).await;
        for role in ["team:x/owner", "a/b", "a:b", "a\nb", "a b", "", "ä", "-a", "owner\u{0}", &"x".repeat(82)] {
            let roles = json!({"userId": ada.id, "roles": [role]});
            shop.server().post("/v1/teams/red/memberships", &roles).await.refused(400, "general_argument_invalid");
            shop.server().patch(&format!("/v1/teams/red/memberships/{membership}"), &roles).await.refused(400, "general_argument_invalid");
        }
        for roles in [json!("owner"), json!([["owner"]]), json!({"0": "owner"}), json!(null), json!(vec!["a"; 101])] {
            shop.server().patch(&format!("/v1/teams/red/memberships/{membership}"), &json!({"roles": roles})).await.refused(400, "general_argument_invalid");
        }
    }

    async fn changed_roles_count_at_once(floe: TestServer) {
        let shop = floe.project("shop").await;
        let (ada, bo) = (shop.user("ada@example.org").await, shop.user("bo@example.org").await);
        ada.client.post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        bo.client.get("/v1/teams/red").await.refused(404, "team_not_found");
        let membership = join(&shop, "red", &bo.id, &["editor"]).await;
        bo.client.get("/v1/teams/red").await.ok(200);
        bo.client.put("/v1/teams/red", &json!({"name": "B"})).await.refused(401, "user_unauthorized");
        let path = format!("/v1/teams/red/memberships/{membership}");
        assert_eq!(ada.client.patch(&path, &json!({"roles": ["owner", "owner"]})).await.expect(200)["roles"], json!(["owner"]));
        bo.client.put("/v1/teams/red", &json!({"name": "B"})).await.ok(200);
        bo.client.patch(&path, &json!({"roles": []})).await.ok(200);
        bo.client.put("/v1/teams/red", &json!({"name": "B"})).await.refused(401, "user_unauthorized");
        ada.client.delete(&path).await.ok(204);
        bo.client.get("/v1/teams/red").await.refused(404, "team_not_found");
        assert_eq!(bo.client.get("/v1/teams").await.expect(200)["total"], 0);

        // And a team that is gone leaves no role behind, not even for the next team of its name.
        join(&shop, "red", &bo.id, &["owner"]).await;
        ada.client.delete("/v1/teams/red").await.ok(204);
        shop.server().post("/v1/teams", &json!({"teamId": "red", "name": "New"})).await.ok(201);
        for user in [&ada, &bo] {
            user.client.get("/v1/teams/red").await.refused(404, "team_not_found");
        }
    }

    async fn who_leaves_needs_nobodys_leave(floe: TestServer) {
        let shop = floe.project("shop").await;
        let (ada, bo, eve) = (shop.user("ada@example.org").await, shop.user("bo@example.org").await, shop.user("eve@example.org").await);
        ada.client.post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        let (of_bo, of_eve) = (join(&shop, "red", &bo.id, &[]).await, join(&shop, "red", &eve.id, &[]).await);
        eve.client.delete(&format!("/v1/teams/red/memberships/{of_bo}")).await.refused(401, "user_unauthorized");
        eve.client.delete(&format!("/v1/teams/red/memberships/{of_eve}")).await.ok(204);
        eve.client.get("/v1/teams/red").await.refused(404, "team_not_found");
    }

    /// As in Appwrite: that an organisation keeps one is a rule of the console.
    async fn a_team_of_a_project_needs_no_owner(floe: TestServer) {
        let shop = floe.project("shop").await;
        let (ada, bo) = (shop.user("ada@example.org").await, shop.user("bo@example.org").await);
        ada.client.post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        let of_ada = text(&ada.client.get("/v1/teams/red/memberships").await.expect(200)["memberships"][0]["$id"]);
        let of_bo = join(&shop, "red", &bo.id, &["Owner", "owners"]).await;
        let path = |id: &str| format!("/v1/teams/red/memberships/{id}");
        ada.client.patch(&path(&of_ada), &json!({"roles": ["editor"]})).await.ok(200);
        for (member, id) in [(&ada, &of_ada), (&bo, &of_bo)] {
            let refused = member.client.patch(&path(id), &json!({"roles": ["owner"]})).await;
            refused.refused(401, "user_unauthorized");
        }
        shop.server().patch(&path(&of_ada), &json!({"roles": ["owner"]})).await.ok(200);
        ada.client.delete(&path(&of_ada)).await.ok(204);
        ada.client.get("/v1/teams/red").await.refused(404, "team_not_found");
        bo.client.delete(&path(&of_bo)).await.ok(204);
        assert_eq!(shop.server().get("/v1/teams/red").await.expect(200)["total"], 0);
    }

    /// SEC-045: what may not be seen can't be found out by asking either.
    async fn members_see_of_each_other_what_the_project_says(floe: TestServer) {
        let shop = floe.project("shop").await;
        let (ada, bo) = (shop.user("ada@example.org").await, shop.user("bo@example.org").await);
        ada.client.post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        let membership = join(&shop, "red", &bo.id, &["editor"]).await;
        let one = format!("/v1/teams/red/memberships/{membership}");
        let hidden = ada.client.get(&one).await.expect(200);
        for field in ["userId", "userName", "userEmail", "userPhone", "userAccessedAt"] {
            assert_eq!(hidden[field], "", "{field}");
        }
        assert_eq!((&hidden["mfa"], &hidden["teamName"], &hidden["roles"]), (&json!(false), &json!("Red"), &json!(["editor"])));
        let list = "/v1/teams/red/memberships";
        assert!(!ada.client.get(list).await.text.contains("example.org"));
        let by_user = [json!({"method": "equal", "attribute": "userId", "values": [bo.id]})];
        ada.client.list(list, &by_user).await.refused(400, "general_argument_invalid");
        ada.client.list(list, &[json!({"method": "orderAsc", "attribute": "userId"})]).await.refused(400, "general_argument_invalid");
        assert_eq!(ada.client.get(&format!("{list}?search={}", bo.id)).await.expect(200)["total"], 0);
        assert_eq!(ada.client.get(&format!("{list}?search={membership}")).await.expect(200)["total"], 1);

        assert_eq!(shop.server().get(&one).await.expect(200)["userEmail"], "bo@example.org");
        assert_eq!(shop.server().list(list, &by_user).await.expect(200)["total"], 1);
        assert_eq!(shop.server().get(&format!("{list}?search={}", bo.id)).await.expect(200)["total"], 1);

        shop.server().patch("/v1/project/policies/membership-privacy", &json!({"userId": true, "userEmail": true})).await.ok(200);
        let shown = ada.client.get(&one).await.expect(200);
        assert_eq!((&shown["userId"], &shown["userEmail"], &shown["userName"]), (&json!(bo.id), &json!("bo@example.org"), &json!("")));
        assert_eq!(ada.client.list(list, &by_user).await.expect(200)["total"], 1);
    }

    async fn lists_by_query(floe: TestServer) {
        let shop = floe.project("shop").await;
        shop.server().post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        shop.server().post("/v1/teams", &json!({"teamId": "blue", "name": "Blue"})).await.ok(201);
        let ada = shop.user("ada@example.org").await;
        let bo = shop.user("bo@example.org").await;
        join(&shop, "red", &ada.id, &["owner", "lead"]).await;
        join(&shop, "red", &bo.id, &["editor"]).await;
        join(&shop, "blue", &bo.id, &["owner"]).await;
        let list = "/v1/teams/red/memberships";
        let owners = shop.server().list(list, &[json!({"method": "contains", "attribute": "roles", "values": ["owner"]})]).await.expect(200);
        assert_eq!((owners["total"].as_i64(), &owners["memberships"][0]["userId"]), (Some(1), &json!(ada.id)));
        for (query, count) in [
            (json!({"method": "equal", "attribute": "confirm", "values": [true]}), 2),
            (json!({"method": "equal", "attribute": "teamId", "values": ["blue"]}), 0),
            (json!({"method": "isNotNull", "attribute": "joined"}), 2),
        ] {
            assert_eq!(shop.server().list(list, &[query]).await.expect(200)["total"], count);
        }
        let of_bo = shop.server().get(&format!("/v1/users/{}/memberships", bo.id)).await.expect(200);
        assert_eq!(of_bo["total"], 2);
        assert_eq!(of_bo["memberships"].as_array().unwrap().iter().map(|one| &one["teamName"]).collect::<Vec<_>>(), [&json!("Red"), &json!("Blue")]);
        shop.server().get("/v1/users/nobody/memberships").await.refused(404, "user_not_found");
    }

    /// SEC-050
    async fn a_membership_under_the_wrong_team_is_not_there(floe: TestServer) {
        let shop = floe.project("shop").await;
        let ada = shop.user("ada@example.org").await;
        ada.client.post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        ada.client.post("/v1/teams", &json!({"teamId": "blue", "name": "Blue"})).await.ok(201);
        let bo = shop.user("bo@example.org").await;
        let membership = join(&shop, "red", &bo.id, &[]).await;
        let wrong = format!("/v1/teams/blue/memberships/{membership}");
        for client in [ada.client.clone(), shop.server()] {
            client.get(&wrong).await.refused(404, "membership_not_found");
            client.patch(&wrong, &json!({"roles": ["owner"]})).await.refused(404, "membership_not_found");
            client.delete(&wrong).await.refused(404, "membership_not_found");
        }
        shop.server().get(&format!("/v1/teams/red/memberships/{membership}")).await.ok(200);
    }

    async fn a_user_who_is_removed_belongs_to_no_team(floe: TestServer) {
        let shop = floe.project("shop").await;
        let ada = shop.user("ada@example.org").await;
        ada.client.post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        shop.server().delete(&format!("/v1/users/{}", ada.id)).await.ok(204);
        assert_eq!(shop.server().get("/v1/teams/red").await.expect(200)["total"], 0);
        assert_eq!(shop.server().get("/v1/teams/red/memberships").await.expect(200)["total"], 0);
    }
}
