//! The instance's own key, as operators lose, damage and replace it.

use crate::binary::{Caller, Instance, Running};
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::{BigInt, Text};
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};
use floe::config::Config;
use floe_kernel::secret::Secret;
use floe_store::tables::Resealed;
use floe_testkit::TestServer;
use serde_json::{Value as Json, json};

const ROWS: &str = "/v1/tablesdb/safe/tables/safe/rows";
const NEW_KEY: &str = "5b1f0c9a7e3d48628af6d2c4b09e7135";
const THIRD_KEY: &str = "c7d20e4f9b8a4163a5e1f7b60d3c8294";

/// A table with an encrypted column, and a row in it.
async fn fill(caller: &Caller) {
    for (path, body) in [
        ("/v1/tablesdb", json!({"databaseId": "safe", "name": "Safe"})),
        (
            "/v1/tablesdb/safe/tables",
            json!({"tableId": "safe", "name": "Safe", "columns": [{"key": "text", "type": "string", "size": 200, "encrypt": true}]}),
        ),
    ] {
        let answer = caller.post(path, &body).await.unwrap();
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
    }
    add(caller, "old").await;
}

async fn add(caller: &Caller, id: &str) {
    let answer = caller.post(ROWS, &json!({"rowId": id, "data": {"text": format!("hush {id}")}})).await.unwrap();
    assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
}

/// The status of a row's answer, and the value in it.
async fn read(caller: &Caller, id: &str) -> (u16, Json) {
    let answer = caller.get(&format!("{ROWS}/{id}")).await.unwrap();
    let status = answer.status().as_u16();
    let body: Json = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    (status, body["text"].clone())
}

fn readable(id: &str) -> (u16, Json) {
    (200, json!(format!("hush {id}")))
}

/// What `floe secret reseal` prints.
fn reseal(instance: &Instance) -> String {
    instance.result(&["secret", "reseal"])
}

/// What a server says that refuses to start.
fn refusal(instance: &Instance) -> String {
    for command in ["serve", "migrate"] {
        let output = instance.run(&[command]);
        assert_eq!(output.status.code(), Some(1), "{command}");
    }
    String::from_utf8(instance.run(&["migrate"]).stderr).unwrap()
}

