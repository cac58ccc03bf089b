//! The edge: what every endpoint has from the pipeline, whatever it does.

use floe_testkit::{Database, TestServer, both_databases};
use reqwest::Method;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Sends bytes as they are and gives everything that comes back.
async fn raw(base: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(base.trim_start_matches("http://")).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

const ACCOUNT: &str = "/v1/account";

both_databases! {
    async fn every_answer_has_an_id_and_the_security_headers(floe: TestServer) {
        let project = floe.project("shop").await;
        for path in ["/v1/ping", "/v1/account", "/v1/nowhere", "/health/live", "/elsewhere"] {
            let answer = project.guest().get(path).await;
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
            assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
            assert!(answer.header("cache-control").contains("no-store"), "{path}");
            assert_eq!(answer.header("x-request-id").len(), 32, "{path}");
        }
        let chosen = project.guest().header("X-Request-ID", "my-own.id_1").get("/v1/account").await;
        assert_eq!((chosen.header("x-request-id"), chosen.body["requestId"].as_str()), ("my-own.id_1", Some("my-own.id_1")));
        let hostile = project.guest().header("X-Request-ID", "a b\"<script>").get("/v1/nowhere").await;
        assert_eq!(hostile.header("x-request-id").len(), 32);
    }

    async fn unknown_routes_methods_and_projects_are_refused(floe: TestServer) {
        let project = floe.project("shop").await;
        let guest = project.guest();
        for path in ["/v1/nowhere", "/", "/console", "/v1/users/a/b/c"] {
            let page = guest.get(path).await;
            assert_eq!((page.status, page.header("content-type")), (404, "text/html; charset=UTF-8"), "{path}");
            guest.clone().header("Accept", "application/json").get(path).await.refused(404, "general_route_not_found");
        }
        for path in ["/v1/account", "/v1/account/", "//v1/account", "/v1//account//"] {
            guest.get(path).await.refused(401, "general_unauthorized_scope");
        }
        assert_eq!(guest.delete("/v1/ping").await.status, 404);
        assert_eq!(guest.send(Method::TRACE, "/v1/ping", None).await.status, 404);
        for id in ["nowhere", "../shop", "Shop", "shop%00", "%2e%2e"] {
            floe.client().header("X-Appwrite-Project", id).get("/v1/ping").await.refused(404, "project_not_found");
        }
        assert_eq!(floe.client().get("/v1/ping?project=shop").await.text, "Pong!");
    }

    async fn what_only_projects_have_is_not_asked_of_the_console(floe: TestServer) {
        let owner = floe.console_user("owner@x.org").await;
        let rows = "/v1/tablesdb/main/tables/notes/rows";
        let console = floe.client().to_project("console");
        for client in [console.clone(), console.key("standard_unknown"), owner.client.clone()] {
            for path in [rows, "/v1/databases", "/v1/tablesdb/transactions/t", "/v1/databases/usage", "/v1/webhooks", "/v1/project"] {
                let answer = client.get(path).await;
                answer.refused(401, "general_access_forbidden");
                assert!(answer.body["message"].as_str().unwrap().starts_with("This endpoint is not available for the console"));
            }
            client.post(rows, &json!({"rowId": "a", "data": {}})).await.refused(401, "general_access_forbidden");
        }
        for client in [floe.client(), floe.client().header("X-Appwrite-Project", "")] {
            let answer = client.get(rows).await;
            answer.refused(401, "general_access_forbidden");
            assert!(answer.body["message"].as_str().unwrap().starts_with("No Appwrite project was specified."));
        }
        let admin = owner.client.clone().header("X-Appwrite-Mode", "admin");
        for path in [rows, "/v1/account", "/v1/teams"] {
            let answer = admin.get(path).await;
            answer.refused(400, "general_bad_request");
            assert_eq!(answer.body["message"], "Admin mode is not allowed for console project");
        }
        floe.client().get(&format!("{rows}?mode=admin")).await.refused(400, "general_bad_request");
        floe.client().header("X-Appwrite-Mode", "admin").get("/health/live").await.ok(200);
        owner.client.get("/v1/account").await.ok(200);
        floe.client().get(&format!("{rows}?project=nowhere")).await.refused(404, "project_not_found");
    }

    async fn bodies_are_checked_before_anything_is_done_with_them(floe: TestServer) {
        let project = floe.project("shop").await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let send = async |media: &str, extra: (&str, &str), body: Vec<u8>| {
            let request = http.post(format!("{}{ACCOUNT}", project.guest().base())).header("X-Appwrite-Project", "shop");
            let answer = request.header("Content-Type", media).header(extra.0, extra.1).body(body).send().await.unwrap();
            let status = answer.status().as_u16();
            (status, serde_json::from_str::<Json>(&answer.text().await.unwrap()).unwrap()["type"].as_str().unwrap().to_owned())
        };
        let bad = (400, "general_bad_request".to_owned());
        let nothing = ("X-Nothing", "1");
        let good = br#"{"userId":"a","email":"a@b.org","password":"correct horse"}"#.to_vec();
        assert_eq!(send("application/json", nothing, b"{".to_vec()).await, bad);
        assert_eq!(send("application/json", nothing, b"[1]".to_vec()).await, bad);
        let missing = (400, "general_argument_invalid".to_owned());
        assert_eq!(send("application/json", nothing, b"[]".to_vec()).await, missing, "PHP's empty object");
        assert_eq!(send("application/json", nothing, b"{\"name\":\"\xff\"}".to_vec()).await, bad);
        assert_eq!(send("application/json", nothing, format!("{{\"a\":{}", "[".repeat(50_000)).into_bytes()).await, bad);
        let twice = br#"{"userId":"a","email":"a@b.org","password":"correct horse","us\u0065rId":"b"}"#.to_vec();
        assert_eq!(send("application/json", nothing, twice).await, bad, "of two values of one key neither counts");
        assert_eq!(send("text/plain", nothing, good.clone()).await, bad, "what a form of another site can send");
        assert_eq!(send("application/json", ("Content-Encoding", "gzip"), good).await, bad);
        let too_large = send("application/json", nothing, vec![b' '; 13 * 1024 * 1024]).await;
        assert_eq!(too_large, (413, "general_payload_too_large".to_owned()));
        assert_eq!(project.server().get("/v1/users").await.expect(200)["total"], 0);
    }

    /// A proxy in front may have taken the other one.
    async fn of_two_headers_that_contradict_each_other_neither_counts(floe: TestServer) {
        let (shop, other) = (floe.project("shop").await, floe.project("other").await);
        let (server, users) = (shop.server(), "/v1/users");
        server.get(users).await.ok(200);
        for (name, value) in [
            ("X-Appwrite-Key", other.key.as_str()), ("X-Appwrite-Project", "other"), ("X-Appwrite-Project", ""),
        ] {
            let answer = server.clone().header(name, value).get(users).await;
            answer.refused(400, "general_bad_request");
            assert_eq!(answer.body["field"], name.to_lowercase());
            assert!(!answer.text.contains(&other.key) && !answer.text.contains(&shop.key), "{}", answer.text);
            other.server().header(name, if name.ends_with("Key") { &shop.key } else { "shop" }).get(users).await.refused(400, "general_bad_request");
        }
        for name in ["X-Appwrite-JWT", "X-Appwrite-Session", "X-Appwrite-Mode", "X-Fallback-Cookies", "Authorization", "Origin"] {
            shop.guest().header(name, "a").header(name, "b").get("/v1/ping").await.refused(400, "general_bad_request");
        }
        server.clone().header("Content-Type", "application/x-www-form-urlencoded").post(users, &json!({"userId": "a"})).await.refused(400, "general_bad_request");
        // The same twice is one, and what decides nothing may be there as often as it likes.
        server.clone().header("X-Appwrite-Key", &shop.key).header("Accept", "a/b").header("Accept", "c/d").get(users).await.ok(200);
    }

    /// All SDKs name the version that they were made for. Answers are of one version.
    async fn a_response_format_changes_nothing_and_a_newer_one_is_told_so(floe: TestServer) {
        let project = floe.project("shop").await;
        let ada = project.user("ada@x.org").await;
        let account = ada.client.get(ACCOUNT).await;
        assert_eq!(account.header("x-appwrite-warning"), "");
        for format in ["1.4.0", "1.8.0", "1.9.5", "1.9.6", "2.0.0", "", "abc", "2.x", "-1"] {
            let answer = ada.client.clone().header("X-Appwrite-Response-Format", format).get(ACCOUNT).await;
            assert_eq!((answer.header("x-appwrite-warning"), &answer.body), ("", &account.body), "{format}");
        }
        let newer = ada.client.clone().header("X-Appwrite-Response-Format", "2.5.0").get(ACCOUNT).await;
        assert!(newer.header("x-appwrite-warning").starts_with("The current SDK is built for Appwrite 2.5.0. However, the current"));
        assert_eq!(newer.expect(200), account.body);
    }

    async fn crawlers_people_and_authorities_find_what_they_look_for(floe: TestServer) {
        let client = floe.client();
        for (path, begins) in [("/robots.txt", "# robotstxt.org/"), ("/humans.txt", "# humanstxt.org/")] {
            let answer = client.get(path).await;
            assert_eq!((answer.status, answer.header("content-type")), (200, "text/plain; charset=UTF-8"), "{path}");
            assert!(answer.text.starts_with(begins), "{path}");
        }
        assert_eq!(client.get("/versions").await.expect(200), json!({"server": "1.9.6"}));
        client.get("/.well-known/acme-challenge/abc_-1").await.refused(404, "general_route_not_found");
        client.get("/.well-known/acme-challenge/a.b").await.refused(400, "general_argument_invalid");
        let long = format!("/.well-known/acme-challenge/{}", "a".repeat(101));
        client.get(&long).await.refused(400, "general_argument_invalid");
        assert_eq!(client.get("/.well-known/acme-challenge/a/b").await.header("content-type"), "text/html; charset=UTF-8");
    }

    async fn usage_is_no_id(floe: TestServer) {
        let project = floe.project("shop").await;
        for path in ["/v1/users/usage", "/v1/tablesdb/usage", "/v1/databases/usage", "/v1/tablesdb/main/tables/notes/usage", "/v1/project/usage"] {
            project.server().get(path).await.refused(501, "general_usage_disabled");
            project.guest().get(path).await.refused(401, "user_unauthorized");
        }
    }

    async fn who_has_the_openapi_document_is_not_sent_it_again(floe: TestServer) {
        let client = floe.client();
        let document = client.get("/v1/openapi.json").await;
        let tag = document.header("etag").to_owned();
        assert_eq!((document.status, document.header("cache-control")), (200, "no-cache"));
        let again = client.clone().header("If-None-Match", &tag).get("/v1/openapi.json").await;
        assert_eq!((again.status, again.text.as_str(), again.header("etag")), (304, "", tag.as_str()));
    }

    async fn only_registered_origins_may_call_from_a_browser(floe: TestServer) {
        let project = floe.project("shop").await;
        let platform = json!({"platformId": "web", "name": "Web", "hostname": "app.example.org"});
        project.server().post("/v1/project/platforms/web", &platform).await.ok(201);
        for origin in ["https://app.example.org", "http://localhost:3000"] {
            let answer = project.guest().header("Origin", origin).get("/v1/ping").await;
            assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, origin));
            assert_eq!(answer.header("access-control-allow-credentials"), "true");
            let preflight = floe.client().header("Origin", origin).send(Method::OPTIONS, ACCOUNT, None).await;
            assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, origin));
            assert!(preflight.header("access-control-allow-headers").contains("X-Appwrite-Project"));
        }
        for origin in ["null", "https://evil.org", "https://app.example.org.evil.org", "https://evilapp.example.org", "https://sub.app.example.org"] {
            let answer = project.guest().header("Origin", origin).post(ACCOUNT, &json!({})).await;
            answer.refused(403, "general_unknown_origin");
            assert_eq!(answer.header("access-control-allow-origin"), "");
            let preflight = floe.client().header("Origin", origin).send(Method::OPTIONS, ACCOUNT, None).await;
            assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, ""));
        }
        // A key is proof that no page of another site is behind the request.
        project.server().header("Origin", "https://evil.org").get("/v1/users").await.ok(200);
    }

    async fn another_projects_platform_is_no_platform_of_ours(floe: TestServer) {
        let (shop, other) = (floe.project("shop").await, floe.project("other").await);
        let platform = json!({"platformId": "web", "name": "Web", "hostname": "app.example.org"});
        other.server().post("/v1/project/platforms/web", &platform).await.ok(201);
        shop.guest().header("Origin", "https://app.example.org").get("/v1/ping").await.refused(403, "general_unknown_origin");
        other.guest().header("Origin", "https://app.example.org").get("/v1/ping").await.ok(200);
    }

    async fn long_answers_are_compressed_for_those_who_can_read_it(floe: TestServer) {
        let project = floe.project("shop").await;
        let plain = project.guest().get("/v1/locale/countries").await;
        assert_eq!(plain.header("content-encoding"), "");
        let small = project.guest().header("Accept-Encoding", "gzip").get("/v1/locale/countries").await;
        assert_eq!(small.header("content-encoding"), "gzip");
        assert_eq!(project.guest().header("Accept-Encoding", "gzip").get("/v1/ping").await.text, "Pong!");
    }

    async fn probes_tell_orchestrators_and_checks_tell_admins(floe: TestServer) {
        let project = floe.project("shop").await;
        assert_eq!(floe.client().get("/health/live").await.expect(200)["status"], "ok");
        assert_eq!(floe.client().get("/health/startup").await.expect(200)["status"], "ok");
        let ready = floe.client().get("/health/ready").await.expect(200);
        let database = &ready["checks"]["database"];
        assert_eq!((ready["status"].as_str(), database["status"].as_str()), (Some("ok"), Some("ok")));
        assert!(database["latency"].is_u64() && database.get("projects").is_none() && ready["checks"].get("projects").is_none());
        assert!(ready["version"].is_string() && ready["uptime"].is_u64());
        project.guest().get("/v1/health").await.refused(401, "general_unauthorized_scope");
        assert_eq!(project.server().get("/v1/health/db").await.expect(200)["statuses"][0]["status"], "pass");
        for path in ["/v1/health", "/v1/health/storage", "/v1/health/storage/local"] {
            assert_eq!(project.server().get(path).await.expect(200)["status"], "pass", "{path}");
        }
        for path in ["/v1/health/cache", "/v1/health/pubsub"] {
            assert_eq!(project.server().get(path).await.expect(200)["statuses"][0]["status"], "pass", "{path}");
        }
        assert_eq!(project.server().get("/v1/health/anti-virus").await.expect(200)["status"], "disabled");
        assert_eq!(project.guest().get("/v1/health/version").await.expect(200)["version"], "1.9.6");
        floe.app.health.stop_accepting();
        assert_eq!(floe.client().get("/health/ready").await.expect(503)["status"], "error");
        assert_eq!(floe.client().get("/health/live").await.expect(200)["status"], "ok");
    }

    async fn the_openapi_document_has_every_route(floe: TestServer) {
        floe.project("shop").await;
        let document = floe.client().get("/v1/openapi.json").await.expect(200);
        assert_eq!(document["openapi"], "3.1.0");
        let mut ids = std::collections::BTreeSet::new();
        for route in floe.app.routes() {
            let operation = &document["paths"][route.full_path()][route.method.name().to_lowercase()];
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{} twice", operation["operationId"]);
            let own = operation["parameters"].as_array().unwrap().iter().filter(|parameter| parameter["$ref"].is_null());
            for parameter in own {
                let in_path = route.full_path().contains(&format!("{{{}}}", parameter["name"].as_str().unwrap()));
                assert_eq!(parameter["in"] == "path", in_path, "{} of {}", parameter["name"], route.path);
            }
        }
        let text = document.to_string();
        for reference in text.split("\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(document.pointer(reference).is_some_and(Json::is_object), "nothing at {reference}");
        }
        let older = floe.client().get("/v1/openapi-3.0.json").await.expect(200);
        assert_eq!(older["openapi"], "3.0.3");
        assert_eq!(older["paths"].as_object().unwrap().len(), document["paths"].as_object().unwrap().len());
        for word in [r#""const":"#, r#""type":["#, r#"{"type":"null"}"#] {
            assert!(text.contains(word) && !older.to_string().contains(word), "{word} is not of OpenAPI 3.0");
        }
    }

    async fn a_key_made_on_the_command_line_works_at_once(floe: TestServer) {
        let project = floe.project("shop").await;
        project.server().get("/v1/users").await.ok(200);
        // Another process of the same instance: it shares the data and nothing else.
        let config = floe.config().clone();
        let elsewhere = floe::app::App::open(&config, std::sync::Arc::new(floe_kernel::time::SystemClock)).await.unwrap();
        let key = elsewhere.create_key("shop", "new", "users.read").await.unwrap();
        elsewhere.close().await;
        project.with_key(key.expose()).get("/v1/users").await.ok(200);
    }

    async fn a_new_project_of_an_old_id_knows_nobody_of_the_old_one(floe: TestServer) {
        let old = floe.project("shop").await;
        let ada = old.user("ada@example.org").await;
        ada.client.get("/v1/account").await.ok(200);
        old.server().delete("/v1/project").await.ok(204);
        old.guest().get("/v1/ping").await.refused(404, "project_not_found");
        let new = floe.project("shop").await;
        assert_eq!(new.guest().session(&ada.session).get("/v1/account").await.status, 401);
        assert_eq!(new.with_key(&old.key).get("/v1/users").await.status, 401);
        assert_eq!(new.server().get("/v1/users").await.expect(200)["total"], 0);
    }
}

