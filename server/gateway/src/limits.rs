//! How often: a call is counted against the limits of its route.

use crate::call::RequestInfo;
use crate::gateway::Gateway;
use crate::input::RawInput;
use crate::respond::ResponseContext;
use crate::route::{Endpoint, LimitKey, RouteSpec};
use floe_kernel::access::Caller;
use floe_kernel::directory::Project;
use floe_kernel::time::Timestamp;
use floe_kernel::{ErrorKind, Result};

/// Counts the call against the endpoint's limits. Gives the key to reset, and the status at which to.
#[allow(clippy::too_many_arguments, reason = "it is made of what a limit can count by")]
pub(crate) async fn count(
    gateway: &Gateway,
    caller: &Caller,
    project: &Project,
    endpoint: &Endpoint,
    info: &RequestInfo,
    given: &RawInput,
    now: Timestamp,
    context: &mut ResponseContext,
) -> Result<Option<(String, u16)>> {
    let route = &endpoint.route;
    let mut reset = None;
    for limit in route.limits {
        let key = limit_key(limit.key, caller, project, route, info, given);
        if !gateway.settings.rate_limits || caller.privileged() {
            let window = i64::from(limit.seconds);
            let ends = now.seconds() - now.seconds().rem_euclid(window) + window;
            context.verdict = Some(crate::rate_limit::Verdict {
                limit: limit.calls,
                remaining: limit.calls,
                reset: ends,
                exceeded: false,
            });
            continue;
        }
        let verdict = gateway.services.limiter.hit(&key, limit.calls, limit.seconds, now).await;
        let tighter = context.verdict.is_none_or(|before| verdict.remaining <= before.remaining);
        if tighter {
            context.verdict = Some(verdict);
        }
        if verdict.exceeded {
            return Err(ErrorKind::GeneralRateLimitExceeded.into());
        }
        reset = limit.reset_on.map(|status| (key, status)).or(reset);
    }
    Ok(reset)
}

/// What a limit counts by, made of what the server knows. Texts of the caller are trimmed, put into lower case and
/// bounded, so that no spelling of one address has a count of its own.
fn limit_key(
    parts: &[LimitKey],
    caller: &Caller,
    project: &Project,
    route: &RouteSpec,
    info: &RequestInfo,
    given: &RawInput,
) -> String {
    let mut key = format!("{}|", project.id);
    for part in parts {
        match part {
            LimitKey::Ip => key.push_str(&info.ip),
            LimitKey::Method => key.push_str(route.method.name()),
            LimitKey::Url => key.push_str(route.path),
            LimitKey::UserId => key.push_str(caller.user_id().unwrap_or_default()),
            LimitKey::Param(name) => {
                key.extend(given.peek(name).unwrap_or_default().trim().to_lowercase().chars().take(320));
            }
        }
        key.push('|');
    }
    key
}
