//! The browser's edge: whose pages may call what, and what a browser is told and keeps.

use floe_testkit::{Answer, Client, Database, Project, TestServer, User, both_databases};
use reqwest::Method;
use serde_json::{Value as Json, json};

const PLATFORM: &str = "https://app.example.org";

/// A project of an organisation, with a web app at [`PLATFORM`], and who owns it.
async fn owned(floe: &TestServer) -> (Project, User) {
    let owner = floe.console_user("root@x.org").await;
    owner.client.post("/v1/teams", &json!({"teamId": "acme", "name": "Acme"})).await.ok(201);
    let project = floe.project_of("shop", Some("acme")).await;
    let platform = json!({"platformId": "web", "name": "Web", "hostname": "app.example.org"});
    project.server().post("/v1/project/platforms/web", &platform).await.ok(201);
    (project, owner)
}

/// What a browser sends from a page of this origin, with what it keeps.
fn browser(client: Client, origin: &str, project: &str, session: &str) -> Client {
    client.header("Origin", origin).header("Cookie", format!("a_session_{project}={session}"))
}

fn varies(answer: &Answer) -> String {
    answer.headers.get_all("vary").iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(", ")
}

both_databases! {
    /// SEC-103: a header that is no credential must not switch off what protects the cookie beside it.
    async fn an_empty_key_is_no_credential(floe: TestServer) {
        let (shop, owner) = owned(&floe).await;
        let ada = shop.user("ada@x.org").await;
        for key in ["", " "] {
            let page = browser(shop.guest(), "https://evil.org", "shop", &ada.session).key(key);
            page.patch("/v1/account/name", &json!({"name": "Eve"})).await.refused(403, "general_unknown_origin");
            let page = browser(shop.guest(), PLATFORM, "console", &owner.session).header("X-Appwrite-Mode", "admin").key(key);
            page.delete("/v1/project").await.refused(403, "general_unknown_origin");
            page.post("/v1/project/keys", &json!({"keyId": "k", "name": "K", "scopes": ["rows.read"]})).await.refused(403, "general_unknown_origin");
        }
        assert_eq!(ada.client.get("/v1/account").await.expect(200)["name"], "");
        assert_eq!(shop.server().get("/v1/project/keys").await.expect(200)["total"], 1);
        // A key that is one counts, and the cookie doesn't; one that is none is no guest.
        let server = browser(shop.guest(), "https://evil.org", "shop", &ada.session).key(&shop.key);
        server.get("/v1/account").await.refused(401, "general_unauthorized_scope");
        server.get("/v1/users").await.ok(200);
        browser(shop.guest(), "https://evil.org", "shop", &ada.session).key("standard_x").get("/v1/locale").await.refused(401, "general_access_forbidden");
    }

    /// Who manages a project registers its platforms, and must not reach the console by the visitors of their pages.
    async fn the_console_is_not_for_pages_of_projects(floe: TestServer) {
        let (shop, owner) = owned(&floe).await;
        let console = floe.client().to_project("console");
        for origin in [PLATFORM, "https://evil.org"] {
            let admin = browser(shop.guest(), origin, "console", &owner.session);
            admin.clone().header("X-Appwrite-Mode", "admin").get("/v1/users").await.refused(403, "general_unknown_origin");
            admin.get("/v1/users?mode=admin").await.refused(403, "general_unknown_origin");
            browser(floe.client(), origin, "console", &owner.session).get("/v1/projects/shop/keys").await.refused(403, "general_unknown_origin");
            browser(console.clone(), origin, "console", &owner.session).get("/v1/account").await.refused(403, "general_unknown_origin");
            browser(floe.client(), origin, "console", &owner.session).delete("/v1/account").await.refused(403, "general_unknown_origin");
        }
        // Its own host, and here, where it is called at the machine itself, the machine's pages.
        for origin in [floe.client().base(), "http://localhost:3000", "http://[::1]:5173"] {
            let admin = browser(shop.guest(), origin, "console", &owner.session).header("X-Appwrite-Mode", "admin");
            let answer = admin.get("/v1/users").await;
            assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, origin));
            browser(console.clone(), origin, "console", &owner.session).get("/v1/account").await.ok(200);
        }
        browser(shop.guest(), PLATFORM, "shop", "").get("/v1/locale").await.ok(200);
    }

    /// A neighbouring host, or a page without TLS, can give a browser a second cookie of any name but one.
    async fn of_two_cookies_of_one_name_neither_counts(floe: TestServer) {
        let shop = floe.project("shop").await;
        let (ada, eve) = (shop.user("ada@x.org").await, shop.user("eve@x.org").await);
        let with = |cookies: String| shop.guest().header("Cookie", cookies);
        let (own, planted) = (&ada.session, &eve.session);
        for cookies in [
            format!("a_session_shop={planted}; a_session_shop={own}"),
            format!("a_session_shop={own}; x=y; a_session_shop={planted}"),
            format!("a_session_shop_legacy={own}; a_session_shop_legacy={planted}"),
        ] {
            with(cookies).get("/v1/account").await.refused(401, "general_unauthorized_scope");
        }
        for cookies in [
            format!("a_session_shop={own}; a_session_shop={own}"),
            format!("a_session_shop_legacy={own}"),
            format!("a_session_shop={planted}; __Host-a_session_shop={own}; a_session_shop_legacy={planted}"),
            format!("a_session_shop={planted}; a_session_shop={own}; a_session_shop_legacy={own}"),
        ] {
            assert_eq!(with(cookies.clone()).get("/v1/account").await.expect(200)["$id"], ada.id, "{cookies}");
        }
    }

    /// The second cookie of a project `x` would have the name of the first one of `x_legacy`.
    async fn no_project_has_the_name_of_anothers_second_cookie(floe: TestServer) {
        let owner = floe.console_user("root@x.org").await;
        owner.client.post("/v1/teams", &json!({"teamId": "acme", "name": "Acme"})).await.ok(201);
        let make = async |id: &str| owner.client.post("/v1/projects", &json!({"projectId": id, "name": "X", "teamId": "acme"})).await;
        make("shop_legacy").await.refused(400, "general_argument_invalid");
        assert!(floe.app.create_project("shop_legacy", "X", None).await.is_err());
        make("legacy_shop").await.ok(201);
    }

    /// Whoever may not sign in again keeps a cookie all the same; another user of the same browser isn't kept out by it.
    async fn the_cookie_of_a_blocked_user_keeps_nobody_else_out(floe: TestServer) {
        let shop = floe.project("shop").await;
        let (ada, eve) = (shop.user("ada@x.org").await, shop.user("eve@x.org").await);
        shop.server().patch(&format!("/v1/users/{}/status", ada.id), &json!({"status": false})).await.ok(200);
        let login = |email: &str| json!({"email": email, "password": floe_testkit::PASSWORD});
        let shared = shop.guest().header("Cookie", format!("a_session_shop={}", ada.session));
        shared.get("/v1/account").await.refused(403, "user_blocked");
        shared.post("/v1/account/sessions/email", &login("ada@x.org")).await.refused(403, "user_blocked");
        let answer = shared.post("/v1/account/sessions/email", &login("eve@x.org")).await;
        let session = answer.cookie("a_session_shop").unwrap();
        answer.ok(201);
        let own = shop.guest().header("Cookie", format!("a_session_shop={session}"));
        assert_eq!(own.get("/v1/account").await.expect(200)["$id"], eve.id);
        shared.post("/v1/account/sessions/anonymous", &json!({})).await.ok(201);
        shared.post("/v1/account", &json!({"userId": "bo", "email": "bo@x.org", "password": floe_testkit::PASSWORD})).await.ok(201);
        // What was sent on purpose is an error as ever, and what was not blocked is a session.
        shop.guest().session(&ada.session).post("/v1/account/sessions/email", &login("eve@x.org")).await.refused(403, "user_blocked");
        own.post("/v1/account/sessions/email", &login("ada@x.org")).await.refused(401, "user_session_already_exists");
    }

    async fn pages_may_send_and_read_what_sdks_need(floe: TestServer) {
        let shop = floe.project("shop").await;
        for origin in ["http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:5173"] {
            let asked = floe.client().header("Origin", origin).header("Access-Control-Request-Method", "PATCH");
            let preflight = asked.send(Method::OPTIONS, "/v1/account", None).await;
            assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, origin));
            for name in ["Idempotency-Key", "If-Match", "If-None-Match", "X-Appwrite-Session"] {
                assert!(preflight.header("access-control-allow-headers").split(", ").any(|known| known == name), "{name}");
            }
            let answer = shop.guest().header("Origin", origin).get("/v1/ping").await;
            for name in ["Retry-After", "ETag", "X-Fallback-Cookies", "X-RateLimit-Reset"] {
                assert!(answer.header("access-control-expose-headers").split(", ").any(|known| known == name), "{name}");
            }
            // Else its developer is told of origins, and not of the path.
            let nothing = shop.guest().header("Origin", origin).get("/v1/nothing").await;
            assert_eq!((nothing.status, nothing.header("access-control-allow-origin")), (404, origin));
        }
        for origin in ["http://127.0.0.2", "http://[::1].evil.com", "http://localhost.", "http://localhost:80@evil.com"] {
            shop.guest().header("Origin", origin).get("/v1/ping").await.refused(403, "general_unknown_origin");
            let preflight = floe.client().header("Origin", origin).send(Method::OPTIONS, "/v1/account", None).await;
            let nothing = shop.guest().header("Origin", origin).get("/v1/nothing").await;
            for answer in [preflight, nothing] {
                assert_eq!(answer.header("access-control-allow-origin"), "");
            }
        }
    }

    /// SEC-106.
    async fn compressed_answers_depend_on_the_origin_too(floe: TestServer) {
        let shop = floe.project("shop").await;
        let get = async |accepts: &str| shop.guest().header("Accept-Encoding", accepts).get("/v1/locale/countries").await;
        for accepts in ["gzip", "br;q=1, GZIP;q=0.5", "*", "deflate, gzip;q=0.001"] {
            let answer = get(accepts).await;
            assert_eq!(answer.header("content-encoding"), "gzip", "{accepts}");
            assert!(varies(&answer).contains("Origin") && varies(&answer).contains("Accept-Encoding"), "{}", varies(&answer));
        }
        for accepts in ["", "identity", "gzip;q=0", "br, gzip; q=0.000", "*;q=0", "notgzip", "gzip;q=0, *"] {
            let answer = get(accepts).await;
            assert_eq!(answer.header("content-encoding"), "", "{accepts}");
            assert!(varies(&answer).contains("Origin") && varies(&answer).contains("Accept-Encoding"), "{}", varies(&answer));
        }
    }
}

