//! Which of the instance's keys something is sealed with: remembered by the platform, so that a server that has lost one of
//! them says so at start, instead of failing at the first value that it can't read.

use crate::prelude::*;
use crate::stores::Stores;
use floe_sealed::KeyId;
use tokio::sync::OnceCell;

mod schema {
    diesel::table! {
        settings (key) {
            key -> Text,
            value -> Text,
        }
    }
}
use schema::settings;

/// What the names of these settings of the platform begin with; the rest is the key's id.
const PREFIX: &str = "sealed_with:";

/// Notes that the current key is in use. One for each who seals; who has one is asked by `floe secret reseal` too, which
/// forgets the other keys when everybody has nothing left that is of them.
pub struct KeyRegister {
    stores: Stores,
    current: KeyId,
    noted: OnceCell<()>,
}

impl KeyRegister {
    /// Notes it in the platform's store.
    #[must_use]
    pub fn new(stores: Stores, current: KeyId) -> Self {
        Self { stores, current, noted: OnceCell::new() }
    }

    /// Something that lasts is about to be sealed. Costs nothing but the first time. To be called before a unit of work is begun:
    /// it has one of its own.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn note(&self) -> Result<(), Error> {
        self.noted.get_or_try_init(|| Box::pin(self.write())).await.copied()
    }

    async fn write(&self) -> Result<(), Error> {
        let key = format!("{PREFIX}{}", self.current);
        let mut unit = self.stores.platform().await?.begin().await?;
        let found = settings::table.find(&key).select(settings::key);
        if on_conn!(unit, |c| found.first::<String>(c)).optional()?.is_some() {
            return Ok(());
        }
        let row = (settings::key.eq(&key), settings::value.eq(""));
        match on_conn!(unit, |c| diesel::insert_into(settings::table).values(row).execute(c)).map_err(Error::from) {
            // Another node was faster.
            Err(error) if error.is_conflict() => Ok(()),
            Err(error) => Err(error),
            Ok(_) => unit.commit().await,
        }
    }
}

/// The ids of the keys that something was sealed with, in the platform's store.
///
/// # Errors
/// Those of the database.
pub async fn noted(platform: &Store) -> Result<Vec<String>, Error> {
    let mut conn = platform.read().await?;
    let query = settings::table.filter(settings::key.like(format!("{PREFIX}%"))).select(settings::key);
    let keys = on_conn!(conn, |c| query.load::<String>(c))?;
    Ok(keys.into_iter().filter_map(|key| key.strip_prefix(PREFIX).map(str::to_owned)).collect())
}

/// Forgets that something was sealed with this key: nobody will be able to read it again. Whether it was known.
///
/// # Errors
/// Those of the database.
pub async fn forget(platform: &Store, id: &str) -> Result<bool, Error> {
    let mut unit = platform.begin().await?;
    let found = settings::table.filter(settings::key.eq(format!("{PREFIX}{id}")));
    let was_known = on_conn!(unit, |c| diesel::delete(found).execute(c))? > 0;
    unit.commit().await?;
    Ok(was_known)
}
