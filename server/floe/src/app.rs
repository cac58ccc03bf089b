//! The wiring: every product with what it needs, behind one gateway.

use crate::config::{Config, ConsoleSignup as Signup, DEFAULT_MAX_OPEN};
use crate::organisations::{self, Owned};
use crate::secrets::{require_all, root_keys};
use crate::serve::Failure;
use crate::{VERSION, openapi, usage, web};
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
use floe_kernel::directory::{Persons as _, Projects as _};
use floe_kernel::secret::{Secret, random_hex};
use floe_kernel::time::Clock;
use floe_locale::{Locales, Nowhere};
use floe_outbound::Outbound;
use floe_projects::{NewProject, OnProjectDeleted, Projects};
use floe_sealed::RootKeys;
use floe_store::{Backend, MinFreeSpace, Store, StoreSettings, Stores};
use floe_teams::Teams;
use floe_users::{Passwords, People};
use floe_webhooks::Webhooks;
use std::sync::Arc;

/// Everything that runs in one process.
pub struct App {
    /// The pipeline.
    pub gateway: Arc<Gateway>,
    /// The data.
    pub stores: Stores,
    /// What sends requests to addresses that users name. Each product that does so is given it.
    pub outbound: Outbound,
    /// How the server is.
    pub health: Arc<Health>,
    /// With what the first console account of a fresh instance is made.
    pub setup_token: Secret,
    projects: Arc<Projects>,
    people: Arc<People>,
    clock: Arc<dyn Clock>,
}

impl App {
    /// Opens the data and puts everything together.
    ///
    /// # Errors
    /// When the data can't be opened or brought up to this version.
    pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
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
        let people = Arc::new(People::new(stores.clone(), memberships, Passwords::default(), signer.clone()));
        let databases = Arc::new(Databases::new(&stores, &keys));
        let projects = Arc::new(Projects::new(
            stores.clone(),
            Arc::new(organisations::Teams),
            on_project_deleted(&people, &databases),
        ));
        let outbound = Outbound::new(floe_outbound::Settings {
            allowed: config.outbound.allowed.clone(),
            ..floe_outbound::Settings::default()
        });
        let health = Arc::new(Health::new(stores.clone(), config.database.folder.clone(), VERSION));
        let table = RouteTable::default()
            .with(floe_health::routes(), &health)
            .with(floe_locale::routes(), &Arc::new(Locales::new(Box::new(Nowhere))))
            .with(floe_console::routes(), &Arc::new(Console::new(instance(config), people.clone())))
            .with(floe_projects::routes(), &projects)
            .with(floe_webhooks::routes(), &Arc::new(Webhooks::new(stores.clone(), &keys)))
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
        Ok(Self { gateway, stores, outbound, health, setup_token, projects, people, clock })
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
        Ok(self.projects.create_key(project_id, name, scopes, self.clock.now()).await?)
    }

    /// Removes what a server that died has left of projects that were being made or removed. For the server alone: a
    /// command may run beside it.
    ///
    /// # Errors
    /// When that can't be done.
    pub async fn clear_up(&self) -> Result<(), Failure> {
        Ok(self.projects.clear_up().await?)
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
    /// When one of them can't be.
    pub async fn migrate_all(&self) -> Result<usize, Failure> {
        let all = self.projects.all().await?;
        for (id, generation) in &all {
            self.stores.project(id, *generation).await.map_err(|error| format!("project {id}: {error}"))?;
        }
        Ok(all.len())
    }

    /// Commits what waits and closes the data.
    pub async fn close(&self) {
        self.stores.close().await;
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