/// Behind a proxy that does TLS.
fn behind_tls(scenario: impl AsyncFnOnce(TestServer, Client)) {
    TestServer::run_with(
        Database::Sqlite,
        |config| {
            config.server.trusted_proxies = 1;
            config.server.hosts = vec!["studio.example.org".to_owned()];
        },
        async |floe| {
            let over_tls = floe.client().header("Host", "api.example.org").header("X-Forwarded-Proto", "https");
            scenario(floe, over_tls).await;
        },
    );
}

#[test]
fn what_tls_protects_is_not_for_pages_without_it() {
    behind_tls(async |floe, over_tls| {
        let (shop, owner) = owned(&floe).await;
        let from = |origin: &str| over_tls.clone().to_project("shop").header("Origin", origin);
        for host in ["app.example.org", "studio.example.org", "api.example.org"] {
            from(&format!("https://{host}")).get("/v1/locale").await.ok(200);
            from(&format!("http://{host}")).get("/v1/locale").await.refused(403, "general_unknown_origin");
        }
        from("http://localhost:3000").get("/v1/locale").await.ok(200);
        // The console: for the API's own host and the operator's, and not for the machine's pages from afar.
        let admin = |origin: &str| {
            browser(over_tls.clone().to_project("shop"), origin, "console", &owner.session)
                .header("X-Appwrite-Mode", "admin")
        };
        for origin in ["https://api.example.org", "https://studio.example.org"] {
            admin(origin).get("/v1/users").await.ok(200);
        }
        for origin in [PLATFORM, "http://localhost:3000", "http://api.example.org", "http://127.0.0.1"] {
            admin(origin).get("/v1/users").await.refused(403, "general_unknown_origin");
        }
        assert_eq!(shop.guest().get("/v1/ping").await.header("strict-transport-security"), "", "not without TLS");
        let answer = from("https://evil.org").get("/v1/locale").await;
        assert!(answer.header("strict-transport-security").starts_with("max-age="), "{:?}", answer.headers);
    });
}

