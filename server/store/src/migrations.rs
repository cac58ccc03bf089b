//! Brings a store's tables to the state that this program knows: at start for the platform, at first use for a project.
//!
//! The sets live in `migrations/{sqlite,postgres}/{project,platform}`; every store gets the `project` set, the
//! platform's store the `platform` set as well. Both sides have the same names in the same order (a test makes sure).

use crate::error::{Error, LOCK_TIMED_OUT, Result};
use crate::lock_file;
use crate::postgres::{self, Pool, Session, quoted};
use crate::sqlite::{self, DatabaseFile, Purpose};
use diesel::backend::Backend;
use diesel::connection::{BoxableConnection, Connection};
use diesel::migration::{Migration, MigrationMetadata, MigrationName, MigrationSource, MigrationVersion};
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::fmt;
use std::fs::File;
use std::path::Path;

const SQLITE_PROJECT: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite/project");
const SQLITE_PLATFORM: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite/platform");
const POSTGRES_PROJECT: EmbeddedMigrations = embed_migrations!("../../migrations/postgres/project");
const POSTGRES_PLATFORM: EmbeddedMigrations = embed_migrations!("../../migrations/postgres/platform");

/// How long a migration waits on PostgreSQL for others that use a table, in milliseconds: other nodes' requests queue behind it.
const LOCK_PATIENCE: u32 = 2000;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Which sets a store gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sets {
    Project,
    ProjectAndPlatform,
}

impl Sets {
    fn of<DB: Backend + 'static>(
        self,
        [project, platform]: [&EmbeddedMigrations; 2],
    ) -> Result<Vec<Box<dyn Migration<DB>>>, Failure>
    where
        EmbeddedMigrations: MigrationSource<DB>,
    {
        let mut all = sorted(project)?;
        if self == Self::ProjectAndPlatform {
            let platform = sorted(platform)?.into_iter();
            all.extend(platform.map(|migration| Box::new(OfPlatform::from(migration)) as Box<dyn Migration<DB>>));
        }
        Ok(all)
    }

    /// Whether a store that has had this migration is of this kind. (The platform's store has had those of projects as well.)
    fn knows_own_by(self, migration: &dyn MigrationName) -> bool {
        self == Self::Project || migration.version().to_string().starts_with(PLATFORM_VERSION)
    }

    fn has_own<DB: Backend>(self, all: &[Box<dyn Migration<DB>>], applied: &[MigrationVersion<'static>]) -> bool {
        all.iter().any(|one| self.knows_own_by(one.name()) && applied.contains(&one.name().version()))
    }

    fn sqlite(self) -> Result<Vec<Box<dyn Migration<diesel::sqlite::Sqlite>>>, Failure> {
        self.of([&SQLITE_PROJECT, &SQLITE_PLATFORM])
    }

    fn postgres(self) -> Result<Vec<Box<dyn Migration<diesel::pg::Pg>>>, Failure> {
        self.of([&POSTGRES_PROJECT, &POSTGRES_PLATFORM])
    }
}

fn sorted<DB: Backend>(set: &EmbeddedMigrations) -> Result<Vec<Box<dyn Migration<DB>>>, Failure>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let mut all = set.migrations()?;
    all.sort_by(|a, b| a.name().version().cmp(&b.name().version()));
    Ok(all)
}

/// What the versions of the platform's set begin with.
const PLATFORM_VERSION: &str = "platform-";

/// A migration of the platform's set. Both sets are remembered in one table, by version: with a version of its own kind
/// it can't be taken for one of the projects' set, whatever numbers people choose.
struct OfPlatform<DB> {
    migration: Box<dyn Migration<DB>>,
    name: PlatformName,
}

