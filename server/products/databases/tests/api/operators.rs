//! Operators: what SDKs' `Operator.*` say in the place of a value, through both vocabularies and on both databases.

use crate::support::{At, BOTH, Words, query, user};
use floe_testkit::Client;
use serde_json::{Value as Json, json};

fn columns() -> Json {
    json!([
        {"key": "title", "type": "string", "size": 20, "required": true},
        {"key": "count", "type": "integer", "min": -1000, "max": 1000, "default": 7},
        {"key": "big", "type": "integer"},
        {"key": "price", "type": "float"},
        {"key": "done", "type": "boolean"},
        {"key": "at", "type": "datetime"},
        {"key": "mood", "type": "enum", "elements": ["good", "goodgood", "bad"]},
        {"key": "tags", "type": "string", "size": 5, "array": true},
        {"key": "numbers", "type": "integer", "array": true},
        {"key": "prices", "type": "float", "array": true},
        {"key": "days", "type": "datetime", "array": true}
    ])
}

/// As SDKs write it.
fn operator(method: &str, values: &Json) -> String {
    json!({"method": method, "values": values}).to_string()
}

async fn set(at: &At, server: &Client, data: Json) {
    server.patch(&at.row("a"), &json!({"data": data})).await.ok(200);
}

async fn make(server: &Client, words: Words) -> At {
    let at = words.make(server, &[], false, &columns()).await;
    at.create(server, "a", &json!({"title": "x"})).await.ok(201);
    at
}

