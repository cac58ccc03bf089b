//! Changes of the shape of large tables: they go on behind the API's back, and the API goes on.

use crate::support::background::{count, enlarge, sql, until_done};
use crate::support::{At, BOTH, TABLES, query};
use floe_store::tables::OnlineDdl;
use floe_testkit::{TestServer, until};
use serde_json::json;
use std::time::{Duration, Instant};

/// A table `t` of a database `d`, that counts as large, with two rows `x` and `y` of different values in `a` and `n`.
async fn large(floe: &TestServer, words: crate::support::Words, project: &floe_testkit::Project) -> At {
    let columns = json!([{"key": "a", "type": "string", "size": 10}, {"key": "n", "type": "integer"}]);
    let at = words.make(&project.server(), &[], false, &columns).await;
    for (id, n) in [("x", 1), ("y", 2)] {
        at.create(&project.server(), id, &json!({"a": id, "n": n})).await.ok(201);
    }
    enlarge(floe, &project.id).await;
    at
}

/// What `pg_dump` begins with.
const LOCK_ALL: &str = "DO $$ DECLARE one text; BEGIN \
    FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP \
    EXECUTE format('LOCK TABLE %I IN ACCESS SHARE MODE', one); END LOOP; END $$";

/// A table `t` (`rows_1`) with columns `a` and `n`, an index `i` and a relationship `old` with a table `other`; and a table
/// `gone` (`rows_3`).
async fn dumped(server: &floe_testkit::Client) -> At {
    let columns = json!([{"key": "a", "type": "string", "size": 10}, {"key": "n", "type": "integer"}]);
    let at = TABLES.make(server, &[], false, &columns).await;
    for table in ["other", "gone"] {
        server.post("/v1/tablesdb/d/tables", &json!({"tableId": table, "name": table})).await.ok(201);
    }
    let relation = json!({"relatedTableId": "other", "type": "manyToOne", "key": "old"});
    server.post(&format!("{}/relationship", at.columns), &relation).await.ok(202);
    server.post(&at.indexes, &json!({"key": "i", "type": "key", "columns": ["a"]})).await.ok(202);
    at.create(server, "x", &json!({"a": "x", "n": 1})).await.ok(201);
    at
}

