//! Sending: the job that a delivery is made by, at least once.

use crate::delivery::{Attempt, Delivery, Status};
use crate::model::Webhook;
use crate::repository::{DeliveryRepository, WebhookRepository};
use crate::service::{password_of, secret_of};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use floe_kernel::Result;
use floe_kernel::secret::Secret;
use floe_kernel::time::Timestamp;
use floe_outbound::{
    Answer, ErrorKind, HeaderValue, Hops, Method, Outbound, Overflow, Policy as Limits, Request, Target, header,
};
use floe_queue::{Job, JobContext, JobHandler, Outcome, Policy, policy};
use floe_sealed::{Seal, Sealer};
use floe_store::UnitOfWork;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use std::time::Duration;

/// How many failures in a row switch a webhook off.
pub(crate) const MOST_FAILURES: i64 = 10;

/// How much of an answer is kept, in bytes.
const KEPT_OF_ANSWER: u64 = 16 << 10;

/// How much of an answer a webhook's `logs` tell, in characters.
const LOGGED_OF_ANSWER: usize = 10_000;

/// How long to wait before trying again what couldn't be tried: too much was sent at that moment.
const BUSY: Duration = Duration::from_secs(2);

/// The same when a host is left alone because it has failed too often.
const PAUSED: Duration = Duration::from_secs(30);

/// What identifies us to receivers.
const USER_AGENT: &str = concat!("Floe/", env!("CARGO_PKG_VERSION"));

/// The job of making a delivery.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Deliver {
    /// The delivery's id.
    pub(crate) delivery: String,
    /// How many requests led to the event.
    #[serde(default)]
    pub(crate) hops: Hops,
    /// Whether somebody has asked for it: then it is sent also while the webhook is off.
    #[serde(default)]
    pub(crate) is_asked_for: bool,
}

impl Job for Deliver {
    const QUEUE: Policy = policy::WEBHOOKS;
    const KIND: &'static str = "webhooks.deliver";
}

/// Who does it.
pub(crate) struct Sender {
    pub(crate) outbound: Outbound,
    pub(crate) sealer: Sealer,
}

/// What one attempt has come to.
enum Sent {
    /// There was an answer, or none for a reason that tells of the receiver.
    Tried(Attempt),
    /// It wasn't tried, and says nothing of the receiver.
    NotYet(Duration),
}

impl JobHandler for Sender {
    type Job = Deliver;

    async fn handle(&self, job: Deliver, context: &JobContext) -> Outcome {
        match self.deliver(&job, context).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Retry(error.to_string()),
        }
    }
}

impl Sender {
    async fn deliver(&self, job: &Deliver, context: &JobContext) -> Result<Outcome> {
        let project = context.project();
        let Some((delivery, webhook)) = find(&job.delivery, context).await? else { return Ok(Outcome::Done) };
        if !webhook.enabled && !job.is_asked_for {
            return note_off(delivery, context).await;
        }
        let seal = self.sealer.seal_for(project.project_id(), b"");
        let request = self.request(&delivery, &webhook, &seal, context);
        let attempt = match request {
            Ok(request) => match self.send(request.hops(job.hops)).await {
                Sent::Tried(attempt) => attempt,
                Sent::NotYet(pause) => return Ok(Outcome::After(pause)),
            },
            Err(why) => Attempt::unanswered(why, 0),
        };
        note(delivery, webhook, attempt, context).await
    }

    /// What is sent.
    ///
    /// # Errors
    /// Why it can't be, in words for who defined the webhook.
    fn request(
        &self,
        delivery: &Delivery,
        webhook: &Webhook,
        seal: &Seal,
        context: &JobContext,
    ) -> Result<Request, String> {
        let unreadable = |_| "The webhook's secret can't be read.".to_owned();
        let secret = webhook.secret.open(seal, &secret_of(&webhook.id)).map_err(unreadable)?;
        let password = webhook.auth_password.open(seal, &password_of(&webhook.id)).map_err(unreadable)?;
        let target = Target::parse(&webhook.url).map_err(|error| error.to_string())?;
        let limits =
            Limits { max_body: KEPT_OF_ANSWER, overflow: Overflow::Cut, verify_tls: webhook.tls, ..Limits::default() };
        let signature = signature(&secret, &webhook.url, &delivery.payload);
        let project: &str = context.project().project_id();
        let mut request = Request::new(Method::POST, target)
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(header::USER_AGENT, HeaderValue::from_static(USER_AGENT))
            .body(delivery.payload.clone())
            .policy(limits)
            .on_behalf_of(project);
        let attempt = context.attempt().to_string();
        for (name, value) in [
            ("X-Appwrite-Webhook-Id", webhook.id.as_str()),
            ("X-Appwrite-Webhook-Events", &delivery.events().join(",")),
            ("X-Appwrite-Webhook-Name", &in_ascii(&webhook.name)),
            ("X-Appwrite-Webhook-User-Id", &delivery.user_id),
            ("X-Appwrite-Webhook-Project-Id", project),
            ("X-Appwrite-Webhook-Signature", &signature),
            ("X-Floe-Webhook-Delivery-Id", &delivery.id),
            ("X-Floe-Webhook-Attempt", &attempt),
        ] {
            request = request.try_header(name, value).map_err(|error| error.to_string())?;
        }
        let with_password = !webhook.auth_username.is_empty() && !password.expose().is_empty();
        Ok(if with_password { request.basic_auth(&webhook.auth_username, password.expose()) } else { request })
    }

