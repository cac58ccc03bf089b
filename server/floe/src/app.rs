//! The wiring: every product with what it needs, behind one gateway.

use crate::config::{Config, ConsoleSignup as Signup, DEFAULT_MAX_OPEN};
use crate::organisations::{self, Owned};
use crate::secrets::{require_all, root_keys};
use crate::serve::Failure;
use crate::{VERSION, openapi, reason, usage, web};
use floe_accounts::{Accounts, ConsoleSignup};
use floe_console::{Console, Instance};
use floe_databases::Databases;
use floe_gateway::device::Devices;
use floe_gateway::gateway::{RouteTable, Services};
use floe_gateway::jwt::Signer;
use floe_gateway::rate_limit::InMemory;
use floe_gateway::route::RouteSpec;
use floe_gateway::{Gateway, GatewaySettings};
use floe_health::Health;
use floe_kernel::ErrorKind;
use floe_kernel::directory::{Persons as _, Projects as _};
use floe_kernel::secret::{Secret, random_hex};
use floe_kernel::time::Clock;
use floe_locale::{Locales, Nowhere};
use floe_outbound::{Network, Outbound, SystemNetwork};
use floe_projects::{NewProject, OnProjectDeleted, Projects};
use floe_queue::Queue;
use floe_queues::Queues;
use floe_sealed::RootKeys;
use floe_store::tables::Resealed;
use floe_store::{Backend, MinFreeSpace, Quota, Store, StoreSettings, Stores, key_register};
use floe_teams::Teams;
use floe_users::{Passwords, People};
use floe_webhooks::Webhooks;
use std::collections::HashSet;
use std::sync::Arc;

/// Everything that runs in one process.
pub struct App {
    /// The pipeline.
    pub gateway: Arc<Gateway>,
    /// The data.
    pub stores: Stores,
    /// What sends requests to addresses that users name. Each product that does so is given it.
    pub outbound: Outbound,
    /// What is done in the background.
    pub queue: Queue,
    /// How the server is.
    pub health: Arc<Health>,
    /// With what the first console account of a fresh instance is made.
    pub setup_token: Secret,
    databases: Arc<Databases>,
    webhooks: Arc<Webhooks>,
    projects: Arc<Projects>,
    people: Arc<People>,
    keys: RootKeys,
    clock: Arc<dyn Clock>,
}

/// What tests replace of an [`App`]. By default: what every server has.
pub struct Replaceable {
    /// How passwords are hashed. Tests sign in all the time.
    pub passwords: Passwords,
    /// What requests to addresses that users name go through. Tests reach nothing but this machine.
    pub network: Arc<dyn Network>,
}

impl Default for Replaceable {
    fn default() -> Self {
        Self { passwords: Passwords::default(), network: Arc::new(SystemNetwork) }
    }
}

