//! The server under test.

use crate::client::Client;
use crate::receiver::ThisMachine;
use floe::app::{App, Replaceable};
use floe::config::{Config, ConsoleSignup, Postgres};
use floe_kernel::secret::Secret;
use floe_kernel::time::{Clock as _, FixedClock, SystemClock};
use floe_store::Store;
use floe_users::Passwords;
use serde_json::{Value as Json, json};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// On which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// Files in a temporary folder.
    Sqlite,
    /// Schemas of the test's own in the server at `FLOE_TEST_POSTGRES_URL`. They stay: that server's data is thrown away.
    Postgres,
}

/// A running server with its own data. Its clock stands still until the test moves it.
pub struct TestServer {
    /// What it is made of, for what can't be seen from outside.
    pub app: Arc<App>,
    clock: Arc<FixedClock>,
    config: Config,
    base: String,
    made: AtomicU32,
    folder: Arc<tempfile::TempDir>,
}

/// A project of the server under test.
pub struct Project {
    /// Its id.
    pub id: String,
    /// The secret of an API key with every scope.
    pub key: String,
    client: Client,
}

/// A user who is signed in.
#[derive(Clone)]
pub struct User {
    /// The user's id.
    pub id: String,
    /// The user's email address.
    pub email: String,
    /// The user's session, as cookies and headers have it.
    pub session: String,
    /// Calls the project as this user.
    pub client: Client,
}

/// Settings with which the server's own requests may reach this machine, where a [`crate::Receiver`] is.
///
/// # Panics
/// Never: the address is one.
pub fn inside(config: &mut Config) {
    config.outbound.allowed = "127.0.0.1".parse().expect("an address");
}

/// What tests replace of the server.
fn parts() -> Replaceable {
    Replaceable { passwords: Passwords::of_tests(), network: Arc::new(ThisMachine) }
}

/// The password of every user that the testkit makes.
pub const PASSWORD: &str = "correct horse battery";

impl TestServer {
    /// Runs one scenario against a server of its own, from start to shut-down.
    ///
    /// # Panics
    /// When the scenario does, and when there is no PostgreSQL in CI.
    pub fn run<F: Future<Output = ()>>(database: Database, scenario: impl FnOnce(Self) -> F) {
        Self::run_with(database, |_| {}, scenario);
    }

    /// The same with other settings than the embedded defaults.
    ///
    /// # Panics
    /// As [`TestServer::run`].
    pub fn run_with<F: Future<Output = ()>>(
        database: Database,
        set: impl FnOnce(&mut Config),
        scenario: impl FnOnce(Self) -> F,
    ) {
        Self::run_in(database, set, parts(), scenario);
    }

    /// The same with the defaults, and passwords whose hashes cost what they cost on every server.
    ///
    /// # Panics
    /// As [`TestServer::run`].
    pub fn run_with_dear_passwords<F: Future<Output = ()>>(database: Database, scenario: impl FnOnce(Self) -> F) {
        Self::run_in(
            database,
            |_| {},
            Replaceable { network: Arc::new(ThisMachine), ..Replaceable::default() },
            scenario,
        );
    }

    fn run_in<F: Future<Output = ()>>(
        database: Database,
        set: impl FnOnce(&mut Config),
        parts: Replaceable,
        scenario: impl FnOnce(Self) -> F,
    ) {
        let Some(mut config) = config(database) else { return };
        set(&mut config);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build();
        runtime.expect("a runtime").block_on(async {
            let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
            config.database.folder = folder.path().to_owned();
            let clock = Arc::new(FixedClock::at(SystemClock.now()));
            let app = App::open_with(&config, clock.clone(), parts).await.expect("the app opens");
            app.clear_up().await.expect("what others have left is cleared up");
            app.work().await.expect("the queue starts");
            Self::serve(app, clock, config, folder, scenario).await;
        });
    }

    /// Runs a scenario against a second server on the same data, with other settings, while this one goes on.
    ///
    /// # Panics
    /// When the scenario does, and when the server can't be started.
    pub async fn beside<F: Future<Output = ()>>(
        &self,
        set: impl FnOnce(&mut Config),
        scenario: impl FnOnce(Self) -> F,
    ) {
        let (mut config, clock) = (self.config.clone(), Arc::clone(&self.clock));
        set(&mut config);
        let app = App::open_with(&config, clock.clone(), parts()).await.expect("the app opens");
        Self::serve(app, clock, config, Arc::clone(&self.folder), scenario).await;
    }

    async fn serve<F: Future<Output = ()>>(
        app: App,
        clock: Arc<FixedClock>,
        config: Config,
        folder: Arc<tempfile::TempDir>,
        scenario: impl FnOnce(Self) -> F,
    ) {
        let app = Arc::new(app);
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let running = floe_gateway::server::listen(Arc::clone(&app.gateway), address, 1, Duration::from_secs(2))
            .expect("a free port");
        let (base, stop) = (format!("http://{}", running.address), running.stopper());
        let serving = tokio::spawn(running.serve());
        let floe = Self { app: Arc::clone(&app), clock, config, base, made: AtomicU32::new(0), folder };
        scenario(floe).await;
        stop.stop().await;
        serving.await.expect("the server stops").expect("without an error");
        app.close().await;
    }

