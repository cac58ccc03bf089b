//! Taking away what somebody was allowed, who is gone: the permissions of tables that name them, and their transactions.
//! (Those of rows are interned, and the store looks after them.)

use super::{LISTS, SCHEMAS, table_key};
use crate::repository::SchemaRepository;
use crate::repository::transactions::TransactionRepository;
use floe_kernel::role::RoleHolder;
use floe_store::{Error, UnitOfWork};

/// Takes it away in a project, as part of the unit of work in which they go.
///
/// # Errors
/// Those of storage.
pub(super) async fn revoke(unit: &mut UnitOfWork, gone: &RoleHolder) -> Result<(), Error> {
    if let RoleHolder::User(id) = gone {
        TransactionRepository(unit).remove_of(id).await?;
    }
    for named in SchemaRepository(unit).tables_naming(&gone.role()).await? {
        let Some(left) = named.permissions.without(gone) else { continue };
        SchemaRepository(unit).set_permissions(named.number, &left).await?;
        unit.invalidate(SCHEMAS, &table_key(&named.database_id, &named.table_id));
    }
    // Lists are kept by the roles of who asked for them.
    unit.invalidate_all(LISTS);
    Ok(())
}