#[test]
fn under_tls_a_session_has_a_cookie_that_no_neighbour_can_set() {
    behind_tls(async |floe, over_tls| {
        let shop = floe.project("shop").await;
        let ada = shop.user("ada@x.org").await;
        let client = over_tls.to_project("shop");
        let login = json!({"email": ada.email, "password": floe_testkit::PASSWORD});
        let answer = client.post("/v1/account/sessions/email", &login).await;
        let set: Vec<_> = answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()).collect();
        let host = set.iter().find(|cookie| cookie.starts_with("__Host-a_session_shop=")).expect("it is there");
        for flag in ["; Path=/;", "; HttpOnly", "; Secure", "; SameSite=None"] {
            assert!(host.contains(flag), "{host}");
        }
        assert!(!host.contains("Domain") && set.iter().all(|cookie| cookie.contains("; Secure")), "{set:?}");
        let names = ["a_session_shop", "a_session_shop_legacy", "__Host-a_session_shop"];
        let sessions: Vec<_> = names.iter().map(|name| answer.cookie(name).expect("the same session")).collect();
        assert!(sessions.iter().all(|session| *session == sessions[0]), "{set:?}");
        let own = client.clone().header("Cookie", format!("__Host-a_session_shop={}", sessions[0]));
        let ended = own.delete("/v1/account/sessions/current").await;
        assert!(names.iter().all(|name| ended.cookie(name).as_deref() == Some("")), "{:?}", ended.headers);
    });
}

