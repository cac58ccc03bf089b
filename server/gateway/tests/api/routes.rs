//! The product of these tests: one endpoint for everything that a route can say.

use bytes::Bytes;
use floe_gateway::body::BodyStream;
use floe_gateway::conditional::weak_tag;
use floe_gateway::param::Text;
use floe_gateway::reply::ReplyBody;
use floe_gateway::{Caching, Call, Callers, Limit, LimitKey, Reply, RequestBody, Route, get, input, post};
use floe_kernel::scope::Scope;
use floe_kernel::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Notify;

/// What happened.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) made: AtomicU32,
    pub(crate) begun: Notify,
    pub(crate) go_on: Notify,
    pub(crate) done: Notify,
}

const BY_ADDRESS: &[Limit] = &[Limit::new(2, 60, &[LimitKey::Ip])];
const BY_EMAIL: &[Limit] = &[Limit::new(2, 60, &[LimitKey::Param("text")])];

pub(crate) fn routes() -> Vec<Route<Arc<Notes>>> {
    vec![
        get("/notes/{noteId}", "notes.get", read),
        post("/notes", "notes.create", create).answers(201, "any"),
        post("/notes/server", "notes.createByServer", create).scopes(&[Scope::UsersWrite]),
        post("/notes/user", "notes.createByUser", create).callers(Callers::USERS),
        post("/notes/large", "notes.createLarge", create).body(RequestBody::LargeObject),
        post("/notes/byaddress", "notes.createLimited", create).limits(BY_ADDRESS),
        post("/notes/byemail", "notes.createLimitedByEmail", create).limits(BY_EMAIL),
        post("/uploads", "notes.upload", upload).body(RequestBody::Stream),
        get("/callback", "notes.callback", slow).changes(true),
        get("/document", "notes.document", document).caching(Caching::Revalidate),
        get("/file", "notes.file", file).caching(Caching::For(60)),
        get("/page", "notes.page", page),
        get("/away", "notes.away", away),
        get("/live", "notes.live", document).upgrade(),
        get("/factor", "notes.factor", document).before_second_factor(),
        get("/private", "notes.private", document),
        get("/long", "notes.long", long),
        post("/long", "notes.changeLong", long),
    ]
}

input! {
    /// What a note is read by.
    pub(crate) struct ReadNote {
        /// Its id.
        note_id: Text<1, 36> = path "noteId",
        /// What else.
        tags: Vec<String> = query "tags" or Vec::new(),
    }
}

input! {
    /// What a note is made of.
    pub(crate) struct CreateNote {
        /// Its text.
        text: Text<0, 100_000_000> = body "text" or Text::default(),
    }
}

input! {
    /// How much is wanted.
    pub(crate) struct Long {
        /// How many bytes the answer has.
        bytes: Text<1, 9> = query "bytes",
    }
}

async fn long(_notes: Arc<Arc<Notes>>, _call: Call, input: Long) -> Result<Reply> {
    Ok(Reply::text("x".repeat(input.bytes.parse().map_err(Error::internal)?)))
}

async fn read(_notes: Arc<Arc<Notes>>, call: Call, input: ReadNote) -> Result<Reply> {
    Ok(Reply::text(format!("{} {} {}", &*input.note_id, input.tags.join(","), call.request.ip)))
}

async fn create(notes: Arc<Arc<Notes>>, call: Call, input: CreateNote) -> Result<Reply> {
    notes.made.fetch_add(1, Ordering::Relaxed);
    Ok(Reply::text(format!("{} {}", input.text.len(), call.caller.user_id().unwrap_or_default())))
}

async fn upload(_notes: Arc<Arc<Notes>>, _call: Call, mut body: BodyStream) -> Result<Reply> {
    let (mut pieces, mut bytes) = (0, 0);
    while let Some(piece) = body.next().await {
        pieces += 1;
        bytes += piece?.len();
    }
    Ok(Reply::text(format!("{pieces} pieces, {bytes} bytes")))
}

async fn slow(notes: Arc<Arc<Notes>>, _call: Call, _input: ()) -> Result<Reply> {
    notes.begun.notify_one();
    notes.go_on.notified().await;
    notes.made.fetch_add(1, Ordering::Relaxed);
    notes.done.notify_one();
    Ok(Reply::empty())
}

async fn document(_notes: Arc<Arc<Notes>>, _call: Call, _input: ()) -> Result<Reply> {
    Ok(Reply::text("content").tagged(weak_tag("0123")))
}

async fn file(_notes: Arc<Arc<Notes>>, _call: Call, _input: ()) -> Result<Reply> {
    Ok(Reply::new(200, ReplyBody::Bytes("image/png".to_owned(), Bytes::from_static(b"0123456789"))))
}

async fn page(_notes: Arc<Arc<Notes>>, _call: Call, _input: ()) -> Result<Reply> {
    Ok(Reply::page(200, "<p>Hello"))
}

async fn away(_notes: Arc<Arc<Notes>>, call: Call, _input: ()) -> Result<Reply> {
    call.request.origin.as_ref().map_or(Ok(()), |_| Err(Error::internal("no page goes here")))?;
    Ok(Reply::redirect(302, "https://app.example.org/done"))
}
