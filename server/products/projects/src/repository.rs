//! What is kept of projects: the tables `projects`, `api_keys` and `platforms` of the platform's store. The only file
//! with queries.

use crate::model::{Details, Key, Platform, Project};
use floe_kernel::directory::ApiKey;
use floe_kernel::query::{Field, Fields, Selection};
use floe_kernel::scope::{Scope, Scopes};
use floe_kernel::time::Timestamp;
use floe_kernel::value::{Kind, Value};
use floe_store::json;
use floe_store::prelude::*;
use floe_store::query::{Predicate, TableRef};

mod schema {
    diesel::table! {
        projects (number) {
            number -> BigInt,
            generation -> BigInt,
            id -> Text,
            name -> Text,
            team_id -> Text,
            region -> Text,
            labels -> Text,
            settings -> Text,
            details -> Text,
            deleting -> Bool,
            making -> Bool,
            accessed_at -> Nullable<BigInt>,
            search -> Text,
            created_at -> BigInt,
            updated_at -> BigInt,
        }
    }
    diesel::table! {
        api_keys (number) {
            number -> BigInt,
            project_id -> Text,
            id -> Text,
            name -> Text,
            secret_hash -> Text,
            scopes -> Text,
            expires_at -> Nullable<BigInt>,
            accessed_at -> Nullable<BigInt>,
            created_at -> BigInt,
            updated_at -> BigInt,
        }
    }
    diesel::table! {
        platforms (number) {
            number -> BigInt,
            project_id -> Text,
            id -> Text,
            name -> Text,
            #[sql_name = "type"]
            kind -> Text,
            hostname -> Text,
            identifier -> Text,
            created_at -> BigInt,
            updated_at -> BigInt,
        }
    }
    diesel::allow_tables_to_appear_in_same_query!(projects, platforms);
}
use schema::{api_keys, platforms, projects};

/// A field that holds a list, in a column of the same name.
const fn list_field(name: &'static str) -> Field {
    Field::list(name, name, Kind::Text)
}

/// What lists of projects may be filtered and sorted by.
pub(crate) const PROJECT_FIELDS: Fields<'static> = Fields {
    fields: &[
        Field::required("$id", "id", Kind::Text),
        Field::required("$createdAt", "created_at", Kind::Datetime),
        Field::required("$updatedAt", "updated_at", Kind::Datetime),
        Field::required("$sequence", "number", Kind::Integer),
        Field::required("name", "name", Kind::Text),
        Field::required("teamId", "team_id", Kind::Text),
        Field::required("search", "search", Kind::Text),
        Field::optional("accessedAt", "accessed_at", Kind::Datetime),
        list_field("labels"),
    ],
    sequence: "number",
};

/// What lists of keys may be filtered and sorted by.
pub(crate) const KEY_FIELDS: Fields<'static> = Fields {
    fields: &[
        Field::required("$id", "id", Kind::Text),
        Field::required("$createdAt", "created_at", Kind::Datetime),
        Field::required("$updatedAt", "updated_at", Kind::Datetime),
        Field::required("$sequence", "number", Kind::Integer),
        Field::required("name", "name", Kind::Text),
        Field::optional("expire", "expires_at", Kind::Datetime),
        Field::optional("accessedAt", "accessed_at", Kind::Datetime),
        list_field("scopes"),
    ],
    sequence: "number",
};

