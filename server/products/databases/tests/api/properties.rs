//! Properties that hold whatever is done: both databases answer alike, and nobody reaches a row that isn't for them.
//!
//! Each round follows from a number, which a failure names. `FLOE_PROPERTY_ROUNDS=1000` tries longer,
//! `FLOE_PROPERTY_FIRST=17` starts with another round.

use crate::support::{At, BOTH, Words, query, user};
use floe_harness::{Dice, rounds};
use floe_testkit::{Client, Database, TestServer};
use reqwest::Method;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

fn first() -> u64 {
    std::env::var("FLOE_PROPERTY_FIRST").ok().and_then(|first| first.parse().ok()).unwrap_or(1)
}

// Both databases answer alike.

/// How many requests a round has.
const REQUESTS: usize = 120;
const ROWS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "missing", "_bad"];
const KEYS: [&str; 12] =
    ["text", "mail", "link", "host", "mood", "small", "big", "float", "flag", "moment", "texts", "numbers"];

fn all_columns() -> Json {
    json!([
        {"key": "text", "type": "string", "size": 12, "required": true},
        {"key": "mail", "type": "email"},
        {"key": "link", "type": "url"},
        {"key": "host", "type": "ip"},
        {"key": "mood", "type": "enum", "elements": ["good", "bad", "Ünd"], "default": "bad"},
        {"key": "small", "type": "integer", "min": -50, "max": 50, "default": 3},
        {"key": "big", "type": "integer"},
        {"key": "float", "type": "float"},
        {"key": "flag", "type": "boolean"},
        {"key": "moment", "type": "datetime"},
        {"key": "texts", "type": "string", "size": 6, "array": true},
        {"key": "numbers", "type": "integer", "array": true}
    ])
}

const NONSENSE: [&str; 12] = [
    "null",
    "true",
    "[]",
    "{}",
    "[[1]]",
    "1e999",
    "\"\\u0000\"",
    "\"'; DROP TABLE rows_1; --\"",
    "-1",
    "\"%_\\\\\"",
    "99999999999999999999",
    "[null]",
];

const TEXTS: [&str; 14] =
    ["", "a", "A", "ab", "b", "Ü", "ü", "z'\"`", "%", "_", "\\", "😀", "a longer one than may be", " a"];

fn nonsense(dice: &mut Dice) -> Json {
    let text = dice.pick::<&str>(&NONSENSE);
    serde_json::from_str(text).unwrap_or(json!("1e999"))
}

/// A value that the column may well take.
fn value(dice: &mut Dice, key: &str) -> Json {
    let number = i64::try_from(dice.below(100)).unwrap() - 40;
    let one = |dice: &mut Dice, key: &str| match key {
        "mail" => json!(dice.pick(&["a@b.co", "A@B.co", "c@d.eu", "e+f@g.org", "nobody"])),
        "link" => json!(dice.pick(&["https://a.b/c?d", "http://ü.de", "ftp://a", "x://y#z", "nowhere"])),
        "host" => json!(dice.pick(&["1.2.3.4", "::1", "10.0.0.1", "fe80::2", "1.2.3"])),
        "mood" => json!(dice.pick(&["good", "bad", "Ünd", "good", "bad", "so"])),
        "small" | "numbers" => json!(number),
        "big" => dice.pick(&[json!(i64::MAX), json!(i64::MIN), json!(0), json!(9_007_199_254_740_993_i64)]).clone(),
        "float" => {
            dice.pick(&[json!(0.1), json!(-1.5e300), json!(1e-320), json!(2), json!(0.30000000000000004)]).clone()
        }
        "flag" => json!(dice.one_in(2)),
        "moment" => json!(dice.pick(&[
            "2024-02-29",
            "0001-01-01T00:00:00Z",
            "9999-01-01T23:59:59.999+14:00",
            "1969-12-31T23:59:59.5Z",
            "now"
        ])),
        _ => json!(dice.pick(&TEXTS)),
    };
    if dice.one_in(20) {
        return nonsense(dice);
    }
    if matches!(key, "texts" | "numbers") {
        return (0..dice.below(4)).map(|_| one(dice, key)).collect();
    }
    if dice.one_in(8) { Json::Null } else { one(dice, key) }
}

