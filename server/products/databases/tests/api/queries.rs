//! Lists of rows: filters, orders, pages, columns and totals, the same on both databases.

use crate::support::{At, BOTH, query};
use floe_testkit::Client;
use serde_json::{Value as Json, json};

/// Rows a to f, one of them empty.
async fn fill(server: &Client, words: crate::support::Words) -> At {
    let columns = json!([
        {"key": "name", "type": "string", "size": 20},
        {"key": "n", "type": "integer"},
        {"key": "f", "type": "float"},
        {"key": "b", "type": "boolean"},
        {"key": "at", "type": "datetime"},
        {"key": "tags", "type": "string", "size": 20, "array": true},
        {"key": "nums", "type": "integer", "array": true},
        {"key": "days", "type": "datetime", "array": true}
    ]);
    let at = words.make(server, &[], false, &columns).await;
    let rows = json!([
        {"$id": "a", "name": "Anna", "n": 3, "f": 1.5, "b": true, "at": "2026-01-01", "tags": ["x", "y"], "nums": [1, 2], "days": ["2026-01-01", "2026-01-02"]},
        {"$id": "b", "name": "anna", "n": 1, "f": 2.5, "b": false, "at": "2026-02-01", "tags": ["y"], "nums": [3]},
        {"$id": "c", "name": "Bert%", "n": 2, "f": -1.0, "b": true, "at": "2026-03-01", "tags": [], "nums": []},
        {"$id": "d", "name": "b_rt", "n": 3, "f": 0.0, "b": false, "at": "2026-04-01", "tags": ["x\"z"], "nums": [2]},
        {"$id": "e", "name": "Ünal", "n": 5, "f": 9.0, "b": true, "at": "2026-05-01", "tags": ["1"], "nums": [1]},
        {"$id": "f"}
    ]);
    server.post(&at.rows, &json!({words.rows: rows})).await.ok(201);
    at
}

fn limit(n: i64) -> Json {
    json!({"method": "limit", "values": [n]})
}

fn order(method: &str, attribute: &str) -> Json {
    json!({"method": method, "attribute": attribute})
}

