//! What is left to be done with encrypted columns when the instance's key was replaced.

use super::Databases;
use crate::repository::SchemaRepository;
use floe_kernel::Result;
use floe_store::Store;
use floe_store::tables::{self, Column as StoredColumn, Resealed};

async fn is_there(store: &Store, column: i64) -> Result<bool> {
    let columns = SchemaRepository(&mut store.read().await?).encrypted_columns().await?;
    Ok(columns.iter().any(|(_, there)| there.number == column))
}

impl Databases {
    /// Seals every value of a project's encrypted columns with the current key, where it isn't; see [`tables::reseal`].
    ///
    /// # Errors
    /// Those of the database.
    pub async fn reseal(&self, store: &Store) -> Result<Resealed> {
        let columns = SchemaRepository(&mut store.read().await?).encrypted_columns().await?;
        self.note_key(!columns.is_empty()).await?;
        let mut all = Resealed::default();
        for (table, column) in columns {
            let seal = self.keys.seal(store.project_id(), column.number);
            let stored = store.table(table, 0, Vec::new());
            match tables::reseal(store, &stored, &StoredColumn::name_of(column.number), &seal).await {
                Ok(resealed) => all += resealed,
                // Removed meanwhile.
                Err(_) if !is_there(store, column.number).await? => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(all)
    }
}
