//! The console's questions through the public door.

use floe_testkit::both_databases;
use serde_json::{Value as Json, json};

both_databases! {
    async fn only_console_users_ask_what_the_instance_can_do(floe: TestServer) {
        let ada = floe.console_user("ada@example.org").await;
        let variables = ada.client.get("/v1/console/variables").await.expect(200);
        assert_eq!((&variables["supportForRelationships"], &variables["_APP_VCS_ENABLED"]), (&json!(false), &json!(false)));
        let contract: Json = serde_json::from_str(include_str!("../../../../../docs/contract/appwrite-1.9.6.json")).unwrap();
        for field in contract["models"]["consoleVariables"]["fields"].as_array().unwrap() {
            let (name, kind) = (field["name"].as_str().unwrap(), field["type"].as_str().unwrap());
            let value = &variables[name];
            let fits = match kind {
                "integer" => value.is_i64(),
                "boolean" => value.is_boolean(),
                _ if field["array"] == true => value.is_array(),
                _ => value.is_string(),
            };
            assert!(fits, "{name}: {value}");
        }
        floe.client().to_project("console").get("/v1/console/variables").await.refused(401, "general_unauthorized_scope");
        let shop = floe.project("shop").await;
        let user = shop.user("bo@example.org").await;
        user.client.get("/v1/console/variables").await.refused(401, "general_access_forbidden");
    }

    async fn lists_are_public(floe: TestServer) {
        let guest = floe.client().to_project("console");
        let scopes = guest.get("/v1/console/scopes/project").await.expect(200);
        assert_eq!(scopes["total"].as_u64(), scopes["scopes"].as_array().map(|scopes| scopes.len() as u64));
        assert!(scopes["scopes"].as_array().unwrap().iter().all(|scope| scope["$id"] != "projects.write"));
        assert_eq!(guest.get("/v1/console/scopes/organization").await.expect(200)["total"], 4);
        let providers = guest.get("/v1/console/oauth2-providers").await.expect(200);
        let ids: Vec<_> = providers["oAuth2Providers"].as_array().unwrap().iter().map(|one| one["$id"].clone()).collect();
        assert_eq!((ids.first(), ids.last()), (Some(&json!("amazon")), Some(&json!("zoom"))));
        assert!(ids.contains(&json!("paypalSandbox")) && !ids.iter().any(|id| id.as_str().unwrap().contains("mock")));
        let apple = &providers["oAuth2Providers"][1]["parameters"];
        let parameters: Vec<_> = apple.as_array().unwrap().iter().map(|one| one["$id"].clone()).collect();
        assert_eq!(parameters, ["serviceId", "keyId", "teamId", "p8File"]);
    }

    async fn a_fresh_instance_says_that_it_wants_to_be_set_up_and_nothing_else(floe: TestServer) {
        let guest = floe.client().to_project("console");
        let fresh = guest.get("/v1/console/setup").await.expect(200);
        let version = fresh["version"].clone();
        let said = |needed: bool| json!({"needsSetup": needed, "signup": "token", "smtp": false, "passkeys": false, "version": version});
        assert_eq!(fresh, said(true));
        let ada = floe.console_user("ada@example.org").await;
        assert_eq!(guest.get("/v1/console/setup").await.expect(200), said(false));
        assert_eq!(ada.client.get("/v1/console/setup").await.expect(200), said(false));
    }
}
