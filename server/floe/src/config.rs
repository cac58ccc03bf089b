//! Configuration: typed, one struct a concern, read once, refused with all its faults listed.
//!
//! Each setting has a name in the environment and a place in `floe.toml`; the environment wins. `docs/configuration.md`
//! lists them for people.

mod byte_size;
mod misspelt;
mod source;

use byte_size::ByteSize;
use floe_kernel::secret::Secret;
use floe_outbound::Allowed;
use source::Source;
use std::cell::RefCell;
use std::env::VarError;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use source::Faults;

/// Everything that operators decide.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where and how it listens.
    pub server: Server,
    /// Where the data is.
    pub database: Database,
    /// Keys, and who may do what before anybody is somebody.
    pub security: Security,
    /// What may be requested of others.
    pub outbound: Outbound,
    /// What it says about what it does.
    pub logging: Logging,
    /// A line for each variable of the environment that begins like a setting and is none.
    pub unknown: Vec<String>,
}

/// Where and how the server listens.
#[derive(Debug, Clone)]
pub struct Server {
    /// The address.
    pub host: IpAddr,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// Event loops; one a core unless said.
    pub workers: usize,
    /// The most bytes of a request's body.
    pub max_body: usize,
    /// The most memory that the bodies of all requests together may take.
    pub body_memory: usize,
    /// The most memory that long answers together may take.
    pub answer_memory: usize,
    /// How long a client may keep the server waiting: for its body, or to take its answer.
    pub patience: Duration,
    /// The most connections of one address; 0 for any number.
    pub connections_per_address: usize,
    /// Proxies of the operator's own that stand before the server.
    pub trusted_proxies: usize,
    /// Hosts that may call every project from a browser.
    pub hosts: Vec<String>,
    /// How long requests in flight may take to finish when the server stops.
    pub drain: Duration,
}

/// Where the data is.
#[derive(Debug, Clone)]
pub struct Database {
    /// The folder of everything that is kept in files.
    pub folder: PathBuf,
    /// PostgreSQL instead of files.
    pub postgres: Option<Postgres>,
    /// How long a statement may run.
    pub statement_timeout: Duration,
    /// How long a unit of work may hold up others on SQLite.
    pub unit_time: Duration,
    /// After how long without a request a project's data is closed.
    pub idle_time: Duration,
    /// The most projects whose data is open at a time. `None`: [`DEFAULT_MAX_OPEN`], or as many as there are file descriptors
    /// for.
    pub max_open: Option<usize>,
    /// How many bytes have to stay free where the folder is; 0: nobody looks.
    pub min_free: u64,
    /// The most rows of a project; 0 for any number.
    pub project_rows: u64,
    /// The most bytes of a project; 0 for any number.
    pub project_bytes: u64,
}

/// A PostgreSQL database.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// Its URL, password included.
    pub url: Secret,
    /// The most connections.
    pub pool_size: usize,
    /// What the names of our schemas begin with.
    pub schema_prefix: String,
}

/// Keys, and who may do what before anybody is somebody.
#[derive(Debug, Clone)]
pub struct Security {
    /// What every other key is made from. `None`: one is made and kept in the data folder.
    pub secret_key: Option<Secret>,
    /// What every other key was made from before: what it has sealed and signed is still accepted.
    pub previous_secret_keys: Vec<Secret>,
    /// The ids of keys that are lost, together with what was sealed with them.
    pub lost_secret_keys: Vec<String>,
    /// Who may sign up to the console.
    pub console_signup: ConsoleSignup,
    /// Whether rate limits are enforced.
    pub rate_limits: bool,
}

/// Who may sign up to the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsoleSignup {
    /// Who has the set-up token that a fresh server prints; after them nobody.
    Token,
    /// Everybody.
    Open,
    /// Nobody.
    Closed,
}

/// What may be requested of others.
#[derive(Debug, Clone)]
pub struct Outbound {
    /// Hosts and networks that may be reached although they aren't public.
    pub allowed: Allowed,
}

