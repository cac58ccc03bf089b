//! How often, and who is stopped by it.

use floe_testkit::{Client, Database, PASSWORD, Project, TestServer};
use serde_json::{Value as Json, json};

const SIGN_IN: &str = "/v1/account/sessions/email";

/// A server that counts, and believes what its proxy says of callers' addresses.
fn counting(scenario: impl AsyncFnOnce(TestServer, Project)) {
    TestServer::run_with(
        Database::Sqlite,
        |config| {
            config.security.rate_limits = true;
            config.server.trusted_proxies = 1;
        },
        async |floe| {
            let project = floe.project("shop").await;
            scenario(floe, project).await;
        },
    );
}

fn login(email: &str, password: &str) -> Json {
    json!({"email": email, "password": password})
}

fn at(project: &Project, address: &str) -> Client {
    project.guest().header("X-Forwarded-For", address)
}

async fn account(project: &Project, email: &str) {
    let account = json!({"userId": "unique()", "email": email, "password": PASSWORD});
    project.server().post("/v1/users", &account).await.ok(201);
}

/// Whoever guesses is stopped, and nobody else.
#[test]
fn strangers_guesses_lock_out_neither_other_addresses_nor_known_devices() {
    counting(async |floe, shop| {
        account(&shop, "ada@x.org").await;
        let first = at(&shop, "10.0.0.1").post(SIGN_IN, &login(" ADA@x.org", PASSWORD)).await;
        let device = first.cookie("a_device_shop").expect("the device is known from now on");
        let mut set = first.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        let set = set.find(|cookie| cookie.starts_with("a_device_shop=")).unwrap().to_owned();
        assert!(set.contains("; HttpOnly") && set.contains("; Path=/v1/account;"), "{set}");
        first.ok(201);

        let stranger = |n: usize| at(&shop, &format!("192.0.2.{n}"));
        for _ in 0..10 {
            stranger(0)
                .post(SIGN_IN, &login("ada@x.org", "wrong password"))
                .await
                .refused(401, "user_invalid_credentials");
        }
        let stopped = stranger(0).post(SIGN_IN, &login("ada@x.org", PASSWORD)).await;
        stopped.refused(429, "general_rate_limit_exceeded");
        assert!(stopped.header("retry-after").parse::<u32>().is_ok_and(|seconds| (1..=3600).contains(&seconds)));
        at(&shop, "10.0.0.2").post(SIGN_IN, &login("ada@x.org", PASSWORD)).await.ok(201);

        // Of however many addresses they are, they have fifty guesses an hour.
        let mut statuses = Vec::new();
        for n in 1..=50 {
            statuses.push(stranger(n).post(SIGN_IN, &login("ada@x.org", "wrong password")).await.status);
        }
        assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 40, "{statuses:?}");
        at(&shop, "10.0.0.3")
            .post(SIGN_IN, &login("ada@x.org", PASSWORD))
            .await
            .refused(429, "general_rate_limit_exceeded");

        // The device comes from yet another address, and has a count of its own.
        let known = at(&shop, "10.0.0.4").header("Cookie", format!("a_device_shop={device}"));
        known.post(SIGN_IN, &login("ada@x.org", PASSWORD)).await.ok(201);
        for remaining in (0..10).rev() {
            let answer = known.post(SIGN_IN, &login("ada@x.org", "wrong password")).await;
            assert_eq!(answer.header("x-ratelimit-remaining"), remaining.to_string());
            answer.refused(401, "user_invalid_credentials");
        }
        known.post(SIGN_IN, &login("ada@x.org", PASSWORD)).await.refused(429, "general_rate_limit_exceeded");
        // It is known of this account alone, and nobody makes one up.
        account(&shop, "eve@x.org").await;
        let of_eve = known.post(SIGN_IN, &login("eve@x.org", "wrong password")).await;
        assert_eq!((of_eve.status, of_eve.header("x-ratelimit-remaining")), (401, "9"));
        let forged = device.replacen(char::is_numeric, "9", 1);
        let forged = at(&shop, "10.0.0.5").header("Cookie", format!("a_device_shop={forged}"));
        forged.post(SIGN_IN, &login("ada@x.org", PASSWORD)).await.refused(429, "general_rate_limit_exceeded");
        floe.clock().advance(3600);
        known.post(SIGN_IN, &login("ada@x.org", PASSWORD)).await.ok(201);
    });
}

