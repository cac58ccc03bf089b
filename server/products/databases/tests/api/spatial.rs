//! Points, lines and polygons: columns, queries and indexes, the same on both databases.

use crate::support::{At, BOTH, Words, query, user};
use floe_testkit::Client;
use serde_json::{Value as Json, json};

const SQUARE: &str = "[[[0,0],[10,0],[10,10],[0,10],[0,0]]]";

fn parsed(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

/// A table `t` with a column of each form, and rows: `none` has no shape at all.
async fn fill(server: &Client, words: Words) -> At {
    let columns = json!([
        {"key": "at", "type": "point"},
        {"key": "way", "type": "linestring"},
        {"key": "area", "type": "polygon"},
        {"key": "n", "type": "integer"},
        {"key": "name", "type": "string", "size": 20}
    ]);
    let at = words.make(server, &[], false, &columns).await;
    let rows = json!([
        {"$id": "a", "n": 1, "at": [5, 5], "way": [[0, 0], [10, 10]], "area": parsed(SQUARE)},
        {"$id": "b", "n": 2, "at": [10, 5], "way": [[10, 10], [20, 20]], "area": [[[5, 5], [15, 5], [15, 15], [5, 15], [5, 5]]]},
        {"$id": "c", "n": 3, "at": [13, 9], "way": [[0, 10], [10, 0]], "area": [[[10, 0], [20, 0], [20, 10], [10, 10], [10, 0]]]},
        {"$id": "d", "n": 4, "at": [-170, -80], "way": [[50, 50], [60, 50], [60, 60]], "area": [[[50, 50], [60, 50], [60, 60], [50, 50]]]},
        {"$id": "none", "n": 5}
    ]);
    server.post(&at.rows, &json!({words.rows: rows})).await.ok(201);
    at
}

/// A condition as the SDKs send it.
fn asks(method: &str, attribute: &str, shape: &str) -> Json {
    query(method, attribute, &json!([parsed(shape)]))
}

fn far(method: &str, attribute: &str, shape: &str, distance: f64, metres: bool) -> Json {
    query(method, attribute, &json!([[parsed(shape), distance, metres]]))
}

fn error(answer: &floe_testkit::Answer) -> (String, String) {
    let json = &answer.body;
    (json["type"].as_str().unwrap().to_owned(), json["message"].as_str().unwrap().to_owned())
}

floe_testkit::both_databases! {
    async fn columns_of_shapes_have_endpoints_of_their_own(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &[], false, &json!([{"key": "n", "type": "integer"}])).await;
            for (path, kind, default) in [
                ("point", "point", json!([1, 2.5])),
                ("line", "linestring", json!([[1, 2], [3, 4]])),
                ("polygon", "polygon", parsed(SQUARE)),
            ] {
                let made = server
                    .post(&format!("{}/{path}", at.columns), &json!({"key": path, "required": false, "default": default}))
                    .await
                    .expect(202);
                assert_eq!((&made["type"], &made["default"], &made["required"]), (&json!(kind), &default, &json!(false)));
                let changed = server
                    .patch(
                        &format!("{}/{path}/{path}", at.columns),
                        &json!({"required": false, "default": default, "newKey": format!("{path}2")}),
                    )
                    .await
                    .expect(200);
                assert_eq!((&changed["key"], &changed["default"]), (&json!(format!("{path}2")), &default));
                let other = if path == "point" { "line" } else { "point" };
                let wrong = server
                    .patch(&format!("{}/{other}/{path}2", at.columns), &json!({"required": false, "default": null}))
                    .await;
                assert_eq!((wrong.status, error(&wrong).0), (400, words.kind("column", "type_invalid")));
                let bad = server
                    .post(&format!("{}/{path}", at.columns), &json!({"key": "bad", "required": false, "default": [200, 1]}))
                    .await;
                assert_eq!((bad.status, error(&bad).0), (400, "general_argument_invalid".to_owned()));
                let both = server
                    .post(&format!("{}/{path}", at.columns), &json!({"key": "bad", "required": true, "default": default}))
                    .await;
                assert_eq!((both.status, error(&both).0), (400, words.kind("column", "default_unsupported")));
            }
            let row = at.create(&server, "r", &json!({"n": 1})).await.expect(201);
            assert_eq!(
                (&row["point2"], &row["line2"], &row["polygon2"]),
                (&json!([1, 2.5]), &json!([[1, 2], [3, 4]]), &parsed(SQUARE))
            );
        }
    }

    async fn shapes_are_answered_as_they_were_given(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words).await;
            let data = json!({"at": [-0.1, 51.50735], "way": [[1, 2], [3.0, 4]], "area": [[[0, 0], [1, 0], [1, 1], [0, 0]]]});
            let made = at.create(&server, "x", &data).await.expect(201);
            let read = server.get(&at.row("x")).await.expect(200);
            for key in ["at", "way", "area"] {
                assert_eq!((&made[key], &read[key]), (&data[key], &data[key]));
            }
            // One ring may come without the outer brackets.
            let ring = server
                .patch(&at.row("x"), &json!({"data": {"area": [[0, 0], [2, 0], [2, 2], [0, 0]], "at": null}}))
                .await
                .expect(200);
            assert_eq!((&ring["area"], &ring["at"]), (&json!([[[0, 0], [2, 0], [2, 2], [0, 0]]]), &Json::Null));
            let only = at.list(&server, &[query("equal", "$id", &json!(["x"])), json!({"method": "select", "values": ["way"]})]).await;
            assert_eq!(only[words.rows][0]["way"], data["way"]);
            assert!(only[words.rows][0].get("area").is_none());
        }
    }

    async fn refuses_what_is_no_shape_of_the_column(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words).await;
            for (key, value, rule) in [
                ("at", json!([1]), "valid point: Point must be an array of two numeric values [x, y]"),
                ("at", json!(["1", "2"]), "valid point: Point coordinates must be numeric values"),
                ("at", json!([181, 0]), "valid point: Longitude (x) must be between -180 and 180, got 181"),
                ("at", json!("POINT(1 2)"), "valid point: Spatial value must be an array"),
                ("way", json!([[1, 2]]), "valid linestring: LineString must contain at least two points"),
                ("way", json!([1, 2]), "valid linestring: Each point in LineString must be an array of two values [x, y]"),
                ("area", json!([[[0, 0], [1, 0], [0, 0]]]), "valid polygon: Ring #0 must contain at least 4 points to form a closed polygon"),
                ("area", json!([[[0, 0], [1, 0], [1, 1], [0, 1]]]), "valid polygon: Ring #0 must be closed (first point must equal last point)"),
            ] {
                let refused = at.create(&server, "bad", &json!({key: value})).await;
                let expected = format!("Invalid document structure: Attribute \"{key}\" has invalid type. Value must be a {rule}");
                assert_eq!((refused.status, error(&refused)), (400, (words.kind("row", "invalid_structure"), expected)));
            }
            let list = server.post(&format!("{}/point", at.columns), &json!({"key": "p", "required": true, "array": true})).await;
            assert_eq!(list.expect(202)["array"], false, "there are no lists of shapes");
            let inline = json!({words.table_id: "u", "name": "U", words.columns: [{"key": "p", "type": "point", "array": true}]});
            let refused = server.post(&format!("{}/{}", words.database("d"), words.tables), &inline).await;
            assert_eq!((refused.status, error(&refused).0), (400, words.kind("column", "value_invalid")));
            let sum = server.patch(&format!("{}/at/increment", at.row("a")), &json!({})).await;
            assert_eq!((sum.status, error(&sum).0), (400, words.kind("column", "type_invalid")));
        }
    }

    async fn each_method_finds_what_lies_so(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words).await;
            let cases: &[(Json, &[&str])] = &[
                (asks("equal", "at", "[5,5]"), &["a"]),
                (asks("notEqual", "at", "[5,5]"), &["b", "c", "d"]),
                (asks("equal", "way", "[[10,10],[5,5],[0,0]]"), &["a"]),
                (asks("equal", "area", "[[[10,10],[0,10],[0,0],[10,0],[10,10]]]"), &["a"]),
                (asks("notEqual", "area", SQUARE), &["b", "c", "d"]),
                (asks("contains", "area", "[7,7]"), &["a", "b"]),
                (asks("notContains", "area", "[7,7]"), &["c", "d"]),
                (asks("contains", "area", "[[1,1],[2,2]]"), &["a"]),
                (asks("contains", "area", "[[[1,1],[2,1],[2,2],[1,1]]]"), &["a"]),
                (asks("contains", "way", "[5,5]"), &["a", "c"]),
                (asks("intersects", "at", SQUARE), &["a", "b"]),
                (asks("notIntersects", "at", SQUARE), &["c", "d"]),
                (asks("intersects", "area", "[10,5]"), &["a", "b", "c"]),
                (asks("touches", "at", SQUARE), &["b"]),
                (asks("notTouches", "at", SQUARE), &["a", "c", "d"]),
                (asks("touches", "area", SQUARE), &["c"]),
                (asks("touches", "way", "[[20,20],[30,30]]"), &["b"]),
                (asks("crosses", "way", "[[0,5],[10,5]]"), &["a", "c"]),
                (asks("notCrosses", "way", "[[0,5],[10,5]]"), &["b", "d"]),
                (asks("crosses", "way", "[[[2,2],[4,2],[4,4],[2,4],[2,2]]]"), &["a"]),
                (asks("overlaps", "area", SQUARE), &["b"]),
                (asks("notOverlaps", "area", SQUARE), &["a", "c", "d"]),
                (asks("overlaps", "way", "[[5,5],[15,15]]"), &["a", "b"]),
                (far("distanceEqual", "at", "[10,5]", 5.0, false), &["a", "c"]),
                (far("distanceNotEqual", "at", "[10,5]", 5.0, false), &["b", "d"]),
                (far("distanceLessThan", "at", "[10,5]", 5.0, false), &["b"]),
                (far("distanceGreaterThan", "at", "[10,5]", 5.0, false), &["d"]),
                (far("distanceLessThan", "area", "[12,-3]", 4.0, false), &["a", "c"]),
                (query("distanceLessThan", "at", &json!([[[10, 5], 5.5]])), &["a", "b", "c"]),
                (far("distanceLessThan", "at", "[5,5.001]", 112.0, true), &["a"]),
                (far("distanceLessThan", "at", "[5,5.001]", 111.0, true), &[]),
                (far("distanceGreaterThan", "at", "[5,5]", 600_000.0, true), &["c", "d"]),
                (far("distanceEqual", "at", "[5,5]", 0.0, true), &["a"]),
                (far("distanceNotEqual", "at", "[5,5]", 0.0, true), &["b", "c", "d"]),
                (far("distanceGreaterThan", "at", "[5,5]", -1.0, true), &["a", "b", "c", "d"]),
                (json!({"method": "isNull", "attribute": "at"}), &["none"]),
                (json!({"method": "isNotNull", "attribute": "way"}), &["a", "b", "c", "d"]),
                (json!({"method": "or", "values": [asks("equal", "at", "[5,5]"), query("equal", "n", &json!([5]))]}), &["a", "none"]),
                (json!({"method": "and", "values": [asks("notEqual", "at", "[5,5]"), asks("intersects", "area", SQUARE)]}), &["b", "c"]),
                (json!({"method": "or", "values": [asks("notIntersects", "at", SQUARE), asks("touches", "at", SQUARE)]}), &["b", "c", "d"]),
            ];
            for (query, expected) in cases {
                assert_eq!(at.ids(&server, std::slice::from_ref(query)).await, *expected, "{query}");
            }
        }
    }

    async fn lists_by_shape_have_pages_and_totals(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words).await;
            let near = asks("notIntersects", "at", "[0,0]");
            let limit = |n: i64| json!({"method": "limit", "values": [n]});
            let page = at.list(&server, &[near.clone(), limit(2)]).await;
            assert_eq!((crate::support::ids(&page[words.rows]), &page["total"]), (vec!["a".to_owned(), "b".to_owned()], &json!(4)));
            let after = json!({"method": "cursorAfter", "values": ["b"]});
            assert_eq!(at.ids(&server, &[near.clone(), limit(2), after]).await, ["c", "d"]);
            let last = json!({"method": "orderDesc", "attribute": "n"});
            assert_eq!(at.ids(&server, &[near, last, limit(1)]).await, ["d"]);
            let beside = [asks("intersects", "at", SQUARE), query("greaterThan", "n", &json!([1]))];
            assert_eq!(at.ids(&server, &beside).await, ["b"]);
        }
    }

    async fn refuses_queries_that_make_no_sense(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words).await;
            let many: Vec<_> = (0..11).map(|_| asks("intersects", "at", "[1,1]")).collect();
            let cases = [
                (asks("crosses", "name", "[1,2]"), "Spatial query \"crosses\" cannot be applied on non-spatial attribute: name"),
                (asks("intersects", "nope", "[1,2]"), "Attribute not found in schema: nope"),
                (query("equal", "at", &json!([5])), "Spatial data must be an array"),
                (query("equal", "at", &json!(["POINT(5 5)"])), "Spatial data must be an array"),
                (query("touches", "at", &json!(["x"])), "Spatial data must be an array"),
                (query("lessThan", "at", &json!([[1, 2]])), "Cannot query lessThan on attribute \"at\" because it is spatial."),
                (asks("intersects", "at", "[500,0]"), "Longitude (x) must be between -180 and 180, got 500"),
                (asks("intersects", "at", "[[[0,0],[1,1],[0,0]]]"), "Ring #0 must contain at least 4 points"),
                (asks("intersects", "at", "[]"), "Point must be an array of two numeric values [x, y]"),
                (query("distanceLessThan", "at", &json!([[[1, 2]]])), "Distance query requires [[geometry, distance]] parameters"),
                (query("distanceLessThan", "at", &json!([[[1, 2], "far", true]])), "Distance query requires [[geometry, distance]] parameters"),
                (far("distanceLessThan", "way", "[1,2]", 5.0, true), "Distance in meters is not supported between linestring and point"),
                (far("distanceLessThan", "at", SQUARE, 5.0, true), "Distance in meters is not supported between point and polygon"),
                (json!({"method": "orderAsc", "attribute": "at"}), "Cannot order by spatial attribute: at"),
                (json!({"method": "and", "values": many}), "at most 10 spatial queries"),
            ];
            for (query, expected) in cases {
                let refused = server.list(&at.rows, std::slice::from_ref(&query)).await;
                assert_eq!(refused.status, 400, "{query}");
                let (kind, message) = error(&refused);
                assert_eq!(kind, "general_query_invalid", "{query}");
                assert!(message.contains(expected), "{query}: {message}");
            }
            let refused = server.send(reqwest::Method::DELETE, &at.rows, Some(&json!({"queries": [asks("crosses", "name", "[1,2]").to_string()]}))).await;
            assert_eq!((refused.status, error(&refused).0), (400, "general_query_invalid".to_owned()));
        }
    }

    /// SEC-045, SEC-048: a filter shows nothing of rows that aren't for the caller.
    async fn only_rows_of_the_caller_are_found(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = words.make(&server, &["create(\"users\")"], true, &json!([{"key": "at", "type": "point"}])).await;
            let (anna, bert) = (user(&project, "anna").await, user(&project, "bert").await);
            at.create(&anna, "a", &json!({"at": [1, 1]})).await.ok(201);
            at.create(&bert, "b", &json!({"at": [1, 1]})).await.ok(201);
            for query in [asks("equal", "at", "[1,1]"), asks("notEqual", "at", "[2,2]"), far("distanceLessThan", "at", "[1,1]", 9.0, true)] {
                let list = at.list(&anna, std::slice::from_ref(&query)).await;
                assert_eq!((crate::support::ids(&list[words.rows]), &list["total"]), (vec!["a".to_owned()], &json!(1)), "{query}");
            }
        }
    }

    async fn many_rows_are_changed_and_removed_by_shape(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let at = fill(&server, words).await;
            let text = |query: &Json| json!([query.to_string()]);
            let moved = server
                .patch(&at.rows, &json!({"queries": text(&asks("intersects", "at", SQUARE)), "data": {"at": [50, 50], "name": "moved"}}))
                .await
                .expect(200);
            assert_eq!(crate::support::ids(&moved[words.rows]), ["a", "b"]);
            assert_eq!(at.ids(&server, &[asks("equal", "at", "[50,50]")]).await, ["a", "b"]);
            let gone = server.send(reqwest::Method::DELETE, &at.rows, Some(&json!({"queries": text(&asks("notEqual", "at", "[50,50]"))}))).await.expect(200);
            assert_eq!(crate::support::ids(&gone[words.rows]), ["c", "d"]);
            assert_eq!(at.ids(&server, &[]).await, ["a", "b", "none"]);
        }
    }
}

