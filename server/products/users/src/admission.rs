//! Who may become a user.

use crate::events;
use crate::model::{Account, User};
use crate::repository::Repository;
use floe_kernel::secret::Secret;
use floe_kernel::{ErrorKind, Result};
use floe_store::{Store, UnitOfWork, conflict_is};

/// Somebody who is to become a user.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    /// The id.
    pub id: String,
    /// The name; empty without one.
    pub name: String,
    /// The email address, in its canonical form.
    pub email: Option<String>,
    /// The phone number.
    pub phone: Option<String>,
    /// The password, which decides nothing but how the user signs in.
    pub password: Option<Secret>,
}

/// Under which condition somebody becomes a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Under none.
    Free,
    /// There are fewer than so many. 0: any number.
    UpTo(i64),
    /// There is nobody yet.
    First,
}

/// Makes somebody a user, with a password that is hashed already.
///
/// # Errors
/// [`ErrorKind::UserAlreadyExists`] when the id or an address is taken, [`ErrorKind::UserCountExceeded`] when the
/// project is full, [`ErrorKind::UserConsoleCountExceeded`] when somebody else was first.
pub async fn register(store: &Store, user: &User, admission: Admission) -> Result<()> {
    let mut unit = store.begin().await?;
    admit(&mut unit, user, admission).await?;
    Ok(unit.commit().await?)
}

/// The same as a part of something bigger.
pub(crate) async fn admit(unit: &mut UnitOfWork, user: &User, admission: Admission) -> Result<()> {
    let (most, refusal) = match admission {
        Admission::Free | Admission::UpTo(0) => (None, ErrorKind::UserCountExceeded),
        Admission::UpTo(most) => (Some(most), ErrorKind::UserCountExceeded),
        Admission::First => (Some(1), ErrorKind::UserConsoleCountExceeded),
    };
    let mut people = Repository(unit);
    if let Some(most) = most {
        people.take_turn().await?;
        if people.has(most).await? {
            return Err(refusal.into());
        }
    }
    people.insert(user).await.map_err(conflict_is(ErrorKind::UserAlreadyExists))?;
    events::emit(unit, events::CREATE, &[&user.id], || Account::from(user)).await
}
