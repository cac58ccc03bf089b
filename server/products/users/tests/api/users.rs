//! What servers may do with people.

use floe_testkit::{Answer, User, both_databases};
use serde_json::{Value as Json, json};

const PASSWORD: &str = "correct horse battery";

fn ids(answer: Answer) -> Vec<String> {
    let body = answer.expect(200);
    body["users"].as_array().unwrap().iter().map(|user| user["$id"].as_str().unwrap().to_owned()).collect()
}

fn keys(model: &Json) -> Vec<&str> {
    model.as_object().unwrap().keys().map(String::as_str).collect()
}

async fn signs_in(guest: &floe_testkit::Client, email: &str, password: &str) -> u16 {
    guest.post("/v1/account/sessions/email", &json!({"email": email, "password": password})).await.status
}

async fn answers(user: &User) -> u16 {
    user.client.get("/v1/account").await.status
}

both_databases! {
    async fn a_user_has_the_fields_of_the_contract(floe: TestServer) {
        let project = floe.project("shop").await;
        let account = json!({"userId": "ada", "email": " Ada@Example.ORG", "phone": "+491701234567", "password": PASSWORD, "name": "Ada"});
        let user = project.server().post("/v1/users", &account).await.expect(201);
        let expected = [
            "$id", "$createdAt", "$updatedAt", "name", "registration", "status", "labels", "passwordUpdate", "email", "phone",
            "emailVerification", "emailCanonical", "emailIsFree", "emailIsDisposable", "emailIsCorporate", "emailIsCanonical",
            "phoneVerification", "mfa", "prefs", "targets", "accessedAt", "impersonator", "impersonatorUserId",
            "password", "hash", "hashOptions",
        ];
        assert_eq!(keys(&user), expected);
        assert_eq!((&user["$id"], &user["email"], &user["phone"]), (&json!("ada"), &json!("ada@example.org"), &json!("+491701234567")));
        assert_eq!(user["hashOptions"], json!({"type": "argon2", "memoryCost": 7168, "timeCost": 5, "threads": 1}));
        assert_eq!((&user["registration"], &user["passwordUpdate"]), (&user["$createdAt"], &user["$createdAt"]));
        assert_eq!(project.server().get("/v1/users/ada").await.expect(200), user);
    }

    async fn hashes_of_passwords_are_for_who_may_set_them(floe: TestServer) {
        let project = floe.project("shop").await;
        let account = json!({"userId": "ada", "email": "ada@x.org", "password": PASSWORD});
        project.server().post("/v1/users", &account).await.ok(201);
        let reader = project.with_key(&floe.key("shop", "users.read").await);
        let writer = project.with_key(&floe.key("shop", "users.read,users.write").await);
        for path in ["/v1/users/ada", "/v1/users"] {
            let seen = reader.get(path).await;
            assert!(!seen.text.contains("$argon2") , "{}", seen.text);
            seen.ok(200);
            assert!(writer.get(path).await.text.contains("$argon2id$"), "{path}");
        }
    }

    async fn addresses_are_found_in_every_spelling(floe: TestServer) {
        let server = floe.project("shop").await.server();
        for id in ["ada", "eve"] {
            server.post("/v1/users", &json!({"userId": id, "email": format!("{id}@x.org")})).await.ok(201);
        }
        for query in [
            json!({"method": "equal", "attribute": "email", "values": ["ADA@X.org"]}),
            json!({"method": "startsWith", "attribute": "email", "values": ["Ada"]}),
            json!({"method": "or", "values": [{"method": "equal", "attribute": "email", "values": [" Ada@x.ORG "]}, {"method": "equal", "attribute": "$id", "values": ["nobody"]}]}),
            json!({"method": "notEqual", "attribute": "email", "values": ["EVE@x.org"]}),
        ] {
            assert_eq!(ids(server.list("/v1/users", &[query]).await), ["ada"]);
        }
        assert_eq!(ids(server.list("/v1/users", &[json!({"method": "equal", "attribute": "$id", "values": ["ADA"]})]).await).len(), 0);
    }

    async fn a_user_needs_nothing_but_an_id(floe: TestServer) {
        let server = floe.project("shop").await.server();
        for id in ["one", "two"] {
            let user = server.post("/v1/users", &json!({"userId": id, "email": null, "phone": null, "password": ""})).await.expect(201);
            for field in ["email", "phone", "password", "passwordUpdate"] {
                assert_eq!(user[field], "", "{field}");
            }
        }
        assert_eq!(server.get("/v1/users").await.expect(200)["total"], 2);
        server.get("/v1/users/three").await.refused(404, "user_not_found");
    }

    async fn refuses_ids_and_addresses_that_are_taken(floe: TestServer) {
        let server = floe.project("shop").await.server();
        server.post("/v1/users", &json!({"userId": "ada", "email": "ada@x.org", "phone": "+491701234567"})).await.ok(201);
        for other in [
            json!({"userId": "ada"}),
            json!({"userId": "eve", "email": "ADA@x.org"}),
            json!({"userId": "eve", "email": " ada@X.ORG "}),
            json!({"userId": "eve", "phone": "+491701234567"}),
        ] {
            server.post("/v1/users", &other).await.refused(409, "user_already_exists");
        }
        server.post("/v1/users", &json!({"userId": "eve"})).await.ok(201);
        server.patch("/v1/users/eve/email", &json!({"email": "Ada@x.org"})).await.refused(409, "user_email_already_exists");
        server.patch("/v1/users/eve/phone", &json!({"number": "+491701234567"})).await.refused(409, "user_phone_already_exists");
        server.patch("/v1/users/ada/email", &json!({"email": "ada@x.org"})).await.ok(200);
        server.patch("/v1/users/ada/email", &json!({"email": ""})).await.ok(200);
        server.patch("/v1/users/eve/email", &json!({"email": "ada@x.org"})).await.ok(200);
    }

    async fn another_project_may_have_the_same_people(floe: TestServer) {
        let (shop, blog) = (floe.project("shop").await, floe.project("blog").await);
        for project in [&shop, &blog] {
            project.server().post("/v1/users", &json!({"userId": "ada", "email": "ada@x.org", "password": PASSWORD})).await.ok(201);
        }
        shop.server().delete("/v1/users/ada").await.ok(204);
        blog.server().get("/v1/users/ada").await.ok(200);
        blog.with_key(&shop.key).get("/v1/users/ada").await.refused(401, "general_access_forbidden");
    }

    async fn refuses_what_is_no_address_password_or_id(floe: TestServer) {
        let server = floe.project("shop").await.server();
        for fault in [
            json!({"userId": "_ada"}), json!({"userId": ""}), json!({}), json!({"userId": {"a": 1}}),
            json!({"userId": "a", "email": "ada"}), json!({"userId": "a", "email": "ada@localhost"}), json!({"userId": "a", "email": "\"ada\"@x.org"}),
            json!({"userId": "a", "email": "ada@x.org."}), json!({"userId": "a", "email": "ada\u{0}@x.org"}), json!({"userId": "a", "email": "аda@x.org"}),
            json!({"userId": "a", "email": ["ada@x.org"]}), json!({"userId": "a", "phone": "0170"}), json!({"userId": "a", "phone": 49}),
            json!({"userId": "a", "password": "short"}), json!({"userId": "a", "password": "x".repeat(257)}), json!({"userId": "a", "password": {"$ne": 1}}),
            json!({"userId": "a", "name": "x".repeat(129)}), json!({"userId": "a", "name": "nul\u{0}"}),
        ] {
            server.post("/v1/users", &fault).await.refused(400, "general_argument_invalid");
        }
        assert_eq!(server.get("/v1/users").await.expect(200), json!({"total": 0, "users": []}));
    }

    async fn lists_are_filtered_sorted_searched_and_paged(floe: TestServer) {
        let server = floe.project("shop").await.server();
        for (id, name) in [("c", "Zoë"), ("a", "Ada Lovelace"), ("b", "Grace")] {
            server.post("/v1/users", &json!({"userId": id, "name": name, "email": format!("{id}@x.org")})).await.ok(201);
        }
        server.put("/v1/users/a/labels", &json!({"labels": ["vip", "beta"]})).await.ok(200);
        server.patch("/v1/users/b/status", &json!({"status": false})).await.ok(200);
        let list = async |queries: &[Json]| ids(server.list("/v1/users", queries).await);
        assert_eq!(list(&[]).await, ["c", "a", "b"], "in the order in which they came");
        assert_eq!(list(&[json!({"method": "orderAsc", "attribute": "$id"})]).await, ["a", "b", "c"]);
        assert_eq!(list(&[json!({"method": "equal", "attribute": "email", "values": ["b@x.org", "c@x.org"]})]).await, ["c", "b"]);
        assert_eq!(list(&[json!({"method": "contains", "attribute": "labels", "values": ["vip"]})]).await, ["a"]);
        assert_eq!(list(&[json!({"method": "equal", "attribute": "status", "values": [false]})]).await, ["b"]);
        assert_eq!(list(&[json!({"method": "isNull", "attribute": "phone", "values": []})]).await.len(), 3);
        assert_eq!(list(&[json!({"method": "limit", "values": [1]}), json!({"method": "cursorAfter", "values": ["a"]})]).await, ["b"]);
        assert_eq!(list(&[json!({"method": "cursorBefore", "values": ["b"]})]).await, ["c", "a"]);
        for (search, found) in [("LOVE", vec!["a"]), ("zoë", vec!["c"]), ("@x.org", vec!["c", "a", "b"]), ("%25", vec![]), ("_", vec![])] {
            assert_eq!(ids(server.get(&format!("/v1/users?search={search}")).await), found, "{search}");
        }
        let page = server.list("/v1/users?total=false", &[json!({"method": "limit", "values": [2]})]).await.expect(200);
        assert_eq!((page["total"].as_i64(), page["users"].as_array().unwrap().len()), (Some(0), 2));
        for query in [
            json!({"method": "equal", "attribute": "password", "values": ["x"]}),
            json!({"method": "startsWith", "attribute": "search", "values": ["x"]}),
            json!({"method": "orderAsc", "attribute": "generation"}),
            json!({"method": "select", "values": ["$id"]}),
        ] {
            server.list("/v1/users", &[query]).await.refused(400, "general_argument_invalid");
        }
        server.list("/v1/users", &[json!({"method": "cursorAfter", "values": ["nobody"]})]).await.refused(400, "general_cursor_not_found");
    }

    async fn one_thing_changes_and_the_rest_stays(floe: TestServer) {
        let server = floe.project("shop").await.server();
        server.post("/v1/users", &json!({"userId": "ada", "email": "ada@x.org", "phone": "+491701234567", "name": "Ada"})).await.ok(201);
        let verified = server.patch("/v1/users/ada/verification", &json!({"emailVerification": true})).await.expect(200);
        assert_eq!((&verified["emailVerification"], &verified["phoneVerification"]), (&json!(true), &json!(false)));
        server.patch("/v1/users/ada/verification/phone", &json!({"phoneVerification": true})).await.ok(200);
        assert_eq!(server.patch("/v1/users/ada/name", &json!({"name": "Ada L."})).await.expect(200)["name"], "Ada L.");
        assert_eq!(server.put("/v1/users/ada/labels", &json!({"labels": ["vip", "vip", "beta"]})).await.expect(200)["labels"], json!(["vip", "beta"]));
        server.put("/v1/users/ada/labels", &json!({"labels": ["a/b"]})).await.refused(400, "general_argument_invalid");
        let changed = server.patch("/v1/users/ada/email", &json!({"email": "ADA@y.org"})).await.expect(200);
        assert_eq!((&changed["email"], &changed["emailVerification"]), (&json!("ada@y.org"), &json!(false)), "a new address is unverified");
        let changed = server.patch("/v1/users/ada/phone", &json!({"number": "+491709999999"})).await.expect(200);
        assert_eq!((&changed["phone"], &changed["phoneVerification"]), (&json!("+491709999999"), &json!(false)));
        assert_eq!((&changed["name"], &changed["labels"]), (&json!("Ada L."), &json!(["vip", "beta"])));
        assert_eq!(ids(server.get("/v1/users?search=ada%40y").await), ["ada"], "is found by what it is now");
        server.patch("/v1/users/eve/name", &json!({"name": "Eve"})).await.refused(404, "user_not_found");
    }

    async fn preferences_are_kept_as_they_are(floe: TestServer) {
        let server = floe.project("shop").await.server();
        server.post("/v1/users", &json!({"userId": "ada"})).await.ok(201);
        assert_eq!(server.get("/v1/users/ada/prefs").await.expect(200), json!({}));
        let prefs = json!({"zeta": 1.5, "alpha": {"__proto__": ["é", null, true]}, "constructor": "x"});
        assert_eq!(server.patch("/v1/users/ada/prefs", &json!({"prefs": prefs})).await.expect(200), prefs);
        assert_eq!(server.get("/v1/users/ada/prefs").await.expect(200), prefs);
        let large = json!({"prefs": {"a": "x".repeat(66_000)}});
        server.patch("/v1/users/ada/prefs", &large).await.refused(400, "general_argument_invalid");
        assert_eq!(server.get("/v1/users/ada").await.expect(200)["prefs"], prefs);
    }

    /// SEC-017, SEC-039: at once, on the very next request.
    async fn a_blocked_user_is_out_until_let_in_again(floe: TestServer) {
        let project = floe.project("shop").await;
        let ada = project.user("ada@x.org").await;
        let jwt = ada.client.post("/v1/account/jwts", &json!({})).await.expect(201)["jwt"].as_str().unwrap().to_owned();
        let by_jwt = project.guest().jwt(&jwt);
        by_jwt.get("/v1/account").await.ok(200);
        let status = format!("/v1/users/{}/status", ada.id);
        project.server().patch(&status, &json!({"status": false})).await.ok(200);
        ada.client.get("/v1/account").await.refused(403, "user_blocked");
        by_jwt.get("/v1/account").await.refused(403, "user_blocked");
        let login = |password: &str| json!({"email": "ada@x.org", "password": password});
        project.guest().post("/v1/account/sessions/email", &login(PASSWORD)).await.refused(403, "user_blocked");
        project.guest().post("/v1/account/sessions/email", &login("wrong password")).await.refused(401, "user_invalid_credentials");
        for way in ["sessions", "jwts"] {
            project.server().post(&format!("/v1/users/{}/{way}", ada.id), &json!({})).await.refused(403, "user_blocked");
        }
        project.server().patch(&status, &json!({"status": true})).await.ok(200);
        assert_eq!(answers(&ada).await, 200);
    }

    /// SEC-017.
    async fn a_new_password_ends_sessions_and_jwts_at_once(floe: TestServer) {
        let project = floe.project("shop").await;
        let ada = project.user("ada@x.org").await;
        let path = format!("/v1/users/{}/password", ada.id);
        let jwt = project.server().post(&format!("/v1/users/{}/jwts", ada.id), &json!({})).await.expect(201)["jwt"].as_str().unwrap().to_owned();
        floe.clock().advance(60);
        let user = project.server().patch(&path, &json!({"password": "another password"})).await.expect(200);
        assert_eq!(user["passwordUpdate"], user["$updatedAt"]);
        ada.client.get("/v1/account").await.refused(401, "user_unauthorized");
        project.guest().jwt(&jwt).get("/v1/account").await.refused(401, "user_jwt_invalid");
        assert_eq!(signs_in(&project.guest(), "ada@x.org", PASSWORD).await, 401);
        assert_eq!(signs_in(&project.guest(), "ada@x.org", "another password").await, 201);
        let user = project.server().patch(&path, &json!({"password": ""})).await.expect(200);
        assert_eq!((&user["password"], &user["passwordUpdate"]), (&json!(""), &json!("")));
        assert_eq!(signs_in(&project.guest(), "ada@x.org", "another password").await, 401);
    }

    /// SEC-017.
    async fn a_deleted_user_is_gone_with_all_that_was_theirs(floe: TestServer) {
        let project = floe.project("shop").await;
        let ada = project.user("ada@x.org").await;
        assert_eq!(answers(&ada).await, 200);
        project.server().delete(&format!("/v1/users/{}", ada.id)).await.ok(204);
        ada.client.get("/v1/account").await.refused(401, "user_unauthorized");
        for path in ["", "/sessions", "/prefs"] {
            project.server().get(&format!("/v1/users/{}{path}", ada.id)).await.refused(404, "user_not_found");
        }
        project.server().delete(&format!("/v1/users/{}", ada.id)).await.refused(404, "user_not_found");
        let again = json!({"userId": ada.id, "email": "ada@x.org"});
        project.server().post("/v1/users", &again).await.ok(201);
        assert_eq!(answers(&ada).await, 401, "a new user with the id of an old one doesn't inherit sessions");
    }

    /// SEC-055, SEC-058.
    async fn is_for_servers_with_the_scope_alone(floe: TestServer) {
        let project = floe.project("shop").await;
        let ada = project.user("ada@x.org").await;
        let reader = project.with_key(&floe.key("shop", "users.read").await);
        let path = format!("/v1/users/{}", ada.id);
        reader.get(&path).await.ok(200);
        for client in [&project.guest(), &ada.client, &project.with_key(&floe.key("shop", "rows.read").await)] {
            for path in ["/v1/users", &path, "/v1/users/nobody"] {
                client.get(path).await.refused(401, "general_unauthorized_scope");
            }
        }
        for (client, kind) in [(&reader, "general_unauthorized_scope"), (&project.guest(), "user_unauthorized"), (&ada.client, "user_unauthorized")] {
            client.post(&format!("{path}/sessions"), &json!({})).await.refused(401, kind);
            client.delete(&format!("{path}/sessions")).await.refused(401, kind);
        }
        for client in [&reader, &project.guest(), &ada.client] {
            client.post("/v1/users", &json!({"userId": "eve"})).await.refused(401, "general_unauthorized_scope");
            client.post(&format!("{path}/jwts"), &json!({})).await.refused(401, "general_unauthorized_scope");
            client.patch(&format!("{path}/password"), &json!({"password": PASSWORD})).await.refused(401, "general_unauthorized_scope");
            client.put(&format!("{path}/labels"), &json!({"labels": ["admin"]})).await.refused(401, "general_unauthorized_scope");
            client.delete(&path).await.refused(401, "general_unauthorized_scope");
        }
        assert_eq!(answers(&ada).await, 200);
    }
}

/// Other tests hash cheaply.
mod a_hash_costs_what_the_contract_says {
    use super::json;
    use floe_testkit::{Database, TestServer};

    async fn scenario(floe: TestServer) {
        let project = floe.project("p").await;
        let account = json!({"userId": "ann", "email": "ann@a.org", "password": floe_testkit::PASSWORD});
        let made = project.server().post("/v1/users", &account).await.expect(201);
        assert!(made["password"].as_str().unwrap().starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{made}");
        let session = json!({"email": "ann@a.org", "password": floe_testkit::PASSWORD});
        project.guest().post("/v1/account/sessions/email", &session).await.ok(201);
    }

    #[test]
    fn sqlite() {
        TestServer::run_with_dear_passwords(Database::Sqlite, scenario);
    }

    #[test]
    fn postgres() {
        TestServer::run_with_dear_passwords(Database::Postgres, scenario);
    }
}