/// An operator that the column may well take.
fn operator(dice: &mut Dice, key: &str) -> Json {
    let methods: &[&str] = match key {
        "small" | "big" | "float" => &["increment", "decrement", "multiply", "divide", "modulo", "power"],
        "flag" => &["toggle"],
        "moment" => &["dateAddDays", "dateSubDays"],
        "texts" | "numbers" => &[
            "arrayAppend",
            "arrayPrepend",
            "arrayInsert",
            "arrayRemove",
            "arrayUnique",
            "arrayIntersect",
            "arrayDiff",
            "arrayFilter",
        ],
        _ => &["stringConcat", "stringReplace"],
    };
    let method = if dice.one_in(10) { "increment" } else { *dice.pick(methods) };
    let values = match method {
        "arrayInsert" => json!([dice.below(3), value(dice, "text")]),
        "arrayFilter" => {
            json!([dice.pick(&["equal", "notEqual", "greaterThan", "isNull", "contains"]), dice.below(20)])
        }
        "stringConcat" => json!([dice.pick(&TEXTS)]),
        "stringReplace" => json!([dice.pick(&TEXTS), dice.pick(&TEXTS)]),
        "dateAddDays" | "dateSubDays" => json!([dice.pick(&[1, -400, 4_000_000])]),
        "toggle" | "arrayUnique" => json!([]),
        _ if method.starts_with("array") => value(dice, key),
        _ => {
            let by = dice.pick(&[json!(1), json!(0.5), json!(-3), json!(0), json!(2), json!(1e18)]).clone();
            if dice.one_in(3) { json!([by, 20]) } else { json!([by]) }
        }
    };
    json!(json!({"method": method, "values": values}).to_string())
}

fn data(dice: &mut Dice, with_operators: bool) -> Json {
    let mut data = Map::new();
    if !dice.one_in(10) {
        data.insert("text".into(), json!(dice.pick(&TEXTS[..13])));
    }
    for _ in 0..dice.below(5) {
        let key = *dice.pick(&KEYS);
        let said = if with_operators && dice.one_in(2) { operator(dice, key) } else { value(dice, key) };
        data.insert(key.into(), said);
    }
    if dice.one_in(40) {
        data.insert("nope".into(), json!(1));
    }
    data.into()
}

fn condition(dice: &mut Dice, depth: usize) -> Json {
    const COMPARED: &[&str] = &[
        "equal",
        "notEqual",
        "lessThan",
        "lessThanEqual",
        "greaterThan",
        "greaterThanEqual",
        "between",
        "notBetween",
        "isNull",
        "isNotNull",
    ];
    const OF_LISTS: &[&str] = &["contains", "notContains", "containsAny", "containsAll", "isNull", "isNotNull"];
    const METHODS: &[&str] = &[
        "equal",
        "notEqual",
        "lessThan",
        "lessThanEqual",
        "greaterThan",
        "greaterThanEqual",
        "contains",
        "notContains",
        "containsAny",
        "containsAll",
        "startsWith",
        "notStartsWith",
        "endsWith",
        "notEndsWith",
        "between",
        "notBetween",
        "isNull",
    ];
    if depth < 3 && dice.one_in(5) {
        let parts: Vec<Json> = (0..2 + dice.below(2)).map(|_| condition(dice, depth + 1)).collect();
        return json!({"method": dice.pick(&["and", "or"]), "values": parts});
    }
    let key =
        if dice.one_in(12) { *dice.pick(&["$id", "$sequence", "nope", "$permissions"]) } else { *dice.pick(&KEYS) };
    let one = |dice: &mut Dice| match key {
        "texts" => json!(dice.pick(&TEXTS)),
        "numbers" => json!(dice.below(60)),
        key => value(dice, key),
    };
    let fitting = match key {
        _ if dice.one_in(12) => METHODS,
        "small" | "big" | "float" | "flag" | "moment" => COMPARED,
        "texts" | "numbers" => OF_LISTS,
        _ => METHODS,
    };
    let method = *dice.pick(fitting);
    let values: Vec<Json> = match method {
        "isNull" | "isNotNull" => Vec::new(),
        "between" | "notBetween" => vec![one(dice), one(dice)],
        "equal" | "contains" | "containsAny" | "containsAll" | "notContains" => {
            (0..1 + dice.below(3)).map(|_| one(dice)).collect()
        }
        _ => vec![one(dice)],
    };
    query(method, key, &json!(values))
}