/// One password for many accounts: no account sees more than one guess of it.
#[test]
fn an_address_sprays_no_more_than_a_hundred_accounts_an_hour() {
    counting(async |_floe, shop| {
        account(&shop, "ada@x.org").await;
        // Every address of one network is one.
        let sprayer = |n: usize| at(&shop, &format!("2001:db8:1:2:{n:x}::{n:x}"));
        for n in 0..5 {
            sprayer(n).post(SIGN_IN, &login("ada@x.org", PASSWORD)).await.ok(201);
        }
        for n in 0..100 {
            let guess = login(&format!("user{n}@x.org"), "Spring2026!");
            sprayer(n).post(SIGN_IN, &guess).await.refused(401, "user_invalid_credentials");
        }
        sprayer(7).post(SIGN_IN, &login("next@x.org", "Spring2026!")).await.refused(429, "general_rate_limit_exceeded");
        at(&shop, "2001:db8:1:3::1").post(SIGN_IN, &login("ada@x.org", PASSWORD)).await.ok(201);
        at(&shop, "::ffff:192.0.2.1").post(SIGN_IN, &login("ada@x.org", PASSWORD)).await.ok(201);
    });
}

#[test]
fn what_is_not_valid_in_itself_uses_up_nobodys_tries() {
    counting(async |_floe, shop| {
        account(&shop, "ada@x.org").await;
        for _ in 0..12 {
            let answer = at(&shop, "10.0.0.1").post(SIGN_IN, &login("ada@x.org", "short")).await;
            answer.refused(400, "general_argument_invalid");
        }
        let answer = at(&shop, "10.0.0.1").post(SIGN_IN, &login("ada@x.org", "wrong password")).await;
        assert_eq!((answer.status, answer.header("x-ratelimit-remaining")), (401, "9"));
    });
}

/// Who has found somebody's session doesn't find out their password by way of it.
#[test]
fn a_session_guesses_its_users_password_no_more_than_ten_times() {
    counting(async |_floe, shop| {
        let ada = shop.user("ada@x.org").await;
        let guesses = [
            ("/v1/account/email", json!({"email": "eve@x.org", "password": "wrong password"})),
            ("/v1/account/phone", json!({"phone": "+491701234567", "password": "wrong password"})),
            ("/v1/account/password", json!({"password": "another password", "oldPassword": "wrong password"})),
        ];
        for (path, guess) in &guesses {
            for n in 0..10 {
                let client = ada.client.clone().header("X-Forwarded-For", format!("10.0.0.{n}"));
                client.patch(path, guess).await.refused(401, "user_invalid_credentials");
            }
            let client = ada.client.clone().header("X-Forwarded-For", "10.0.1.1");
            client.patch(path, guess).await.refused(429, "general_rate_limit_exceeded");
        }
        // Who knows it isn't counted.
        let bo = shop.user("bo@x.org").await;
        for n in 0..12 {
            let change = json!({"email": format!("bo{n}@x.org"), "password": PASSWORD});
            bo.client.clone().header("X-Forwarded-For", "10.0.0.1").patch("/v1/account/email", &change).await.ok(200);
        }
    });
}

#[test]
fn transactions_and_their_operations_are_limited() {
    counting(async |_floe, shop| {
        let ada = shop.user("ada@x.org").await;
        let ada = ada.client.header("X-Forwarded-For", "10.0.0.1");
        let made = ada.post("/v1/tablesdb/transactions", &json!({})).await;
        assert_eq!((made.header("x-ratelimit-limit"), made.header("x-ratelimit-remaining")), ("120", "119"));
        let path = format!("/v1/tablesdb/transactions/{}", made.expect(201)["$id"].as_str().unwrap());
        let staged = ada.post(&format!("{path}/operations"), &json!({"operations": []})).await;
        assert_eq!(staged.header("x-ratelimit-limit"), "120", "{}", staged.text);
        let ended = ada.patch(&path, &json!({"rollback": true})).await;
        assert_eq!((ended.status, ended.header("x-ratelimit-limit")), (200, "120"), "{}", ended.text);
        let gone = ada.delete(&path).await;
        assert_eq!((gone.status, gone.header("x-ratelimit-limit")), (204, "60"), "{}", gone.text);
        // Servers are not.
        for _ in 0..130 {
            shop.server().post("/v1/tablesdb/transactions", &json!({})).await.ok(201);
        }
    });
}
