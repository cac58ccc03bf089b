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
        assert_eq!(guest.get("/v1/console/oauth2-providers").await.expect(200), json!({"total": 0, "oAuth2Providers": []}));
    }
}