floe_testkit::both_databases! {
    async fn filters_choose_the_same_rows_everywhere(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words).await;
            let cases: &[(Json, &[&str])] = &[
                (query("equal", "name", &json!(["Anna"])), &["a"]),
                (query("equal", "name", &json!(["Anna", "b_rt"])), &["a", "d"]),
                (query("equal", "$id", &json!(["c", "zz"])), &["c"]),
                (query("equal", "$sequence", &json!(["2"])), &["b"]),
                (query("notEqual", "n", &json!([3])), &["b", "c", "e"]),
                (query("lessThan", "n", &json!([2])), &["b"]),
                (query("lessThanEqual", "n", &json!([2])), &["b", "c"]),
                (query("greaterThan", "f", &json!([1.5])), &["b", "e"]),
                (query("greaterThanEqual", "f", &json!([1.5])), &["a", "b", "e"]),
                (query("between", "at", &json!(["2026-02-01", "2026-03-01T00:00:00.000Z"])), &["b", "c"]),
                (query("notBetween", "n", &json!([2, 3])), &["b", "e"]),
                (query("equal", "b", &json!([true])), &["a", "c", "e"]),
                (json!({"method": "isNull", "attribute": "name"}), &["f"]),
                (json!({"method": "isNotNull", "attribute": "name"}), &["a", "b", "c", "d", "e"]),
                (query("startsWith", "name", &json!(["b"])), &["d"]),
                (query("endsWith", "name", &json!(["a"])), &["a", "b"]),
                (query("contains", "name", &json!(["nn"])), &["a", "b"]),
                (query("notContains", "name", &json!(["n"])), &["c", "d"]),
                (query("contains", "tags", &json!(["y"])), &["a", "b"]),
                (query("contains", "tags", &json!(["x\"z", "1"])), &["d", "e"]),
                (query("contains", "nums", &json!([1])), &["a", "e"]),
                (query("contains", "nums", &json!([2.0])), &["a", "d"]),
                (query("contains", "days", &json!(["2026-01-02T00:00:00Z"])), &["a"]),
                (query("containsAny", "tags", &json!(["x", "1"])), &["a", "e"]),
                (query("containsAll", "tags", &json!(["x", "y"])), &["a"]),
                (query("containsAll", "nums", &json!([1])), &["a", "e"]),
                (query("containsAll", "name", &json!(["n", "a"])), &["a", "b", "e"]),
                (query("notContains", "tags", &json!(["y", "1"])), &["c", "d"]),
                (query("regex", "name", &json!(["^[Aa]n+a$"])), &["a", "b"]),
                (query("regex", "name", &json!(["(?i)^ü"])), &["e"]),
                (query("regex", "$id", &json!(["^[ab]$"])), &["a", "b"]),
                (json!({"method": "exists", "values": ["name", "n"]}), &["a", "b", "c", "d", "e"]),
                (json!({"method": "notExists", "values": ["name", "tags"]}), &["f"]),
                (json!({"method": "exists", "values": ["days"]}), &["a"]),
                (json!({"method": "isNull", "attribute": "tags"}), &["f"]),
                (json!({"method": "isNotNull", "attribute": "nums", "values": []}), &["a", "b", "c", "d", "e"]),
                (query("lessThan", "$sequence", &json!(["3"])), &["a", "b"]),
                (query("between", "$createdAt", &json!(["2000-01-01", "2999-01-01"])), &["a", "b", "c", "d", "e", "f"]),
                (json!({"method": "or", "values": [query("equal", "n", &json!([1])), query("equal", "n", &json!([5]))]}), &["b", "e"]),
                (json!({"method": "and", "values": [query("equal", "n", &json!([3])), query("equal", "b", &json!([true]))]}), &["a"]),
            ];
            for (query, expected) in cases {
                assert_eq!(at.ids(&server, std::slice::from_ref(query)).await, *expected, "{query}");
            }
        }
    }

    async fn a_method_that_does_not_fit_is_refused_in_known_words(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words).await;
            for (query, message) in [
                (query("equal", "nope", &json!([1])), "Attribute not found in schema: nope"),
                (query("equal", "n", &json!([])), "Equal queries require at least one value."),
                (query("notEqual", "n", &json!([1, 2])), "NotEqual queries require exactly one value."),
                (query("between", "n", &json!([1])), "Between queries require exactly two values."),
                (query("regex", "name", &json!(["a", "b"])), "Regex queries require exactly one value."),
                (query("equal", "n", &json!((0..501).collect::<Vec<_>>())), "Query on attribute has greater than 500 values: n"),
                (query("equal", "n", &json!(["3"])), "Query value is invalid for attribute \"n\""),
                (query("equal", "n", &json!([[[1]]])), "Query value is invalid for attribute \"n\""),
                (query("equal", "at", &json!(["soon"])), "Query value is invalid for attribute \"at\""),
                (query("equal", "$sequence", &json!(["x"])), "Query value is invalid for attribute \"$sequence\""),
                (query("contains", "tags", &json!([1])), "Query value is invalid for attribute \"tags\""),
                (query("contains", "nums", &json!(["1"])), "Query value is invalid for attribute \"nums\""),
                (query("contains", "days", &json!(["soon"])), "Query value is invalid for attribute \"days\""),
                (query("equal", "tags", &json!(["x"])), "Cannot query equal on attribute \"tags\" because it is an array."),
                (query("search", "tags", &json!(["x"])), "Cannot query search on attribute \"tags\" because it is an array."),
                (query("regex", "tags", &json!(["x"])), "Cannot query regex on attribute \"tags\" because it is an array."),
                (query("contains", "n", &json!([3])), "Cannot query contains on attribute \"n\" because it is not an array, string, or object."),
                (query("containsAll", "b", &json!([true])), "Cannot query contains on attribute \"b\" because it is not an array, string, or object."),
                (query("notContains", "at", &json!(["x"])), "Cannot query notContains on attribute \"at\" because it is not an array, string, or object."),
                (query("startsWith", "n", &json!(["3"])), "Cannot query startsWith on attribute \"n\" because it is not a string."),
                (query("regex", "n", &json!(["3"])), "Cannot query regex on attribute \"n\" because it is not a string."),
                (query("search", "name", &json!(["x"])), "Searching by attribute \"name\" requires a fulltext index."),
                (query("notSearch", "$id", &json!(["x"])), "Searching by attribute \"$id\" requires a fulltext index."),
                (json!({"method": "exists", "values": ["name", "nope"]}), "Attribute not found in schema: nope"),
                (json!({"method": "exists", "values": []}), "Exists queries require at least one value."),
                (query("elemMatch", "tags", &json!([query("equal", "a", &json!([1]))])), "elemMatch is not supported by the database"),
                (query("vectorCosine", "nums", &json!([[1, 2]])), "Vector queries can only be used on vector attributes"),
                (query("like", "name", &json!(["x"])), "Invalid query method: like"),
                (json!({"method": "or", "values": [query("equal", "n", &json!([1]))]}), "Or queries require at least two queries"),
                (json!({"method": "or", "values": [limit(1), limit(2)]}), "And and or queries can only contain filter queries"),
            ] {
                let answer = server.list(&at.rows, std::slice::from_ref(&query)).await;
                answer.refused(400, "general_query_invalid");
                assert_eq!(answer.body["message"], format!("Invalid query: {message}"), "{query}");
            }
        }
    }

    /// SEC-060.
    async fn wildcards_are_letters(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words).await;
            for (value, expected) in [("%", vec!["c"]), ("_", vec!["d"]), ("\\", vec![]), ("*", vec![]), ("\"", vec![]), ("NEAR", vec![]), ("'", vec![])] {
                for method in ["contains", "startsWith", "endsWith"] {
                    let found = at.ids(&server, &[query(method, "name", &json!([value]))]).await;
                    let fits = found.iter().all(|id| expected.contains(&id.as_str()));
                    assert!(fits && (method != "contains" || found == expected), "{method} {value}: {found:?}");
                }
            }
        }
    }

    async fn orders_and_pages_are_the_same_everywhere(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words).await;
            assert_eq!(at.ids(&server, &[]).await, ["a", "b", "c", "d", "e", "f"]);
            assert_eq!(at.ids(&server, &[order("orderDesc", "")]).await, ["f", "e", "d", "c", "b", "a"]);
            assert_eq!(at.ids(&server, &[order("orderAsc", "name")]).await, ["f", "a", "c", "b", "d", "e"]);
            assert_eq!(at.ids(&server, &[order("orderDesc", "n"), order("orderAsc", "f")]).await, ["e", "d", "a", "c", "b", "f"]);
            assert_eq!(at.ids(&server, &[limit(2), json!({"method": "offset", "values": [3]})]).await, ["d", "e"]);
            let after = |id: &str| json!({"method": "cursorAfter", "values": [id]});
            let before = |id: &str| json!({"method": "cursorBefore", "values": [id]});
            assert_eq!(at.ids(&server, &[after("b"), limit(2)]).await, ["c", "d"]);
            assert_eq!(at.ids(&server, &[before("e"), limit(2)]).await, ["c", "d"]);
            assert_eq!(at.ids(&server, &[order("orderDesc", "n"), after("d"), limit(9)]).await, ["a", "c", "b", "f"]);
            assert_eq!(at.ids(&server, &[order("orderAsc", "n"), before("e"), limit(2)]).await, ["a", "d"]);
            // What has no value comes first ascending and last descending, and a page may begin there.
            assert_eq!(at.ids(&server, &[order("orderAsc", "n"), after("f"), limit(9)]).await, ["b", "c", "a", "d", "e"]);
            assert_eq!(at.ids(&server, &[order("orderAsc", "n"), before("b")]).await, ["f"]);
            assert!(at.ids(&server, &[order("orderAsc", "n"), before("f")]).await.is_empty());
            assert!(at.ids(&server, &[order("orderDesc", "n"), after("f")]).await.is_empty());
            assert_eq!(at.ids(&server, &[order("orderDesc", "n"), before("f"), limit(2)]).await, ["c", "b"]);
            server.list(&at.rows, &[after("none")]).await.refused(400, "general_cursor_not_found");
            let random = at.ids(&server, &[json!({"method": "orderRandom"})]).await;
            assert_eq!(random.len(), 6);
        }
    }

    async fn totals_count_the_whole_list_and_only_when_wanted(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words).await;
            let total = async |queries: &[Json]| at.list(&server, queries).await["total"].as_i64().unwrap();
            assert_eq!(total(&[]).await, 6);
            assert_eq!(total(&[limit(2)]).await, 6);
            assert_eq!(total(&[limit(6)]).await, 6);
            assert_eq!(total(&[json!({"method": "offset", "values": [4]})]).await, 6);
            assert_eq!(total(&[json!({"method": "offset", "values": [10]})]).await, 6);
            assert_eq!(total(&[json!({"method": "cursorAfter", "values": ["e"]})]).await, 6);
            assert_eq!(total(&[query("equal", "n", &json!([3])), limit(1)]).await, 2);
            assert_eq!(server.get(&format!("{}?total=false", at.rows)).await.expect(200)["total"], 0);
        }
    }

    async fn chosen_columns_come_with_what_every_row_has(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words).await;
            let select = json!({"method": "select", "values": ["n", "name", "$id"]});
            let list = at.list(&server, &[select.clone(), limit(1)]).await;
            let keys = |row: &Json| { let mut keys: Vec<_> = row.as_object().unwrap().keys().cloned().collect(); keys.sort(); keys };
            let table = format!("${}", words.table_id);
            let mut expected = vec!["$createdAt", "$databaseId", "$id", "$permissions", "$sequence", &table, "$updatedAt", "n", "name"];
            expected.sort_unstable();
            assert_eq!(keys(&list[words.rows][0]), expected);
            assert_eq!((&list[words.rows][0]["n"], &list[words.rows][0]["name"]), (&json!(3), &json!("Anna")));
            let one = server.list(&at.row("a"), &[select]).await.expect(200);
            assert_eq!(one, list[words.rows][0]);
            let all = server.list(&at.row("a"), &[json!({"method": "select", "values": ["*"]})]).await.expect(200);
            assert_eq!(all["tags"], json!(["x", "y"]));
            server.list(&at.rows, &[json!({"method": "select", "values": ["nope"]})]).await.refused(400, "general_query_invalid");
            server.list(&at.row("a"), &[limit(1)]).await.refused(400, "general_query_invalid");
        }
    }

    async fn queries_that_do_not_fit_are_refused(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words).await;
            for bad in [
                query("equal", "nope", &json!([1])),
                query("equal", "_id", &json!(["a"])),
                query("equal", "c1", &json!(["a"])),
                query("equal", "$permissions", &json!(["a"])),
                query("equal", "n", &json!(["3"])),
                query("equal", "name", &json!([3])),
                query("equal", "name", &json!(["a\0"])),
                query("equal", "tags", &json!(["x"])),
                query("contains", "n", &json!([3])),
                query("search", "name", &json!(["x"])),
                query("equal", "at", &json!(["soon"])),
                order("orderAsc", "nope"),
                order("orderAsc", "tags"),
                order("orderAsc", "\"; DROP TABLE rows_1; --"),
                json!({"method": "limit", "values": [0]}),
                json!({"method": "limit", "values": [-1]}),
            ] {
                server.list(&at.rows, std::slice::from_ref(&bad)).await.refused(400, "general_query_invalid");
            }
            server.get(&format!("{}?queries[0]=%7B", at.rows)).await.refused(400, "general_query_invalid");
            assert_eq!(at.ids(&server, &[]).await.len(), 6);
        }
    }

    /// SEC-061.
    async fn queries_have_limits(floe: TestServer) {
        let words = BOTH[0];
        let project = floe.project("p").await;
        let server = project.server();
        let at = fill(&server, words).await;
        let leaf = query("equal", "n", &json!([3]));
        let deep = (0..12).fold(leaf.clone(), |inner, _| json!({"method": "and", "values": [inner, leaf]}));
        server.list(&at.rows, &[deep]).await.refused(400, "general_query_invalid");
        let wide = json!({"method": "or", "values": vec![leaf.clone(); 60]});
        assert_eq!(at.ids(&server, &[wide]).await, ["a", "d"]);
        let many: Vec<Json> = (0..500).map(|n| json!(n % 10)).collect();
        assert_eq!(at.ids(&server, &[query("equal", "n", &json!(many))]).await.len(), 5);
        server.list(&at.rows, &vec![leaf; 101]).await.refused(400, "general_argument_invalid");
    }
}