fn stop(mut running: Running) {
    running.signal("TERM");
    assert!(running.child.wait().unwrap().success(), "{}", running.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_missing_or_damaged_is_not_replaced() {
    let instance = Instance::new();
    let running = instance.serve();
    let caller = Caller::of(&instance, &running);
    fill(&caller).await;
    stop(running);

    let path = instance.data().join("secret.key");
    let key = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let said = refusal(&instance);
    assert!(said.contains("secret.key is missing") && said.contains("restore it"), "{said}");
    assert!(!path.exists(), "none is made in its place");

    std::fs::write(&path, &key[..20]).unwrap();
    let said = refusal(&instance);
    assert!(said.contains("damaged") && said.contains("Don't remove it") && !said.contains(&key[..20]), "{said}");

    std::fs::write(&path, &key).unwrap();
    let running = instance.serve();
    assert_eq!(read(&caller.at(&running), "old").await, readable("old"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_replaced_while_the_old_one_is_still_known() {
    let mut instance = Instance::new();
    let running = instance.serve();
    let caller = Caller::of(&instance, &running);
    fill(&caller).await;
    let made = caller.post("/v1/users", &json!({"userId": "ada"})).await.unwrap();
    assert_eq!(made.status(), 201);
    let jwt: Json = serde_json::from_str(
        &caller.post("/v1/users/ada/jwts", &json!({"duration": 3600})).await.unwrap().text().await.unwrap(),
    )
    .unwrap();
    let whose = async |running: &Running| {
        let request = caller.http.get(format!("{}/v1/account", running.base)).header("X-Appwrite-Project", "shop");
        request.header("X-Appwrite-JWT", jwt["jwt"].as_str().unwrap()).send().await.unwrap().status().as_u16()
    };
    assert_eq!(whose(&running).await, 200);
    stop(running);

    let old = std::fs::read_to_string(instance.data().join("secret.key")).unwrap();
    instance.env.push(("FLOE_SECRET_KEY".into(), NEW_KEY.into()));
    let said = refusal(&instance);
    assert!(said.contains("FLOE_SECRET_KEY_PREVIOUS") && !said.contains(&old) && !said.contains(NEW_KEY), "{said}");

    instance.env.push(("FLOE_SECRET_KEY_PREVIOUS".into(), old));
    let running = instance.serve();
    let both = caller.at(&running);
    assert_eq!(read(&both, "old").await, readable("old"));
    assert_eq!(whose(&running).await, 200, "what the old key signed is good until it ends");
    // A column that is made now is noted to be of the new key.
    let column = json!({"key": "more", "size": 200, "required": false, "encrypt": true});
    assert_eq!(both.post("/v1/tablesdb/safe/tables/safe/columns/string", &column).await.unwrap().status(), 202);
    add(&both, "new").await;
    stop(running);

    // All keys that are missing are named at once.
    instance.env.truncate(0);
    instance.env.push(("FLOE_SECRET_KEY".into(), THIRD_KEY.into()));
    let said = refusal(&instance);
    let lost = said.split("FLOE_SECRET_KEY_LOST=").nth(1).unwrap().split(' ').next().unwrap();
    assert_eq!(lost.split(',').map(str::len).collect::<Vec<_>>(), [8, 8], "{said}");

    // Without the old key its values are missed; unless they are given up.
    instance.env = vec![("FLOE_SECRET_KEY".into(), NEW_KEY.into())];
    let said = refusal(&instance);
    let lost = said.split("FLOE_SECRET_KEY_LOST=").nth(1).unwrap()[..8].to_owned();
    instance.env.push(("FLOE_SECRET_KEY_LOST".into(), lost));
    let running = instance.serve();
    let new = caller.at(&running);
    assert_eq!(read(&new, "new").await, readable("new"));
    assert_eq!(read(&new, "old").await, (500, Json::Null));
    assert_eq!(whose(&running).await, 401);
}

async fn make_webhook(caller: &Caller, id: &str) {
    let webhook = json!({"webhookId": id, "name": id, "url": "https://example.org", "events": ["users.*.create"]});
    let answer = caller.post("/v1/webhooks", &webhook).await.unwrap();
    assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_reseal_the_previous_key_is_needed_no_more() {
    let mut instance = Instance::new();
    let running = instance.serve();
    let caller = Caller::of(&instance, &running);
    fill(&caller).await;
    for n in 0..450 {
        add(&caller, &format!("row{n}")).await;
    }
    make_webhook(&caller, "hook").await;
    assert_eq!(reseal(&instance), "0 value(s) encrypted anew, 0 left.");
    stop(running);

    let old = std::fs::read_to_string(instance.data().join("secret.key")).unwrap();
    instance.env.push(("FLOE_SECRET_KEY".into(), NEW_KEY.into()));
    instance.env.push(("FLOE_SECRET_KEY_PREVIOUS".into(), old));
    // Beside the server, which goes on.
    let running = instance.serve();
    let both = caller.at(&running);
    add(&both, "new").await;
    let before = both.get(&format!("{ROWS}/old")).await.unwrap().text().await.unwrap();
    assert_eq!(reseal(&instance), "452 value(s) encrypted anew, 0 left.");
    assert_eq!(both.get(&format!("{ROWS}/old")).await.unwrap().text().await.unwrap(), before, "nothing else changes");
    assert_eq!(reseal(&instance), "0 value(s) encrypted anew, 0 left.");
    stop(running);

    instance.env.pop();
    let running = instance.serve();
    let new = caller.at(&running);
    for id in ["old", "row0", "row449", "new"] {
        assert_eq!(read(&new, id).await, readable(id));
    }
    let change = json!({"name": "Hook", "url": "https://example.org", "events": ["users.*.create"]});
    let changed = new.http.put(format!("{}/v1/webhooks/hook", running.base)).header("X-Appwrite-Project", "shop");
    let changed = changed.header("X-Appwrite-Key", &new.key).header("Content-Type", "application/json");
    assert_eq!(changed.body(change.to_string()).send().await.unwrap().status(), 200, "its secret can be opened");
    assert_eq!(reseal(&instance), "0 value(s) encrypted anew, 0 left.");
}

/// How many values of the table are sealed as the first one is, and how many otherwise.
fn sealed_like(instance: &Instance, prefix: &str) -> (i64, i64) {
    let mut connection = open(instance);
    let query = format!(
        "SELECT count(*) FILTER (WHERE substr(c1, 1, 8) = '{prefix}') AS those, count(*) FILTER (WHERE substr(c1, 1, 8) <> '{prefix}') AS others \
         FROM rows_1"
    );
    let counts: Counts = diesel::sql_query(query).get_result(&mut connection).unwrap();
    (counts.those, counts.others)
}

fn open(instance: &Instance) -> SqliteConnection {
    let file = instance.data().join("projects/shop.db");
    let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    connection.batch_execute("PRAGMA busy_timeout = 10000").unwrap();
    connection
}

#[derive(QueryableByName)]
struct Counts {
    #[diesel(sql_type = BigInt)]
    those: i64,
    #[diesel(sql_type = BigInt)]
    others: i64,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    text: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reseal_that_is_killed_goes_on_where_it_ended() {
    const MANY: i64 = 6000;
    let mut instance = Instance::new();
    let running = instance.serve();
    let caller = Caller::of(&instance, &running);
    fill(&caller).await;
    let ids: Vec<_> = (1..MANY).map(|n| format!("row{n}")).collect();
    for ids in ids.chunks(100) {
        let rows: Vec<_> = ids.iter().map(|id| json!({"$id": id, "text": format!("hush {id}")})).collect();
        assert_eq!(caller.post(ROWS, &json!({"rows": rows})).await.unwrap().status(), 201);
    }
    stop(running);
    let first = "SELECT substr(c1, 1, 8) AS text FROM rows_1 LIMIT 1";
    let Found { text: before } = diesel::sql_query(first).get_result(&mut open(&instance)).unwrap();
    assert_eq!(sealed_like(&instance, &before), (MANY, 0));

    let old = std::fs::read_to_string(instance.data().join("secret.key")).unwrap();
    instance.env.push(("FLOE_SECRET_KEY".into(), NEW_KEY.into()));
    instance.env.push(("FLOE_SECRET_KEY_PREVIOUS".into(), old));
    let mut command = instance.start(&["secret", "reseal"]);
    while sealed_like(&instance, &before).1 == 0 {
        assert!(command.try_wait().unwrap().is_none(), "it ended, and had done nothing");
    }
    command.kill().unwrap();
    command.wait().unwrap();
    let (left, done) = sealed_like(&instance, &before);
    assert!(left > 0 && done > 0 && left + done == MANY, "{left} left, {done} done");
    assert_eq!(reseal(&instance), format!("{left} value(s) encrypted anew, 0 left."));
    assert_eq!(sealed_like(&instance, &before), (0, MANY));

    instance.env.pop();
    let running = instance.serve();
    let new = caller.at(&running);
    for id in ["old", "row1", "row3000", "row5999"] {
        assert_eq!(read(&new, id).await, readable(id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reseal_touches_nothing_without_the_right_keys_and_leaves_what_no_key_opens() {
    let mut instance = Instance::new();
    let running = instance.serve();
    let caller = Caller::of(&instance, &running);
    fill(&caller).await;
    add(&caller, "torn").await;
    add(&caller, "more").await;
    stop(running);
    let old = std::fs::read_to_string(instance.data().join("secret.key")).unwrap();
    let torn = "UPDATE rows_1 SET c1 = replace(c1, substr(c1, 20, 4), '!!!!') WHERE _id = 'torn'";
    open(&instance).batch_execute(torn).unwrap();
    let all = "SELECT group_concat(c1) AS text FROM rows_1";
    let Found { text: before } = diesel::sql_query(all).get_result(&mut open(&instance)).unwrap();

    instance.env.push(("FLOE_SECRET_KEY".into(), NEW_KEY.into()));
    instance.env.push(("FLOE_SECRET_KEY_PREVIOUS".into(), "yet another key with which nothing is sealed".into()));
    let output = instance.run(&["secret", "reseal"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]), "{said}");
    assert!(said.contains("FLOE_SECRET_KEY_PREVIOUS") && !said.contains(&old) && !said.contains(NEW_KEY), "{said}");
    let Found { text: after } = diesel::sql_query(all).get_result(&mut open(&instance)).unwrap();
    assert_eq!(after, before);

    instance.env.pop();
    instance.env.push(("FLOE_SECRET_KEY_PREVIOUS".into(), old));
    let output = instance.run(&["secret", "reseal"]);
    let (printed, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!((output.status.code(), printed.trim()), (Some(0), "2 value(s) encrypted anew, 0 left."), "{said}");
    assert!(said.contains("1 value(s) can't be opened"), "{said}");

    instance.env.pop();
    let running = instance.serve();
    let new = caller.at(&running);
    assert_eq!((read(&new, "old").await, read(&new, "more").await), (readable("old"), readable("more")));
    assert_eq!(read(&new, "torn").await, (500, Json::Null));
}

floe_testkit::both_databases! {
    async fn a_reseal_beside_the_server_changes_nothing_but_the_key(floe: TestServer) {
        let (shop, blog) = (floe.project("shop").await, floe.project("blog").await);
        let server = shop.server();
        server.post("/v1/tablesdb", &json!({"databaseId": "safe", "name": "Safe"})).await.ok(201);
        let columns = json!([
            {"key": "text", "type": "string", "size": 200, "encrypt": true},
            {"key": "list", "type": "string", "size": 200, "encrypt": true, "array": true},
            {"key": "plain", "type": "string", "size": 200},
        ]);
        server.post("/v1/tablesdb/safe/tables", &json!({"tableId": "safe", "name": "Safe", "columns": columns})).await.ok(201);
        for n in 0..3 {
            let data = json!({"text": format!("hush {n}"), "list": ["a", "b"], "plain": "clear"});
            server.post(ROWS, &json!({"rowId": format!("r{n}"), "data": data})).await.ok(201);
        }
        server.post(ROWS, &json!({"rowId": "empty", "data": {}})).await.ok(201);
        let hook = json!({"webhookId": "hook", "name": "H", "url": "https://example.org", "events": ["users.*.create"]});
        for project in [&shop, &blog] {
            project.server().post("/v1/webhooks", &hook).await.ok(201);
        }
        let before = server.get(ROWS).await.expect(200);
        let folder = floe.config().database.folder.clone();
        let old = floe.config().security.secret_key.clone();
        let old = old.unwrap_or_else(|| Secret::new(std::fs::read_to_string(folder.join("secret.key")).unwrap()));
        let new = |config: &mut Config| config.security.secret_key = Some(Secret::new(NEW_KEY));
        let both = |config: &mut Config| {
            new(config);
            config.security.previous_secret_keys = vec![old];
        };
        let done = |done| Resealed { done, unreadable: 0, left: 0 };
        floe.beside(both, async |other: TestServer| {
            // Three rows with two values each, and two webhooks.
            assert_eq!(other.app.reseal().await.unwrap(), done(8));
            assert_eq!(other.app.reseal().await.unwrap(), done(0));
            // The first server has the old key alone: it reads nothing else, and writes with it.
            server.get(&format!("{ROWS}/r0")).await.refused(500, "general_server_error");
            server.get(&format!("{ROWS}/empty")).await.ok(200);
            server.post(ROWS, &json!({"rowId": "late", "data": {"text": "late"}})).await.ok(201);
            assert_eq!(other.app.reseal().await.unwrap(), done(1));
        })
        .await;
        floe.beside(new, async |last: TestServer| {
            let client = last.client().to_project("shop").key(&shop.key);
            client.delete(&format!("{ROWS}/late")).await.ok(204);
            assert_eq!(client.get(ROWS).await.expect(200), before);
            let change = json!({"name": "Hook", "url": "https://example.org", "events": ["users.*.create"]});
            client.put("/v1/webhooks/hook", &change).await.ok(200);
        })
        .await;
    }
}
