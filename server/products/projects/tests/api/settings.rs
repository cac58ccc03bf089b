use floe_testkit::both_databases;
use serde_json::{Value as Json, json};

both_databases! {
    async fn policies_are_set_and_read(floe: TestServer) {
        let shop = floe.project("shop").await;
        let server = shop.server();
        let policies = server.get("/v1/project/policies").await.expect(200);
        let ids: Vec<_> = policies["policies"].as_array().unwrap().iter().map(|policy| policy["$id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["session-duration", "session-invalidation", "session-limit", "user-limit", "membership-privacy"]);
        for (id, body) in [
            ("session-duration", json!({"duration": 60})),
            ("session-limit", json!({"total": 3})),
            ("session-invalidation", json!({"enabled": false})),
            ("user-limit", json!({"total": 7})),
            ("membership-privacy", json!({"userName": true, "userMFA": true})),
        ] {
            assert_eq!(server.patch(&format!("/v1/project/policies/{id}"), &body).await.expect(200)["$id"], "shop");
            let policy = server.get(&format!("/v1/project/policies/{id}")).await.expect(200);
            for (field, value) in body.as_object().unwrap() {
                assert_eq!(&policy[field], value, "{id}");
            }
        }
        let privacy = server.patch("/v1/projects/shop/auth/memberships-privacy", &json!({"userName": false})).await;
        privacy.ok(200);
        let privacy = server.get("/v1/project/policies/membership-privacy").await.expect(200);
        assert_eq!((&privacy["userName"], &privacy["userMFA"], &privacy["userEmail"]), (&json!(false), &json!(true), &json!(false)));
        server.patch("/v1/project/policies/user-limit", &json!({"total": null})).await.ok(200);
        assert_eq!(server.get("/v1/project/policies/user-limit").await.expect(200)["total"], 0);
        let page = server.list("/v1/project/policies", &[json!({"method": "limit", "values": [1]}), json!({"method": "offset", "values": [1]})]).await.expect(200);
        assert_eq!((page["total"].as_i64(), page["policies"][0]["$id"].as_str(), page["policies"].as_array().unwrap().len()), (Some(5), Some("session-invalidation"), 1));
    }

    async fn refuses_settings_out_of_bounds(floe: TestServer) {
        let shop = floe.project("shop").await;
        for (path, body) in [
            ("policies/session-duration", json!({"duration": 59})),
            ("policies/session-duration", json!({"duration": 31_536_001})),
            ("policies/session-limit", json!({"total": 0})),
            ("policies/session-limit", json!({"total": 101})),
            ("policies/session-limit", json!({"total": null})),
            ("policies/user-limit", json!({"total": 10_001})),
            ("policies/user-limit", json!({})),
            ("policies/session-invalidation", json!({"enabled": "maybe"})),
            ("auth-methods/telepathy", json!({"enabled": true})),
            ("services/everything", json!({"enabled": true})),
        ] {
            shop.server().patch(&format!("/v1/project/{path}"), &body).await.refused(400, "general_argument_invalid");
        }
        shop.server().get("/v1/project/policies/nothing").await.refused(400, "general_argument_invalid");
    }

    async fn a_service_that_is_off_is_off_for_clients_alone(floe: TestServer) {
        let shop = floe.project("shop").await;
        let off = shop.server().patch("/v1/project/services/locale", &json!({"enabled": false})).await.expect(200);
        let locale: Vec<&Json> = off["services"].as_array().unwrap().iter().filter(|service| service["enabled"] == false).collect();
        assert_eq!(locale, [&json!({"$id": "locale", "enabled": false})]);
        shop.guest().get("/v1/locale").await.refused(403, "general_service_disabled");
        shop.server().get("/v1/locale").await.ok(200);
        shop.server().patch("/v1/project/services/locale/status", &json!({"enabled": true})).await.ok(200);
        shop.guest().get("/v1/locale").await.ok(200);
    }

    /// The one whose name isn't spelled like its SDK's.
    async fn tables_are_switched_off_by_their_name_in_the_api(floe: TestServer) {
        let shop = floe.project("shop").await;
        shop.server().patch("/v1/project/services/tablesdb", &json!({"enabled": false})).await.ok(200);
        shop.guest().get("/v1/tablesdb/d/tables/t/rows").await.refused(403, "general_service_disabled");
    }

    async fn a_way_to_sign_in_that_is_off_is_shown_so(floe: TestServer) {
        let shop = floe.project("shop").await;
        let off = shop.server().patch("/v1/projects/shop/auth/anonymous", &json!({"enabled": false})).await.expect(200);
        let disabled: Vec<_> = off["authMethods"].as_array().unwrap().iter().filter(|method| method["enabled"] == false).map(|method| &method["$id"]).collect();
        assert_eq!(disabled, [&json!("anonymous")]);
        shop.guest().post("/v1/account/sessions/anonymous", &json!({})).await.refused(501, "user_auth_method_unsupported");
    }

    async fn settings_take_scopes_of_their_own(floe: TestServer) {
        let shop = floe.project("shop").await;
        let reader = shop.with_key(&floe.key("shop", "project.read,policies.read").await);
        reader.get("/v1/project").await.ok(200);
        reader.get("/v1/project/policies").await.ok(200);
        let on = json!({"enabled": true});
        for (path, body) in [("policies/session-limit", json!({"total": 1})), ("services/locale", on.clone()), ("auth-methods/jwt", on)] {
            reader.patch(&format!("/v1/project/{path}"), &body).await.refused(401, "general_unauthorized_scope");
        }
        reader.put("/v1/project/labels", &json!({"labels": []})).await.refused(401, "general_unauthorized_scope");
        reader.delete("/v1/project").await.refused(401, "general_unauthorized_scope");
    }
}