/// What lists of platforms may be filtered and sorted by.
pub(crate) const PLATFORM_FIELDS: Fields<'static> = Fields {
    fields: &[
        Field::required("$id", "id", Kind::Text),
        Field::required("$createdAt", "created_at", Kind::Datetime),
        Field::required("$updatedAt", "updated_at", Kind::Datetime),
        Field::required("$sequence", "number", Kind::Integer),
        Field::required("name", "name", Kind::Text),
        Field::required("type", "type", Kind::Text),
        Field::required("hostname", "hostname", Kind::Text),
    ],
    sequence: "number",
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = projects)]
struct ProjectRow {
    generation: i64,
    id: String,
    name: String,
    team_id: String,
    region: String,
    labels: String,
    settings: String,
    accessed_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<ProjectRow> for Project {
    type Error = Error;

    fn try_from(row: ProjectRow) -> Result<Self, Error> {
        Ok(Self {
            labels: json::read(&row.labels)?,
            settings: json::read(&row.settings)?,
            generation: row.generation,
            id: row.id,
            name: row.name,
            team_id: row.team_id,
            region: row.region,
            accessed: row.accessed_at.map(Timestamp::from_millis),
            created: Timestamp::from_millis(row.created_at),
            updated: Timestamp::from_millis(row.updated_at),
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys)]
struct KeyRow {
    id: String,
    name: String,
    secret_hash: String,
    scopes: String,
    expires_at: Option<i64>,
    accessed_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<KeyRow> for Key {
    type Error = Error;

    fn try_from(row: KeyRow) -> Result<Self, Error> {
        Ok(Self {
            scopes: stored_scopes(&row.scopes)?,
            id: row.id,
            name: row.name,
            expires: row.expires_at.map(Timestamp::from_millis),
            accessed: row.accessed_at.map(Timestamp::from_millis),
            created: Timestamp::from_millis(row.created_at),
            updated: Timestamp::from_millis(row.updated_at),
        })
    }
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = Error;

    fn try_from(row: KeyRow) -> Result<Self, Error> {
        Ok(Self {
            scopes: stored_scopes(&row.scopes)?,
            id: row.id,
            name: row.name,
            secret_hash: row.secret_hash,
            expires_at: row.expires_at.map(Timestamp::from_millis),
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = platforms)]
struct PlatformRow {
    id: String,
    name: String,
    kind: String,
    hostname: String,
    identifier: String,
    created_at: i64,
    updated_at: i64,
}

impl From<PlatformRow> for Platform {
    fn from(row: PlatformRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            kind: row.kind,
            hostname: row.hostname,
            identifier: row.identifier,
            created: Timestamp::from_millis(row.created_at),
            updated: Timestamp::from_millis(row.updated_at),
        }
    }
}

/// A scope that a later version took away is no longer held by anybody.
fn stored_scopes(text: &str) -> Result<Scopes, Error> {
    Ok(json::read::<Vec<String>>(text)?.iter().filter_map(|name| Scope::parse(name)).collect())
}

fn scopes_text(scopes: Scopes) -> Result<String, Error> {
    json::write(&scopes.iter().map(Scope::name).collect::<Vec<_>>())
}

fn search_text(id: &str, name: &str) -> String {
    format!("{id} {name}").to_lowercase()
}

/// The platform's tables, through one connection.
pub(crate) struct ProjectRepository<'c>(pub(crate) &'c mut Connection);

impl ProjectRepository<'_> {
    /// The project of this id, unless it is being removed.
    pub(crate) async fn project(&mut self, id: &str) -> Result<Option<Project>, Error> {
        let query = projects::table.filter(projects::id.eq(id)).filter(projects::deleting.eq(false));
        let row = on_conn!(self.0, |c| query.select(ProjectRow::as_select()).first::<ProjectRow>(c)).optional()?;
        row.map(Project::try_from).transpose()
    }

    /// The same, making others who want to change it wait until this unit of work is done.
    pub(crate) async fn project_to_change(&mut self, id: &str, now: Timestamp) -> Result<Option<Project>, Error> {
        let found = projects::table.filter(projects::id.eq(id)).filter(projects::deleting.eq(false));
        let update = diesel::update(found).set(projects::updated_at.eq(now.millis()));
        let row = on_conn!(self.0, |c| update.returning(ProjectRow::as_returning()).get_result::<ProjectRow>(c))
            .optional()?;
        row.map(Project::try_from).transpose()
    }

    /// Reserves a project's id, for one whose data isn't made yet: nobody finds it.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `id`.
    pub(crate) async fn reserve_project(&mut self, project: &Project) -> Result<(), Error> {
        let row = (
            projects::generation.eq(project.generation),
            projects::id.eq(&project.id),
            projects::name.eq(&project.name),
            projects::team_id.eq(&project.team_id),
            projects::region.eq(&project.region),
            projects::labels.eq(json::write(&project.labels)?),
            projects::settings.eq(json::write(&project.settings)?),
            projects::details.eq(json::write(&Details::default())?),
            projects::deleting.eq(true),
            projects::making.eq(true),
            projects::search.eq(search_text(&project.id, &project.name)),
            projects::created_at.eq(project.created.millis()),
            projects::updated_at.eq(project.updated.millis()),
        );
        on_conn!(self.0, |c| diesel::insert_into(projects::table).values(row).execute(c))?;
        Ok(())
    }

    /// Shows a project whose data is made. Whether it is still reserved.
    pub(crate) async fn publish_project(&mut self, generation: i64) -> Result<bool, Error> {
        let found = projects::table.filter(projects::generation.eq(generation)).filter(projects::deleting.eq(true));
        let update = diesel::update(found).set((projects::deleting.eq(false), projects::making.eq(false)));
        Ok(on_conn!(self.0, |c| update.execute(c))? > 0)
    }

    /// Saves what may change of a project, but for its details.
    pub(crate) async fn save_project(&mut self, project: &Project) -> Result<(), Error> {
        let row = (
            projects::name.eq(&project.name),
            projects::team_id.eq(&project.team_id),
            projects::labels.eq(json::write(&project.labels)?),
            projects::settings.eq(json::write(&project.settings)?),
            projects::search.eq(search_text(&project.id, &project.name)),
            projects::updated_at.eq(project.updated.millis()),
        );
        let update = diesel::update(projects::table.filter(projects::id.eq(&project.id))).set(row);
        on_conn!(self.0, |c| update.execute(c))?;
        Ok(())
    }

    /// Saves what people write about a project.
    pub(crate) async fn save_details(&mut self, id: &str, details: &Details) -> Result<(), Error> {
        let update = diesel::update(projects::table.filter(projects::id.eq(id)))
            .set(projects::details.eq(json::write(details)?));
        on_conn!(self.0, |c| update.execute(c))?;
        Ok(())
    }

    /// Says that a project's data is about to be removed: nobody finds it any more, and nobody gets its id yet. Gives its
    /// generation, if there was such a project.
    pub(crate) async fn begin_deletion(&mut self, id: &str) -> Result<Option<i64>, Error> {
        let found = projects::table.filter(projects::id.eq(id)).filter(projects::deleting.eq(false));
        let update = diesel::update(found).set(projects::deleting.eq(true)).returning(projects::generation);
        Ok(on_conn!(self.0, |c| update.get_result::<i64>(c)).optional()?)
    }

    /// Forgets a project whose data is removed, with its keys and platforms.
    pub(crate) async fn end_deletion(&mut self, generation: i64) -> Result<(), Error> {
        let found = projects::table.filter(projects::generation.eq(generation)).filter(projects::deleting.eq(true));
        on_conn!(self.0, |c| diesel::delete(found).execute(c))?;
        Ok(())
    }

    /// The projects whose data is being made (or else removed): their ids and generations.
    pub(crate) async fn half_done(&mut self, making: bool) -> Result<Vec<(String, i64)>, Error> {
        let found = projects::table.filter(projects::deleting.eq(true)).filter(projects::making.eq(making));
        let query = found.select((projects::id, projects::generation));
        Ok(on_conn!(self.0, |c| query.load::<(String, i64)>(c))?)
    }

    /// Every project that there is, the oldest first: their ids and generations.
    pub(crate) async fn all_projects(&mut self) -> Result<Vec<(String, i64)>, Error> {
        let query = projects::table.filter(projects::deleting.eq(false)).order_by(projects::number);
        let query = query.select((projects::id, projects::generation));
        Ok(on_conn!(self.0, |c| query.load::<(String, i64)>(c))?)
    }

    /// The projects of an organisation.
    pub(crate) async fn project_ids_of_team(&mut self, team_id: &str) -> Result<Vec<String>, Error> {
        let query = projects::table.filter(projects::team_id.eq(team_id)).filter(projects::deleting.eq(false));
        Ok(on_conn!(self.0, |c| query.select(projects::id).load::<String>(c))?)
    }

    /// Every key of a project, as authentication needs them.
    pub(crate) async fn api_keys(&mut self, project_id: &str) -> Result<Vec<ApiKey>, Error> {
        let query = api_keys::table.filter(api_keys::project_id.eq(project_id));
        let rows = on_conn!(self.0, |c| query.select(KeyRow::as_select()).load::<KeyRow>(c))?;
        rows.into_iter().map(ApiKey::try_from).collect()
    }

    /// The key of this id in this project.
    pub(crate) async fn key(&mut self, project_id: &str, id: &str) -> Result<Option<Key>, Error> {
        let query = api_keys::table.filter(api_keys::project_id.eq(project_id)).filter(api_keys::id.eq(id));
        let row = on_conn!(self.0, |c| query.select(KeyRow::as_select()).first::<KeyRow>(c)).optional()?;
        row.map(Key::try_from).transpose()
    }

    /// The same, making others who want to change it wait until this unit of work is done.
    pub(crate) async fn key_to_change(&mut self, project_id: &str, id: &str) -> Result<Option<Key>, Error> {
        let found = api_keys::table.filter(api_keys::project_id.eq(project_id)).filter(api_keys::id.eq(id));
        let update = diesel::update(found).set(api_keys::id.eq(id));
        let row = on_conn!(self.0, |c| update.returning(KeyRow::as_returning()).get_result::<KeyRow>(c)).optional()?;
        row.map(Key::try_from).transpose()
    }

    /// Adds a key.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `id`, and when there is no such project.
    pub(crate) async fn add_key(&mut self, project_id: &str, key: &Key, secret_hash: &str) -> Result<(), Error> {
        let row = (
            api_keys::project_id.eq(project_id),
            api_keys::id.eq(&key.id),
            api_keys::name.eq(&key.name),
            api_keys::secret_hash.eq(secret_hash),
            api_keys::scopes.eq(scopes_text(key.scopes)?),
            api_keys::expires_at.eq(key.expires.map(Timestamp::millis)),
            api_keys::created_at.eq(key.created.millis()),
            api_keys::updated_at.eq(key.updated.millis()),
        );
        on_conn!(self.0, |c| diesel::insert_into(api_keys::table).values(row).execute(c))?;
        Ok(())
    }

    /// Saves what may change of a key.
    pub(crate) async fn save_key(&mut self, project_id: &str, key: &Key) -> Result<(), Error> {
        let row = (
            api_keys::name.eq(&key.name),
            api_keys::scopes.eq(scopes_text(key.scopes)?),
            api_keys::expires_at.eq(key.expires.map(Timestamp::millis)),
            api_keys::updated_at.eq(key.updated.millis()),
        );
        let found = api_keys::table.filter(api_keys::project_id.eq(project_id)).filter(api_keys::id.eq(&key.id));
        on_conn!(self.0, |c| diesel::update(found).set(row).execute(c))?;
        Ok(())
    }

    /// Removes a key.
    pub(crate) async fn remove_key(&mut self, project_id: &str, id: &str) -> Result<(), Error> {
        let found = api_keys::table.filter(api_keys::project_id.eq(project_id)).filter(api_keys::id.eq(id));
        on_conn!(self.0, |c| diesel::delete(found).execute(c))?;
        Ok(())
    }

    /// The hosts of a project's web apps.
    pub(crate) async fn web_hosts(&mut self, project_id: &str) -> Result<Vec<String>, Error> {
        let query = platforms::table.filter(platforms::project_id.eq(project_id)).filter(platforms::hostname.ne(""));
        Ok(on_conn!(self.0, |c| query.select(platforms::hostname).load::<String>(c))?)
    }

    /// The id of some project that has a web app on one of these hosts.
    pub(crate) async fn project_on(&mut self, hosts: &[String]) -> Result<Option<String>, Error> {
        let query = platforms::table
            .inner_join(projects::table.on(projects::id.eq(platforms::project_id)))
            .filter(platforms::hostname.eq_any(hosts))
            .filter(projects::deleting.eq(false))
            .select(platforms::project_id);
        Ok(on_conn!(self.0, |c| query.first::<String>(c)).optional()?)
    }

    /// The platform of this id in this project.
    pub(crate) async fn platform(&mut self, project_id: &str, id: &str) -> Result<Option<Platform>, Error> {
        let query = platforms::table.filter(platforms::project_id.eq(project_id)).filter(platforms::id.eq(id));
        let row = on_conn!(self.0, |c| query.select(PlatformRow::as_select()).first::<PlatformRow>(c)).optional()?;
        Ok(row.map(Into::into))
    }

    /// Adds a platform.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `id`, and when there is no such project.
    pub(crate) async fn add_platform(&mut self, project_id: &str, platform: &Platform) -> Result<(), Error> {
        let row = (
            platforms::project_id.eq(project_id),
            platforms::id.eq(&platform.id),
            platforms::name.eq(&platform.name),
            platforms::kind.eq(&platform.kind),
            platforms::hostname.eq(&platform.hostname),
            platforms::identifier.eq(&platform.identifier),
            platforms::created_at.eq(platform.created.millis()),
            platforms::updated_at.eq(platform.updated.millis()),
        );
        on_conn!(self.0, |c| diesel::insert_into(platforms::table).values(row).execute(c))?;
        Ok(())
    }

    /// Saves what may change of a platform.
    pub(crate) async fn save_platform(&mut self, project_id: &str, platform: &Platform) -> Result<(), Error> {
        let row = (
            platforms::name.eq(&platform.name),
            platforms::hostname.eq(&platform.hostname),
            platforms::identifier.eq(&platform.identifier),
            platforms::updated_at.eq(platform.updated.millis()),
        );
        let found =
            platforms::table.filter(platforms::project_id.eq(project_id)).filter(platforms::id.eq(&platform.id));
        on_conn!(self.0, |c| diesel::update(found).set(row).execute(c))?;
        Ok(())
    }

    /// Removes a platform. Whether there was one.
    pub(crate) async fn remove_platform(&mut self, project_id: &str, id: &str) -> Result<bool, Error> {
        let found = platforms::table.filter(platforms::project_id.eq(project_id)).filter(platforms::id.eq(id));
        Ok(on_conn!(self.0, |c| diesel::delete(found).execute(c))? > 0)
    }
}

/// The projects of these organisations that a list asks for, and how many there are in all.
pub(crate) async fn list_projects(
    store: &Store,
    team_ids: &[String],
    search: &str,
    selection: &Selection,
) -> Result<(i64, Vec<Project>), Error> {
    let place = TableRef::fixed("projects", "id");
    let teams = team_ids.iter().map(|id| Predicate::is("team_id", Value::Text(id.clone())));
    let visible = [
        Some(Predicate::any(teams)),
        Some(Predicate::is("deleting", Value::Boolean(false))),
        Predicate::searched("search", &search.to_lowercase()),
    ];
    let (total, rows) = on_list!(store, &place, selection, Some(Predicate::all(visible.into_iter().flatten())), projects::table => ProjectRow);
    Ok((total, rows.into_iter().map(Project::try_from).collect::<Result<_, _>>()?))
}

/// The keys of a project that a list asks for, and how many there are in all.
pub(crate) async fn list_keys(
    store: &Store,
    project_id: &str,
    selection: &Selection,
) -> Result<(i64, Vec<Key>), Error> {
    let place = TableRef::fixed("api_keys", "id");
    let (total, rows) = on_list!(store, &place, selection, Some(of_project(project_id)), api_keys::table => KeyRow);
    Ok((total, rows.into_iter().map(Key::try_from).collect::<Result<_, _>>()?))
}

/// The platforms of a project that a list asks for, and how many there are in all.
pub(crate) async fn list_platforms(
    store: &Store,
    project_id: &str,
    selection: &Selection,
) -> Result<(i64, Vec<Platform>), Error> {
    let place = TableRef::fixed("platforms", "id");
    let (total, rows) =
        on_list!(store, &place, selection, Some(of_project(project_id)), platforms::table => PlatformRow);
    Ok((total, rows.into_iter().map(Into::into).collect()))
}

fn of_project(id: &str) -> Predicate {
    Predicate::is("project_id", Value::Text(id.to_owned()))
}
