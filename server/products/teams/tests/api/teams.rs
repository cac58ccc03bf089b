use crate::join;
use floe_testkit::both_databases;
use serde_json::{Value as Json, json};

both_databases! {
    async fn who_makes_a_team_owns_it(floe: TestServer) {
        let shop = floe.project("shop").await;
        let ada = shop.user("ada@example.org").await;
        let made = ada.client.post("/v1/teams", &json!({"teamId": "red", "name": "Red", "roles": ["lead", "lead"]})).await.expect(201);
        assert_eq!((&made["$id"], &made["total"], &made["prefs"]), (&json!("red"), &json!(1), &json!({})));
        let members = ada.client.get("/v1/teams/red/memberships").await.expect(200);
        assert_eq!((&members["memberships"][0]["roles"], &members["memberships"][0]["confirm"]), (&json!(["lead", "owner"]), &json!(true)));
        assert_eq!(ada.client.put("/v1/teams/red", &json!({"name": "Crimson"})).await.expect(200)["name"], "Crimson");
        assert_eq!(ada.client.get("/v1/teams/red").await.expect(200)["total"], 1);

        let prefs = json!({"prefs": {"theme": "dark", "n": [1, {"a": null}], "nul": "a\u{0}b", "__proto__": 1}});
        assert_eq!(ada.client.put("/v1/teams/red/prefs", &prefs).await.expect(200), prefs["prefs"]);
        assert_eq!(ada.client.get("/v1/teams/red/prefs").await.expect(200), prefs["prefs"]);
        assert_eq!(ada.client.get("/v1/teams/red").await.expect(200)["prefs"], prefs["prefs"]);

        ada.client.delete("/v1/teams/red").await.ok(204);
        ada.client.get("/v1/teams/red").await.refused(404, "team_not_found");
        shop.server().get("/v1/teams/red").await.refused(404, "team_not_found");
        assert_eq!(ada.client.get("/v1/teams").await.expect(200)["total"], 0);
    }

    async fn users_give_themselves_no_end_of_roles(floe: TestServer) {
        let shop = floe.project("shop").await;
        let ada = shop.user("ada@example.org").await;
        let roles: Vec<_> = (0..99).map(|n| format!("role{n}")).collect();
        let make = |n: usize| json!({"teamId": format!("t{n}"), "name": "T", "roles": roles});
        // 101 each: the membership, 99 roles, and owner.
        for n in 0..9 {
            ada.client.post("/v1/teams", &make(n)).await.ok(201);
        }
        ada.client.post("/v1/teams", &make(9)).await.refused(400, "general_argument_invalid");
        assert_eq!(ada.client.get("/v1/teams").await.expect(200)["total"], 9, "nor is the team there");
        ada.client.post("/v1/teams", &json!({"teamId": "small", "name": "T"})).await.ok(201);
        ada.client.delete("/v1/teams/t0").await.ok(204);
        ada.client.post("/v1/teams", &make(9)).await.ok(201);
    }

    async fn a_servers_team_begins_empty(floe: TestServer) {
        let shop = floe.project("shop").await;
        let made = shop.server().post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.expect(201);
        assert_eq!(made["total"], 0);
        let ada = shop.user("ada@example.org").await;
        join(&shop, "red", &ada.id, &["member"]).await;
        assert_eq!(shop.server().get("/v1/teams/red").await.expect(200)["total"], 1);
        shop.server().put("/v1/teams/red", &json!({"name": "New"})).await.ok(200);
        shop.server().put("/v1/teams/red/prefs", &json!({"prefs": {}})).await.ok(200);
        shop.server().delete("/v1/teams/red").await.ok(204);
    }

    /// SEC-058: a team that isn't there and one that isn't yours are the same.
    async fn only_members_see_a_team(floe: TestServer) {
        let shop = floe.project("shop").await;
        let (ada, eve) = (shop.user("ada@example.org").await, shop.user("eve@example.org").await);
        ada.client.post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        let membership = ada.client.get("/v1/teams/red/memberships").await.expect(200)["memberships"][0]["$id"].as_str().unwrap().to_owned();
        for team in ["red", "nothing"] {
            let (of, one) = (format!("/v1/teams/{team}"), format!("/v1/teams/{team}/memberships/{membership}"));
            let (name, prefs, roles) = (json!({"name": "X"}), json!({"prefs": {}}), json!({"roles": ["owner"]}));
            for answer in [
                eve.client.get(&of).await,
                eve.client.put(&of, &name).await,
                eve.client.delete(&of).await,
                eve.client.get(&format!("{of}/prefs")).await,
                eve.client.put(&format!("{of}/prefs"), &prefs).await,
                eve.client.get(&format!("{of}/memberships")).await,
                eve.client.post(&format!("{of}/memberships"), &json!({"userId": eve.id, "roles": ["owner"], "url": "https://a.org"})).await,
                eve.client.get(&one).await,
                eve.client.patch(&one, &roles).await,
                eve.client.delete(&one).await,
            ] {
                answer.refused(404, "team_not_found");
            }
            shop.guest().get(&of).await.refused(401, "general_unauthorized_scope");
            shop.guest().delete(&one).await.refused(401, "general_unauthorized_scope");
        }
        assert_eq!(eve.client.get("/v1/teams").await.expect(200)["total"], 0);
        eve.client.list("/v1/teams", &[json!({"method": "cursorAfter", "values": ["red"]})]).await.refused(400, "general_cursor_not_found");
        shop.guest().post("/v1/teams", &json!({"teamId": "blue", "name": "Blue"})).await.refused(401, "general_unauthorized_scope");
        eve.client.get(&format!("/v1/users/{}/memberships", ada.id)).await.refused(401, "general_unauthorized_scope");
    }

    async fn members_look_and_owners_change(floe: TestServer) {
        let shop = floe.project("shop").await;
        let (ada, bo) = (shop.user("ada@example.org").await, shop.user("bo@example.org").await);
        ada.client.post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        let own = join(&shop, "red", &bo.id, &["editor"]).await;
        for path in ["/v1/teams/red", "/v1/teams/red/prefs", "/v1/teams/red/memberships"] {
            bo.client.get(path).await.ok(200);
        }
        assert_eq!(bo.client.get("/v1/teams").await.expect(200)["teams"][0]["total"], 2);
        bo.client.put("/v1/teams/red", &json!({"name": "X"})).await.refused(401, "user_unauthorized");
        bo.client.put("/v1/teams/red/prefs", &json!({"prefs": {}})).await.refused(401, "user_unauthorized");
        bo.client.delete("/v1/teams/red").await.refused(401, "user_unauthorized");
        bo.client.patch(&format!("/v1/teams/red/memberships/{own}"), &json!({"roles": ["owner"]})).await.refused(401, "user_unauthorized");
        let invitation = json!({"email": "x@example.org", "roles": ["owner"], "url": "https://a.org"});
        bo.client.post("/v1/teams/red/memberships", &invitation).await.refused(401, "user_unauthorized");
    }

    async fn lists_by_query_and_search(floe: TestServer) {
        let shop = floe.project("shop").await;
        let ada = shop.user("ada@example.org").await;
        for (id, name) in [("one", "Alpha"), ("two", "Beta"), ("three", "Alphabet")] {
            shop.server().post("/v1/teams", &json!({"teamId": id, "name": name})).await.ok(201);
        }
        join(&shop, "two", &ada.id, &[]).await;
        let ids = |list: &Json| list["teams"].as_array().unwrap().iter().map(|team| team["$id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(ids(&shop.server().get("/v1/teams?search=alpha").await.expect(200)), ["one", "three"]);
        let with_members = [json!({"method": "greaterThan", "attribute": "total", "values": [0]})];
        assert_eq!(ids(&shop.server().list("/v1/teams", &with_members).await.expect(200)), ["two"]);
        let by_total = [json!({"method": "orderDesc", "attribute": "total"}), json!({"method": "limit", "values": [2]})];
        let first = shop.server().list("/v1/teams", &by_total).await.expect(200);
        assert_eq!((first["total"].as_i64(), ids(&first)), (Some(3), vec!["two".to_owned(), "three".to_owned()]));
        let before = [json!({"method": "cursorBefore", "values": ["three"]})];
        assert_eq!(ids(&shop.server().list("/v1/teams", &before).await.expect(200)), ["one", "two"]);
        assert_eq!(shop.server().get("/v1/teams?total=false").await.expect(200)["total"], 0);
        assert_eq!(ids(&ada.client.get("/v1/teams").await.expect(200)), ["two"]);
        shop.server().list("/v1/teams", &[json!({"method": "equal", "attribute": "prefs", "values": ["x"]})]).await.refused(400, "general_argument_invalid");
    }

    async fn refuses_what_is_no_team(floe: TestServer) {
        let shop = floe.project("shop").await;
        shop.server().post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.ok(201);
        shop.server().post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.refused(409, "team_already_exists");
        for body in [
            json!({"teamId": "_x", "name": "X"}),
            json!({"teamId": "x", "name": ""}),
            json!({"teamId": "x", "name": "x".repeat(129)}),
            json!({"teamId": "x"}),
            json!({"teamId": "x", "name": "X", "roles": ["team:red/owner"]}),
            json!({"teamId": "x", "name": "X", "roles": vec!["a"; 101]}),
        ] {
            shop.server().post("/v1/teams", &body).await.refused(400, "general_argument_invalid");
        }
        for prefs in [json!("x"), json!(1), json!(["x"]), json!({"big": "x".repeat(70_000)})] {
            shop.server().put("/v1/teams/red/prefs", &json!({"prefs": prefs})).await.refused(400, "general_argument_invalid");
        }
        shop.server().put("/v1/teams/nothing", &json!({"name": "X"})).await.refused(404, "team_not_found");
        shop.server().put("/v1/teams/nothing/prefs", &json!({"prefs": {}})).await.refused(404, "team_not_found");
        shop.server().delete("/v1/teams/nothing").await.refused(404, "team_not_found");
    }

    /// SEC-056
    async fn the_same_ids_in_two_projects_are_two_teams(floe: TestServer) {
        let (shop, blog) = (floe.project("shop").await, floe.project("blog").await);
        for project in [&shop, &blog] {
            let user = json!({"userId": "same", "email": format!("same@{}.org", project.id)});
            project.server().post("/v1/users", &user).await.ok(201);
            project.server().post("/v1/teams", &json!({"teamId": "same", "name": project.id})).await.ok(201);
        }
        join(&shop, "same", "same", &["owner"]).await;
        assert_eq!(blog.server().get("/v1/teams/same").await.expect(200)["total"], 0);
        shop.server().delete("/v1/teams/same").await.ok(204);
        assert_eq!(blog.server().get("/v1/teams/same").await.expect(200)["name"], "blog");
        blog.with_key(&shop.key).get("/v1/teams").await.refused(401, "general_access_forbidden");
    }

    async fn keys_need_the_scope(floe: TestServer) {
        let shop = floe.project("shop").await;
        let reader = shop.with_key(&floe.key("shop", "teams.read").await);
        reader.get("/v1/teams").await.ok(200);
        reader.post("/v1/teams", &json!({"teamId": "red", "name": "Red"})).await.refused(401, "general_unauthorized_scope");
        shop.with_key(&floe.key("shop", "users.write").await).get("/v1/teams").await.refused(401, "general_unauthorized_scope");
    }
}