floe_testkit::both_databases! {
    async fn an_index_of_a_large_table_becomes_available(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let (server, at) = (project.server(), large(&floe, words, &project).await);
            let index = json!({"key": "i", "type": "unique", words.columns: ["a"]});
            let made = server.post(&at.indexes, &index).await.expect(202);
            assert_eq!((&made["status"], &made["error"]), (&json!("processing"), &json!("")));
            let one = format!("{}/i", at.indexes);
            until("the index is available", async || server.get(&one).await.expect(200)["status"] == "available").await;
            at.create(&server, "z", &json!({"a": "x"})).await.refused(409, &words.kind("row", "unique_constraint_violation"));
            assert_eq!(server.get(&at.table).await.expect(200)["indexes"][0]["status"], "available");
            server.delete(&one).await.ok(204);
            at.create(&server, "z", &json!({"a": "x"})).await.ok(201);
        }
    }

    /// As `pg_dump` does, somebody has all tables for long: nobody waits behind a change of their shape.
    async fn a_dump_puts_off_what_changes_a_table_and_holds_nobody_up(floe: TestServer) {
        let server = floe.project("p").await.server();
        let store = floe.store("p").await;
        if store.is_sqlite() {
            // Its readers are in nobody's way.
            return;
        }
        let at = dumped(&server).await;
        let mut dump = store.begin().await.unwrap();
        dump.batch(LOCK_ALL).await.unwrap();
        let begun = Instant::now();
        let one = |key: &str| format!("{}/{key}", at.columns);
        let added = server.post(&one("integer"), &json!({"key": "b", "required": false})).await;
        assert_eq!(added.expect(202)["status"], "processing");
        let relation = json!({"relatedTableId": "other", "type": "manyToOne", "key": "new"});
        server.post(&one("relationship"), &relation).await.ok(202);
        server.delete(&one("n")).await.ok(204);
        server.delete(&one("old")).await.ok(204);
        server.delete(&format!("{}/i", at.indexes)).await.ok(204);
        server.delete("/v1/tablesdb/d/tables/gone").await.ok(204);
        for written in 0.. {
            let asked = Instant::now();
            let row = server.get(&at.row("x")).await.expect(200);
            assert_eq!((row.get("n"), row.get("old")), (None, None), "removed for whoever looks");
            floe.later(2);
            at.create(&server, &format!("new{written}"), &json!({"a": "new"})).await.ok(201);
            server.get("/v1/tablesdb/d/tables/gone").await.refused(404, "table_not_found");
            assert!(asked.elapsed() < Duration::from_secs(4), "held up for {:?}", asked.elapsed());
            assert_eq!(server.get(&one("b")).await.expect(200)["status"], "processing");
            at.create(&server, "z", &json!({"b": 1})).await.refused(400, "row_invalid_structure");
            // Long enough for more attempts than a job that fails has.
            if begun.elapsed() > Duration::from_secs(8) {
                break;
            }
        }
        drop(dump);
        until_done(&floe, "p").await;
        for key in ["b", "new"] {
            assert_eq!(server.get(&one(key)).await.expect(200)["status"], "available", "{key}");
        }
        at.create(&server, "z", &json!({"a": "z", "b": 1})).await.ok(201);
        for gone in ["rows_1 WHERE c2 IS NULL", "rows_3"] {
            assert_eq!(count(&floe, "p", gone).await, None, "{gone}");
        }
        let left = "pg_indexes WHERE schemaname = current_schema() AND indexname = 'rows_1_i1'";
        assert_eq!(count(&floe, "p", left).await, Some(0));
    }

    /// On PostgreSQL, where an operator may stop what takes long.
    async fn a_change_that_an_operator_stops_may_be_tried_again(floe: TestServer) {
        let server = floe.project("p").await.server();
        let at = TABLES.make(&server, &[], false, &json!([{"key": "a", "type": "string", "size": 10}])).await;
        let store = floe.store("p").await;
        if store.is_sqlite() {
            return;
        }
        let mut blocker = store.begin().await.unwrap();
        blocker.batch("LOCK TABLE columns IN ACCESS EXCLUSIVE MODE").await.unwrap();
        let (path, new) = (format!("{}/integer", at.columns), json!({"key": "b", "required": false}));
        let adding = tokio::spawn({
            let (server, path, new) = (server.clone(), path.clone(), new.clone());
            async move { server.post(&path, &new).await }
        });
        while !adding.is_finished() {
            // (What a transaction has seen of pg_stat_activity it sees until its end.)
            let stop = "SELECT pg_cancel_backend(pid) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))";
            blocker.batch(stop).await.unwrap();
            tokio::task::yield_now().await;
        }
        drop(blocker);
        let stopped = adding.await.unwrap();
        stopped.refused(503, "general_service_unavailable");
        assert_eq!(stopped.header("retry-after"), "1");
        server.post(&path, &new).await.ok(202);
        at.create(&server, "x", &json!({"a": "x", "b": 1})).await.ok(201);
    }

    async fn an_index_that_rows_stand_against_says_why_it_failed(floe: TestServer) {
        let project = floe.project("p").await;
        let (server, at) = (project.server(), large(&floe, TABLES, &project).await);
        at.create(&server, "z", &json!({"a": "x"})).await.ok(201);
        server.post(&at.indexes, &json!({"key": "i", "type": "unique", "columns": ["a"]})).await.ok(202);
        let one = format!("{}/i", at.indexes);
        until("the index has failed", async || server.get(&one).await.expect(200)["status"] == "failed").await;
        assert_eq!(server.get(&one).await.expect(200)["error"], "Some rows have the same values, so the index can't be unique.");
        // It isn't in the way of anything, and can be made again once the rows are different.
        at.create(&server, "w", &json!({"a": "x"})).await.ok(201);
        server.delete(&one).await.ok(204);
        for id in ["z", "w"] {
            server.delete(&at.row(id)).await.ok(204);
        }
        server.post(&at.indexes, &json!({"key": "i", "type": "unique", "columns": ["a"]})).await.ok(202);
        until("the index is available", async || server.get(&one).await.expect(200)["status"] == "available").await;
    }

    async fn rows_are_read_and_written_while_an_index_is_made(floe: TestServer) {
        let (project, other) = (floe.project("p").await, floe.project("other").await);
        let (server, at) = (project.server(), large(&floe, TABLES, &project).await);
        let elsewhere = TABLES.make(&other.server(), &[], false, &json!([{"key": "b", "type": "boolean"}])).await;
        // Many enough for SQLite to need a while.
        let many = match floe.store("p").await.is_sqlite() {
            true => "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT 'r' || i, 0, 0, 1, hex(randomblob(5)) FROM n",
            false => "SELECT 'r' || i, 0, 0, 1, substr(md5(i::text), 1, 10) FROM generate_series(1, 200000) AS n(i)",
        };
        sql(&floe, "p", &format!("INSERT INTO rows_1 (_id, _created, _updated, _permissions, c1) {many}")).await;
        server.post(&at.indexes, &json!({"key": "i", "type": "key", "columns": ["a"]})).await.ok(202);
        let one = format!("{}/i", at.indexes);
        let mut written = 0;
        until("the index is available", async || {
            server.get(&at.row("x")).await.ok(200);
            at.create(&server, &format!("new{written}"), &json!({"a": "new"})).await.ok(201);
            elsewhere.create(&other.server(), &format!("new{written}"), &json!({"b": true})).await.ok(201);
            written += 1;
            server.get(&one).await.expect(200)["status"] == "available"
        }).await;
        let found = at.list(&server, &[query("equal", "a", &json!(["new"])), json!({"method": "limit", "values": [1]})]).await;
        assert_eq!(found["total"], written);
    }

    async fn what_was_being_made_when_the_server_died_is_taken_up(floe: TestServer) {
        let project = floe.project("p").await;
        let (server, at) = (project.server(), large(&floe, TABLES, &project).await);
        server.post(&at.indexes, &json!({"key": "i", "type": "unique", "columns": ["a"]})).await.ok(202);
        until_done(&floe, "p").await;
        for index_is_there in [false, true] {
            until("the project is asleep", async || {
                floe.later(60);
                floe.app.queue.known_projects() == 0
            }).await;
            // As a crash in the middle leaves it; with the index half there or not.
            if !index_is_there {
                sql(&floe, "p", "DROP INDEX rows_1_i1").await;
            }
            sql(&floe, "p", "UPDATE indexes SET status = 'processing'; INSERT INTO schema_jobs (kind, table_number, item_number) VALUES ('make_index', 1, 1); \
                 INSERT INTO jobs (queue, kind, payload, due_at, worker, takes, created_at) VALUES ('schema', 'databases.shape_tables', '{}', 1, 'dead', 1, 1)").await;
            floe.app.stores.close_idle_now().await;
            server.get(&format!("{}/rows", at.table)).await.ok(200);
            until_done(&floe, "p").await;
            assert_eq!(server.get(&at.indexes).await.expect(200)["indexes"][0]["status"], "available");
            at.create(&server, "z", &json!({"a": "x"})).await.refused(409, "row_unique_constraint_violation");
        }
    }

    /// SEC-053.
    async fn a_column_of_a_large_table_is_gone_at_once_and_its_values_soon(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let (server, at) = (project.server(), large(&floe, words, &project).await);
            server.post(&at.indexes, &json!({"key": "i", "type": "key", words.columns: ["a", "n"]})).await.ok(202);
            until_done(&floe, &project.id).await;
            server.delete(&format!("{}/a", at.columns)).await.ok(204);
            server.get(&format!("{}/a", at.columns)).await.refused(404, &words.kind("column", "not_found"));
            assert_eq!(server.get(&at.indexes).await.expect(200)["total"], 0);
            assert_eq!(server.get(&at.row("x")).await.expect(200).get("a"), None);
            at.create(&server, "z", &json!({"a": "z"})).await.refused(400, &words.kind("row", "invalid_structure"));
            // A column of the same name is another one.
            server.post(&format!("{}/string", at.columns), &json!({"key": "a", "size": 10, "required": false})).await.ok(202);
            until_done(&floe, &project.id).await;
            assert_eq!(server.get(&format!("{}/a", at.columns)).await.expect(200)["status"], "available");
            assert_eq!(server.get(&at.row("x")).await.expect(200)["a"], json!(null));
            at.create(&server, "z", &json!({"a": "z"})).await.ok(201);
            assert_eq!(at.ids(&server, &[query("isNotNull", "a", &json!([]))]).await, ["z"]);
            assert!(count(&floe, &project.id, "rows_1 WHERE c1 IS NOT NULL").await.is_none_or(|left| left == 0));
        }
    }

    async fn a_large_table_is_gone_at_once_and_its_rows_soon(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let (server, at) = (project.server(), large(&floe, words, &project).await);
            for kind in ["key", "fulltext"] {
                server.post(&at.indexes, &json!({"key": kind, "type": kind, words.columns: ["a"]})).await.ok(202);
                let one = format!("{}/{kind}", at.indexes);
                until("the index is available", async || server.get(&one).await.expect(200)["status"] == "available").await;
            }
            assert_eq!(at.ids(&server, &[query("search", "a", &json!(["y"]))]).await, ["y"]);
            server.post(&at.indexes, &json!({"key": "i", "type": "key", words.columns: ["n"]})).await.ok(202);
            server.delete(&at.table).await.ok(204);
            server.get(&at.table).await.refused(404, &words.kind("table", "not_found"));
            server.get(&at.rows).await.refused(404, &words.kind("table", "not_found"));
            at.create(&server, "z", &json!({"a": "z"})).await.refused(404, &words.kind("table", "not_found"));
            words.make(&server, &[], false, &json!([{"key": "a", "type": "string", "size": 10}])).await;
            assert_eq!(at.list(&server, &[]).await["total"], 0);
            at.create(&server, "x", &json!({"a": "new"})).await.ok(201);
            until_done(&floe, &project.id).await;
            assert_eq!(count(&floe, &project.id, "rows_1").await, None);
            assert!(count(&floe, &project.id, "sqlite_master WHERE name LIKE '%rows_1%'").await.is_none_or(|left| left == 0));
            assert_eq!(server.get(&at.row("x")).await.expect(200)["a"], "new");
        }
    }

    async fn a_database_with_a_large_table_is_gone_at_once(floe: TestServer) {
        let project = floe.project("p").await;
        let (server, at) = (project.server(), large(&floe, TABLES, &project).await);
        server.delete("/v1/tablesdb/d").await.ok(204);
        server.get("/v1/tablesdb/d").await.refused(404, "database_not_found");
        server.get(&at.rows).await.refused(404, "database_not_found");
        until_done(&floe, "p").await;
        assert_eq!(count(&floe, "p", "rows_1").await, None);
    }

    async fn a_text_column_of_a_large_table_gets_another_size(floe: TestServer) {
        let project = floe.project("p").await;
        let (server, at) = (project.server(), large(&floe, TABLES, &project).await);
        server.post(&at.indexes, &json!({"key": "i", "type": "unique", "columns": ["a"], "lengths": [10]})).await.ok(202);
        let size = |size: i64| json!({"required": false, "default": null, "size": size});
        server.patch(&format!("{}/string/a", at.columns), &size(9000)).await.ok(200);
        until_done(&floe, "p").await;
        assert_eq!(server.get(&format!("{}/i", at.indexes)).await.expect(200)["status"], "available");
        at.create(&server, "z", &json!({"a": "a long text that goes on"})).await.ok(201);
        at.create(&server, "w", &json!({"a": "a long text that ends"})).await.refused(409, "row_unique_constraint_violation");
        server.patch(&format!("{}/string/a", at.columns), &size(12)).await.refused(400, "column_invalid_resize");
    }

    /// On PostgreSQL, where each of them would wait for the index, and everybody who reads the table for them.
    async fn other_changes_of_a_table_wait_their_turn_behind_its_index(floe: TestServer) {
        let project = floe.project("p").await;
        let (server, at) = (project.server(), large(&floe, TABLES, &project).await);
        let store = floe.store("p").await;
        if store.is_sqlite() {
            return;
        }
        server.post(&at.indexes, &json!({"key": "old", "type": "key", "columns": ["a"]})).await.ok(202);
        until_done(&floe, "p").await;
        // An index waits for whoever has begun to write into its table.
        let mut writing = store.begin().await.unwrap();
        writing.batch("UPDATE rows_1 SET _updated = 0 WHERE _id = 'nobody'").await.unwrap();
        for (key, kind) in [("i", "key"), ("gone", "unique")] {
            server.post(&at.indexes, &json!({"key": key, "type": kind, "columns": ["n"]})).await.ok(202);
        }
        let column = |key: &str| json!({"key": key, "size": 10, "required": false});
        for key in ["later", "never"] {
            server.post(&format!("{}/string", at.columns), &column(key)).await.ok(202);
            assert_eq!(server.get(&format!("{}/{key}", at.columns)).await.expect(200)["status"], "processing");
        }
        // It isn't there yet.
        at.create(&server, "z", &json!({"later": "x"})).await.refused(400, "row_invalid_structure");
        assert_eq!(server.get(&at.row("x")).await.expect(200).get("later"), None);
        server.post(&at.indexes, &json!({"key": "j", "type": "key", "columns": ["later"]})).await.refused(400, "column_not_available");
        let change = json!({"required": false, "default": null});
        server.patch(&format!("{}/string/later", at.columns), &change).await.refused(400, "column_not_available");
        // What isn't made yet can be removed, and so can everything else.
        server.delete(&format!("{}/never", at.columns)).await.ok(204);
        server.delete(&format!("{}/gone", at.indexes)).await.ok(204);
        server.delete(&format!("{}/a", at.columns)).await.ok(204);
        let indexes = server.get(&at.indexes).await.expect(200);
        assert_eq!((&indexes["total"], &indexes["indexes"][0]["key"], &indexes["indexes"][0]["status"]), (&json!(1), &json!("i"), &json!("processing")));
        at.create(&server, "z", &json!({"n": 2})).await.ok(201);
        assert_eq!(at.list(&server, &[]).await["total"], 3);
        drop(writing);
        until_done(&floe, "p").await;
        assert_eq!(server.get(&format!("{}/i", at.indexes)).await.expect(200)["status"], "available");
        let columns = server.get(&at.columns).await.expect(200);
        let columns: Vec<_> = columns["columns"].as_array().unwrap().iter().map(|column| (column["key"].as_str().unwrap(), column["status"].as_str().unwrap())).collect();
        assert_eq!(columns, [("n", "available"), ("later", "available")]);
        at.create(&server, "w", &json!({"n": 2, "later": "x"})).await.ok(201);
        let left = |of: &str| format!("pg_indexes WHERE tablename = 'rows_1' AND schemaname = current_schema() AND indexname = '{of}'");
        for (index, number) in [("rows_1_i1", 0), ("rows_1_i2", 1), ("rows_1_i3", 0)] {
            assert_eq!(count(&floe, "p", &left(index)).await, Some(number), "{index}");
        }
        assert_eq!(count(&floe, "p", "rows_1 WHERE c1 IS NULL").await, None);
    }

    /// Several nodes: on PostgreSQL, because an SQLite file has one.
    async fn another_node_that_is_at_it_is_waited_for(floe: TestServer) {
        let project = floe.project("p").await;
        let (server, at) = (project.server(), large(&floe, TABLES, &project).await);
        let store = floe.store("p").await;
        if store.is_sqlite() {
            return;
        }
        let another = OnlineDdl::take(&store).await.unwrap().unwrap();
        assert!(OnlineDdl::take(&store).await.unwrap().is_none());
        server.post(&at.indexes, &json!({"key": "i", "type": "key", "columns": ["a"]})).await.ok(202);
        server.get(&at.rows).await.ok(200);
        assert_eq!(server.get(&format!("{}/i", at.indexes)).await.expect(200)["status"], "processing");
        drop(another);
        until_done(&floe, "p").await;
        assert_eq!(server.get(&format!("{}/i", at.indexes)).await.expect(200)["status"], "available");
    }

    /// On PostgreSQL, where an index that isn't finished stays as one of no use.
    async fn an_index_survives_the_loss_of_its_connection(floe: TestServer) {
        let project = floe.project("p").await;
        let (server, at) = (project.server(), large(&floe, TABLES, &project).await);
        let store = floe.store("p").await;
        let Some(schema) = store.schema().cloned() else { return };
        // An index waits for whoever has begun to write into its table.
        let mut writing = store.begin().await.unwrap();
        writing.batch("UPDATE rows_1 SET _updated = 0 WHERE _id = 'nobody'").await.unwrap();
        server.post(&at.indexes, &json!({"key": "i", "type": "unique", "columns": ["a"]})).await.ok(202);
        let at_work = format!("pg_stat_activity WHERE query LIKE 'CREATE UNIQUE INDEX CONCURRENTLY%{schema}%'");
        until("the index is being made", async || count(&floe, "p", &at_work).await == Some(1)).await;
        let invalid = "pg_index WHERE indexrelid = 'rows_1_i1'::regclass AND NOT indisvalid";
        // The statement is seen a moment before the index that it makes.
        until("the index is there, of no use yet", async || count(&floe, "p", invalid).await == Some(1)).await;
        sql(&floe, "p", &format!("DO $$ BEGIN PERFORM pg_terminate_backend(pid) FROM {at_work}; END $$")).await;
        drop(writing);
        until_done(&floe, "p").await;
        assert_eq!(server.get(&format!("{}/i", at.indexes)).await.expect(200)["status"], "available");
        assert_eq!(count(&floe, "p", invalid).await, Some(0));
        at.create(&server, "z", &json!({"a": "x"})).await.refused(409, "row_unique_constraint_violation");
    }
}