/// Numbers that are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// Somewhere, mostly in the same region, on a coarse grid.
    fn place(&mut self) -> Json {
        let region = self.below(4) as f64 * 40.0 - 60.0;
        json!([region + self.below(8) as f64 / 4.0, self.below(8) as f64 / 4.0 + 0.1])
    }

    fn shape(&mut self, form: &str) -> Json {
        let start = self.place();
        let near = |numbers: &mut Self| {
            json!([
                start[0].as_f64().unwrap() + numbers.below(9) as f64 / 3.0,
                start[1].as_f64().unwrap() + numbers.below(9) as f64 / 3.0
            ])
        };
        match form {
            "at" => start,
            "way" => json!([start, near(self), near(self)]),
            _ => {
                let (wide, high) = (1.0 + self.below(3) as f64, 1.0 + self.below(3) as f64);
                let (x, y) = (start[0].as_f64().unwrap(), start[1].as_f64().unwrap());
                json!([[[x, y], [x + wide, y], [x + wide, y + high], [x, y + high], [x, y]]])
            }
        }
    }
}

/// Every method, asked about shapes that are made up.
fn questions(numbers: &mut Numbers) -> Vec<Json> {
    let mut questions = Vec::new();
    for attribute in ["at", "way", "area"] {
        for form in ["at", "way", "area"] {
            for method in [
                "crosses",
                "notCrosses",
                "intersects",
                "notIntersects",
                "overlaps",
                "notOverlaps",
                "touches",
                "notTouches",
                "contains",
                "notContains",
                "equal",
                "notEqual",
            ] {
                questions.push(query(method, attribute, &json!([numbers.shape(form)])));
            }
            for method in ["distanceEqual", "distanceNotEqual", "distanceGreaterThan", "distanceLessThan"] {
                let distance = numbers.below(5) as f64;
                questions.push(query(method, attribute, &json!([[numbers.shape(form), distance, false]])));
                if (attribute, form) == ("at", "at") {
                    questions.push(query(method, attribute, &json!([[numbers.shape(form), distance * 1e5, true]])));
                }
            }
        }
    }
    questions
}