    /// Its settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A caller without credentials.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(Arc::clone(&self.app.gateway), self.base.clone())
    }

    /// The server's clock.
    #[must_use]
    pub fn clock(&self) -> &FixedClock {
        &self.clock
    }

    /// Moves the clock, and with it whatever waits for its time in the background.
    pub fn later(&self, seconds: i64) {
        self.clock.advance(seconds);
        self.app.queue.look();
    }

    /// Makes a project without an organisation, and a key for it with every scope.
    pub async fn project(&self, id: &str) -> Project {
        self.project_of(id, None).await
    }

    /// Makes a project of this organisation, and a key for it with every scope.
    pub async fn project_of(&self, id: &str, team_id: Option<&str>) -> Project {
        self.app.create_project(id, id, team_id).await.expect("a project");
        let key = self.app.create_key(id, "test", "all").await.expect("a key");
        Project { id: id.to_owned(), key: key.expose().to_owned(), client: self.client().to_project(id) }
    }

    /// The data of a project, for what can't be seen from outside.
    pub async fn store(&self, project: &str) -> Store {
        self.app.store(project).await.expect("the project's data")
    }

    /// Makes a key of this project with exactly these scopes, separated by commas; gives its secret.
    pub async fn key(&self, project: &str, scopes: &str) -> String {
        self.app.create_key(project, "test", scopes).await.expect("a key").expose().to_owned()
    }

    /// Makes a console account and signs it in: a caller of the console.
    pub async fn console_user(&self, email: &str) -> User {
        let id = self.app.create_console_user(email, &Secret::new(PASSWORD), "").await.expect("a console account");
        sign_in(self.client().to_project("console"), id, email).await
    }

    /// A name that nothing else in this test has.
    #[must_use]
    pub fn unique(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.made.fetch_add(1, Ordering::Relaxed))
    }
}

impl Project {
    /// A caller without credentials.
    #[must_use]
    pub fn guest(&self) -> Client {
        self.client.clone()
    }

    /// A server with every scope.
    #[must_use]
    pub fn server(&self) -> Client {
        self.client.clone().key(&self.key)
    }

    /// A server with this key.
    #[must_use]
    pub fn with_key(&self, secret: &str) -> Client {
        self.client.clone().key(secret)
    }

    /// A console user who manages the project.
    #[must_use]
    pub fn admin(&self, user: &User) -> Client {
        self.client.clone().header("X-Appwrite-Mode", "admin").session(&user.session)
    }

    /// Makes a user with this email address and signs them in.
    pub async fn user(&self, email: &str) -> User {
        let account = json!({"userId": "unique()", "email": email, "password": PASSWORD});
        let made = self.server().post("/v1/users", &account).await.expect(201);
        sign_in(self.guest(), text(&made["$id"]), email).await
    }
}

async fn sign_in(guest: Client, id: String, email: &str) -> User {
    let answer = guest.post("/v1/account/sessions/email", &json!({"email": email, "password": PASSWORD})).await;
    let project =
        answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()).find_map(|cookie| {
            cookie.strip_prefix("a_session_").and_then(|rest| rest.split('=').next()).map(str::to_owned)
        });
    let session = project.and_then(|project| answer.cookie(&format!("a_session_{project}")));
    answer.ok(201);
    let session = session.expect("a session cookie");
    User { id, email: email.to_owned(), client: guest.session(&session), session }
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

/// The embedded defaults, but for what a test must have of its own; `None` when there is no such database here.
#[allow(clippy::print_stderr, reason = "a test that was skipped says so")]
fn config(database: Database) -> Option<Config> {
    let mut config = Config::read(None, |_| None, &[]).expect("the defaults are good");
    config.security.console_signup = ConsoleSignup::Token;
    config.security.rate_limits = false;
    // What isn't optimized, on a machine that runs other tests too, is many times slower.
    config.database.unit_time = std::time::Duration::from_secs(10);
    if database == Database::Postgres {
        let Ok(url) = std::env::var("FLOE_TEST_POSTGRES_URL") else {
            assert!(std::env::var_os("CI").is_none(), "FLOE_TEST_POSTGRES_URL must be set in CI");
            eprintln!("skipped: FLOE_TEST_POSTGRES_URL is not set");
            return None;
        };
        let schema_prefix = format!("t{}", &floe_kernel::secret::random_hex(6));
        config.database.postgres = Some(Postgres { url: Secret::new(url), pool_size: 5, schema_prefix });
        config.security.secret_key = Some(Secret::new(floe_kernel::secret::random_hex(32)));
    }
    Some(config)
}
