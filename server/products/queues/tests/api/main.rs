//! Queues and their jobs, as who manages a project sees them.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![recursion_limit = "512"]

use floe_store::prelude::*;
use floe_testkit::{Client, Project, Receiver, TestServer, User, both_databases, inside};
use serde_json::{Value as Json, json};

/// A project with its admin.
async fn managed(floe: &TestServer) -> (Project, Client, User) {
    let user = floe.console_user("admin@example.org").await;
    user.client.post("/v1/teams", &json!({"teamId": "acme", "name": "Acme"})).await.ok(201);
    let project = floe.project_of("shop", Some("acme")).await;
    let admin = project.admin(&user);
    (project, admin, user)
}

/// A webhook at a receiver, and a user of whom it is told.
async fn deliver(project: &Project, to: &Receiver) {
    let hook = json!({"webhookId": "hook", "name": "Hook", "url": to.url(), "events": ["users.*.create"]});
    project.server().post("/v1/webhooks", &hook).await.ok(201);
    project.server().post("/v1/users", &json!({"userId": "ada", "email": "ada@example.org"})).await.ok(201);
}

/// Waits until the queue of webhooks shows this.
async fn until(admin: &Client, what: impl Fn(&Json) -> bool) -> Json {
    admin.until("/v1/queues/webhooks", what).await
}

