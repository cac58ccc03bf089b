//! API keys. Nobody gives what they don't have, nor takes it from who has more: a key makes, changes and ends keys only
//! within its own scopes and its own time. What an admin may give doesn't depend on what they may enter themselves: they own the project.

use super::{Projects, not_found};
use crate::model::Key;
use crate::repository::{self, KEY_FIELDS, ProjectRepository};
use floe_kernel::access::{Caller, Identity};
use floe_kernel::directory::Project;
use floe_kernel::query::Queries;
use floe_kernel::scope::{self, Scope, Scopes};
use floe_kernel::secret::{Secret, hash, random_hex};
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result, id};
use floe_store::conflict_is;

/// The secret's random bytes; twice as many characters.
const SECRET_BYTES: usize = 128;

/// What a caller wants a key to be.
#[derive(Debug)]
pub(crate) struct KeyChange {
    pub(crate) name: String,
    pub(crate) scopes: Scopes,
    pub(crate) expires: Option<Timestamp>,
}

impl Projects {
    /// Makes a key and gives its secret, which nobody can ask for again. For an operator: `scopes` is `all`, or names
    /// separated by commas.
    ///
    /// # Errors
    /// [`ErrorKind::GeneralArgumentInvalid`] for a scope that no key can have, [`ErrorKind::ProjectNotFound`].
    pub async fn create_key(&self, project_id: &str, name: &str, scopes: &str, now: Timestamp) -> Result<Secret> {
        let scopes = named_scopes(scopes)?;
        let change = KeyChange { name: name.to_owned(), scopes, expires: None };
        Ok(self.make_key(project_id, id::unique(now), change, now).await?.1)
    }

    /// Makes a key for this caller.
    pub(crate) async fn create_key_for(
        &self,
        caller: &Caller,
        project: &Project,
        id: String,
        change: KeyChange,
        now: Timestamp,
    ) -> Result<(Key, Secret)> {
        within_reach(caller, project, change.scopes, change.expires)?;
        self.make_key(&project.id, id, change, now).await
    }

    async fn make_key(&self, project_id: &str, id: String, change: KeyChange, now: Timestamp) -> Result<(Key, Secret)> {
        let secret = Secret::new(format!("standard_{}", random_hex(SECRET_BYTES)));
        let KeyChange { name, scopes, expires } = change;
        let key = Key { id, name, scopes, expires, accessed: None, created: now, updated: now };
        let mut unit = self.begin_change(project_id).await?;
        let mut projects = ProjectRepository(&mut unit);
        projects.project(project_id).await?.ok_or_else(not_found)?;
        projects
            .add_key(project_id, &key, &hash(secret.expose()))
            .await
            .map_err(conflict_is(ErrorKind::KeyAlreadyExists))?;
        unit.commit().await.map_err(conflict_is(ErrorKind::KeyAlreadyExists))?;
        Ok((key, secret))
    }

    /// The keys of a project.
    pub(crate) async fn list_keys(&self, project_id: &str, queries: &Queries, total: bool) -> Result<(i64, Vec<Key>)> {
        let selection = queries.resolve_whole(KEY_FIELDS)?.counted(total);
        Ok(repository::list_keys(&self.platform().await?, project_id, &selection).await?)
    }

    /// A key of a project.
    pub(crate) async fn get_key(&self, project_id: &str, id: &str) -> Result<Key> {
        let mut conn = self.platform().await?.read().await?;
        ProjectRepository(&mut conn).key(project_id, id).await?.ok_or_else(|| ErrorKind::KeyNotFound.into())
    }

    /// Changes a key; its secret stays.
    pub(crate) async fn update_key(
        &self,
        caller: &Caller,
        project: &Project,
        id: &str,
        change: KeyChange,
        now: Timestamp,
    ) -> Result<Key> {
        within_reach(caller, project, change.scopes, change.expires)?;
        let mut unit = self.begin_change(&project.id).await?;
        let mut projects = ProjectRepository(&mut unit);
        let key = projects.key_to_change(&project.id, id).await?.ok_or(ErrorKind::KeyNotFound)?;
        within_reach(caller, project, key.scopes, key.expires)?;
        let KeyChange { name, scopes, expires } = change;
        let key = Key { name, scopes, expires, updated: now, ..key };
        projects.save_key(&project.id, &key).await?;
        unit.commit().await?;
        Ok(key)
    }

