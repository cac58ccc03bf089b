use floe_testkit::both_databases;
use serde_json::json;

both_databases! {
    async fn each_system_has_its_own_word_for_an_app(floe: TestServer) {
        let shop = floe.project("shop").await;
        let server = shop.server();
        for (kind, field) in [("apple", "bundleIdentifier"), ("android", "applicationId"), ("windows", "packageIdentifierName"), ("linux", "packageName")] {
            let made = server.post(&format!("/v1/project/platforms/{kind}"), &json!({"platformId": kind, "name": kind, field: "org.example.app"})).await.expect(201);
            assert_eq!((&made["type"], &made[field]), (&json!(kind), &json!("org.example.app")));
            let path = format!("/v1/project/platforms/{kind}/{kind}");
            assert_eq!(server.put(&path, &json!({"name": "New", field: "org.example.new"})).await.expect(200)[field], "org.example.new");
            assert_eq!(server.get(&format!("/v1/project/platforms/{kind}")).await.expect(200)["name"], "New");
        }
        let web = server.post("/v1/project/platforms/web", &json!({"platformId": "web", "name": "Web", "hostname": "App.Example.org"})).await.expect(201);
        assert_eq!((&web["type"], &web["hostname"], &web["key"]), (&json!("web"), &json!("app.example.org"), &json!("")));
        let old = server.post("/v1/projects/shop/platforms", &json!({"platformId": "old", "name": "Old", "type": "flutter-ios", "key": "org.example.ios"})).await.expect(201);
        assert_eq!((&old["type"], &old["key"]), (&json!("flutter-ios"), &json!("org.example.ios")));

        server.put("/v1/project/platforms/apple/android", &json!({"name": "X", "bundleIdentifier": "x"})).await.refused(400, "platform_method_unsupported");
        server.put("/v1/project/platforms/web/android", &json!({"name": "X", "hostname": "x.org"})).await.refused(400, "platform_method_unsupported");
        server.put("/v1/project/platforms/web/nothing", &json!({"name": "X", "hostname": "x.org"})).await.refused(404, "platform_not_found");
        server.post("/v1/project/platforms/linux", &json!({"platformId": "web", "name": "X", "packageName": "x"})).await.refused(409, "platform_already_exists");
        let listed = server.list("/v1/project/platforms", &[json!({"method": "equal", "attribute": "type", "values": ["web", "linux"]})]).await.expect(200);
        assert_eq!(listed["total"], 2);
        server.delete("/v1/project/platforms/web").await.ok(204);
        server.get("/v1/project/platforms/web").await.refused(404, "platform_not_found");
    }

    async fn refuses_hosts_that_are_none_or_let_everybody_in(floe: TestServer) {
        let shop = floe.project("shop").await;
        for hostname in ["*", "*.com", "*.", "https://a.org", "a.org/x", "a.org:80", "a b", "a..org", "null"] {
            let answer = shop.server().post("/v1/project/platforms/web", &json!({"platformId": "unique()", "name": "X", "hostname": hostname})).await;
            if hostname == "null" { answer.ok(201) } else { answer.refused(400, "general_argument_invalid") }
        }
    }

    /// SEC-102
    async fn browsers_on_a_platforms_host_are_let_in_and_no_others(floe: TestServer) {
        let shop = floe.project("shop").await;
        let blog = floe.project("blog").await;
        let from = |origin: &str| shop.guest().header("Origin", origin);
        from("https://app.example.org").get("/v1/locale").await.refused(403, "general_unknown_origin");
        shop.server().post("/v1/project/platforms/web", &json!({"platformId": "w", "name": "W", "hostname": "app.example.org"})).await.ok(201);
        shop.server().post("/v1/project/platforms/web", &json!({"platformId": "x", "name": "X", "hostname": "*.wild.example.org"})).await.ok(201);

        for origin in ["https://app.example.org", "http://app.example.org:3000", "https://a.wild.example.org", "https://a.b.wild.example.org"] {
            let answer = from(origin).get("/v1/locale").await;
            assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, origin));
            // The question before: it names no project.
            let preflight = floe.client().header("Origin", origin).send("OPTIONS".parse().unwrap(), "/v1/locale", None).await;
            assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, origin));
            blog.guest().header("Origin", origin).get("/v1/locale").await.refused(403, "general_unknown_origin");
        }
        for origin in ["https://example.org", "https://wild.example.org", "https://app.example.org.evil.com", "https://evilapp.example.org", "null"] {
            from(origin).get("/v1/locale").await.refused(403, "general_unknown_origin");
            let preflight = floe.client().header("Origin", origin).send("OPTIONS".parse().unwrap(), "/v1/locale", None).await;
            assert_eq!(preflight.header("access-control-allow-origin"), "", "{origin}");
        }
        // What is changed or gone counts at once.
        shop.server().put("/v1/project/platforms/web/w", &json!({"name": "W", "hostname": "new.example.org"})).await.ok(200);
        from("https://app.example.org").get("/v1/locale").await.refused(403, "general_unknown_origin");
        from("https://new.example.org").get("/v1/locale").await.ok(200);
        shop.server().delete("/v1/project/platforms/w").await.ok(204);
        from("https://new.example.org").get("/v1/locale").await.refused(403, "general_unknown_origin");
    }
}