struct PlatformName(String, MigrationVersion<'static>);

impl<DB: Backend> From<Box<dyn Migration<DB>>> for OfPlatform<DB> {
    fn from(migration: Box<dyn Migration<DB>>) -> Self {
        let version = MigrationVersion::from(format!("{PLATFORM_VERSION}{}", migration.name().version()));
        let name = PlatformName(format!("platform: {}", migration.name()), version);
        Self { migration, name }
    }
}

impl<DB: Backend> Migration<DB> for OfPlatform<DB> {
    fn run(&self, conn: &mut dyn BoxableConnection<DB>) -> diesel::migration::Result<()> {
        self.migration.run(conn)
    }

    fn revert(&self, conn: &mut dyn BoxableConnection<DB>) -> diesel::migration::Result<()> {
        self.migration.revert(conn)
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        self.migration.metadata()
    }

    fn name(&self) -> &dyn MigrationName {
        &self.name
    }
}

impl MigrationName for PlatformName {
    fn version(&self) -> MigrationVersion<'_> {
        self.1.as_owned()
    }
}

impl fmt::Display for PlatformName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs what is missing, the projects' set first, each oldest first.
///
/// A store that has nothing yet gets all at once, in one transaction, or again nothing. In an older one each has a transaction
/// of its own: it may take long, and what is done of a long way stays done. So it is when one of them can't run in any.
fn run<C>(connection: &mut C, all: &[Box<dyn Migration<C::Backend>>]) -> Result<(), Failure>
where
    C: Connection + MigrationHarness<C::Backend> + 'static,
{
    let applied = connection.applied_migrations()?;
    if applied.is_empty() && all.iter().all(|migration| migration.metadata().run_in_transaction()) {
        return connection.transaction(|connection| run_at_once(connection, all));
    }
    for migration in all.iter().filter(|migration| !applied.contains(&migration.name().version())) {
        connection.run_migration(&**migration)?;
    }
    Ok(())
}

/// Without a savepoint and a line in the register for each: that would be four times the statements, and a new project is
/// waited for.
fn run_at_once<C>(connection: &mut C, all: &[Box<dyn Migration<C::Backend>>]) -> Result<(), Failure>
where
    C: Connection + 'static,
{
    for migration in all {
        migration.run(connection).map_err(|error| format!("{}: {error}", migration.name()))?;
    }
    // Versions are made of what we call our folders.
    let versions: Vec<_> = all.iter().map(|migration| format!("('{}')", migration.name().version())).collect();
    if !versions.is_empty() {
        let register = format!("INSERT INTO __diesel_schema_migrations (version) VALUES {}", versions.join(", "));
        connection.batch_execute(&register)?;
    }
    Ok(())
}

/// Migrates a file, and makes sure that it is of this generation. Blocks: to be called on a thread where that is fine.
///
/// Nothing is written, and no lock is taken, when nothing is missing. `recovering`: what is left in the log is moved into
/// the file first, because the disk failed and nobody knows what of the log is there.
pub(crate) fn migrate_file(file: &Path, lock: &Path, sets: Sets, generation: i64, recovering: bool) -> Result<()> {
    let all = sets.sqlite().map_err(Error::unavailable)?;
    let mut connection = sqlite::connect(&DatabaseFile::of(file), Purpose::Migrating)?;
    if recovering {
        diesel::connection::SimpleConnection::batch_execute(&mut *connection, "PRAGMA wal_checkpoint(TRUNCATE)")?;
    }
    let applied = applied_to_file(&mut connection);
    refuse_newer(sets, &all, applied.as_deref().unwrap_or_default())?;
    if !applied.is_some_and(|applied| lacks_nothing(&all, &applied)) {
        let _lock = wait_for(lock)?;
        // Others may have migrated it meanwhile.
        let applied = applied_to_file(&mut connection).unwrap_or_default();
        refuse_newer(sets, &all, &applied)?;
        if !sets.has_own(&all, &applied) {
            refuse_foreign(&mut connection, file)?;
        }
        run(&mut *connection, &all).map_err(Error::unavailable)?;
    }
    match stamp_in(&mut connection)? {
        Some(stamp) if stamp != generation => Err(of_another_making(file.display(), stamp, generation)),
        Some(_) => Ok(()),
        None => {
            diesel::RunQueryDsl::execute(diesel::sql_query(STAMP).bind::<BigInt, _>(generation), &mut *connection)?;
            Ok(())
        }
    }
}

/// Refuses a file that holds tables, and none of ours: it was put there in place of the right one.
fn refuse_foreign(connection: &mut diesel::SqliteConnection, file: &Path) -> Result<()> {
    if table_count(connection)? == 0 {
        return Ok(());
    }
    let name = file.file_name().unwrap_or_default().display();
    Err(Error::Damaged(format!("what lies there as {name} is another database")))
}

