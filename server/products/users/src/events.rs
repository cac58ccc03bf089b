//! What this product tells the rest of the house.

use floe_kernel::Result;
use floe_store::UnitOfWork;
use serde::Serialize;

/// Somebody is new here.
pub const CREATE: &str = "users.[userId].create";
/// Somebody is gone.
pub const DELETE: &str = "users.[userId].delete";
/// Somebody has another name.
pub const UPDATE_NAME: &str = "users.[userId].update.name";
/// Somebody has another email address.
pub const UPDATE_EMAIL: &str = "users.[userId].update.email";
/// Somebody has another phone number.
pub const UPDATE_PHONE: &str = "users.[userId].update.phone";
/// Somebody has another password.
pub const UPDATE_PASSWORD: &str = "users.[userId].update.password";
/// Somebody was blocked, or is no longer.
pub const UPDATE_STATUS: &str = "users.[userId].update.status";
/// Somebody has other labels.
pub const UPDATE_LABELS: &str = "users.[userId].update.labels";
/// Somebody has other preferences.
pub const UPDATE_PREFS: &str = "users.[userId].update.prefs";
/// An address of somebody is verified, or is no longer.
pub const UPDATE_VERIFICATION: &str = "users.[userId].update.verification";
/// Somebody has signed in.
pub const CREATE_SESSION: &str = "users.[userId].sessions.[sessionId].create";
/// A session lasts longer.
pub const UPDATE_SESSION: &str = "users.[userId].sessions.[sessionId].update";
/// Somebody has signed out.
pub const DELETE_SESSION: &str = "users.[userId].sessions.[sessionId].delete";
/// Somebody was signed out everywhere.
pub const DELETE_SESSIONS: &str = "users.[userId].sessions.delete";

/// Tells that something happened, in the unit of work in which it does. The one place where this product does.
pub(crate) async fn emit<P: Serialize>(
    unit: &mut UnitOfWork,
    pattern: &'static str,
    ids: &[&str],
    payload: impl FnOnce() -> P,
) -> Result<()> {
    // Models of ours: JSON can express every one of them.
    Ok(unit.emit(pattern, ids, || serde_json::to_string(&payload()).unwrap_or_default()).await?)
}
