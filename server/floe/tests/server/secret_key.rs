//! The instance's own key, as operators lose, damage and replace it.

use crate::binary::{Caller, Instance, Running};
use serde_json::{Value as Json, json};

const ROWS: &str = "/v1/tablesdb/safe/tables/safe/rows";
const NEW_KEY: &str = "5b1f0c9a7e3d48628af6d2c4b09e7135";

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

    // Without the old key its values are missed; unless they are given up.
    instance.env.pop();
    let said = refusal(&instance);
    let lost = said.split("FLOE_SECRET_KEY_LOST=").nth(1).unwrap()[..8].to_owned();
    instance.env.push(("FLOE_SECRET_KEY_LOST".into(), lost));
    let running = instance.serve();
    let new = caller.at(&running);
    assert_eq!(read(&new, "new").await, readable("new"));
    assert_eq!(read(&new, "old").await, (500, Json::Null));
    assert_eq!(whose(&running).await, 401);
}
