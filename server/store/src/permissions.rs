//! Sets of permissions, each kept once: a row or file holds the number of its set. A set has an order, the one in which it was
//! given: the same permissions in another order are another set.
//!
//! A set never changes, so its number may be cached for as long as one likes, in both directions.

use crate::prelude::*;
use floe_kernel::permission::Permissions;
use sha2::{Digest, Sha256};

mod schema {
    diesel::table! {
        permission_sets (id) {
            id -> BigInt,
            digest -> Text,
            permissions -> Text,
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

/// The number of this set, which is made if it is new.
///
/// # Errors
/// Those of the database.
pub async fn intern(unit: &mut UnitOfWork, permissions: &Permissions) -> Result<i64, Error> {
    let text = permissions.written();
    let digest = hex(&Sha256::digest(&text));
    let known = permission_sets::table.filter(permission_sets::digest.eq(&digest)).select(permission_sets::id);
    if let Some(id) = on_conn!(unit, |c| known.first::<i64>(c)).optional()? {
        return Ok(id);
    }
    let row = (permission_sets::digest.eq(&digest), permission_sets::permissions.eq(&text));
    let insert = diesel::insert_into(permission_sets::table).values(row);
    let made = on_conn!(unit, |c| insert.on_conflict_do_nothing().returning(permission_sets::id).get_result::<i64>(c));
    let Some(id) = made.optional()? else {
        // Somebody else made it in between.
        return Ok(on_conn!(unit, |c| known.first::<i64>(c))?);
    };
    for permission in permissions.iter() {
        let grant = (
            permission_grants::set_id.eq(id),
            permission_grants::action.eq(permission.action.name()),
            permission_grants::role.eq(permission.role.to_string()),
        );
        let insert = diesel::insert_into(permission_grants::table).values(grant);
        on_conn!(unit, |c| insert.on_conflict_do_nothing().execute(c))?;
    }
    Ok(id)
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