#[test]
fn an_idle_project_is_closed_and_opens_again() {
    let idle = std::time::Duration::from_millis(30);
    TestServer::run_with(
        Database::Sqlite,
        |config| config.database.idle_time = idle,
        async |floe| {
            let project = floe.project("shop").await;
            project.server().get("/v1/users").await.ok(200);
            while floe.app.stores.open_count() > 1 {
                tokio::task::yield_now().await;
            }
            project.server().get("/v1/users").await.ok(200);
        },
    );
}

#[test]
fn rate_limits_count_what_the_server_knows() {
    TestServer::run_with(
        Database::Sqlite,
        |config| config.security.rate_limits = true,
        async |floe| {
            let project = floe.project("shop").await;
            let login = |email: &str| json!({"email": email, "password": "wrong horse battery"});
            let path = "/v1/account/sessions/email";
            for n in 0..10 {
                // Other spellings, other addresses of the caller, other fields: all the same login.
                let spelling = ["ada@example.org", "ADA@example.org", " ada@example.org "][n % 3];
                let client = project
                    .guest()
                    .header("X-Forwarded-For", format!("10.0.0.{n}"))
                    .header("X-Real-IP", format!("10.0.1.{n}"));
                let mut body = login(spelling);
                body["extra"] = json!(n);
                let answer = client.post(path, &body).await;
                assert_eq!(answer.header("x-ratelimit-limit"), "10");
                assert_eq!(answer.header("x-ratelimit-remaining"), (9 - n).to_string());
                assert_eq!(answer.status, 401, "{}", answer.text);
            }
            project.guest().post(path, &login("ada@example.org")).await.refused(429, "general_rate_limit_exceeded");
            project.guest().post(path, &login("bob@example.org")).await.refused(401, "user_invalid_credentials");
            let other = floe.project("other").await;
            other.guest().post(path, &login("ada@example.org")).await.refused(401, "user_invalid_credentials");
            floe.clock().advance(3600);
            project.guest().post(path, &login("ada@example.org")).await.refused(401, "user_invalid_credentials");
        },
    );
}