/// What the server says about what it does.
#[derive(Debug, Clone)]
pub struct Logging {
    /// Which events, as `tracing` filters them: `info`, `floe=debug,warn`.
    pub filter: String,
    /// In which form.
    pub format: LogFormat,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people when a terminal shows them, for machines otherwise.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// The most projects that are open at a time, unless somebody says otherwise.
pub const DEFAULT_MAX_OPEN: usize = 1000;

/// Shorter than the time-outs of most proxies.
const STATEMENT_TIMEOUT_MS: u64 = 15_000;

/// Enough for the logs of some projects, and for what the system itself needs to go on.
const MIN_FREE: u64 = 256 << 20;

impl Config {
    /// Reads the environment and, if it is there, `floe.toml` (or the file that `FLOE_CONFIG` names).
    ///
    /// # Errors
    /// All faults at once, each with the name of its setting.
    pub fn load() -> Result<Self, Faults> {
        let file = std::env::var_os("FLOE_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
        let text = match &file {
            Some(path) => Some(
                std::fs::read_to_string(path)
                    .map_err(|error| Faults::one(&format!("FLOE_CONFIG: {}: {error}", path.display())))?,
            ),
            None => default_file(Path::new("floe.toml"))?,
        };
        let variables = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let garbled = RefCell::new(Vec::new());
        let variable = |name: &str| match std::env::var(name) {
            Err(VarError::NotUnicode(_)) => {
                garbled.borrow_mut().push(format!("{name} must be UTF-8"));
                None
            }
            value => value.ok(),
        };
        let read = Self::read(text.as_deref(), variable, &variables.collect::<Vec<_>>());
        match (read, garbled.take()) {
            (read, garbled) if garbled.is_empty() => read,
            (Ok(_), garbled) => Err(Faults::default().and(garbled)),
            (Err(faults), garbled) => Err(faults.and(garbled)),
        }
    }

    /// Reads these settings; `env` gives what the environment says, and `variables` are the names of all that is in it.
    ///
    /// # Errors
    /// All faults at once, each with the name of its setting.
    pub fn read(
        file: Option<&str>,
        env: impl Fn(&str) -> Option<String>,
        variables: &[String],
    ) -> Result<Self, Faults> {
        let mut from = Source::new(file, env)?;
        let mut config = Self {
            server: Server::read(&mut from),
            database: Database::read(&mut from),
            security: Security::read(&mut from),
            outbound: Outbound::read(&mut from),
            logging: Logging::read(&mut from),
            unknown: Vec::new(),
        };
        config.unknown = from.unknown(variables);
        if config.database.postgres.is_some() && config.security.secret_key.is_none() {
            from.fault(
                "FLOE_SECRET_KEY",
                "is required with PostgreSQL: every node must have the same (`openssl rand -hex 32` makes one)",
            );
        }
        match from.finish() {
            Ok(()) => Ok(config),
            // What is missing may be there under a misspelt name.
            Err(faults) => Err(faults.and(config.unknown)),
        }
    }
}

impl Server {
    fn read(from: &mut Source) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            host: from.get("FLOE_HOST", "server.host", IpAddr::from([127, 0, 0, 1])),
            port: from.get("FLOE_PORT", "server.port", 8080),
            workers: from.at_least("FLOE_WORKERS", "server.workers", cores, 1),
            max_body: from.at_least("FLOE_MAX_BODY_BYTES", "server.max_body_bytes", 12 * 1024 * 1024, 1024),
            body_memory: from.at_least(
                "FLOE_BODY_MEMORY_BYTES",
                "server.body_memory_bytes",
                256 * 1024 * 1024,
                1024 * 1024,
            ),
            answer_memory: from.at_least(
                "FLOE_ANSWER_MEMORY_BYTES",
                "server.answer_memory_bytes",
                256 * 1024 * 1024,
                1024 * 1024,
            ),
            patience: Duration::from_secs(from.at_least(
                "FLOE_CLIENT_TIMEOUT_SECONDS",
                "server.client_timeout_seconds",
                30,
                1,
            )),
            connections_per_address: from.get(
                "FLOE_MAX_CONNECTIONS_PER_ADDRESS",
                "server.max_connections_per_address",
                512,
            ),
            trusted_proxies: from.get("FLOE_TRUSTED_PROXIES", "server.trusted_proxies", 0),
            hosts: hosts(from),
            drain: Duration::from_secs(from.get("FLOE_DRAIN_SECONDS", "server.drain_seconds", 8)),
        }
    }
}