    async fn send(&self, request: Request) -> Sent {
        let error = match self.outbound.fetch(request).await {
            Ok(answer) => return Sent::Tried(answered(&answer)),
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::Busy => Sent::NotYet(BUSY),
            ErrorKind::Paused => Sent::NotYet(PAUSED),
            _ => Sent::Tried(Attempt::unanswered(error.to_string(), millis(error.took()))),
        }
    }
}

fn answered(answer: &Answer) -> Attempt {
    let status = answer.status.as_u16();
    Attempt {
        at: Timestamp::default(),
        status,
        error: if status < 400 { String::new() } else { format!("The receiver answered {status}.") },
        ms: millis(answer.took),
        response: text_of(&answer.body),
    }
}

/// The delivery and its webhook, if both are still there.
async fn find(id: &str, context: &JobContext) -> Result<Option<(Delivery, Webhook)>> {
    let store = context.project().store().await?;
    let mut conn = store.read().await?;
    let Some(delivery) = DeliveryRepository(&mut conn).find(id).await? else { return Ok(None) };
    let webhook = WebhookRepository(&mut conn).find(&delivery.webhook_id).await?;
    Ok(webhook.map(|webhook| (delivery, webhook)))
}

/// The webhook was switched off since the event happened.
async fn note_off(mut delivery: Delivery, context: &JobContext) -> Result<Outcome> {
    let store = context.project().store().await?;
    let mut unit = store.begin().await?;
    let now = unit.now();
    delivery.attempts.push(Attempt { at: now, ..Attempt::unanswered("The webhook is switched off.", 0) });
    DeliveryRepository(&mut unit).save(&delivery.id, Status::Failed, &delivery.attempts, now).await?;
    end(unit, context).await
}

/// Notes what came of an attempt, with the delivery and with the webhook.
async fn note(mut delivery: Delivery, webhook: Webhook, attempt: Attempt, context: &JobContext) -> Result<Outcome> {
    let store = context.project().store().await?;
    let mut unit = store.begin().await?;
    let now = unit.now();
    let attempt = Attempt { at: now, ..attempt };
    let (has_failed, is_last) = (!attempt.error.is_empty(), context.attempt() >= policy::WEBHOOKS.tries);
    let status = match (has_failed, is_last) {
        (false, _) => Status::Delivered,
        (true, false) => Status::Waiting,
        (true, true) => Status::Failed,
    };
    delivery.attempts.push(attempt.clone());
    DeliveryRepository(&mut unit).save(&delivery.id, status, &delivery.attempts, now).await?;
    if !has_failed {
        if webhook.attempts > 0 {
            WebhookRepository(&mut unit).clear_failures(&webhook.id).await?;
        }
        DeliveryRepository(&mut unit).remove_old(&webhook.id).await?;
        return end(unit, context).await;
    }
    let failures =
        WebhookRepository(&mut unit).add_failure(&webhook.id, &log_of(&webhook, &delivery, &attempt)).await?;
    if failures.is_some_and(|failures| failures >= MOST_FAILURES)
        && WebhookRepository(&mut unit).switch_off(&webhook.id).await?
    {
        unit.subscriptions_change();
        let project: &str = context.project().project_id();
        tracing::warn!(project, webhook = webhook.id, failures, "a webhook fails again and again: it is switched off");
    }
    unit.commit().await?;
    Ok(Outcome::Retry(attempt.error))
}

/// Commits, together with the job's end.
async fn end(mut unit: UnitOfWork, context: &JobContext) -> Result<Outcome> {
    if context.done_in(&mut unit).await? {
        unit.commit().await?;
    }
    Ok(Outcome::Done)
}

/// What a webhook's `logs` say of a failure, as the contract has it.
fn log_of(webhook: &Webhook, delivery: &Delivery, attempt: &Attempt) -> String {
    let begin = format!("URL: {}\nMethod: POST\n", webhook.url);
    if attempt.status == 0 {
        return format!("{begin}Client Error: {}\nEvents: {}\n", attempt.error, delivery.events().join(", "));
    }
    let body: String = attempt.response.chars().take(LOGGED_OF_ANSWER).collect();
    format!("{begin}Status code: {}\nBody: \n{body}", attempt.status)
}

/// base64(HMAC-SHA1(secret, URL and body)): the contract's.
fn signature(secret: &Secret, url: &str, body: &str) -> String {
    let mut mac =
        Hmac::<Sha1>::new_from_slice(secret.expose().as_bytes()).unwrap_or_else(|_| unreachable!("keys of any length"));
    mac.update(url.as_bytes());
    mac.update(body.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A header can have no other characters. What is lost is only for people to read.
fn in_ascii(text: &str) -> String {
    text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect()
}

/// The beginning of an answer as text that every database takes.
fn text_of(body: &[u8]) -> String {
    String::from_utf8_lossy(body).replace('\0', "\u{fffd}")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf 'https://example.com/a{}' | openssl dgst -sha1 -hmac key -binary | base64`
    #[test]
    fn signatures_are_the_contracts() {
        assert_eq!(signature(&Secret::new("key"), "https://example.com/a", "{}"), "rSj4L+s/ENvKHTrBb5+GTzoS6Qc=");
    }

    #[test]
    fn answers_become_text_and_names_become_headers() {
        assert_eq!(text_of(b"a\0\xffb"), "a\u{fffd}\u{fffd}b");
        assert_eq!(in_ascii("Gl\u{fc}ck\r\nX: y"), "Gl?ck??X: y");
    }
}