floe_testkit::both_databases! {
    async fn what_a_row_holds_becomes_what_the_operator_says(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&server, words).await;
            for (column, before, method, values, after) in [
                ("count", json!(5), "increment", json!([2]), json!(7)),
                ("count", json!(5), "increment", json!([10, 8]), json!(8)),
                ("count", json!(5), "increment", json!([1.5]), json!(7)),
                ("count", json!(null), "increment", json!([3]), json!(3)),
                ("count", json!(5), "decrement", json!([7, 0]), json!(0)),
                ("count", json!(5), "decrement", json!([7]), json!(-2)),
                ("count", json!(5), "multiply", json!([3]), json!(15)),
                ("count", json!(5), "multiply", json!([300, 1000]), json!(1000)),
                ("count", json!(7), "divide", json!([2]), json!(4)),
                ("count", json!(7), "divide", json!([100, 1]), json!(1)),
                ("count", json!(-7), "modulo", json!([3]), json!(-1)),
                ("count", json!(2), "power", json!([5]), json!(32)),
                ("count", json!(2), "power", json!([500, 99]), json!(99)),
                ("big", json!(9_223_372_036_854_775_806_i64), "increment", json!([1]), json!(i64::MAX)),
                ("price", json!(1.5), "increment", json!([0.25]), json!(1.75)),
                ("price", json!(1.5), "multiply", json!([-2]), json!(-3.0)),
                ("price", json!(7.5), "modulo", json!([2]), json!(1.5)),
                ("price", json!(2.25), "power", json!([0.5]), json!(1.5)),
                ("price", json!(1.0), "divide", json!([4]), json!(0.25)),
                ("title", json!("ab"), "stringConcat", json!(["cü"]), json!("abcü")),
                ("title", json!("a.b.c"), "stringReplace", json!([".", "--"]), json!("a--b--c")),
                ("title", json!("abc"), "stringReplace", json!(["", "-"]), json!("abc")),
                ("mood", json!("good"), "stringConcat", json!(["good"]), json!("goodgood")),
                ("mood", json!(null), "stringReplace", json!(["a", "b"]), json!(null)),
                ("done", json!(true), "toggle", json!([]), json!(false)),
                ("done", json!(null), "toggle", json!([]), json!(true)),
                ("at", json!("2024-02-28"), "dateAddDays", json!([2]), json!("2024-03-01T00:00:00.000+00:00")),
                ("at", json!("2024-03-01T01:02:03.004Z"), "dateSubDays", json!([1]), json!("2024-02-29T01:02:03.004+00:00")),
                ("at", json!(null), "dateAddDays", json!([1]), json!(null)),
                ("tags", json!(["a"]), "arrayAppend", json!(["b", "ü"]), json!(["a", "b", "ü"])),
                ("tags", json!([]), "arrayAppend", json!([["b", "c"]]), json!(["b", "c"])),
                ("tags", json!(["a"]), "arrayPrepend", json!(["b", "c"]), json!(["b", "c", "a"])),
                ("tags", json!(["a", "c"]), "arrayInsert", json!([1, "b"]), json!(["a", "b", "c"])),
                ("tags", json!(["a", "c"]), "arrayInsert", json!([2, "d"]), json!(["a", "c", "d"])),
                ("tags", json!(["a", "b", "a"]), "arrayRemove", json!(["a"]), json!(["b"])),
                ("tags", json!(["a", "b", "a"]), "arrayUnique", json!([]), json!(["a", "b"])),
                ("tags", json!(["a", "b", "c"]), "arrayIntersect", json!(["c", "a", "much too long"]), json!(["a", "c"])),
                ("tags", json!(["a", "b", "c"]), "arrayDiff", json!(["c", "a"]), json!(["b"])),
                ("tags", json!(["a", null, "b"]), "arrayFilter", json!(["isNotNull", null]), json!(["a", "b"])),
                ("numbers", json!([1, 5, 9]), "arrayFilter", json!(["greaterThan", 4]), json!([5, 9])),
                ("numbers", json!([1, 5, 9]), "arrayFilter", json!(["lessThanEqual", 5.0]), json!([1, 5])),
                ("numbers", json!([1, 5, 9]), "arrayFilter", json!(["notEqual", 5]), json!([1, 9])),
                ("numbers", json!([1, 2]), "arrayRemove", json!([2.0]), json!([1])),
                ("prices", json!([1, 2.5]), "arrayRemove", json!([1]), json!([2.5])),
                ("prices", json!([1, 2.5]), "arrayAppend", json!([3]), json!([1.0, 2.5, 3.0])),
                ("days", json!(["2026-01-02"]), "arrayRemove", json!(["2026-01-02T01:00:00+01:00"]), json!([])),
                ("days", json!(["2026-01-02", "2026-02-02"]), "arrayFilter", json!(["greaterThan", "2026-01-15"]), json!(["2026-02-02T00:00:00.000+00:00"])),
            ] {
                set(&at, &server, json!({column: before})).await;
                let said = operator(method, &values);
                let changed = server.patch(&at.row("a"), &json!({"data": {column: said}})).await.expect(200);
                assert_eq!(changed[column], after, "{method}{values} of {before}");
                assert_eq!(server.get(&at.row("a")).await.expect(200), changed);
            }
        }
    }

    async fn now_is_the_moment_of_the_request(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let at = make(&server, BOTH[0]).await;
        floe.clock().advance(60);
        let data = json!({"data": {"at": operator("dateSetNow", &json!([]))}});
        let changed = server.patch(&at.row("a"), &data).await.expect(200);
        assert_eq!(changed["at"], changed["$updatedAt"]);
        assert!(changed["at"].as_str() > changed["$createdAt"].as_str());
    }

    async fn what_does_not_fit_is_refused_in_words_that_clients_know(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&server, words).await;
            set(&at, &server, json!({"title": "hello", "count": 5, "big": i64::MAX, "price": 1e308, "tags": ["a"], "at": "9999-12-30", "mood": "good"})).await;
            let before = server.get(&at.row("a")).await.expect(200);
            let structure = words.kind("row", "invalid_structure");
            let many = vec!["x"; 10_001];
            for (column, method, values, text) in [
                ("title", "increment", json!([1]), "Cannot apply increment operator to non-numeric field 'title'"),
                ("numbers", "increment", json!([1]), "Cannot apply increment operator to non-numeric field 'numbers'"),
                ("count", "increment", json!([]), "Cannot apply increment operator: value must be numeric, got NULL"),
                ("count", "increment", json!(["1"]), "Cannot apply increment operator: value must be numeric, got string"),
                ("count", "power", json!([[1]]), "Cannot apply power operator: value must be numeric, got array"),
                ("count", "increment", json!([1, true]), "Cannot apply increment operator: max/min limit must be numeric, got boolean"),
                ("count", "divide", json!([0]), "Cannot apply divide operator: division by zero"),
                ("price", "modulo", json!([0.0]), "Cannot apply modulo operator: modulo by zero"),
                ("big", "increment", json!([1]), "Cannot apply increment operator: would overflow maximum value of 9223372036854775807"),
                ("big", "multiply", json!([-2]), "Cannot apply multiply operator: would underflow minimum value of -9223372036854775808"),
                ("price", "multiply", json!([10]), "Cannot apply multiply operator: would overflow maximum value of 1.7976931348623157e308"),
                ("count", "multiply", json!([201]), r#"Attribute "count" has invalid format. Value must be a valid range between -1,000 and 1,000"#),
                ("title", "stringConcat", json!(["0123456789abcdef"]), "Cannot apply stringConcat operator: result would exceed maximum length of 20 characters"),
                ("title", "stringConcat", json!([5]), "Cannot apply stringConcat operator: requires a string value"),
                ("title", "stringConcat", json!(["a\0"]), r#"Attribute "title" has invalid type. Value must not contain a NUL character"#),
                ("count", "stringConcat", json!(["a"]), "Cannot apply stringConcat operator to non-string field 'count'"),
                ("tags", "stringConcat", json!(["a"]), "Cannot apply stringConcat operator to non-string field 'tags'"),
                ("title", "stringReplace", json!(["l"]), "Cannot apply stringReplace operator: requires exactly 2 string values (search and replace)"),
                ("title", "stringReplace", json!(["l", "0123456789abcdef"]), "Cannot apply stringReplace operator: result would exceed maximum length of 20 characters"),
                ("mood", "stringConcat", json!(["!"]), r#"Attribute "mood" has invalid format. Value must be one of (good, goodgood, bad)"#),
                ("count", "toggle", json!([]), "Cannot apply toggle operator to non-boolean field 'count'"),
                ("count", "dateAddDays", json!([1]), "Cannot apply dateAddDays operator to non-datetime field 'count'"),
                ("at", "dateAddDays", json!([1.5]), "Cannot apply dateAddDays operator: requires an integer number of days"),
                ("at", "dateAddDays", json!([2]), r#"Attribute "at" has invalid type. Value must be valid date between 0000-01-01 00:00:00 and 9999-12-31 23:59:59."#),
                ("at", "dateSubDays", json!([i64::MIN]), r#"Attribute "at" has invalid type. Value must be valid date between 0000-01-01 00:00:00 and 9999-12-31 23:59:59."#),
                ("title", "arrayAppend", json!(["a"]), "Cannot apply arrayAppend operator to non-array field 'title'"),
                ("tags", "arrayAppend", json!(["toolong"]), r#"Attribute "tags['0']" has invalid type. Value must be a valid string and no longer than 5 chars"#),
                ("tags", "arrayAppend", json!(many), "Array size 10001 exceeds maximum allowed size of 10000 for array operations"),
                ("tags", "arrayInsert", json!([1]), "Cannot apply arrayInsert operator: requires exactly 2 values (index and value)"),
                ("tags", "arrayInsert", json!([-1, "b"]), "Cannot apply arrayInsert operator: index must be a non-negative integer"),
                ("tags", "arrayInsert", json!([2, "b"]), "Cannot apply arrayInsert operator: index 2 is out of bounds for array of length 1"),
                ("tags", "arrayRemove", json!([]), "Cannot apply arrayRemove operator: requires a value to remove"),
                ("tags", "arrayFilter", json!(["contains", "a"]), "Invalid array filter condition 'contains'. Must be one of: equal, notEqual, greaterThan, greaterThanEqual, lessThan, lessThanEqual, isNull, isNotNull"),
                ("tags", "arrayFilter", json!([1]), "Cannot apply arrayFilter operator: condition must be a string"),
            ] {
                let answer = server.patch(&at.row("a"), &json!({"data": {"done": true, column: operator(method, &values)}})).await;
                answer.refused(400, &structure);
                assert_eq!(answer.body["message"], format!("Invalid document structure: {text}"));
            }
            let unknown = server.patch(&at.row("a"), &json!({"data": {"nope": operator("increment", &json!([1]))}})).await;
            unknown.refused(400, &structure);
            for (malformed, text) in [
                (json!({"method": "increment", "values": "1"}), r#"Invalid operator for attribute "count": Invalid operator values. Must be an array, got string"#),
                (json!({"method": "increment", "attribute": 1, "values": [1]}), r#"Invalid operator for attribute "count": Invalid operator attribute. Must be a string, got integer"#),
            ] {
                let answer = server.patch(&at.row("a"), &json!({"data": {"count": malformed.to_string()}})).await;
                answer.refused(400, "general_bad_request");
                assert_eq!(answer.body["message"], text);
            }
            assert_eq!(server.get(&at.row("a")).await.expect(200), before);
        }
    }

    async fn a_text_that_only_looks_like_one_stays_a_text(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let long = json!([{"key": "text", "type": "string", "size": 200}, {"key": "n", "type": "integer"}]);
        let at = BOTH[0].make(&server, &[], false, &long).await;
        at.create(&server, "a", &json!({"text": "x"})).await.ok(201);
        for text in [
            r#"{"method":"nope","values":[1]}"#,
            r#"{"method":1,"values":[1]}"#,
            r#"{"values":[1]}"#,
            r#"[{"method":"increment"}]"#,
            r#"{"method":"increment""#,
            r#""increment""#,
            r#"x{"method":"increment","values":[1]}"#,
        ] {
            let changed = server.patch(&at.row("a"), &json!({"data": {"text": text}})).await.expect(200);
            assert_eq!(changed["text"], text);
        }
        // What makes a row is taken at its word.
        let said = operator("stringConcat", &json!(["y"]));
        assert_eq!(at.create(&server, "b", &json!({"text": said})).await.expect(201)["text"], said);
        let answer = at.create(&server, "c", &json!({"n": operator("increment", &json!([1]))})).await;
        answer.refused(400, "row_invalid_structure");
        assert_eq!(answer.body["message"], r#"Invalid document structure: Attribute "n" has invalid format. Value must be a valid integer"#);
        let many = json!({"rows": [{"$id": "d", "n": operator("increment", &json!([1]))}]});
        server.post(&at.rows, &many).await.refused(400, "row_invalid_structure");
    }

    async fn an_upsert_starts_from_the_row_or_from_the_defaults(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&server, words).await;
            let data = json!({"data": {
                "title": operator("stringConcat", &json!(["y"])), "count": operator("increment", &json!([1])),
                "tags": operator("arrayAppend", &json!(["t"])), "done": operator("toggle", &json!([])),
            }});
            let changed = server.put(&at.row("a"), &data).await.expect(200);
            assert_eq!((&changed["title"], &changed["count"], &changed["tags"], &changed["done"]), (&json!("xy"), &json!(8), &json!(["t"]), &json!(true)));
            let made = server.put(&at.row("b"), &data).await.expect(200);
            assert_eq!((&made["title"], &made["count"], &made["tags"], &made["done"]), (&json!("y"), &json!(8), &json!(["t"]), &json!(true)));
            assert_eq!(server.get(&at.row("b")).await.expect(200), made);
            let both = json!({words.rows: [
                {"$id": "a", "title": "z", "count": operator("increment", &json!([1]))},
                {"$id": "c", "title": "z", "count": operator("decrement", &json!([1]))},
            ]});
            let upserted = server.put(&at.rows, &both).await.expect(200);
            assert_eq!((&upserted[words.rows][0]["count"], &upserted[words.rows][1]["count"]), (&json!(9), &json!(6)));
        }
    }

    async fn many_rows_each_change_from_what_they_hold_or_none_does(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = make(&server, words).await;
            for n in 0..3 {
                at.create(&server, &format!("r{n}"), &json!({"title": "many", "count": 998 + n})).await.ok(201);
            }
            let counts = async || {
                let list = at.list(&server, &[query("equal", "title", &json!(["many"]))]).await;
                list[words.rows].as_array().unwrap().iter().map(|row| row["count"].as_i64().unwrap()).collect::<Vec<_>>()
            };
            let some = |method: &str, values: Json| json!({
                "data": {"count": operator(method, &values)}, "queries": [query("equal", "title", &json!(["many"])).to_string()],
            });
            // The last one would leave its range.
            server.patch(&at.rows, &some("increment", json!([1]))).await.refused(400, &words.kind("row", "invalid_structure"));
            assert_eq!(counts().await, [998, 999, 1000]);
            server.patch(&at.rows, &some("decrement", json!([990]))).await.ok(200);
            assert_eq!(counts().await, [8, 9, 10]);
        }
    }

    async fn of_many_changes_at_once_none_is_lost(floe: TestServer) {
        let project = floe.project("p").await;
        let server = project.server();
        let at = make(&server, BOTH[0]).await;
        set(&at, &server, json!({"big": 0, "tags": []})).await;
        let changes = (0..40).map(|n| {
            let (server, row, all) = (&server, at.row("a"), &at.rows);
            let data = json!({"data": {
                "big": operator("increment", &json!([1])), "tags": operator("arrayAppend", &json!([n.to_string()])),
            }});
            async move {
                match n % 3 {
                    0 => server.patch(&row, &data).await.ok(200),
                    1 => server.patch(all, &data).await.ok(200),
                    _ => {
                        let mut whole = data;
                        whole["data"]["title"] = json!("x");
                        server.put(&row, &whole).await.ok(200);
                    }
                }
            }
        });
        futures_util::future::join_all(changes).await;
        let row = server.get(&at.row("a")).await.expect(200);
        assert_eq!(row["big"], 40);
        let mut tags: Vec<i64> = row["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().parse().unwrap()).collect();
        tags.sort_unstable();
        assert_eq!(tags, (0..40).collect::<Vec<_>>());
    }

    /// SEC-041: an operator is a change as any other.
    async fn who_may_not_change_a_row_may_not_with_operators_either(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &["create(\"users\")"], true, &columns()).await;
            let (owner, other) = (user(&project, "owner").await, user(&project, "other").await);
            at.create(&owner, "a", &json!({"title": "x", "count": 1})).await.ok(201);
            let data = json!({"data": {"title": "x", "count": operator("increment", &json!([1]))}});
            other.patch(&at.row("a"), &data).await.refused(401, "user_unauthorized");
            other.put(&at.row("a"), &data).await.refused(401, "user_unauthorized");
            other.patch(&at.rows, &data).await.refused(401, "user_unauthorized");
            assert_eq!(owner.patch(&at.row("a"), &data).await.expect(200)["count"], 2);
        }
    }
}