    /// Ends a key.
    pub(crate) async fn delete_key(&self, caller: &Caller, project: &Project, id: &str) -> Result<()> {
        let mut unit = self.begin_change(&project.id).await?;
        let mut projects = ProjectRepository(&mut unit);
        let key = projects.key_to_change(&project.id, id).await?.ok_or(ErrorKind::KeyNotFound)?;
        within_reach(caller, project, key.scopes, key.expires)?;
        projects.remove_key(&project.id, id).await?;
        Ok(unit.commit().await?)
    }
}

/// Refuses a key that wants to make more of a key than it is itself, or to change one that is more: one with these scopes
/// that ends then.
fn within_reach(caller: &Caller, project: &Project, scopes: Scopes, expires: Option<Timestamp>) -> Result<()> {
    let Identity::Key { id, .. } = caller.identity() else { return Ok(()) };
    let denied = |why: &'static str| Err(Error::new(ErrorKind::KeyCreationDenied).message(why));
    let own = project.keys.iter().find(|key| key.id == *id);
    let Some(own) = own.filter(|own| own.scopes.covers(scopes)) else {
        return denied("An API key can't give, change or end scopes that it doesn't have itself.");
    };
    match (own.expires_at, expires) {
        (Some(own), Some(wanted)) if wanted <= own => Ok(()),
        (None, _) => Ok(()),
        _ => denied("An API key can't give, change or end access that lasts longer than it does itself."),
    }
}

fn named_scopes(names: &str) -> Result<Scopes> {
    if names == "all" {
        return Ok(scope::PROJECT);
    }
    let scopes = names.split(',').map(str::trim).map(|name| {
        if name == "all" {
            return Err(Error::invalid("scopes", "\"all\" stands alone, without names of scopes"));
        }
        let known = Scope::parse(name).filter(|scope| scope::PROJECT.has(*scope));
        known.ok_or_else(|| Error::invalid("scopes", format!("\"{name}\" is no scope that an API key can have")))
    });
    scopes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use floe_kernel::directory::{ApiKey, ProjectSettings};

    fn project(scopes: &[Scope], expires_at: Option<Timestamp>) -> Project {
        let key = ApiKey {
            id: "k".into(),
            name: "n".into(),
            secret_hash: "h".into(),
            scopes: Scopes::of(scopes),
            expires_at,
        };
        Project {
            id: "p".into(),
            name: "p".into(),
            team_id: String::new(),
            keys: vec![key],
            generation: 1,
            web_hosts: Vec::new(),
            settings: ProjectSettings::default(),
        }
    }

    fn outcome(project: &Project, scopes: &[Scope], expires: Option<Timestamp>) -> Option<ErrorKind> {
        let caller = Caller::key("k".into(), "n".into(), project.keys[0].scopes);
        within_reach(&caller, project, Scopes::of(scopes), expires).err().map(|error| error.kind())
    }

    #[test]
    fn a_key_gives_no_more_than_it_has() {
        let (soon, later) = (Timestamp::from_millis(1000), Timestamp::from_millis(2000));
        let lasting = project(&[Scope::KeysWrite, Scope::RowsRead], None);
        assert_eq!(outcome(&lasting, &[Scope::RowsRead], Some(later)), None);
        assert_eq!(outcome(&lasting, &[Scope::RowsWrite], None), Some(ErrorKind::KeyCreationDenied));
        // Every key may look at the server's health, but not hand that on as a scope of its own.
        assert_eq!(outcome(&lasting, &[Scope::HealthRead], None), Some(ErrorKind::KeyCreationDenied));
        let ending = project(&[Scope::KeysWrite], Some(soon));
        assert_eq!(outcome(&ending, &[Scope::KeysWrite], Some(soon)), None);
        assert_eq!(outcome(&ending, &[], Some(later)), Some(ErrorKind::KeyCreationDenied));
        assert_eq!(outcome(&ending, &[], None), Some(ErrorKind::KeyCreationDenied));
    }

    #[test]
    fn scopes_are_named_or_all() {
        assert_eq!(named_scopes("all").unwrap(), scope::PROJECT);
        assert_eq!(named_scopes("rows.read, users.write").unwrap(), Scopes::of(&[Scope::RowsRead, Scope::UsersWrite]));
        for names in ["", "everything", "rows.read,projects.write"] {
            assert_eq!(named_scopes(names).unwrap_err().kind(), ErrorKind::GeneralArgumentInvalid);
        }
    }
}