#[test]
fn only_so_many_hops_of_our_own_proxies_are_believed() {
    TestServer::run_with(
        Database::Sqlite,
        |config| config.server.trusted_proxies = 1,
        async |floe| {
            let project = floe.project("shop").await;
            let seen =
                project.guest().header("X-Forwarded-For", "6.6.6.6, 203.0.113.9").get("/v1/locale").await.expect(200);
            assert_eq!(seen["ip"], "203.0.113.9");
        },
    );
    TestServer::run(Database::Sqlite, async |floe| {
        let project = floe.project("shop").await;
        let seen = project.guest().header("X-Forwarded-For", "6.6.6.6").get("/v1/locale").await.expect(200);
        assert_eq!(seen["ip"], "127.0.0.1");
    });
}

#[test]
fn odd_http_is_answered_with_an_error_or_not_at_all() {
    TestServer::run(Database::Sqlite, async |floe| {
        floe.project("shop").await;
        let base = floe.client().base().to_owned();
        for (request, what) in [
            ("GET /v1/ping HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "two lengths"),
            (
                "POST /v1/account HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
                "a length and chunks",
            ),
            ("GET /v1/ping HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n", "a folded header"),
            ("GET  /v1/ping HTTP/1.1\r\n\r\n", "two spaces"),
            (
                "POST /v1/account HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
                "no chunk size",
            ),
        ] {
            let answer = raw(&base, request).await;
            let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
            assert!(refused, "{what}: {answer}");
        }
        let large = format!("GET /v1/ping HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "a".repeat(2_000_000));
        let answer = raw(&base, &large).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        floe.client().get("/health/live").await.ok(200);
    });
}