both_databases! {
    async fn every_queue_is_shown_with_how_it_works(floe: TestServer) {
        let (_shop, admin, _) = managed(&floe).await;
        let list = admin.get("/v1/queues").await.expect(200);
        assert_eq!(list["total"], list["queues"].as_array().unwrap().len());
        let webhooks = list["queues"].as_array().unwrap().iter().find(|queue| queue["name"] == "webhooks").unwrap();
        let nothing = json!({"name": "webhooks", "waiting": 0, "delayed": 0, "running": 0, "failed": 0, "oldestAt": "", "paused": false,
            "policy": {"atOnce": 16, "inAProject": 4, "tries": 5, "backOff": [10, 600], "time": 60}});
        assert_eq!(*webhooks, nothing);
        assert_eq!(admin.get("/v1/queues/webhooks").await.expect(200), nothing);
    }

    async fn what_failed_is_seen_done_again_and_discarded(floe: TestServer, inside) {
        let ((shop, admin, _), mut receiver) = (managed(&floe).await, Receiver::start().await);
        (0..5).for_each(|_| receiver.answer(500, "no"));
        deliver(&shop, &receiver).await;
        for attempt in 1..=5 {
            assert_eq!(receiver.next().await.header("x-floe-webhook-attempt"), attempt.to_string());
            if attempt < 5 {
                until(&admin, |queue| queue["delayed"] == 1).await;
                floe.later(120);
            }
        }
        // (On PostgreSQL what runs and what failed is counted one after the other.)
        let all_zero = |queue: &Json| ["waiting", "running", "delayed"].iter().all(|state| queue[*state] == 0);
        until(&admin, |queue| queue["failed"] == 1 && all_zero(queue)).await;
        let jobs = admin.get("/v1/queues/webhooks/jobs?state=failed").await.expect(200);
        let job = &jobs["jobs"][0];
        assert_eq!((&jobs["total"], &job["kind"], &job["state"]), (&json!(1), &json!("webhooks.deliver"), &json!("failed")));
        assert_eq!(job["attempts"].as_array().unwrap().len(), 5);
        assert_eq!(job["attempts"][4]["error"], "The receiver answered 500.");
        let delivery = shop.server().get("/v1/webhooks/hook/deliveries").await.expect(200)["deliveries"][0].clone();
        assert_eq!((&job["payload"]["delivery"], &delivery["status"]), (&delivery["$id"], &json!("failed")));
        let one = format!("/v1/queues/webhooks/jobs/{}", job["$id"].as_str().unwrap());
        assert_eq!(admin.get(&one).await.expect(200), *job);
        assert_eq!(admin.post(&format!("{one}/retry"), &json!({})).await.expect(202)["$id"], job["$id"]);
        assert_eq!(receiver.next().await.header("x-floe-webhook-delivery-id"), delivery["$id"].as_str().unwrap());
        until(&admin, |queue| queue["failed"] == 0 && queue["running"] == 0 && queue["waiting"] == 0).await;
        admin.get(&one).await.refused(404, "job_not_found");
        admin.post(&format!("{one}/retry"), &json!({})).await.refused(404, "job_not_found");
        assert_eq!(admin.post("/v1/queues/webhooks/retry", &json!({})).await.expect(202)["count"], 0);
        assert_eq!(admin.post("/v1/queues/webhooks/discard", &json!({})).await.expect(200)["count"], 0);
    }

    async fn of_a_paused_queue_no_job_is_begun(floe: TestServer, inside) {
        let ((shop, admin, _), mut receiver) = (managed(&floe).await, Receiver::start().await);
        assert_eq!(admin.post("/v1/queues/webhooks/pause", &json!({})).await.expect(200)["paused"], true);
        deliver(&shop, &receiver).await;
        let paused = until(&admin, |queue| queue["waiting"] == 1).await;
        assert!(!paused["oldestAt"].as_str().unwrap().is_empty());
        let waiting = admin.get("/v1/queues/webhooks/jobs?state=waiting").await.expect(200);
        let one = format!("/v1/queues/webhooks/jobs/{}", waiting["jobs"][0]["$id"].as_str().unwrap());
        admin.post(&format!("{one}/retry"), &json!({})).await.refused(409, "job_not_failed");
        assert!(receiver.left().is_empty());
        assert_eq!(admin.post("/v1/queues/webhooks/resume", &json!({})).await.expect(200)["paused"], false);
        receiver.next().await;
        // And one that nobody wants any more.
        admin.post("/v1/queues/webhooks/pause", &json!({})).await.ok(200);
        shop.server().post("/v1/users", &json!({"userId": "bob", "email": "bob@example.org"})).await.ok(201);
        until(&admin, |queue| queue["waiting"] == 1).await;
        let waiting = admin.get("/v1/queues/webhooks/jobs?state=waiting&limit=1").await.expect(200);
        let one = format!("/v1/queues/webhooks/jobs/{}", waiting["jobs"][0]["$id"].as_str().unwrap());
        admin.post(&format!("{one}/discard"), &json!({})).await.ok(204);
        admin.get(&one).await.refused(404, "job_not_found");
        admin.post("/v1/queues/webhooks/resume", &json!({})).await.ok(200);
        until(&admin, |queue| queue["waiting"] == 0 && queue["running"] == 0).await;
        assert!(receiver.left().is_empty());
    }

    async fn only_who_manages_the_project_sees_them(floe: TestServer) {
        let (shop, admin, _) = managed(&floe).await;
        let stranger = floe.console_user("stranger@example.org").await;
        let user = shop.user("user@example.org").await;
        for path in ["/v1/queues", "/v1/queues/webhooks", "/v1/queues/webhooks/jobs", "/v1/queues/webhooks/jobs/1"] {
            for client in [shop.guest(), shop.server(), user.client.clone(), shop.admin(&stranger)] {
                let status = client.get(path).await.status;
                assert!(matches!(status, 401 | 403 | 404), "{path}: {status}");
            }
        }
        for client in [shop.guest(), shop.server(), user.client.clone(), shop.admin(&stranger)] {
            let status = client.post("/v1/queues/webhooks/pause", &json!({})).await.status;
            assert!(matches!(status, 401 | 403 | 404), "{status}");
        }
        assert_eq!(admin.get("/v1/queues/webhooks").await.expect(200)["paused"], false);
        admin.get("/v1/queues/nothing").await.refused(404, "queue_not_found");
        admin.get("/v1/queues/webhooks/jobs/1").await.refused(404, "job_not_found");
        admin.get("/v1/queues/webhooks/jobs/x").await.refused(404, "job_not_found");
        admin.get("/v1/queues/webhooks/jobs?state=lost").await.refused(400, "general_argument_invalid");
        admin.get("/v1/queues/webhooks/jobs?cursor=x").await.refused(400, "general_cursor_not_found");
    }
}

/// Of another queue a job is none, and what it holds that is secret isn't shown.
#[test]
fn a_job_is_of_its_queue_and_its_secrets_are_masked() {
    TestServer::run(floe_testkit::Database::Sqlite, async |floe| {
        let (_shop, admin, _) = managed(&floe).await;
        let store = floe.store("shop").await;
        let mut unit: UnitOfWork = store.begin().await.unwrap();
        unit.batch(
            "INSERT INTO failed_jobs (number, queue, kind, payload, takes, history, created_at, failed_at) \
             VALUES (7, 'emails', 'x', '{\"to\":\"ada\",\"secretUrl\":\"https://x\"}', 1, '[]', 1, 1)",
        )
        .await
        .unwrap();
        unit.commit().await.unwrap();
        admin.get("/v1/queues/webhooks/jobs/7").await.refused(404, "job_not_found");
        let job = admin.get("/v1/queues/emails/jobs/7").await.expect(200);
        assert_eq!(job["payload"], json!({"to": "ada", "secretUrl": "***"}));
    });
}