/// Whether nothing has been kept in a file yet. Blocks.
pub(crate) fn is_new(file: &Path) -> Result<bool> {
    Ok(table_count(&mut *sqlite::connect(&DatabaseFile::of(file), Purpose::Migrating)?)? == 0)
}

/// Whether a file holds a project's tables, or none yet. Blocks.
pub(crate) fn is_of_project(file: &Path) -> bool {
    let Ok(mut connection) = sqlite::connect(&DatabaseFile::of(file), Purpose::Migrating) else { return false };
    let Ok(all) = Sets::Project.sqlite() else { return false };
    applied_to_file(&mut connection).is_some_and(|applied| Sets::Project.has_own(&all, &applied))
        || table_count(&mut connection).is_ok_and(|tables| tables == 0)
}

/// How many tables there are beside that of the generation, which is made first.
fn table_count(connection: &mut diesel::SqliteConnection) -> Result<i64> {
    let tables = "SELECT count(*) AS tables FROM sqlite_master WHERE type = 'table' AND name <> 'store_generation'";
    Ok(diesel::RunQueryDsl::get_result::<Count>(diesel::sql_query(tables), connection)?.tables)
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    tables: i64,
}

/// Writes the generation into a new, empty file. Blocks. To be called under the lock of migrations: SQLite doesn't wait when
/// two switch a file to WAL mode at once.
pub(crate) fn stamp_file(file: &Path, generation: i64) -> Result<()> {
    let mut connection = sqlite::connect(&DatabaseFile::of(file), Purpose::Migrating)?;
    let stamp = format!(
        "BEGIN IMMEDIATE; CREATE TABLE store_generation (generation BIGINT NOT NULL); \
         INSERT INTO store_generation VALUES ({generation}); COMMIT"
    );
    Ok(diesel::connection::SimpleConnection::batch_execute(&mut *connection, &stamp)?)
}

/// The generation of a file; none when it is older than that there are any. Blocks.
pub(crate) fn generation_of_file(file: &Path) -> Result<Option<i64>> {
    let mut connection = sqlite::connect(&DatabaseFile::of(file), Purpose::Migrating)?;
    // A file without the table fails here, and that is an answer.
    Ok(stamp_in(&mut connection).unwrap_or(None))
}

fn of_another_making(store: impl fmt::Display, stamp: i64, asked: i64) -> Error {
    tracing::warn!(%store, stamp, asked, "the data is of another making of the project than what is asked for");
    Error::OfAnotherMaking(store.to_string())
}

fn stamp_in(connection: &mut diesel::SqliteConnection) -> Result<Option<i64>> {
    let stamp = diesel::RunQueryDsl::get_result::<Stamp>(diesel::sql_query(STAMPED), connection)?;
    Ok(stamp.generation)
}

const STAMPED: &str = "SELECT max(generation) AS generation FROM store_generation";
const STAMP: &str = "INSERT INTO store_generation (generation) VALUES ($1)";

#[derive(diesel::QueryableByName)]
struct Stamp {
    #[diesel(sql_type = diesel::sql_types::Nullable<BigInt>)]
    generation: Option<i64>,
}

/// Takes the lock of a file, which is given back when that is closed; by the system if we die.
pub(crate) fn wait_for(lock: &Path) -> Result<File> {
    let lock = lock_file::open(lock)?;
    lock.lock().map_err(Error::unavailable)?;
    Ok(lock)
}

/// The versions in a file that was migrated before.
fn applied_to_file(connection: &mut diesel::SqliteConnection) -> Option<Vec<MigrationVersion<'static>>> {
    // A file without the table fails here, and that is an answer.
    let versions: Vec<Version> = diesel::RunQueryDsl::load(diesel::sql_query(VERSIONS), connection).ok()?;
    Some(versions.into_iter().map(|row| MigrationVersion::from(row.version)).collect())
}

const VERSIONS: &str = "SELECT version FROM __diesel_schema_migrations";