fn hosts(from: &mut Source) -> Vec<String> {
    let hosts = from.list("FLOE_HOSTS", "server.hosts");
    if !hosts.iter().all(|host| is_host(host)) {
        from.fault(
            "FLOE_HOSTS",
            "must be names such as `app.example.org` or `*.example.org`, without https:// and without a port",
        );
    }
    hosts
}

impl Database {
    fn read(from: &mut Source) -> Self {
        Self {
            folder: from.get("FLOE_DATA", "database.folder", PathBuf::from("data")),
            postgres: Postgres::read(from),
            statement_timeout: Duration::from_millis(from.at_least(
                "DATABASE_STATEMENT_TIMEOUT_MS",
                "database.statement_timeout_ms",
                STATEMENT_TIMEOUT_MS,
                1,
            )),
            unit_time: Duration::from_millis(from.at_least("DATABASE_UNIT_TIME_MS", "database.unit_time_ms", 1000, 1)),
            idle_time: Duration::from_secs(from.at_least("FLOE_IDLE_SECONDS", "database.idle_seconds", 300, 1)),
            max_open: Some(from.at_least("FLOE_MAX_OPEN_PROJECTS", "database.max_open_projects", 0, 0))
                .filter(|most| *most > 0),
            min_free: from.get("FLOE_MIN_FREE_DISK", "database.min_free_disk", ByteSize(MIN_FREE)).0,
            project_rows: from.get("FLOE_PROJECT_MAX_ROWS", "database.project_max_rows", 0),
            project_bytes: from.get("FLOE_PROJECT_MAX_BYTES", "database.project_max_bytes", ByteSize(0)).0,
        }
    }
}

impl Postgres {
    fn read(from: &mut Source) -> Option<Self> {
        let url = from.text("DATABASE_URL", "database.url");
        let pool_size = from.at_least("DATABASE_POOL_SIZE", "database.pool_size", 20, 1);
        let schema_prefix = from.get("DATABASE_SCHEMA_PREFIX", "database.schema_prefix", "floe".to_owned());
        let prefix_fits = (1..=16).contains(&schema_prefix.len())
            && schema_prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && schema_prefix.as_bytes()[0].is_ascii_lowercase();
        // Else another instance's project could have the name of one of our schemas.
        if format!("{schema_prefix}_").contains("_project_") {
            from.fault(
                "DATABASE_SCHEMA_PREFIX",
                "must not contain `_project_` nor end with `_project`, as names of projects' schemas do",
            );
        }
        if !prefix_fits {
            from.fault("DATABASE_SCHEMA_PREFIX", "must be 1 to 16 of a-z, 0-9 and _, and begin with a letter");
        }
        if schema_prefix.starts_with("pg_") {
            from.fault("DATABASE_SCHEMA_PREFIX", "must not begin with `pg_`: PostgreSQL keeps such names for itself");
        }
        match url.as_deref() {
            None | Some("sqlite") => None,
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                if let Err(what) = floe_store::check_url(url) {
                    from.fault("DATABASE_URL", what);
                }
                Some(Self { url: Secret::new(url), pool_size, schema_prefix })
            }
            // The value isn't shown: it may hold a password.
            Some(_) => {
                from.fault("DATABASE_URL", "must be `sqlite` (files in FLOE_DATA) or begin with postgres://");
                None
            }
        }
    }
}

/// What people leave in from an example, and attackers try first.
const KNOWN_SECRETS: &[&str] = &["changeme", "change-me", "secret", "password", "example", "your-secret", "insecure"];

/// Whether somebody may guess it.
fn is_weak(key: &str) -> bool {
    let lower = key.to_lowercase();
    let distinct = key.bytes().collect::<std::collections::HashSet<_>>().len();
    key.len() < 32 || distinct < 8 || KNOWN_SECRETS.iter().any(|known| lower.contains(known))
}

