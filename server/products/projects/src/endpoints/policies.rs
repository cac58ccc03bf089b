//! `/v1/project/policies`: rules about sessions, users and members.

use crate::model::{PolicyModel, ProjectModel};
use crate::params::Policy;
use crate::service::Projects;
use floe_gateway::param::{Int, Queries};
use floe_gateway::reply::Page;
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use floe_kernel::directory::ProjectSettings;
use floe_kernel::query::{DEFAULT_LIMIT, MAX_TOTAL};
use std::sync::Arc;

input! {
    /// What `GET /project/policies` takes.
    pub(crate) struct ListPolicies {
        /// The page.
        pub(crate) queries: Queries = query "queries" or Queries::default(),
        /// Whether to count them all.
        pub(crate) total: bool = query "total" or true,
    }
}

input! {
    /// Which policy.
    pub(crate) struct OnePolicy {
        /// The policy's id.
        pub(crate) policy_id: Policy = path "policyId",
    }
}

input! {
    /// What `PATCH /project/policies/session-duration` takes.
    pub(crate) struct SetDuration {
        /// How long a session lasts, in seconds.
        pub(crate) duration: Int<60, 31_536_000> = body "duration",
    }
}

input! {
    /// What `PATCH /project/policies/session-limit` takes.
    pub(crate) struct SetSessionLimit {
        /// How many sessions a user may have at a time.
        pub(crate) total: Int<1, 100> = body "total",
    }
}

input! {
    /// What `PATCH /project/policies/session-invalidation` takes.
    pub(crate) struct SetInvalidation {
        /// Whether a new password ends the user's other sessions.
        pub(crate) enabled: bool = body "enabled",
    }
}

input! {
    /// What `PATCH /project/policies/user-limit` takes.
    pub(crate) struct SetUserLimit {
        /// How many users there may be; null or 0: any number.
        pub(crate) total: Option<Int<0, 10_000>> = body "total",
    }
}

input! {
    /// What `PATCH /project/policies/membership-privacy` takes. What isn't given stays as it is.
    pub(crate) struct SetMembershipPrivacy {
        /// Whether members see each other's ids.
        pub(crate) user_id: Option<bool> = body "userId" or None,
        /// Whether members see each other's email addresses.
        pub(crate) user_email: Option<bool> = body "userEmail" or None,
        /// Whether members see each other's phone numbers.
        pub(crate) user_phone: Option<bool> = body "userPhone" or None,
        /// Whether members see each other's names.
        pub(crate) user_name: Option<bool> = body "userName" or None,
        /// Whether members see who uses several factors.
        pub(crate) mfa: Option<bool> = body "userMFA" or None,
        /// Whether members see when the others were last seen.
        pub(crate) user_accessed_at: Option<bool> = body "userAccessedAt" or None,
    }
}

pub(crate) async fn list(projects: Arc<Projects>, call: Call, input: ListPolicies) -> Result<Reply> {
    let settings = projects.get(&call.project.id).await?.settings;
    let (queries, size) =
        (input.queries.0, |n: Option<i64>, default| usize::try_from(n.unwrap_or(default)).unwrap_or(0));
    let page = Policy::ALL.iter().skip(size(queries.offset, 0)).take(size(queries.limit, DEFAULT_LIMIT));
    let total = if input.total { i64::try_from(Policy::ALL.len()).unwrap_or(MAX_TOTAL) } else { 0 };
    Reply::ok(&Page { plural: "policies", total, items: page.map(|id| PolicyModel::of(id, &settings)).collect() })
}

pub(crate) async fn get(projects: Arc<Projects>, call: Call, input: OnePolicy) -> Result<Reply> {
    let settings = projects.get(&call.project.id).await?.settings;
    Reply::ok(&PolicyModel::of(input.policy_id.0, &settings))
}

pub(crate) async fn session_duration(projects: Arc<Projects>, call: Call, input: SetDuration) -> Result<Reply> {
    set(&projects, &call, |settings| settings.session_seconds = input.duration.0).await
}

pub(crate) async fn session_limit(projects: Arc<Projects>, call: Call, input: SetSessionLimit) -> Result<Reply> {
    set(&projects, &call, |settings| settings.max_sessions = input.total.0).await
}

pub(crate) async fn session_invalidation(projects: Arc<Projects>, call: Call, input: SetInvalidation) -> Result<Reply> {
    set(&projects, &call, |settings| settings.invalidate_sessions = input.enabled).await
}

pub(crate) async fn user_limit(projects: Arc<Projects>, call: Call, input: SetUserLimit) -> Result<Reply> {
    set(&projects, &call, |settings| settings.max_users = input.total.map_or(0, |total| total.0)).await
}

pub(crate) async fn membership_privacy(
    projects: Arc<Projects>,
    call: Call,
    input: SetMembershipPrivacy,
) -> Result<Reply> {
    set(&projects, &call, |settings| {
        let privacy = &mut settings.membership_privacy;
        for (field, given) in [
            (&mut privacy.user_id, input.user_id),
            (&mut privacy.user_email, input.user_email),
            (&mut privacy.user_phone, input.user_phone),
            (&mut privacy.user_name, input.user_name),
            (&mut privacy.mfa, input.mfa),
            (&mut privacy.user_accessed_at, input.user_accessed_at),
        ] {
            *field = given.unwrap_or(*field);
        }
    })
    .await
}

async fn set(projects: &Projects, call: &Call, change: impl FnOnce(&mut ProjectSettings)) -> Result<Reply> {
    Reply::ok(&ProjectModel::from(projects.set(&call.project.id, call.now, change).await?))
}