#[derive(diesel::QueryableByName)]
struct Version {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

/// Refuses what a newer program has migrated: this one would write into it what that one can't read, or misread it. (A
/// project's place in which the platform's data lies isn't newer; nor is a database of another program that uses the same
/// register.)
///
/// # Errors
/// [`Error::Newer`], with the first version that isn't known here.
fn refuse_newer<DB: Backend>(
    sets: Sets,
    all: &[Box<dyn Migration<DB>>],
    applied: &[MigrationVersion<'static>],
) -> Result<()> {
    if !sets.has_own(all, applied) {
        return Ok(());
    }
    let unknown = applied.iter().filter(|version| !all.iter().any(|one| one.name().version() == **version));
    let mut unknown = unknown.map(ToString::to_string);
    let unknown = unknown.find(|version| sets == Sets::ProjectAndPlatform || !version.starts_with(PLATFORM_VERSION));
    unknown.map_or(Ok(()), |version| Err(Error::Newer(version)))
}

fn lacks_nothing<DB: Backend>(all: &[Box<dyn Migration<DB>>], applied: &[MigrationVersion<'static>]) -> bool {
    all.iter().all(|migration| applied.contains(&migration.name().version()))
}

/// Migrates a schema, and makes sure that it is of this generation, on a connection of its own: closing it releases the lock,
/// whatever happens. A few at a time, so that many projects that open at once don't take all the connections that the server
/// has.
pub(crate) async fn migrate_schema(pool: &Pool, schema: &str, sets: Sets, generation: i64) -> Result<()> {
    let _permit = pool.migration().await?;
    let session = pool.connect().await?;
    postgres::run_long(pool, &session, &format!("SET search_path TO {}", quoted(schema))).await?;
    let mut shared = &*session;
    let applied = diesel::sql_query(VERSIONS).load::<Version>(&mut shared);
    // Without the table it fails, and that is an answer.
    let applied = postgres::answered(pool, &session, applied).await.unwrap_or_default();
    let applied: Vec<_> = applied.into_iter().map(|row| MigrationVersion::from(row.version)).collect();
    let is_complete = {
        let all = sets.postgres().map_err(Error::unavailable)?;
        refuse_newer(sets, &all, &applied)?;
        lacks_nothing(&all, &applied)
    };
    if is_complete {
        return check_schema(pool, &session, schema, generation).await;
    }
    let lock =
        format!("SELECT pg_advisory_lock(hashtext('floe migrations of {schema}')); SET lock_timeout = {LOCK_PATIENCE}");
    postgres::run_long(pool, &session, &lock).await?;
    // Migrations block, so they get a thread where that is fine.
    let work = move || -> Result<_, Failure> {
        let mut connection = AsyncConnectionWrapper::<_>::from(session);
        run(&mut connection, &sets.postgres()?)?;
        Ok(connection.into_inner())
    };
    let session = sqlite::on_thread(work).await?.map_err(|error| not_migrated(schema, error))?;
    check_schema(pool, &session, schema, generation).await
}

/// Why a schema is as it was. That others use it is nobody's fault: who asks for it later tries again.
fn not_migrated(schema: &str, error: Failure) -> Error {
    if !error.to_string().contains(LOCK_TIMED_OUT) {
        return Error::unavailable(error);
    }
    tracing::warn!(schema, %error, "can't be brought up to this version yet: others use its tables, such as a dump");
    Error::Busy
}

async fn check_schema(pool: &Pool, session: &Session, schema: &str, generation: i64) -> Result<()> {
    let mut shared = &**session;
    let stamp = diesel::sql_query(STAMPED).get_result::<Stamp>(&mut shared);
    match postgres::answered(pool, session, stamp).await?.generation {
        Some(stamp) if stamp != generation => Err(of_another_making(schema, stamp, generation)),
        Some(_) => Ok(()),
        None => {
            let mut shared = &**session;
            let stamp = diesel::sql_query(STAMP).bind::<BigInt, _>(generation).execute(&mut shared);
            postgres::answered(pool, session, stamp).await?;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::sqlite::SqliteConnection;
    use std::collections::BTreeSet;

    fn names<DB: Backend>(all: &[Box<dyn Migration<DB>>]) -> Vec<String> {
        all.iter().map(|migration| migration.name().to_string()).collect()
    }

    #[test]
    fn both_sides_have_the_same_migrations() {
        for sets in [Sets::Project, Sets::ProjectAndPlatform] {
            assert_eq!(names(&sets.sqlite().unwrap()), names(&sets.postgres().unwrap()));
        }
    }

    #[test]
    fn no_version_is_used_twice() {
        let all = Sets::ProjectAndPlatform.sqlite().unwrap();
        let versions: BTreeSet<_> = all.iter().map(|migration| migration.name().version().to_string()).collect();
        assert_eq!(versions.len(), all.len());
    }

    /// Otherwise it takes several times as long to make a project.
    #[test]
    fn a_new_store_gets_them_in_one_transaction() {
        let all = Sets::ProjectAndPlatform.postgres().unwrap();
        assert!(all.iter().all(|migration| migration.metadata().run_in_transaction()));
    }

    /// A migration that fails, or one that no transaction may be around.
    struct Other(&'static str, bool);

    impl<DB: Backend> Migration<DB> for Other {
        fn run(&self, conn: &mut dyn BoxableConnection<DB>) -> diesel::migration::Result<()> {
            Ok(conn.batch_execute(self.0)?)
        }

        fn revert(&self, _: &mut dyn BoxableConnection<DB>) -> diesel::migration::Result<()> {
            Ok(())
        }

        fn metadata(&self) -> &dyn MigrationMetadata {
            self
        }

        fn name(&self) -> &dyn MigrationName {
            self
        }
    }

    impl MigrationMetadata for Other {
        fn run_in_transaction(&self) -> bool {
            self.1
        }
    }

    impl MigrationName for Other {
        fn version(&self) -> MigrationVersion<'_> {
            MigrationVersion::from("other")
        }
    }

    impl fmt::Display for Other {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("other")
        }
    }

    #[test]
    fn of_one_that_fails_in_a_new_store_nothing_stays_of_any() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let mut all = Sets::ProjectAndPlatform.sqlite().unwrap();
        all.push(Box::new(Other("CREATE TABLE half (done BIGINT); SELECT nonsense", true)));
        let error = run(&mut connection, &all).unwrap_err().to_string();
        assert!(error.starts_with("other: "), "it says which: {error}");
        assert_eq!(connection.applied_migrations().unwrap(), []);
        all.pop();
        run(&mut connection, &all).unwrap();
        assert_eq!(connection.applied_migrations().unwrap().len(), all.len());
    }

    #[test]
    fn one_that_no_transaction_may_be_around_is_run_outside_of_any() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let mut all = Sets::ProjectAndPlatform.sqlite().unwrap();
        all.push(Box::new(Other("VACUUM", false)));
        run(&mut connection, &all).unwrap();
        assert_eq!(connection.applied_migrations().unwrap().len(), all.len());
    }

    /// As it is for a store of an older version: each by itself.
    #[test]
    fn those_that_are_missing_are_run() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let all = Sets::ProjectAndPlatform.sqlite().unwrap();
        run(&mut connection, &all[..3]).unwrap();
        run(&mut connection, &all).unwrap();
        assert_eq!(connection.applied_migrations().unwrap().len(), all.len());
    }

    #[test]
    fn up_down_and_up_again() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let all = Sets::ProjectAndPlatform.sqlite().unwrap();
        run(&mut connection, &all).unwrap();
        for migration in all.iter().rev() {
            connection.revert_migration(&**migration).unwrap();
        }
        assert_eq!(connection.applied_migrations().unwrap(), []);
        run(&mut connection, &all).unwrap();
        assert_eq!(connection.applied_migrations().unwrap().len(), all.len());
    }

    /// Such a fault would come up at COMMIT, which units of work share: see `sqlite::writer`.
    #[test]
    fn no_foreign_key_is_deferred() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/sqlite");
        for set in ["project", "platform"] {
            for migration in std::fs::read_dir(root.join(set)).unwrap() {
                let up = std::fs::read_to_string(migration.unwrap().path().join("up.sql")).unwrap();
                let statements = up.lines().filter(|line| !line.trim_start().starts_with("--"));
                assert!(!statements.collect::<String>().to_uppercase().contains("DEFERRED"));
            }
        }
    }
}
