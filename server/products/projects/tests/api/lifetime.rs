//! A project's end, and the next one of its id: nothing of the one ever reaches the other.

use crate::{admin, owner_of};
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use floe_kernel::effect::CacheName;
use floe_testkit::{Client, Database, Project, TestServer, both_databases};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A request of which the end is still to come.
struct HalfSent {
    stream: TcpStream,
    rest: String,
}

impl HalfSent {
    /// Begins to make a user with the key of a project.
    async fn begin(floe: &TestServer, project: &Project, user: &str) -> Self {
        Self::begin_with(floe, project, "/v1/users", &format!("X-Appwrite-Key: {}\r\n", project.key), user).await
    }

    /// Begins to sign up to a project.
    async fn begin_as_guest(floe: &TestServer, project: &Project, user: &str) -> Self {
        Self::begin_with(floe, project, "/v1/account", "", user).await
    }

    async fn begin_with(floe: &TestServer, project: &Project, path: &str, headers: &str, user: &str) -> Self {
        let body =
            json!({"userId": user, "email": format!("{user}@example.org"), "password": "correct horse"}).to_string();
        let (id, length) = (&project.id, body.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Appwrite-Project: {id}\r\n{headers}\
             Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        let (begun, rest) = request.split_at(request.len() - 5);
        let mut stream = TcpStream::connect(floe.client().base().trim_start_matches("http://")).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        Self { stream, rest: rest.to_owned() }
    }

    /// Sends the rest, and gives the status of the answer.
    async fn finish(mut self) -> u16 {
        self.stream.write_all(self.rest.as_bytes()).await.unwrap();
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

async fn begin_several(floe: &TestServer, project: &Project, prefix: &str) -> Vec<HalfSent> {
    let mut begun = Vec::new();
    for n in 0..4 {
        begun.push(HalfSent::begin(floe, project, &format!("{prefix}{n}")).await);
    }
    // Whatever the server does first: it has all the heads by the time that it has answered this.
    project.server().get("/v1/users").await.ok(200);
    begun
}

/// The old project's callers are told that there is none, or that their key is none of the new one's.
async fn finish_refused(begun: Vec<HalfSent>) {
    for request in begun {
        let status = request.finish().await;
        assert!(matches!(status, 401 | 403 | 404), "{status}");
    }
}

/// Changes what the platform knows of projects.
async fn on_platform(floe: &TestServer, sql: &str) {
    let mut unit = floe.app.stores.platform().await.unwrap().begin().await.unwrap();
    unit.batch(sql).await.unwrap();
    unit.invalidate(CacheName::new("projects"), "shop");
    unit.commit().await.unwrap();
}

async fn nobody_is_in(client: &Client) {
    assert_eq!(client.get("/v1/users").await.expect(200)["total"], 0);
}

both_databases! {
    /// On PostgreSQL, by its operator, while the project is open.
    async fn who_uses_a_schema_that_was_dropped_is_told_to_come_back(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        server.get("/v1/tablesdb").await.ok(200);
        let store = floe.store("p").await;
        let Some(schema) = store.schema().cloned() else { return };
        let mut unit = store.begin().await.unwrap();
        unit.batch(&format!("DROP SCHEMA \"{schema}\" CASCADE")).await.unwrap();
        unit.commit().await.unwrap();
        drop(store);
        for path in ["/v1/tablesdb", "/v1/users", "/v1/tablesdb/d/tables/t/rows"] {
            let answer = server.get(path).await;
            answer.refused(503, "general_service_unavailable");
            assert_eq!(answer.header("retry-after"), "1");
            assert!(!answer.text.contains("relation"), "{}", answer.text);
        }
    }

    async fn requests_of_a_deleted_project_never_reach_the_next_one_of_its_id(floe: TestServer) {
        let ada = owner_of(&floe, "acme").await;
        let shop = floe.project_of("shop", Some("acme")).await;
        shop.user("bo@example.org").await;
        let between = begin_several(&floe, &shop, "between").await;
        let after = begin_several(&floe, &shop, "after").await;
        // Whoever needs no credential at all.
        let guest = HalfSent::begin_as_guest(&floe, &shop, "guest").await;
        shop.server().get("/v1/users").await.ok(200);
        ada.client.delete("/v1/projects/shop").await.ok(204);
        finish_refused(between).await;
        shop.server().get("/v1/users").await.refused(404, "project_not_found");

        let body = json!({"projectId": "shop", "name": "Shop", "teamId": "acme"});
        ada.client.post("/v1/projects", &body).await.ok(201);
        let new = admin(&floe, &ada, "shop");
        nobody_is_in(&new).await;
        finish_refused(after).await;
        assert_eq!(guest.finish().await, 404);
        nobody_is_in(&new).await;
        // What is acknowledged now is there when the data is opened again.
        let user = json!({"userId": "new", "email": "new@example.org", "password": "correct horse"});
        new.post("/v1/users", &user).await.ok(201);
        floe.app.stores.close_idle_now().await;
        assert_eq!(new.get("/v1/users").await.expect(200)["users"][0]["$id"], "new");
        assert_eq!(new.get("/v1/users").await.expect(200)["total"], 1);
    }

    async fn a_project_that_is_leaving_lets_nobody_in_and_waits_for_who_is_inside(floe: TestServer) {
        let ada = owner_of(&floe, "acme").await;
        let shop = floe.project_of("shop", Some("acme")).await;
        let store = floe.store("shop").await;
        let mut unit = store.begin().await.unwrap();
        unit.batch("DELETE FROM jobs").await.unwrap();
        let deletion = tokio::spawn({
            let ada = ada.client.clone();
            async move { ada.delete("/v1/projects/shop").await.status }
        });
        while shop.server().get("/v1/users").await.status != 404 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(store.read().await.err(), None | Some(floe_store::Error::ProjectNotFound)));
        assert!(!deletion.is_finished(), "somebody is inside");
        let body = json!({"projectId": "shop", "name": "Shop", "teamId": "acme"});
        ada.client.post("/v1/projects", &body).await.refused(409, "project_already_exists");
        drop(unit);
        assert_eq!(deletion.await.unwrap(), 204);
        assert!(matches!(store.read().await.err(), Some(floe_store::Error::ProjectNotFound)));
        assert!(matches!(store.begin().await.err(), Some(floe_store::Error::ProjectNotFound)));
        ada.client.post("/v1/projects", &body).await.ok(201);
        nobody_is_in(&admin(&floe, &ada, "shop")).await;
    }

    async fn a_deletion_goes_on_when_whoever_asked_for_it_has_gone_away(floe: TestServer) {
        let ada = owner_of(&floe, "acme").await;
        floe.project_of("shop", Some("acme")).await;
        let store = floe.store("shop").await;
        let unit = store.begin().await.unwrap();
        let asked = ada.client.clone();
        let gone = tokio::time::timeout(Duration::from_millis(200), asked.delete("/v1/projects/shop")).await;
        assert!(gone.is_err(), "somebody is inside");
        drop(unit);
        let body = json!({"projectId": "shop", "name": "Shop", "teamId": "acme"});
        // The id is free once the old project is gone.
        while ada.client.post("/v1/projects", &body).await.status != 201 {
            tokio::task::yield_now().await;
        }
    }

    /// On PostgreSQL, where a dump has all tables for as long as it takes.
    async fn a_project_that_is_being_dumped_goes_when_that_is_done_and_holds_up_nobody(floe: TestServer) {
        let Some(postgres) = &floe.config().database.postgres else { return };
        let ada = owner_of(&floe, "acme").await;
        let (shop, other) = (floe.project_of("shop", Some("acme")).await, floe.project("other").await);
        shop.server().get("/v1/users").await.ok(200);
        let mut dump = floe.store("other").await.begin().await.unwrap();
        let table = format!("\"{}_project_shop\".users", postgres.schema_prefix);
        dump.batch(&format!("LOCK TABLE {table} IN ACCESS SHARE MODE")).await.unwrap();
        let deletion = tokio::spawn({
            let ada = ada.client.clone();
            async move { ada.delete("/v1/projects/shop").await.status }
        });
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(4) {
            other.server().get("/v1/users").await.ok(200);
            assert!(!deletion.is_finished(), "its tables are in use");
        }
        shop.server().get("/v1/users").await.refused(404, "project_not_found");
        drop(dump);
        assert_eq!(deletion.await.unwrap(), 204);
        let body = json!({"projectId": "shop", "name": "Shop", "teamId": "acme"});
        ada.client.post("/v1/projects", &body).await.ok(201);
        nobody_is_in(&admin(&floe, &ada, "shop")).await;
    }

    async fn what_is_half_made_is_removed_at_the_next_start(floe: TestServer) {
        let ada = owner_of(&floe, "acme").await;
        let shop = floe.project_of("shop", Some("acme")).await;
        shop.user("bo@example.org").await;
        on_platform(&floe, "UPDATE projects SET deleting = TRUE WHERE id = 'shop'").await;
        floe.app.clear_up().await.unwrap();
        let body = json!({"projectId": "shop", "name": "Shop", "teamId": "acme"});
        ada.client.post("/v1/projects", &body).await.ok(201);
        nobody_is_in(&admin(&floe, &ada, "shop")).await;
        // And what a row names stays.
        floe.app.clear_up().await.unwrap();
        admin(&floe, &ada, "shop").get("/v1/users").await.ok(200);
    }

    /// A backup of the platform that was taken while the project was being made: it doesn't know yet that there is any.
    async fn what_an_older_platform_takes_for_half_made_is_put_aside(floe: TestServer) {
        let ada = owner_of(&floe, "acme").await;
        let shop = floe.project_of("shop", Some("acme")).await;
        shop.user("bo@example.org").await;
        let schema = floe.store("shop").await.schema().cloned();
        floe.app.stores.close_idle_now().await;
        on_platform(&floe, "UPDATE projects SET deleting = TRUE, making = TRUE WHERE id = 'shop'").await;
        floe.app.clear_up().await.unwrap();
        let body = json!({"projectId": "shop", "name": "Shop", "teamId": "acme"});
        ada.client.post("/v1/projects", &body).await.ok(201);
        nobody_is_in(&admin(&floe, &ada, "shop")).await;
        match schema {
            Some(schema) => {
                let aside = schema.replace("_project_", "_unclaimed_");
                let mut conn = floe.store("console").await.begin().await.unwrap();
                let find = format!(
                    "DO $$ BEGIN IF (SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, '{aside}_')) <> 1 \
                     THEN RAISE EXCEPTION 'it is gone'; END IF; END $$"
                );
                conn.batch(&find).await.unwrap();
            }
            None => {
                let aside = std::fs::read_dir(floe.config().database.folder.join("unclaimed")).unwrap();
                assert!(aside.into_iter().any(|file| file.unwrap().file_name().to_string_lossy().starts_with("shop.")));
            }
        }
    }

    /// An older backup of the platform beside younger projects: what it doesn't know of is nobody's, also when their ids and the
    /// numbers of their rows are given again.
    async fn a_younger_project_is_nobodys_beside_an_older_platform(floe: TestServer) {
        let ada = owner_of(&floe, "acme").await;
        let shop = floe.project_of("shop", Some("acme")).await;
        shop.user("bo@example.org").await;
        floe.app.stores.close_idle_now().await;
        let forget = match floe.config().database.postgres {
            Some(_) => "DELETE FROM projects WHERE id = 'shop'; ALTER TABLE projects ALTER COLUMN number RESTART",
            None => "DELETE FROM projects WHERE id = 'shop'; DELETE FROM sqlite_sequence WHERE name = 'projects'",
        };
        on_platform(&floe, forget).await;
        let body = json!({"projectId": "shop", "name": "Shop", "teamId": "acme"});
        let made = ada.client.post("/v1/projects", &body).await;
        match floe.config().database.postgres {
            Some(_) => {
                made.refused(409, "project_already_exists");
                assert!(made.text.contains("an earlier project"), "{}", made.text);
                admin(&floe, &ada, "shop").get("/v1/users").await.refused(404, "project_not_found");
            }
            None => {
                made.ok(201);
                nobody_is_in(&admin(&floe, &ada, "shop")).await;
                let aside = std::fs::read_dir(floe.config().database.folder.join("unclaimed")).unwrap();
                assert!(aside.into_iter().any(|file| file.unwrap().file_name().to_string_lossy().starts_with("shop.")));
            }
        }
    }
}

/// What may lie in the place of a project's file.
#[derive(Debug, Clone, Copy)]
enum InPlace {
    Nothing,
    NoDatabase,
    AnotherProject,
    AnotherProgram,
}

impl InPlace {
    async fn put(self, floe: &TestServer) {
        floe.app.stores.close_idle_now().await;
        let projects = floe.config().database.folder.join("projects");
        let shop = projects.join("shop.db");
        std::fs::remove_file(&shop).unwrap();
        match self {
            Self::Nothing => {}
            Self::NoDatabase => std::fs::write(&shop, "what is left of it").unwrap(),
            Self::AnotherProject => drop(std::fs::copy(projects.join("other.db"), &shop).unwrap()),
            Self::AnotherProgram => SqliteConnection::establish(shop.to_str().unwrap())
                .unwrap()
                .batch_execute("CREATE TABLE invoices (id INTEGER)")
                .unwrap(),
        }
    }
}

/// What lies there may be all that is left of another one: nobody but a person removes it.
#[test]
fn a_project_whose_file_is_lost_can_be_got_rid_of_and_made_again() {
    for in_place in [InPlace::Nothing, InPlace::NoDatabase, InPlace::AnotherProject, InPlace::AnotherProgram] {
        TestServer::run(Database::Sqlite, async |floe: TestServer| {
            let ada = owner_of(&floe, "acme").await;
            let (shop, other) = (floe.project_of("shop", Some("acme")).await, floe.project("other").await);
            other.user("bo@example.org").await;
            in_place.put(&floe).await;
            shop.server().get("/v1/users").await.refused(503, "general_service_unavailable");
            // What the platform knows of it can be seen, by its owner and by its keys.
            assert_eq!(admin(&floe, &ada, "shop").get("/v1/project").await.expect(200)["$id"], "shop");
            shop.server().get("/v1/project").await.ok(200);
            ada.client.delete("/v1/projects/shop").await.ok(204);
            let ready = floe.client().get("/health/ready").await.expect(200);
            assert_eq!(ready["status"], "ok", "{in_place:?}: {ready}");
            let folder = &floe.config().database.folder;
            let aside = std::fs::read_dir(folder.join("unclaimed")).map_or(0, Iterator::count);
            assert!(!folder.join("projects/shop.db").exists(), "{in_place:?}");
            assert_eq!(aside, usize::from(!matches!(in_place, InPlace::Nothing)), "{in_place:?}");
            let body = json!({"projectId": "shop", "name": "Shop", "teamId": "acme"});
            ada.client.post("/v1/projects", &body).await.ok(201);
            nobody_is_in(&admin(&floe, &ada, "shop")).await;
            shop.server().get("/v1/users").await.refused(401, "general_access_forbidden");
            assert_eq!(other.server().get("/v1/users").await.expect(200)["total"], 1);
        });
    }
}

/// PostgreSQL's schema, which its operator has dropped, and no backup is there.
#[test]
fn a_project_whose_schema_is_lost_can_be_got_rid_of_and_made_again() {
    TestServer::run(Database::Postgres, async |floe: TestServer| {
        let ada = owner_of(&floe, "acme").await;
        let shop = floe.project_of("shop", Some("acme")).await;
        let schema = floe.store("shop").await.schema().cloned().unwrap();
        floe.app.stores.close_idle_now().await;
        let mut unit = floe.store("console").await.begin().await.unwrap();
        unit.execute_ddl(&format!("DROP SCHEMA \"{schema}\" CASCADE")).await.unwrap();
        unit.commit().await.unwrap();
        shop.server().get("/v1/users").await.refused(503, "general_service_unavailable");
        shop.server().delete("/v1/project").await.ok(204);
        assert_eq!(floe.client().get("/health/ready").await.expect(200)["status"], "ok");
        let body = json!({"projectId": "shop", "name": "Shop", "teamId": "acme"});
        ada.client.post("/v1/projects", &body).await.ok(201);
        nobody_is_in(&admin(&floe, &ada, "shop")).await;
    });
}

/// Each of two instances has a project of this id, its first one.
#[test]
fn a_project_of_another_instance_is_nobodys() {
    let theirs = tempfile::NamedTempFile::new().unwrap();
    let data = |floe: &TestServer| floe.config().database.folder.join("projects/shop.db");
    TestServer::run(Database::Sqlite, async |floe: TestServer| {
        floe.project("shop").await.user("bo@example.org").await;
        floe.app.stores.close_idle_now().await;
        std::fs::copy(data(&floe), theirs.path()).unwrap();
    });
    TestServer::run(Database::Sqlite, async |floe: TestServer| {
        let shop = floe.project("shop").await;
        floe.app.stores.close_idle_now().await;
        std::fs::copy(theirs.path(), data(&floe)).unwrap();
        for _ in 0..2 {
            let refused = shop.server().get("/v1/users").await;
            refused.refused(503, "general_service_unavailable");
            assert!(refused.text.contains("another project's"), "{}", refused.text);
        }
        let ready = floe.client().get("/health/ready").await.expect(200);
        assert_eq!(
            (&ready["status"], &ready["checks"]["projects"]["projects"]),
            (&json!("degraded"), &json!(["shop"]))
        );
    });
}