impl App {
    /// Opens the data and puts everything together.
    ///
    /// # Errors
    /// When the data can't be opened or brought up to this version.
    pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        Self::open_with(config, clock, Replaceable::default()).await
    }

    /// The same with other parts than every server's: for tests.
    ///
    /// # Errors
    /// As [`App::open`].
    pub async fn open_with(config: &Config, clock: Arc<dyn Clock>, parts: Replaceable) -> Result<Self, Failure> {
        // First: with the data folder its key is made, and never again.
        let keys = root_keys(config)?;
        let stores = Stores::open(store_settings(config, &clock)).await?;
        require_all(&keys, config, &stores).await?;
        let signer = Signer::with_previous(&keys.derive("jwt"), &keys.derive_previous("jwt"));
        let devices = Devices::new(keys.derive("devices"));
        let setup_token = Secret::new(random_hex(32));
        let signup = match config.security.console_signup {
            Signup::Token => ConsoleSignup::Token(setup_token.clone()),
            Signup::Open => ConsoleSignup::Open,
            Signup::Closed => ConsoleSignup::Closed,
        };

        let memberships = Arc::new(floe_teams::Directory::new(stores.clone()));
        let people = Arc::new(People::new(stores.clone(), memberships, parts.passwords, signer.clone()));
        let queue = Queue::new(&stores, Arc::clone(&clock));
        let databases = Arc::new(Databases::new(&stores, &queue, &keys));
        let projects = Arc::new(Projects::new(
            stores.clone(),
            Arc::new(organisations::Teams),
            on_project_deleted(&people, &databases),
        ));
        let allowed = config.outbound.allowed.clone();
        let outbound = Outbound::over(floe_outbound::Settings { allowed, ..Default::default() }, parts.network);
        let webhooks = Arc::new(Webhooks::new(stores.clone(), &queue, outbound.clone(), &keys));
        let health = Arc::new(Health::new(stores.clone(), config.database.folder.clone(), VERSION));
        let table = RouteTable::default()
            .with(floe_health::routes(), &health)
            .with(floe_locale::routes(), &Arc::new(Locales::new(Box::new(Nowhere))))
            .with(floe_console::routes(), &Arc::new(Console::new(instance(config), people.clone())))
            .with(floe_projects::routes(), &projects)
            .with(floe_webhooks::routes(), &webhooks)
            .with(floe_queues::routes(), &Arc::new(Queues))
            .with(floe_accounts::routes(), &Arc::new(Accounts::new(Arc::clone(&people), signup, devices.clone())))
            .with(floe_users::routes(), &people)
            .with(floe_teams::routes(), &Arc::new(Teams::new(people.clone(), Arc::new(Owned(projects.clone())))))
            .with(floe_databases::routes(), &databases)
            .with(usage::routes(), &Arc::new(()))
            .with(web::routes(), &Arc::new(()));
        let table = openapi::with_document(table);

        let services = Services {
            projects: projects.clone(),
            identities: people.clone(),
            stores: stores.clone(),
            limiter: Arc::new(InMemory::default()),
            devices,
            signer,
            clock: Arc::clone(&clock),
        };
        let gateway = Gateway::new(gateway_settings(config, &keys), services, table);
        Ok(Self {
            gateway,
            stores,
            outbound,
            queue,
            health,
            setup_token,
            databases,
            webhooks,
            projects,
            people,
            keys,
            clock,
        })
    }

    /// Whether nobody has a console account yet.
    ///
    /// # Errors
    /// When the data can't be read.
    pub async fn is_fresh(&self) -> Result<bool, Failure> {
        Ok(!self.people.has_console_accounts().await?)
    }

    /// Every line of the route table.
    #[must_use]
    pub fn routes(&self) -> Vec<RouteSpec> {
        self.gateway.table().routes().cloned().collect()
    }

    /// Makes a console account and gives its id.
    ///
    /// # Errors
    /// When the address or the password is not good, or the address is taken.
    pub async fn create_console_user(&self, email: &str, password: &Secret, name: &str) -> Result<String, Failure> {
        Ok(floe_accounts::create_console_user(&self.people, &self.stores, email, password, name, self.clock.now())
            .await?)
    }

    /// Makes a project and gives its id.
    ///
    /// # Errors
    /// When the id is not good or taken.
    pub async fn create_project(&self, id: &str, name: &str, team_id: Option<&str>) -> Result<String, Failure> {
        let id = if id == floe_kernel::id::UNIQUE { floe_kernel::id::unique(self.clock.now()) } else { id.to_owned() };
        let new = NewProject { id, name: name.to_owned(), team_id: team_id.unwrap_or_default().to_owned() };
        Ok(self.projects.create(new, self.clock.now()).await?)
    }

    /// Makes an API key with these scopes (`all`, or names separated by commas) and gives its secret.
    ///
    /// # Errors
    /// When there is no such project or scope.
    pub async fn create_key(&self, project_id: &str, name: &str, scopes: &str) -> Result<Secret, Failure> {
        let key = self.projects.create_key(project_id, name, scopes, self.clock.now()).await;
        key.map_err(|error| match error.kind() {
            ErrorKind::ProjectNotFound => format!("there is no project \"{project_id}\"").into(),
            _ => error.into(),
        })
    }

    /// Removes what a server that died has left of projects that were being made or removed. For the server alone: a
    /// command may run beside it.
    ///
    /// # Errors
    /// When that can't be done.
    pub async fn clear_up(&self) -> Result<(), Failure> {
        Ok(self.projects.clear_up().await?)
    }

    /// Starts to do what is left, and what comes, in the background. For the server alone.
    ///
    /// # Errors
    /// When the data can't be read.
    pub async fn work(&self) -> Result<(), Failure> {
        Ok(self.queue.start().await?)
    }

    /// The data of a project; `console` is the platform's.
    ///
    /// # Errors
    /// When there is no such project, or it can't be opened.
    pub async fn store(&self, project: &str) -> Result<Store, Failure> {
        let known = self.projects.project(project).await?.ok_or("there is no such project")?;
        Ok(self.stores.project(&known.id, known.generation).await?)
    }

    /// Brings every project up to this version; gives how many there are.
    ///
    /// # Errors
    /// When some of them can't be: which ones, and why. All others are.
    pub async fn migrate_all(&self) -> Result<usize, Failure> {
        let (all, mut faults) = (self.projects.all().await?, ProjectFaults::default());
        for (id, generation) in &all {
            match self.stores.project(id, *generation).await {
                // Deleted meanwhile.
                Ok(_) | Err(floe_store::Error::ProjectNotFound) => {}
                Err(error) => faults.note(&self.stores, id, error.to_string()).await?,
            }
        }
        faults.refuse_any()?;
        Ok(all.len())
    }

    /// Seals everything that is kept encrypted with the current key, in every project. Where nothing is left that a previous
    /// key opens, those keys needn't be there at the next start.
    ///
    /// # Errors
    /// When two keys look alike, or some of the projects can't be read: which ones, and why. All others are done.
    pub async fn reseal(&self) -> Result<Resealed, Failure> {
        let prefixes: HashSet<_> = self.keys.ids().map(|id| id.prefix()).collect();
        if prefixes.len() < self.keys.ids().collect::<HashSet<_>>().len() {
            return Err("two of the keys can't be told apart: set FLOE_SECRET_KEY to yet another one".into());
        }
        let (mut all, mut faults) = (Resealed::default(), ProjectFaults::default());
        for (id, generation) in self.projects.all().await? {
            match self.reseal_project(&id, generation).await {
                Ok(resealed) => all += resealed,
                // Deleted meanwhile.
                Err(error) if error.kind() == ErrorKind::ProjectNotFound => {}
                Err(error) => faults.note(&self.stores, &id, reason::of_api(&error)).await?,
            }
        }
        // What they hold may need the previous keys.
        faults.refuse_any()?;
        if all.left == 0 {
            self.forget_previous().await?;
        }
        Ok(all)
    }

    async fn reseal_project(&self, id: &str, generation: i64) -> floe_kernel::Result<Resealed> {
        let store = self.stores.project(id, generation).await?;
        let mut all = self.databases.reseal(&store).await?;
        all += self.webhooks.reseal(&store).await?;
        Ok(all)
    }

    /// Notes that nothing is sealed with any key but the current one.
    async fn forget_previous(&self) -> Result<(), Failure> {
        let (platform, current) = (self.stores.platform().await?, self.keys.id().to_string());
        for id in key_register::noted(&platform).await?.iter().filter(|id| **id != current) {
            key_register::forget(&platform, id).await?;
        }
        Ok(())
    }

    /// Commits what waits and closes the data.
    pub async fn close(&self) {
        self.stores.close().await;
    }
}