/// DNS rebinding (SEC-004 from the other side).
#[test]
fn a_name_that_is_pointed_at_this_machine_is_not_at_home_here() {
    TestServer::run_with(
        Database::Sqlite,
        |config| config.server.hosts = vec!["floe.test".to_owned()],
        async |floe| {
            let shop = floe.project("shop").await;
            let called = |host: &str| shop.guest().header("Host", host);
            for (name, value) in [
                ("Origin", "http://evil.org:8080"),
                ("Sec-Fetch-Site", "same-origin"),
                ("Referer", "http://evil.org:8080/"),
                ("Cookie", "x=y"),
                ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
            ] {
                let page = called("evil.org:8080").header(name, value);
                page.get("/v1/ping").await.refused(403, "general_unknown_origin");
                page.post("/v1/account/sessions/anonymous", &json!({})).await.refused(403, "general_unknown_origin");
                page.get("/v1/openapi.json").await.refused(403, "general_unknown_origin");
            }
            for host in
                ["127.0.0.1:8080", "localhost:8080", "shop.localhost", "[::1]:8080", "10.0.2.2:8080", "floe.test"]
            {
                called(host).header("Sec-Fetch-Site", "same-origin").get("/v1/ping").await.ok(200);
            }
            // Servers call it by whatever name they like, Node.js among them; apps have no pages.
            called("floe.internal").header("Sec-Fetch-Mode", "cors").get("/v1/ping").await.ok(200);
            called("floe.internal").header("Origin", "appwrite-callback-shop://").get("/v1/ping").await.ok(200);
            let server = shop.server().header("Host", "floe.internal").header("User-Agent", "Mozilla/5.0");
            server.get("/v1/users").await.ok(200);
        },
    );
    TestServer::run_with(
        Database::Sqlite,
        |config| config.server.host = std::net::IpAddr::from([0, 0, 0, 0]),
        async |floe| {
            let shop = floe.project("shop").await;
            let page = shop.guest().header("Host", "api.example.org").header("Origin", "http://api.example.org");
            assert_eq!(page.get("/v1/ping").await.text, "Pong!", "others are served by every name");
            let _: Json = page.get("/v1/locale").await.expect(200);
        },
    );
}