fn queries(dice: &mut Dice) -> Vec<Json> {
    let mut queries: Vec<Json> = (0..dice.below(3)).map(|_| condition(dice, 0)).collect();
    for _ in 0..dice.below(3) {
        let key = if dice.one_in(5) { "" } else { *dice.pick(&KEYS) };
        queries.push(json!({"method": dice.pick(&["orderAsc", "orderDesc"]), "attribute": key}));
    }
    if dice.one_in(3) {
        queries.push(json!({"method": "limit", "values": [dice.pick(&[1, 2, 5, 9, 3, 0])]}));
    }
    if dice.one_in(4) {
        queries.push(json!({"method": "offset", "values": [dice.below(4)]}));
    }
    if dice.one_in(6) {
        queries.push(json!({"method": dice.pick(&["cursorAfter", "cursorBefore"]), "values": [dice.pick(&ROWS)]}));
    }
    if dice.one_in(4) {
        queries.push(json!({"method": "select", "values": dice.some(&KEYS)}));
    }
    queries
}

/// One request at a row, many rows or the table's shape; what it was, and what came back.
async fn request(dice: &mut Dice, server: &Client, at: &At) -> (String, floe_testkit::Answer) {
    let (row, words) = (*dice.pick(&ROWS), at.words);
    let path = at.row(row);
    let (method, path, body) = match dice.below(12) {
        0 | 1 => (Method::POST, at.rows.clone(), json!({words.row_id: row, "data": data(dice, true)})),
        2 | 3 => (Method::PATCH, path, json!({"data": data(dice, true)})),
        4 | 5 => (Method::PUT, path, json!({"data": data(dice, true)})),
        6 if dice.one_in(2) => (Method::DELETE, path, json!({})),
        6 => (Method::GET, path, Json::Null),
        7 => {
            let change = *dice.pick(&["increment", "decrement"]);
            let limit = if change == "increment" { "max" } else { "min" };
            let body = json!({"value": dice.pick(&[json!(1), json!(0.5), json!(1e17)]), limit: dice.pick(&[json!(null), json!(5)])});
            (Method::PATCH, format!("{path}/{}/{change}", dice.pick(&KEYS)), body)
        }
        8 => {
            let rows: Vec<Json> = dice
                .some(&ROWS[..7])
                .into_iter()
                .map(|id| {
                    let mut row = data(dice, false);
                    row["$id"] = json!(id);
                    row
                })
                .collect();
            (if dice.one_in(2) { Method::POST } else { Method::PUT }, at.rows.clone(), json!({words.rows: rows}))
        }
        9 => {
            let queries: Vec<String> = queries(dice).iter().map(ToString::to_string).collect();
            let delete = dice.one_in(3);
            let mut body = json!({"queries": queries});
            if !delete {
                body["data"] = data(dice, true);
            }
            (if delete { Method::DELETE } else { Method::PATCH }, at.rows.clone(), body)
        }
        _ => {
            let queries = queries(dice);
            return (format!("list {}", json!(queries)), server.list(&at.rows, &queries).await);
        }
    };
    let body = (method != Method::GET).then_some(&body);
    (format!("{method} {path} {}", body.unwrap_or(&Json::Null)), server.send(method, &path, body).await)
}

/// What must be the same everywhere: everything except numbers and moments that follow from when something happened.
fn comparable(json: &mut Json) {
    match json {
        Json::Object(map) => {
            for key in ["$sequence", "$createdAt", "$updatedAt", "requestId"] {
                map.remove(key);
            }
            map.values_mut().for_each(comparable);
        }
        Json::Array(items) => items.iter_mut().for_each(comparable),
        _ => {}
    }
}

/// What happened in a round: each request with its answer. Nothing, where there is no such database.
fn transcript(database: Database, round: u64) -> Vec<String> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let written = Arc::clone(&lines);
    TestServer::run(database, async move |floe| {
        let mut dice = Dice::new(round);
        let server = floe.project("p").await.server();
        let words = *dice.pick(&BOTH);
        let at = words.make(&server, &[], false, &all_columns()).await;
        if dice.one_in(3) {
            let index = json!({"key": "u", "type": "unique", words.columns: [dice.pick(&["small", "mood", "moment"])]});
            server.post(&at.indexes, &index).await.ok(202);
        }
        for _ in 0..REQUESTS {
            let (what, mut answer) = request(&mut dice, &server, &at).await;
            comparable(&mut answer.body);
            assert!(answer.status < 500, "round {round}: {what}: {}", answer.text);
            written.lock().unwrap().push(format!("{what}\n  {} {}", answer.status, answer.body));
        }
    });
    Arc::try_unwrap(lines).unwrap().into_inner().unwrap()
}