/// The projects that something could not be done with, while it was done with all others.
#[derive(Default)]
struct ProjectFaults(Vec<String>);

impl ProjectFaults {
    /// Notes what was wrong with one.
    ///
    /// # Errors
    /// When that isn't the project's fault: the database is away.
    async fn note(&mut self, stores: &Stores, id: &str, fault: String) -> Result<(), Failure> {
        stores.ping().await?;
        self.0.push(format!("project {id}: {fault}"));
        Ok(())
    }

    fn refuse_any(self) -> Result<(), Failure> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(format!("{} project(s) can't be used, all others are done:\n{}", self.0.len(), self.0.join("\n")).into())
    }
}

/// What is forgotten when a project is gone.
fn on_project_deleted(people: &Arc<People>, databases: &Arc<Databases>) -> Vec<OnProjectDeleted> {
    let (people, databases) = (Arc::clone(people), Arc::clone(databases));
    vec![Box::new(move |_| people.forget_everybody()), Box::new(move |_| databases.forget())]
}

fn store_settings(config: &Config, clock: &Arc<dyn Clock>) -> StoreSettings {
    let backend = match &config.database.postgres {
        Some(postgres) => Backend::Postgres {
            url: postgres.url.expose().to_owned(),
            pool_size: postgres.pool_size,
            schema_prefix: postgres.schema_prefix.clone(),
        },
        None => Backend::Sqlite { folder: config.database.folder.clone() },
    };
    StoreSettings {
        statement_timeout: config.database.statement_timeout,
        unit_time: config.database.unit_time,
        idle_time: config.database.idle_time,
        max_open: config.database.max_open.unwrap_or(DEFAULT_MAX_OPEN),
        min_free: MinFreeSpace { folder: config.database.folder.clone(), bytes: config.database.min_free },
        is_claimed: floe_projects::is_claimed,
        quota: Quota { rows: config.database.project_rows, bytes: config.database.project_bytes },
        clock: Arc::clone(clock),
        ..StoreSettings::new(backend)
    }
}

fn instance(config: &Config) -> Instance {
    let signup = match config.security.console_signup {
        Signup::Token => floe_console::Signup::Token,
        Signup::Open => floe_console::Signup::Open,
        Signup::Closed => floe_console::Signup::Closed,
    };
    Instance { postgres: config.database.postgres.is_some(), signup, version: VERSION }
}

fn gateway_settings(config: &Config, keys: &RootKeys) -> GatewaySettings {
    GatewaySettings {
        max_body: config.server.max_body,
        body_memory: config.server.body_memory,
        answer_memory: config.server.answer_memory,
        patience: config.server.patience,
        connections_per_address: config.server.connections_per_address,
        trusted_proxies: config.server.trusted_proxies,
        hosts: config.server.hosts.clone(),
        rate_limits: config.security.rate_limits,
        only_loopback: config.server.host.is_loopback() && config.server.trusted_proxies == 0,
        log_key: keys.derive("log"),
        limit_key: keys.derive("limits"),
    }
}
