//! How often: a call is counted against the limits of its route.

use crate::arrival::Headers;
use crate::call::RequestInfo;
use crate::cookies;
use crate::device::canonical;
use crate::gateway::Gateway;
use crate::input::RawInput;
use crate::rate_limit::{CountKey, Settlement, Verdict};
use crate::reply::Reply;
use crate::respond::ResponseContext;
use crate::route::{ACCOUNT, CountedFrom, Failure, Limit, LimitKey, RouteSpec, Stage};
use floe_kernel::access::Caller;
use floe_kernel::directory::Project;
use floe_kernel::secret::keyed_digest;
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result};
use std::borrow::Cow;

/// A call that is to be counted.
pub(crate) struct Counted<'c> {
    pub(crate) gateway: &'c Gateway,
    pub(crate) caller: &'c Caller,
    pub(crate) project: &'c Project,
    pub(crate) route: &'c RouteSpec,
    pub(crate) headers: &'c Headers,
    pub(crate) info: &'c RequestInfo,
    pub(crate) now: Timestamp,
}

/// What a call has been counted by.
#[derive(Default)]
pub(crate) struct Counts(Vec<(CountKey, Limit)>);

impl Counted<'_> {
    /// Counts against the limits that the request's head decides, before its body is read: by address, by user.
    ///
    /// # Errors
    /// 429.
    pub(crate) async fn by_head(&self, context: &mut ResponseContext, counts: &mut Counts) -> Result<()> {
        self.count(false, &RawInput::default(), context, counts).await
    }

    /// Counts against the limits that count by a parameter of the body.
    ///
    /// # Errors
    /// 429.
    pub(crate) async fn by_body(
        &self,
        given: &RawInput,
        context: &mut ResponseContext,
        counts: &mut Counts,
    ) -> Result<()> {
        self.count(true, given, context, counts).await
    }

    async fn count(
        &self,
        by_parameter: bool,
        given: &RawInput,
        context: &mut ResponseContext,
        counts: &mut Counts,
    ) -> Result<()> {
        let now = self.now.seconds();
        let device = if by_parameter { self.device(given) } else { None };
        for limit in self.route.limits {
            if limit.by_parameter() != by_parameter || !limit.counts(device.is_some()) {
                continue;
            }
            if !self.gateway.settings.rate_limits || self.caller.privileged() {
                context.verdict.get_or_insert_with(|| uncounted(limit, now));
                continue;
            }
            let key = self.key(limit.key, given, device);
            let verdict = self.gateway.services.limiter.hit(key, limit.calls, limit.seconds, self.now).await;
            let tighter = context.verdict.is_none_or(|before| verdict.remaining < before.remaining);
            if tighter {
                context.verdict = Some(verdict);
            }
            if verdict.exceeded {
                let seconds = u32::try_from(verdict.reset - now).unwrap_or(1).max(1);
                return Err(Error::new(ErrorKind::GeneralRateLimitExceeded).retry_in(seconds));
            }
            if limit.settles() {
                counts.0.push((key, *limit));
            }
        }
        Ok(())
    }

    /// The device that calls, if it is known of the account that the call names.
    fn device(&self, given: &RawInput) -> Option<&str> {
        let account = given.peek(ACCOUNT)?;
        let kept = cookies::kept_by_device(self.headers, &self.project.id)?;
        self.gateway.services.devices.recognise(kept, &self.project.id, account, self.now)
    }

    /// What a limit counts by, made of what the server knows. Texts of the caller are put into one spelling, so that no
    /// other has a count of its own.
    fn key(&self, parts: &[LimitKey], given: &RawInput, device: Option<&str>) -> CountKey {
        let mut texts: Vec<Cow<'_, str>> = Vec::with_capacity(parts.len() + 2);
        texts.extend([Cow::Borrowed("limit"), Cow::Borrowed(self.project.id.as_str())]);
        texts.extend(parts.iter().map(|part| match part {
            LimitKey::Ip => self.info.network().map(|network| network.to_string()).unwrap_or_default().into(),
            LimitKey::Method => self.route.method.name().into(),
            LimitKey::Url => self.route.path.into(),
            LimitKey::UserId => self.caller.user_id().unwrap_or_default().into(),
            LimitKey::Param(name) => canonical(given.peek(name).unwrap_or_default()).into(),
            LimitKey::Device => device.unwrap_or_default().into(),
        }));
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        CountKey(keyed_digest(&self.gateway.settings.limit_key, &texts))
    }
}

/// What came of a call, as far as its counts depend on it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// It was answered with this status.
    Answered(u16),
    /// It wasn't valid in itself.
    Invalid,
    /// It was refused or failed.
    Failed,
}

impl From<&Result<Reply, Failure>> for Outcome {
    fn from(outcome: &Result<Reply, Failure>) -> Self {
        match outcome {
            Ok(reply) => Self::Answered(reply.status),
            Err(failure) if failure.stage == Stage::Validate => Self::Invalid,
            Err(_) => Self::Failed,
        }
    }
}

impl Counts {
    /// Corrects the counts by what came of the call. What wasn't valid in itself has tried nothing with the account that
    /// it names, and must not use up its tries.
    pub(crate) async fn settle(self, gateway: &Gateway, outcome: Outcome) {
        for (key, limit) in self.0 {
            let settlement = match outcome {
                Outcome::Answered(status) if limit.reset_on == Some(status) => Settlement::StartAnew,
                Outcome::Answered(status) if limit.refund_on == Some(status) => Settlement::GiveBack,
                Outcome::Invalid if limit.by_parameter() => Settlement::GiveBack,
                _ => continue,
            };
            gateway.services.limiter.settle(key, settlement).await;
        }
    }
}

impl Limit {
    /// Whether it counts by a parameter, so that the body must be read before.
    fn by_parameter(&self) -> bool {
        self.from != CountedFrom::Anywhere || self.key.iter().any(|part| matches!(part, LimitKey::Param(_)))
    }

    /// Whether it counts the calls of devices that are known of the account, or not.
    fn counts(&self, known: bool) -> bool {
        match self.from {
            CountedFrom::Anywhere => true,
            CountedFrom::KnownDevices => known,
            CountedFrom::UnknownDevices => !known,
        }
    }

    /// Whether what comes of a call may correct its count.
    fn settles(&self) -> bool {
        self.reset_on.is_some() || self.refund_on.is_some() || self.by_parameter()
    }
}

/// What those are told whose calls aren't counted.
fn uncounted(limit: &Limit, now: i64) -> Verdict {
    let window = i64::from(limit.seconds);
    let reset = now - now.rem_euclid(window) + window;
    Verdict { limit: limit.calls, remaining: limit.calls, reset, exceeded: false }
}
