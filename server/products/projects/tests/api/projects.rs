use crate::{admin, owner_of};
use floe_kernel::directory::Projects as _;
use floe_store::prelude::*;
use floe_testkit::both_databases;
use serde_json::json;

both_databases! {
    async fn an_owner_makes_finds_changes_and_removes_a_project(floe: TestServer) {
        let ada = owner_of(&floe, "acme").await;
        let made = ada.client.post("/v1/projects", &json!({"projectId": "shop", "name": "Shop", "teamId": "acme", "region": "Default"})).await.expect(201);
        assert_eq!((&made["$id"], &made["teamId"], &made["region"], &made["status"]), (&json!("shop"), &json!("acme"), &json!("default"), &json!("active")));
        assert!(made["authMethods"].as_array().unwrap().iter().all(|method| method["enabled"] == true));
        assert_eq!((made["services"].as_array().unwrap().len(), made["protocols"].as_array().unwrap().len()), (18, 3));

        for path in ["/v1/project", "/v1/projects/shop"] {
            assert_eq!(admin(&floe, &ada, "shop").get(path).await.expect(200)["name"], "Shop", "{path}");
        }
        let changed = ada.client.patch("/v1/projects/shop", &json!({"name": "Shop 2", "url": "", "description": "Things."})).await.expect(200);
        assert_eq!(changed["name"], "Shop 2");
        assert_eq!(ada.client.get("/v1/projects").await.expect(200)["projects"][0]["name"], "Shop 2");

        ada.client.delete("/v1/projects/shop").await.ok(204);
        admin(&floe, &ada, "shop").get("/v1/project").await.refused(404, "project_not_found");
        assert_eq!(ada.client.get("/v1/projects").await.expect(200)["total"], 0);
        // Its id is free again, and nothing of the old one is left.
        ada.client.post("/v1/projects", &json!({"projectId": "shop", "name": "New", "teamId": "acme"})).await.ok(201);
        assert_eq!(admin(&floe, &ada, "shop").get("/v1/project/keys").await.expect(200)["total"], 0);
    }

    async fn a_removed_project_takes_its_data_keys_and_hosts_along(floe: TestServer) {
        let shop = floe.project("shop").await;
        shop.user("bo@example.org").await;
        shop.server().post("/v1/project/platforms/web", &json!({"platformId": "web", "name": "Web", "hostname": "shop.example.org"})).await.ok(201);
        shop.server().delete("/v1/project").await.ok(204);
        shop.server().get("/v1/users").await.refused(404, "project_not_found");
        let again = floe.project("shop").await;
        shop.server().get("/v1/users").await.refused(401, "general_access_forbidden");
        assert_eq!(again.server().get("/v1/users").await.expect(200)["total"], 0);
        assert_eq!(again.server().get("/v1/project/platforms").await.expect(200)["total"], 0);
    }

    async fn refuses_ids_that_are_taken_reserved_or_none(floe: TestServer) {
        let ada = owner_of(&floe, "acme").await;
        let make = |id: &str| json!({"projectId": id, "name": "Shop", "teamId": "acme"});
        ada.client.post("/v1/projects", &make("shop")).await.ok(201);
        ada.client.post("/v1/projects", &make("shop")).await.refused(409, "project_already_exists");
        ada.client.post("/v1/projects", &make("console")).await.refused(400, "project_reserved_project");
        for id in ["Shop", "_shop", "../shop", "a/b", "", "shop%2f..", &"x".repeat(37)] {
            ada.client.post("/v1/projects", &make(id)).await.refused(400, "general_argument_invalid");
        }
        let unique = ada.client.post("/v1/projects", &make("unique()")).await.expect(201);
        assert_eq!(unique["$id"].as_str().unwrap().len(), 20);
        let elsewhere = json!({"projectId": "far", "name": "Far", "teamId": "acme", "region": "mars"});
        ada.client.post("/v1/projects", &elsewhere).await.refused(400, "general_argument_invalid");
    }

    async fn lists_by_query_and_search(floe: TestServer) {
        let ada = owner_of(&floe, "acme").await;
        for (id, name) in [("one", "Alpha"), ("two", "Beta"), ("three", "Alphabet")] {
            ada.client.post("/v1/projects", &json!({"projectId": id, "name": name, "teamId": "acme"})).await.ok(201);
        }
        admin(&floe, &ada, "two").put("/v1/project/labels", &json!({"labels": ["vip", "vip", "old"]})).await.ok(200);

        let found = ada.client.get("/v1/projects?search=ALPHA").await.expect(200);
        assert_eq!((found["total"].as_i64(), found["projects"].as_array().unwrap().len()), (Some(2), 2));
        let page = ada.client.list("/v1/projects", &[json!({"method": "orderDesc", "attribute": "name"}), json!({"method": "limit", "values": [1]})]).await.expect(200);
        assert_eq!((page["total"].as_i64(), &page["projects"][0]["name"]), (Some(3), &json!("Beta")));
        assert_eq!(page["projects"][0]["labels"], json!(["vip", "old"]));
        let labelled = ada.client.list("/v1/projects", &[json!({"method": "contains", "attribute": "labels", "values": ["vip"]})]).await.expect(200);
        assert_eq!((labelled["total"].as_i64(), &labelled["projects"][0]["$id"]), (Some(1), &json!("two")));
        let after = ada.client.list("/v1/projects", &[json!({"method": "cursorAfter", "values": ["one"]})]).await.expect(200);
        assert_eq!(after["projects"].as_array().unwrap().len(), 2);
        let some = ada.client.list("/v1/projects?total=false", &[json!({"method": "select", "values": ["name"]})]).await.expect(200);
        assert_eq!((some["total"].as_i64(), some["projects"][0].as_object().unwrap().keys().cloned().collect::<Vec<_>>()), (Some(0), ["$id", "$createdAt", "$updatedAt", "name"].map(String::from).to_vec()));
        ada.client.list("/v1/projects", &[json!({"method": "equal", "attribute": "settings", "values": ["x"]})]).await.refused(400, "general_query_invalid");
        for labels in [json!(["a-b"]), json!([""]), json!(["x".repeat(37)]), json!("vip"), json!([1])] {
            admin(&floe, &ada, "two").put("/v1/project/labels", &json!({"labels": labels})).await.refused(400, "general_argument_invalid");
        }
    }

    async fn many_who_make_the_same_project_at_once_make_one(floe: TestServer) {
        let ada = owner_of(&floe, "acme").await;
        let body = json!({"projectId": "shop", "name": "Shop", "teamId": "acme"});
        let post = async || ada.client.post("/v1/projects", &body).await.status;
        let mut statuses = <[u16; 4]>::from(tokio::join!(post(), post(), post(), post()));
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409]);
        admin(&floe, &ada, "shop").get("/v1/users").await.ok(200);
    }

    async fn a_deletion_that_a_crash_has_interrupted_is_completed(floe: TestServer) {
        let shop = floe.project("shop").await;
        shop.user("bo@example.org").await;
        // What is there when the process dies after the mark: the row, the data.
        {
            let mut unit = floe.app.stores.platform().await.unwrap().begin().await.unwrap();
            unit.batch("UPDATE projects SET deleting = TRUE WHERE id = 'shop'").await.unwrap();
            unit.commit().await.unwrap();
        }
        let projects = floe_projects::Projects::new(floe.app.stores.clone(), std::sync::Arc::new(NoOrganisations), Vec::new());
        assert_eq!(projects.project("shop").await.unwrap(), None, "nobody finds it any more");
        let now = floe_kernel::time::Timestamp::from_millis(0);
        let new = || floe_projects::NewProject { id: "shop".into(), name: "New".into(), team_id: String::new() };
        assert!(projects.create(new(), now).await.is_err(), "and nobody gets its id yet");

        projects.clear_up().await.unwrap();
        projects.create(new(), now).await.unwrap();
        let mut conn = floe.store("shop").await.read().await.unwrap();
        let users = on_conn!(conn, |c| diesel::sql_query("SELECT count(*) AS n FROM users").get_result::<Counted>(c)).unwrap();
        assert_eq!(users.n, 0);
    }
}

struct NoOrganisations;

#[async_trait::async_trait]
impl floe_projects::Organisations for NoOrganisations {
    async fn hold(&self, _unit: &mut UnitOfWork, _team_id: &str) -> floe_kernel::Result<bool> {
        Ok(false)
    }
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}