#[test]
fn both_databases_answer_alike() {
    let (mut succeeded, mut asked) = (0, 0);
    for round in first()..first() + rounds(3) {
        let (sqlite, postgres) = (transcript(Database::Sqlite, round), transcript(Database::Postgres, round));
        if postgres.is_empty() {
            return;
        }
        for (n, (sqlite, postgres)) in sqlite.iter().zip(&postgres).enumerate() {
            assert_eq!(sqlite, postgres, "round {round}, request {n}");
        }
        succeeded += sqlite.iter().filter(|line| line.contains("\n  20")).count();
        asked += REQUESTS;
    }
    // If nothing succeeded, or everything, that would say little.
    assert!((asked / 8..asked).contains(&succeeded), "{succeeded} of {asked} succeeded");
}

// Nobody reaches a row that isn't for them.

const USERS: [&str; 3] = ["u0", "u1", "u2"];
const ROLES: [&str; 14] = [
    "any",
    "guests",
    "users",
    "users/verified",
    "users/unverified",
    "user:u0",
    "user:u1",
    "user:u2",
    "user:u0/unverified",
    "user:u1/verified",
    "team:t",
    "team:t/owner",
    "team:t/cook",
    "label:red",
];

/// What a table, or a row, allows: actions and roles.
type Allowed = BTreeSet<(&'static str, &'static str)>;

/// A caller and the roles that they hold.
struct Person {
    client: Client,
    roles: BTreeSet<String>,
}

/// What there is, as simple as can be.
struct World {
    table: Allowed,
    row_security: bool,
    rows: BTreeMap<String, Allowed>,
}

impl World {
    fn table_allows(&self, person: &Person, action: &str) -> bool {
        allows(&self.table, person, action)
    }

    fn allows(&self, person: &Person, action: &str, row: &Allowed) -> bool {
        self.table_allows(person, action) || (self.row_security && allows(row, person, action))
    }

    /// The status of changing or removing this row.
    fn change(&self, person: &Person, action: &str, row: &str, done: u16) -> u16 {
        match self.rows.get(row) {
            Some(row) if self.allows(person, action, row) => done,
            Some(_) => 401,
            // Only who may see or change every row anyway is told that there is none.
            None if self.table_allows(person, action) => 404,
            None if self.row_security && self.table_allows(person, "read") => 404,
            None => 401,
        }
    }
}

fn allows(allowed: &Allowed, person: &Person, action: &str) -> bool {
    allowed.iter().any(|(allowed, role)| *allowed == action && person.roles.contains(*role))
}

