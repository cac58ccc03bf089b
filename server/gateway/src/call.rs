//! A request that has been received and authenticated: what every handler is given.

use crate::answer_memory::AnswerMemory;
use crate::by_address::network;
use crate::interest::Interest;
use floe_kernel::Caller;
use floe_kernel::directory::Project;
use floe_kernel::hops::Hops;
use floe_kernel::secret::Secret;
use floe_kernel::time::Timestamp;
use floe_store::Store;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Who calls what, where and when.
#[derive(Clone)]
pub struct Call {
    /// Who is calling, with everything they may.
    pub caller: Caller,
    /// The project that is called.
    pub project: Arc<Project>,
    /// The project's data; the platform's on a route that says so ([`crate::Route::on_platform`]).
    pub store: Store,
    /// What HTTP tells beside the parameters.
    pub request: Arc<RequestInfo>,
    /// When the request came in. One request happens at one moment.
    pub now: Timestamp,
    /// Which of two vocabularies the route speaks, see [`crate::Route::vocabulary`].
    pub vocabulary: usize,
    /// Whether anybody still waits for the answer.
    pub interest: Interest,
    /// What the answer holds while it is made.
    pub memory: AnswerMemory,
}

impl Call {
    /// The project's data, for a list whose statements may take no longer than a server or an admin has said.
    #[must_use]
    pub fn store_for_lists(&self) -> Store {
        match self.request.patience.filter(|_| self.caller.privileged()) {
            Some(limit) => self.store.clone().within(limit),
            None => self.store.clone(),
        }
    }
}

/// What HTTP tells about a request, as far as anybody but the pipeline needs it.
#[derive(Debug, Clone, Default)]
pub struct RequestInfo {
    /// The request's id: the client's own, or one of our making.
    pub id: String,
    /// The caller's network address.
    pub ip: String,
    /// What the caller says of its software.
    pub user_agent: String,
    /// The language that the caller wants, such as `de`; empty when it doesn't say.
    pub locale: String,
    /// The `Origin` of a browser's request.
    pub origin: Option<String>,
    /// The host that was called, without its port.
    pub host: String,
    /// Whether the caller's connection is encrypted.
    pub secure: bool,
    /// The response format that the SDK was made for (`X-Appwrite-Response-Format`).
    pub format: Option<String>,
    /// `X-Appwrite-Timestamp`: changes apply only to what hasn't changed since.
    pub unchanged_since: Option<Timestamp>,
    /// `X-Appwrite-Timeout`: how long a statement that reads may take, for keys and admins.
    pub patience: Option<Duration>,
    /// `X-Floe-Hops`: how many requests of servers like this one led to it.
    pub hops: Hops,
    /// `X-Floe-Setup-Token`: what the first sign-up to the console must know.
    pub setup_token: Option<Secret>,
}

impl RequestInfo {
    /// Who counts as one with the caller's address: of IPv6 the network of 64 bits, which is the least that anybody is
    /// given.
    pub(crate) fn network(&self) -> Option<IpAddr> {
        self.ip.parse().ok().map(network)
    }
}
