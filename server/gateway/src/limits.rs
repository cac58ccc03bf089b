//! How often: a call is counted against the limits of its route.

use crate::call::RequestInfo;
use crate::gateway::Gateway;
use crate::input::RawInput;
use crate::rate_limit::Verdict;
use crate::respond::ResponseContext;
use crate::route::{Limit, LimitKey, RouteSpec};
use floe_kernel::access::Caller;
use floe_kernel::directory::Project;
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result};

/// A call that is to be counted.
pub(crate) struct Counted<'c> {
    pub(crate) gateway: &'c Gateway,
    pub(crate) caller: &'c Caller,
    pub(crate) project: &'c Project,
    pub(crate) route: &'c RouteSpec,
    pub(crate) info: &'c RequestInfo,
    pub(crate) now: Timestamp,
}

/// A key whose count starts anew when the answer has this status.
pub(crate) type Reset = (String, u16);

impl Counted<'_> {
    /// Counts against the limits that the request's head decides, before its body is read: by address, by user.
    ///
    /// # Errors
    /// 429.
    pub(crate) async fn by_head(&self, context: &mut ResponseContext) -> Result<Option<Reset>> {
        let nothing = RawInput::default();
        self.count(|limit| !limit.by_parameter(), &nothing, context).await
    }

    /// Counts against the limits that count by a parameter of the body.
    ///
    /// # Errors
    /// 429.
    pub(crate) async fn by_body(&self, given: &RawInput, context: &mut ResponseContext) -> Result<Option<Reset>> {
        self.count(Limit::by_parameter, given, context).await
    }

    async fn count(
        &self,
        which: impl Fn(&Limit) -> bool,
        given: &RawInput,
        context: &mut ResponseContext,
    ) -> Result<Option<Reset>> {
        let now = self.now.seconds();
        let mut reset = None;
        for limit in self.route.limits.iter().filter(|limit| which(limit)) {
            if !self.gateway.settings.rate_limits || self.caller.privileged() {
                context.verdict = Some(uncounted(limit, now));
                continue;
            }
            let key = limit_key(limit.key, self, given);
            let verdict = self.gateway.services.limiter.hit(&key, limit.calls, limit.seconds, self.now).await;
            let tighter = context.verdict.is_none_or(|before| verdict.remaining <= before.remaining);
            if tighter {
                context.verdict = Some(verdict);
            }
            if verdict.exceeded {
                let seconds = u32::try_from(verdict.reset - now).unwrap_or(1).max(1);
                return Err(Error::new(ErrorKind::GeneralRateLimitExceeded).retry_in(seconds));
            }
            reset = limit.reset_on.map(|status| (key, status)).or(reset);
        }
        Ok(reset)
    }
}

/// What those are told whose calls aren't counted.
fn uncounted(limit: &Limit, now: i64) -> Verdict {
    let window = i64::from(limit.seconds);
    let reset = now - now.rem_euclid(window) + window;
    Verdict { limit: limit.calls, remaining: limit.calls, reset, exceeded: false }
}

/// What a limit counts by, made of what the server knows. Texts of the caller are trimmed, put into lower case and
/// bounded, so that no spelling of one address has a count of its own.
fn limit_key(parts: &[LimitKey], call: &Counted<'_>, given: &RawInput) -> String {
    let mut key = format!("{}|", call.project.id);
    for part in parts {
        match part {
            LimitKey::Ip => key.push_str(&call.info.ip),
            LimitKey::Method => key.push_str(call.route.method.name()),
            LimitKey::Url => key.push_str(call.route.path),
            LimitKey::UserId => key.push_str(call.caller.user_id().unwrap_or_default()),
            LimitKey::Param(name) => {
                key.extend(given.peek(name).unwrap_or_default().trim().to_lowercase().chars().take(320));
            }
        }
        key.push('|');
    }
    key
}
