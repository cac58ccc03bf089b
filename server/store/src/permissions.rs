//! Sets of permissions, each kept once: a row or file holds the number of its set. A set has an order, the one in which it was
//! given: the same permissions in another order are another set.
//!
//! A set never changes but in one way: what it allows to a user or team that is gone is taken from it
//! ([`UnitOfWork::revoke`]), and whoever caches it forgets ([`PERMISSION_SETS`]). Sets that nothing has any more are removed
//! ([`sweep`]); so whoever keeps the number of a set keeps it in a column named [`crate::tables::PERMISSIONS`], with an index,
//! and takes it from [`intern`] in the unit of work that writes it.

use crate::prelude::*;
use floe_kernel::effect::CacheName;
use floe_kernel::permission::Permissions;
use floe_kernel::role::RoleHolder;
use sha2::{Digest, Sha256};

mod sweep;

mod schema {
    diesel::table! {
        permission_sets (id) {
            id -> BigInt,
            digest -> Text,
            permissions -> Text,
            retired -> Nullable<BigInt>,
        }
    }
    diesel::table! {
        permission_grants (action, role, set_id) {
            set_id -> BigInt,
            action -> Text,
            role -> Text,
        }
    }
}
use schema::{permission_grants, permission_sets};
pub(crate) use sweep::{SWEEPER, Sweeper, sweep};

/// How often a set is looked for that others make and take away at the same moment.
const ATTEMPTS: usize = 10;

/// The number of this set, which is made if it is new.
///
/// # Errors
/// Those of the database; [`Error::Busy`] when others make and take away this very set all the time.
pub async fn intern(unit: &mut UnitOfWork, permissions: &Permissions) -> Result<i64, Error> {
    let text = permissions.written();
    let digest = hex(&Sha256::digest(&text));
    for _ in 0..ATTEMPTS {
        let known = permission_sets::table.filter(permission_sets::digest.eq(&digest)).select(permission_sets::id);
        if let Some(id) = on_conn!(unit, |c| known.first::<i64>(c)).optional()? {
            return Ok(id);
        }
        let row = (permission_sets::digest.eq(&digest), permission_sets::permissions.eq(&text));
        let insert = diesel::insert_into(permission_sets::table).values(row).on_conflict_do_nothing();
        let made = on_conn!(unit, |c| insert.returning(permission_sets::id).get_result::<i64>(c));
        // None: on PostgreSQL somebody else made it in between. It may be nobody's by now: whom it is for may have gone.
        if let Some(id) = made.optional()? {
            grant(unit, id, permissions).await?;
            return Ok(id);
        }
    }
    Err(Error::Busy)
}

async fn grant(unit: &mut UnitOfWork, set: i64, permissions: &Permissions) -> Result<(), Error> {
    for permission in permissions.iter() {
        let grant = (
            permission_grants::set_id.eq(set),
            permission_grants::action.eq(permission.action.name()),
            permission_grants::role.eq(permission.role.to_string()),
        );
        let insert = diesel::insert_into(permission_grants::table).values(grant);
        on_conn!(unit, |c| insert.on_conflict_do_nothing().execute(c))?;
    }
    unit.wake(SWEEPER);
    Ok(())
}

/// The cache of what sets allow; its key is the set's number. A set loses what was allowed to somebody who is gone, and
/// nothing else about it ever changes.
pub const PERMISSION_SETS: CacheName = CacheName::new("store.permission_sets");

/// Takes from every set what it allows to somebody who is gone. Such a set keeps its number, for the things that have it,
/// but is given to nothing new.
///
/// # Errors
/// Those of the database.
pub(crate) async fn revoke(unit: &mut UnitOfWork, gone: &RoleHolder) -> Result<(), Error> {
    let query = diesel::sql_query(sets_of(gone, unit.is_sqlite()));
    for Affected { set_id } in on_conn!(unit, |c| query.load::<Affected>(c))? {
        let text = load(unit, set_id).await?;
        let set = Permissions::stored(&text).ok_or_else(|| Error::unavailable(format!("permissions {text}")))?;
        let Some(left) = set.without(gone) else { continue };
        let text = left.canonical();
        // No set is looked for under such a digest.
        let digest = format!("{}-{set_id}", hex(&Sha256::digest(&text)));
        let changed = (permission_sets::digest.eq(digest), permission_sets::permissions.eq(text));
        on_conn!(unit, |c| diesel::update(permission_sets::table.find(set_id)).set(changed).execute(c))?;
        for taken in set.iter().filter(|permission| gone.has(&permission.role)) {
            let grant = permission_grants::table
                .filter(permission_grants::set_id.eq(set_id))
                .filter(permission_grants::action.eq(taken.action.name()))
                .filter(permission_grants::role.eq(taken.role.to_string()));
            on_conn!(unit, |c| diesel::delete(grant).execute(c))?;
        }
        unit.invalidate(PERMISSION_SETS, &set_id.to_string());
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Affected {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    set_id: i64,
}

/// The sets that allow something to somebody: by the index of the grants, where the database can. (An id has no quotes.)
fn sets_of(gone: &RoleHolder, sqlite: bool) -> String {
    let role = gone.role();
    let roles = match (gone, sqlite) {
        (RoleHolder::User(_), _) => format!("role IN ('{role}', '{role}/verified', '{role}/unverified')"),
        // '0' is what follows '/'. PostgreSQL compares by the rules of a language.
        (RoleHolder::Team(_), true) => format!("(role = '{role}' OR (role > '{role}/' AND role < '{role}0'))"),
        (RoleHolder::Team(_), false) => format!("(role = '{role}' OR starts_with(role, '{role}/'))"),
    };
    let actions = "action IN ('create', 'read', 'update', 'delete')";
    format!("SELECT DISTINCT set_id FROM permission_grants WHERE {actions} AND {roles}")
}

/// The permissions of a set, as a JSON list of texts.
///
/// # Errors
/// [`Error::NotFound`] when there is no set of this number, or those of the database.
pub async fn load(conn: &mut Connection, id: i64) -> Result<String, Error> {
    let set = permission_sets::table.find(id).select(permission_sets::permissions);
    Ok(on_conn!(conn, |c| set.first::<String>(c))?)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
