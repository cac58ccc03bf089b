//! `/v1/account/sessions` and below.

use crate::service::{Accounts, SignedIn};
use floe_gateway::param::{Email, Id, Password};
use floe_gateway::reply::Page;
use floe_gateway::{Call, Reply, cookies, input};
use floe_kernel::Result;
use floe_users::{SessionModel, visit};
use std::sync::Arc;

input! {
    /// What `POST /account/sessions/email` takes.
    pub(crate) struct CreateEmailSession {
        /// The user's email address.
        email: Email = body "email",
        /// The user's password.
        password: Password = body "password",
    }
}

input! {
    /// What concerns one session.
    pub(crate) struct OfSession {
        /// The session's id; `current`: the one in use.
        session_id: Id = path "sessionId",
    }
}

impl OfSession {
    fn id<'s>(&'s self, call: &'s Call) -> &'s str {
        match &*self.session_id {
            "current" => call.caller.session_id().unwrap_or_default(),
            id => id,
        }
    }
}

/// The cookies for browsers; the secret itself for servers, which keep it for the user, and admins alone.
fn begun(call: &Call, SignedIn { session, token }: &SignedIn) -> Result<Reply> {
    let secret = if call.caller.privileged() { token.encode() } else { String::new() };
    let model = SessionModel::from(session).seen_from(Some(&session.id)).with_secret(&secret);
    Ok(Reply::created(&model)?.headers(cookies::start(call, token, session.expires_at)))
}

pub(crate) async fn create_email(accounts: Arc<Accounts>, call: Call, input: CreateEmailSession) -> Result<Reply> {
    let (visit, password) = (visit(&call), input.password.secret());
    let signed_in = accounts.sign_in((&call).into(), &call.caller, &input.email, password, &visit).await?;
    let reply = begun(&call, &signed_in)?;
    if call.caller.privileged() {
        return Ok(reply);
    }
    let (kept, until) = accounts.devices.know(&call.project.id, &input.email, call.now);
    Ok(reply.headers([cookies::know_device(&call, &kept, until)]))
}

pub(crate) async fn create_anonymous(accounts: Arc<Accounts>, call: Call, _input: ()) -> Result<Reply> {
    let signed_in = accounts.sign_in_anonymously((&call).into(), &call.caller, &visit(&call)).await?;
    begun(&call, &signed_in)
}

pub(crate) async fn list(accounts: Arc<Accounts>, call: Call, _input: ()) -> Result<Reply> {
    let sessions = accounts.people.sessions((&call).into(), &call.caller.require_user()?.id).await?;
    let total = i64::try_from(sessions.len()).unwrap_or(i64::MAX);
    let seen = sessions.iter().map(|session| SessionModel::from(session).seen_from(call.caller.session_id()));
    Reply::ok(&Page { plural: "sessions", total, items: seen.collect() })
}

pub(crate) async fn get(accounts: Arc<Accounts>, call: Call, input: OfSession) -> Result<Reply> {
    let user = call.caller.require_user()?;
    let session = accounts.people.session((&call).into(), &user.id, input.id(&call)).await?;
    Reply::ok(&SessionModel::from(&session).seen_from(call.caller.session_id()))
}

pub(crate) async fn update(accounts: Arc<Accounts>, call: Call, input: OfSession) -> Result<Reply> {
    let session = accounts.extend((&call).into(), &call.caller, input.id(&call)).await?;
    Reply::ok(&SessionModel::from(&session).seen_from(call.caller.session_id()))
}

pub(crate) async fn delete(accounts: Arc<Accounts>, call: Call, input: OfSession) -> Result<Reply> {
    accounts.sign_out((&call).into(), &call.caller, input.id(&call)).await?;
    let current = call.caller.session_id() == Some(input.id(&call));
    Ok(if current { Reply::empty().headers(cookies::end(&call)) } else { Reply::empty() })
}

pub(crate) async fn delete_all(accounts: Arc<Accounts>, call: Call, _input: ()) -> Result<Reply> {
    accounts.sign_out_everywhere((&call).into(), &call.caller).await?;
    Ok(Reply::empty().headers(cookies::end(&call)))
}