async fn answers(at: &At, server: &Client, questions: &[Json]) -> Vec<(String, Vec<String>)> {
    let mut answers = Vec::new();
    for question in questions {
        let limit = json!({"method": "limit", "values": [500]});
        answers.push((question.to_string(), at.ids(server, &[question.clone(), limit]).await));
    }
    answers
}

/// Waits until an index can be used.
async fn available(server: &Client, at: &At, key: &str) {
    for _ in 0..500 {
        let index = server.get(&format!("{}/{key}", at.indexes)).await.expect(200);
        if index["status"] == "available" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the index {key} isn't made");
}

floe_testkit::both_databases! {
    async fn a_spatial_index_changes_no_answer(floe: TestServer) {
        let words = crate::support::TABLES;
        let project = floe.project(words.rows).await;
        let server = project.server();
        let columns = json!([
            {"key": "at", "type": "point", "required": true},
            {"key": "way", "type": "linestring", "required": true},
            {"key": "area", "type": "polygon", "required": true}
        ]);
        let at = words.make(&server, &[], false, &columns).await;
        let mut numbers = Numbers(2026);
        let mut row = |id: String| json!({"$id": id, "at": numbers.shape("at"), "way": numbers.shape("way"), "area": numbers.shape("area")});
        let (first, second): (Vec<_>, Vec<_>) = (0..160).map(|n| row(format!("r{n:03}"))).partition(|row| row["$id"].as_str().unwrap() < "r080");
        let edges = json!({"at": [-180, -90], "way": [[-180, -90], [180, 90]], "area": [[[179, 89], [180, 89], [180, 90], [179, 89]]]});
        server.post(&at.rows, &json!({"rows": first})).await.ok(201);
        at.create(&server, "edges", &edges).await.ok(201);
        // Half of the rows are there before the index is, half come after it; some change, some go, some are undone.
        for key in ["at", "way", "area"] {
            let index = json!({"key": format!("i_{key}"), "type": "spatial", "columns": [key]});
            let made = server.post(&at.indexes, &index).await.expect(202);
            assert_eq!(made["type"], "spatial");
            available(&server, &at, &format!("i_{key}")).await;
        }
        server.post(&at.rows, &json!({"rows": second})).await.ok(201);
        for n in (0..160).step_by(7) {
            let moved = json!({"data": {"at": numbers.shape("at"), "area": numbers.shape("area")}});
            server.patch(&at.row(&format!("r{n:03}")), &moved).await.ok(200);
        }
        for n in (0..160).step_by(11) {
            server.delete(&at.row(&format!("r{n:03}"))).await.ok(204);
        }
        let undone = json!({"rows": [
            {"$id": "undone", "at": [0, 0], "way": [[0, 0], [1, 1]], "area": parsed(SQUARE)},
            {"$id": "r001", "at": [0, 0], "way": [[0, 0], [1, 1]], "area": parsed(SQUARE)}
        ]});
        assert_eq!(server.post(&at.rows, &undone).await.status, 409);
        let questions = questions(&mut numbers);
        let with = answers(&at, &server, &questions).await;
        for key in ["at", "way", "area"] {
            server.delete(&format!("{}/i_{key}", at.indexes)).await.ok(204);
        }
        let without = answers(&at, &server, &questions).await;
        assert_eq!(with, without);
        let (all, some) = (at.ids(&server, &[json!({"method": "limit", "values": [500]})]).await.len(), with.iter());
        let some = some.filter(|(_, ids)| (1..all).contains(&ids.len())).count();
        assert!(some > questions.len() / 4, "{some} of {}", questions.len());
    }

    async fn a_spatial_index_is_over_one_column_of_shapes(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let columns = json!([
                {"key": "at", "type": "point", "required": true},
                {"key": "b", "type": "point", "required": true},
                {"key": "maybe", "type": "polygon"},
                {"key": "name", "type": "string", "size": 20}
            ]);
            let at = words.make(&server, &[], false, &columns).await;
            let only = "Spatial index can only be created on spatial attributes (point, linestring, polygon). Attribute";
            for (kind, keys, more, expected) in [
                ("spatial", json!(["at", "b"]), json!({}), "Spatial index can be created on a single spatial attribute".to_owned()),
                ("spatial", json!(["name"]), json!({}), format!("{only} \"name\" is of type \"string\"")),
                ("spatial", json!(["$createdAt"]), json!({}), format!("{only} \"$createdAt\" is of type \"datetime\"")),
                ("spatial", json!(["at"]), json!({"orders": ["asc"]}), "Spatial indexes with explicit orders are not supported. Remove the orders to create this index.".to_owned()),
                ("spatial", json!(["at"]), json!({"lengths": [5]}), "Cannot set a length on \"point\" attributes".to_owned()),
                ("key", json!(["at"]), json!({}), "Cannot create key index on spatial attribute \"at\". Spatial attributes require spatial indexes.".to_owned()),
                ("unique", json!(["name", "at"]), json!({}), "Cannot create unique index on spatial attribute \"at\". Spatial attributes require spatial indexes.".to_owned()),
            ] {
                let mut index = json!({"key": "i", "type": kind, words.columns: keys});
                index.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                let refused = server.post(&at.indexes, &index).await;
                assert_eq!((refused.status, error(&refused).1), (400, expected));
            }
            server.post(&at.indexes, &json!({"key": "i", "type": "spatial", words.columns: ["at"], "orders": [], "lengths": [0]})).await.ok(202);
            // Also over a column that rows need not have a value of.
            server.post(&at.indexes, &json!({"key": "m", "type": "spatial", words.columns: ["maybe"]})).await.ok(202);
            at.create(&server, "r", &json!({"at": [1, 1], "b": [2, 2]})).await.ok(201);
            assert_eq!(server.get(&format!("{}/m", at.indexes)).await.expect(200)["status"], "available");
        }
    }

    async fn what_is_removed_takes_its_spatial_index_along(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let columns = json!([{"key": "at", "type": "point", "required": true}, {"key": "b", "type": "point", "required": true}]);
            let at = words.make(&server, &[], false, &columns).await;
            for key in ["at", "b"] {
                server.post(&at.indexes, &json!({"key": key, "type": "spatial", words.columns: [key]})).await.ok(202);
                available(&server, &at, key).await;
            }
            at.create(&server, "r", &json!({"at": [1, 1], "b": [2, 2]})).await.ok(201);
            server.delete(&format!("{}/b", at.columns)).await.ok(204);
            assert_eq!(server.get(&at.indexes).await.expect(200)["total"], 1);
            at.create(&server, "s", &json!({"at": [1, 1]})).await.ok(201);
            assert_eq!(at.ids(&server, &[asks("equal", "at", "[1,1]")]).await, ["r", "s"]);
            server.delete(&at.table).await.ok(204);
            // As if nothing had ever been there.
            let again = words.make(&server, &[], false, &columns).await;
            again.create(&server, "r", &json!({"at": [3, 3], "b": [2, 2]})).await.ok(201);
            assert_eq!(again.ids(&server, &[asks("equal", "at", "[1,1]")]).await.len(), 0);
            server.delete(&words.database("d")).await.ok(204);
        }
    }
}

floe_testkit::both_databases! {
    async fn rows_are_found_by_the_shapes_of_related_rows(floe: TestServer) {
        for words in BOTH {
            let project = floe.project(words.rows).await;
            let server = project.server();
            let library = crate::support::library::Library::related(&server, words, &[], false).await;
            server.post(&format!("{}/point", library.people.columns), &json!({"key": "home", "required": false})).await.ok(202);
            library.fill(&server).await;
            for (id, home) in [("ann", json!([1, 1])), ("bob", json!([50, 50]))] {
                server.patch(&library.people.row(id), &json!({"data": {"home": home}})).await.ok(200);
            }
            let ids = async |query: Json| library.books.ids(&server, &[query]).await;
            assert_eq!(ids(asks("equal", "author.home", "[1,1]")).await, ["a", "b"]);
            assert_eq!(ids(asks("notIntersects", "author.home", SQUARE)).await, ["c"]);
            assert_eq!(ids(far("distanceLessThan", "author.home", "[50,50.001]", 200.0, true)).await, ["c"]);
            let refused = server.list(&library.books.rows, &[asks("equal", "author", "[1,1]")]).await;
            assert_eq!((refused.status, error(&refused).0), (400, "general_query_invalid".to_owned()));
        }
    }
}