fn allowed(dice: &mut Dice, actions: &[&'static str]) -> Allowed {
    (0..dice.below(4)).map(|_| (*dice.pick(actions), *dice.pick(&ROLES))).collect()
}

/// As the wire has it; now and then `write` for everything that it means.
fn texts(dice: &mut Dice, allowed: &mut Allowed, table: bool) -> Vec<String> {
    let mut texts: Vec<String> = allowed.iter().map(|(action, role)| format!("{action}(\"{role}\")")).collect();
    if dice.one_in(4) {
        let role = *dice.pick(&ROLES);
        texts.push(format!("write(\"{role}\")"));
        allowed.extend([("update", role), ("delete", role)]);
        if table {
            allowed.insert(("create", role));
        }
    }
    texts
}

async fn people(dice: &mut Dice, project: &floe_testkit::Project) -> Vec<Person> {
    let server = project.server();
    let guest = ["any", "guests"].map(str::to_owned);
    let mut people = vec![Person { client: project.guest(), roles: guest.into() }];
    server.post("/v1/teams", &json!({"teamId": "t", "name": "T"})).await.ok(201);
    for id in USERS {
        let client = user(project, id).await;
        let verified = dice.one_in(2);
        let mut roles = BTreeSet::from(["any".to_owned(), "users".to_owned(), format!("user:{id}")]);
        let dimension = if verified { "verified" } else { "unverified" };
        roles.extend([format!("users/{dimension}"), format!("user:{id}/{dimension}")]);
        if verified {
            server.patch(&format!("/v1/users/{id}/verification"), &json!({"emailVerification": true})).await.ok(200);
        }
        if dice.one_in(2) {
            roles.insert("label:red".to_owned());
            server.put(&format!("/v1/users/{id}/labels"), &json!({"labels": ["red"]})).await.ok(200);
        }
        if dice.one_in(2) {
            let held = dice.some(&["owner", "cook"]);
            let member = json!({"userId": id, "roles": held});
            server.post("/v1/teams/t/memberships", &member).await.ok(201);
            roles.insert("team:t".to_owned());
            roles.extend(held.iter().map(|role| format!("team:t/{role}")));
        }
        people.push(Person { client, roles });
    }
    people
}

/// A table with permissions and rows of chance.
async fn world(dice: &mut Dice, server: &Client, words: Words) -> (World, At) {
    let mut table = allowed(dice, &["create", "read", "update", "delete"]);
    let (texts_of_table, row_security) = (texts(dice, &mut table, true), !dice.one_in(3));
    let permissions: Vec<&str> = texts_of_table.iter().map(String::as_str).collect();
    let at = words.make(server, &permissions, row_security, &json!([{"key": "n", "type": "integer"}])).await;
    let mut rows = BTreeMap::new();
    for id in &ROWS[..6] {
        let mut row = allowed(dice, &["read", "update", "delete"]);
        let permissions = texts(dice, &mut row, false);
        let permissions: Vec<&str> = permissions.iter().map(String::as_str).collect();
        at.create_with(server, id, &json!({"n": dice.below(5)}), &permissions).await.ok(201);
        rows.insert((*id).to_owned(), row);
    }
    (World { table, row_security, rows }, at)
}

async fn nobody_goes_too_far(floe: &TestServer, round: u64) {
    let mut dice = Dice::new(round);
    let project = floe.project(&format!("p{round}")).await;
    let server = project.server();
    let people = people(&mut dice, &project).await;
    let words = *dice.pick(&BOTH);
    let (mut world, at) = world(&mut dice, &server, words).await;
    for step in 0..60 {
        let (person, row) = (dice.pick(&people), (*dice.pick(&ROWS[..7])).to_owned());
        let here = format!("round {round}, step {step}, row {row}, roles {:?}", person.roles);
        match dice.below(7) {
            0 => {
                let seen = world.rows.get(&row).is_some_and(|row| world.allows(person, "read", row));
                assert_eq!(person.client.get(&at.row(&row)).await.status, if seen { 200 } else { 404 }, "{here}");
            }
            1 | 2 => {
                let list = at.list(&person.client, &[]).await;
                let seen: Vec<_> =
                    world.rows.iter().filter(|(_, row)| world.allows(person, "read", row)).map(|(id, _)| id).collect();
                let mut listed = crate::support::ids(&list[words.rows]);
                listed.sort_unstable();
                assert_eq!(
                    (listed.iter().collect::<Vec<_>>(), &list["total"]),
                    (seen.clone(), &json!(seen.len())),
                    "{here}"
                );
            }
            3 => {
                let answer = person.client.patch(&at.row(&row), &json!({"data": {"n": 1}})).await;
                assert_eq!(answer.status, world.change(person, "update", &row, 200), "{here}: {}", answer.text);
            }
            4 => {
                let answer = person.client.delete(&at.row(&row)).await;
                assert_eq!(answer.status, world.change(person, "delete", &row, 204), "{here}: {}", answer.text);
                if answer.status == 204 {
                    world.rows.remove(&row);
                }
            }
            5 => {
                let may = world.table_allows(person, "create");
                let answer = at.create_with(&person.client, &row, &json!({"n": 1}), &[]).await;
                let expected = if !may {
                    401
                } else if world.rows.contains_key(&row) {
                    409
                } else {
                    201
                };
                assert_eq!(answer.status, expected, "{here}: {}", answer.text);
                if answer.status == 201 {
                    world.rows.insert(row, Allowed::new());
                }
            }
            _ => {
                let Some(now) = world.rows.get_mut(&row) else { continue };
                *now = allowed(&mut dice, &["read", "update", "delete"]);
                let permissions = texts(&mut dice, now, false);
                server.patch(&at.row(&row), &json!({"permissions": permissions})).await.ok(200);
            }
        }
    }
}

floe_testkit::both_databases! {
    /// SEC-041, SEC-043, SEC-045, SEC-048, SEC-052, SEC-058.
    async fn nobody_reaches_a_row_that_is_not_for_them(floe: TestServer) {
        for round in first()..first() + rounds(3) {
            nobody_goes_too_far(&floe, round).await;
        }
    }
}