impl Security {
    fn read(from: &mut Source) -> Self {
        let secret_key = from.text("FLOE_SECRET_KEY", "security.secret_key");
        let previous = from.list("FLOE_SECRET_KEY_PREVIOUS", "security.previous_secret_keys");
        if secret_key.as_ref().is_some_and(|key| is_weak(key)) {
            from.fault("FLOE_SECRET_KEY", "must be at least 32 random characters (`openssl rand -hex 32` makes them)");
        }
        if previous.iter().any(|key| is_weak(key)) {
            from.fault(
                "FLOE_SECRET_KEY_PREVIOUS",
                "must be what FLOE_SECRET_KEY was: at least 32 random characters each",
            );
        }
        Self {
            secret_key: secret_key.map(Secret::new),
            previous_secret_keys: previous.into_iter().map(Secret::new).collect(),
            lost_secret_keys: from.list("FLOE_SECRET_KEY_LOST", "security.lost_secret_keys"),
            console_signup: from.one_of(
                "FLOE_CONSOLE_SIGNUP",
                "security.console_signup",
                &[("token", ConsoleSignup::Token), ("open", ConsoleSignup::Open), ("closed", ConsoleSignup::Closed)],
            ),
            rate_limits: from.one_of("FLOE_RATE_LIMITS", "security.rate_limits", &[("on", true), ("off", false)]),
        }
    }
}

impl Outbound {
    fn read(from: &mut Source) -> Self {
        let allowed = from.list("FLOE_OUTBOUND_ALLOW", "outbound.allow").join(",").parse().unwrap_or_else(|error| {
            from.fault("FLOE_OUTBOUND_ALLOW", format!("is not valid: {error}"));
            Allowed::default()
        });
        Self { allowed }
    }
}

impl Logging {
    fn read(from: &mut Source) -> Self {
        let filter = from.get("FLOE_LOG", "logging.filter", "info,actix_server=warn".to_owned());
        if !is_log_filter(&filter) {
            from.fault(
                "FLOE_LOG",
                "must be a level (error, warn, info, debug, trace) or a list such as `floe=debug,warn`",
            );
        }
        let formats = [("auto", LogFormat::Auto), ("json", LogFormat::Json), ("text", LogFormat::Text)];
        Self { filter, format: from.one_of("FLOE_LOG_FORMAT", "logging.format", &formats) }
    }
}

/// Whether it is one, and no word is in it that stands for nothing: of a misspelt level the library makes the name of a module,
/// and shows that one alone.
fn is_log_filter(text: &str) -> bool {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_known = |word: &str| word.contains('=') || LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    text.split(',').map(str::trim).all(is_known) && tracing_subscriber::EnvFilter::try_new(text).is_ok()
}

/// Whether a browser could be at a host of this name, or at one below it for `*.`.
fn is_host(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    text.parse::<IpAddr>().is_ok() || (!name.is_empty() && name.bytes().all(allowed))
}

/// What stands in this file; none: there is no such file. One that is there and can't be read must not be passed over: the server
/// would start with other settings than its operator has written down.
fn default_file(path: &Path) -> Result<Option<String>, Faults> {
    // A link that leads nowhere is there as well.
    if path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path);
    text.map(Some).map_err(|error| Faults::one(&format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_is_read_or_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert_eq!(default_file(&path("none")).unwrap(), None);
        std::fs::write(path("good"), "a").unwrap();
        assert_eq!(default_file(&path("good")).unwrap().as_deref(), Some("a"));
        std::fs::write(path("latin"), b"\xff\xfe").unwrap();
        std::fs::create_dir(path("folder")).unwrap();
        std::os::unix::fs::symlink("nowhere", path("link")).unwrap();
        for name in ["latin", "folder", "link"] {
            let fault = default_file(&path(name)).unwrap_err().to_string();
            assert!(fault.contains(name), "{fault}");
        }
    }

    fn read(file: Option<&str>, env: &[(&str, &str)]) -> Result<Config, Faults> {
        let env: std::collections::HashMap<_, _> = env.iter().copied().collect();
        let variables: Vec<_> = env.keys().map(ToString::to_string).collect();
        Config::read(file, |name| env.get(name).map(ToString::to_string), &variables)
    }

    #[test]
    fn embedded_defaults_need_nothing() {
        let config = read(None, &[]).unwrap();
        assert_eq!((config.server.port, config.database.postgres.is_none()), (8080, true));
        assert_eq!(config.security.console_signup, ConsoleSignup::Token);
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let file = "[server]\nport = 1\nworkers = 3\n[logging]\nformat = \"json\"";
        let config = read(Some(file), &[("FLOE_PORT", "2")]).unwrap();
        assert_eq!((config.server.port, config.server.workers, config.logging.format), (2, 3, LogFormat::Json));
    }

    /// Compose writes such as `${DATABASE_URL:-}`.
    #[test]
    fn an_empty_variable_hides_neither_the_file_nor_the_default() {
        let key = "0123456789abcdef0123456789abcdef";
        let file = format!(
            "[server]\nport = 1\nhosts = [\"a.org\"]\n[database]\nurl = \"postgres://h/d\"\nfolder = \"kept\"\n\
             [security]\nsecret_key = \"{key}\"\nconsole_signup = \"closed\""
        );
        let names = ["FLOE_PORT", "FLOE_HOSTS", "DATABASE_URL", "FLOE_DATA", "FLOE_SECRET_KEY", "FLOE_CONSOLE_SIGNUP"];
        for empty in ["", " "] {
            let env = names.map(|name| (name, empty));
            let config = read(Some(&file), &env).unwrap();
            assert_eq!((config.server.port, config.server.hosts), (1, vec!["a.org".to_owned()]), "{empty:?}");
            assert_eq!((config.database.postgres.is_some(), config.database.folder), (true, PathBuf::from("kept")));
            assert_eq!(config.security.secret_key.as_ref().map(Secret::expose), Some(key));
            assert_eq!(config.security.console_signup, ConsoleSignup::Closed);
            let config = read(None, &env).unwrap();
            assert_eq!((config.server.port, config.database.folder), (8080, PathBuf::from("data")));
        }
        let config = read(Some("[database]\nfolder = \"\""), &[]).unwrap();
        assert_eq!(config.database.folder, PathBuf::from("data"));
    }

    #[test]
    fn lists_every_fault_by_name_and_shows_no_secret() {
        let file = "[server]\nport = \"many\"\nprot = 1\n[nowhere]\nx = 1";
        let env =
            [("DATABASE_URL", "mysql://root:hush@db"), ("FLOE_SECRET_KEY", "changeme"), ("FLOE_RATE_LIMITS", "maybe")];
        let faults = read(Some(file), &env).unwrap_err().to_string();
        for name in ["server.port", "server.prot", "nowhere.x", "DATABASE_URL", "FLOE_SECRET_KEY", "FLOE_RATE_LIMITS"] {
            assert!(faults.contains(name), "{name} is missing in: {faults}");
        }
        assert!(!faults.contains("hush") && !faults.contains("changeme"), "{faults}");
    }

    #[test]
    fn what_may_be_reached_inside_is_read_strictly() {
        assert_eq!(read(None, &[]).unwrap().outbound.allowed, Allowed::default());
        let expected = "hooks.internal:8080, 10.1.0.0/16".parse().unwrap();
        let file = "[outbound]\nallow = [\"hooks.internal:8080\", \"10.1.0.0/16\"]";
        assert_eq!(read(Some(file), &[]).unwrap().outbound.allowed, expected);
        let env = ("FLOE_OUTBOUND_ALLOW", "hooks.internal:8080,10.1.0.0/16");
        assert_eq!(read(None, &[env]).unwrap().outbound.allowed, expected);

        for nonsense in ["*", "http://hooks.internal", "10.1.0.1/16", "127.1", "hooks.internal:0", "db redis"] {
            let faults = read(None, &[("FLOE_OUTBOUND_ALLOW", nonsense)]).unwrap_err().to_string();
            assert!(faults.contains("FLOE_OUTBOUND_ALLOW") && faults.contains(nonsense), "{faults}");
        }
        for file in ["[outbound]\nallow = [10]", "[outbound]\nallow = { host = \"db\" }"] {
            assert!(read(Some(file), &[]).unwrap_err().to_string().contains("FLOE_OUTBOUND_ALLOW"), "{file}");
        }
    }

    #[test]
    fn says_what_a_number_must_be() {
        for (value, said) in [
            ("high", "FLOE_PORT must be a number from 0 to 65535"),
            ("65536", "FLOE_PORT must be a number from 0 to 65535"),
            ("-1", "FLOE_PORT must be a number from 0 to 65535"),
            ("tcp://10.0.0.1:8080", "`enableServiceLinks: false`"),
        ] {
            let faults = read(None, &[("FLOE_PORT", value)]).unwrap_err().to_string();
            assert!(faults.contains(said) && !faults.contains(value), "{faults}");
        }
        let faults = read(Some("[server]\nworkers = 0"), &[]).unwrap_err().to_string();
        assert!(faults.contains("server.workers must be at least 1"), "{faults}");
    }

    #[test]
    fn what_would_never_match_is_refused() {
        let is_bad = |name, value| read(None, &[(name, value)]).is_err_and(|faults| faults.to_string().contains(name));
        for hosts in ["https://app.example.org", "a.org:3000", "a.org/x", "*.", "a b"] {
            assert!(is_bad("FLOE_HOSTS", hosts), "{hosts}");
        }
        for filter in ["loud", "informaton", "info,floe_gateway", "floe=loud", "info,"] {
            assert!(is_bad("FLOE_LOG", filter), "{filter}");
        }
        for (name, value) in [
            ("FLOE_HOSTS", "App.example.org, *.example.org,::1,10.0.0.1"),
            ("FLOE_LOG", "INFO"),
            ("FLOE_LOG", "off"),
            ("FLOE_LOG", "floe=debug, warn"),
        ] {
            assert!(read(None, &[(name, value)]).is_ok(), "{name} {value}");
        }
    }

    #[test]
    fn a_misspelt_variable_is_told_of_and_explains_what_is_missing() {
        let key = ("FLOE_SECRET_KYE", "0123456789abcdef0123456789abcdef");
        let said = "FLOE_SECRET_KYE is not a setting. Is FLOE_SECRET_KEY meant?";
        assert_eq!(read(None, &[key]).unwrap().unknown, [said]);
        let faults = read(None, &[key, ("DATABASE_URL", "postgres://u:hush@h/d")]).unwrap_err().to_string();
        assert!(faults.contains("FLOE_SECRET_KEY is required") && faults.contains(said), "{faults}");
        assert!(!faults.contains(key.1), "{faults}");
        assert_eq!(read(None, &[("FLOE_PORT", "1"), ("FLOE_CONFIG", "x"), ("PATH", "x")]).unwrap().unknown, [""; 0]);
    }

    #[test]
    fn no_prefix_is_like_the_name_of_a_projects_schema() {
        let with = |prefix| read(None, &[("DATABASE_SCHEMA_PREFIX", prefix)]);
        for prefix in ["floe_project", "a_project_b"] {
            assert!(with(prefix).unwrap_err().to_string().contains("DATABASE_SCHEMA_PREFIX"), "{prefix}");
        }
        for prefix in ["project", "projects_of_a", "my_projects", "a_project2"] {
            with(prefix).unwrap();
        }
    }

    #[test]
    fn a_url_that_can_not_be_used_is_refused_and_not_shown() {
        let key = ("FLOE_SECRET_KEY", "0123456789abcdef0123456789abcdef");
        let said = |url: &str| {
            read(None, &[key, ("DATABASE_URL", url)]).map_or_else(|faults| faults.to_string(), |_| String::new())
        };
        for (url, why) in [
            ("postgres://u:hush@h:99999/d", "a port from"),
            ("postgres://u:hu@sh?hush@h/d", "percent-encoded"),
            ("postgres://u:hush@h/d?sslmood=hush", "parameters that are known"),
            ("postgres://u:hush@h/d?sslmode=require", "sslmode=require"),
        ] {
            let said = said(url);
            assert!(said.contains("DATABASE_URL ") && said.contains(why) && !said.contains("hush"), "{url}: {said}");
        }
        for url in [
            "postgres://u:p%40ss@h:5432/d?sslmode=prefer",
            "postgres://h/d",
            "postgresql://u@h:1,i:2/d?connect_timeout=3",
        ] {
            assert_eq!(said(url), "", "{url}");
        }
    }

    #[test]
    fn no_prefix_is_one_that_postgres_keeps() {
        let faults = read(None, &[("DATABASE_SCHEMA_PREFIX", "pg_x")]).unwrap_err().to_string();
        assert!(faults.contains("DATABASE_SCHEMA_PREFIX must not begin with `pg_`"), "{faults}");
        read(None, &[("DATABASE_SCHEMA_PREFIX", "pgx")]).unwrap();
    }

    #[test]
    fn postgres_wants_a_key() {
        let url = ("DATABASE_URL", "postgres://u:hush@h/d");
        assert!(read(None, &[url]).unwrap_err().to_string().contains("FLOE_SECRET_KEY"));
        let config = read(None, &[url, ("FLOE_SECRET_KEY", "0123456789abcdef0123456789abcdef")]).unwrap();
        assert!(!format!("{config:?}").contains("hush"));
    }
}
