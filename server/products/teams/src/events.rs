//! What this product tells the rest of the house.

use floe_kernel::Result;
use floe_store::UnitOfWork;
use serde::Serialize;

/// There is a new team.
pub const CREATE: &str = "teams.[teamId].create";
/// A team has another name.
pub const UPDATE: &str = "teams.[teamId].update";
/// A team has other preferences.
pub const UPDATE_PREFS: &str = "teams.[teamId].update.prefs";
/// A team is gone.
pub const DELETE: &str = "teams.[teamId].delete";
/// Somebody was added or invited.
pub const CREATE_MEMBERSHIP: &str = "teams.[teamId].memberships.[membershipId].create";
/// Somebody has other roles.
pub const UPDATE_MEMBERSHIP: &str = "teams.[teamId].memberships.[membershipId].update";
/// Somebody has accepted an invitation.
pub const UPDATE_STATUS: &str = "teams.[teamId].memberships.[membershipId].update.status";
/// Somebody has left, or an invitation was taken back.
pub const DELETE_MEMBERSHIP: &str = "teams.[teamId].memberships.[membershipId].delete";

/// Tells that something happened, in the unit of work in which it does. The one place where this product does.
pub(crate) async fn emit(unit: &mut UnitOfWork, pattern: &str, ids: &[&str], payload: &impl Serialize) -> Result<()> {
    // Models of ours: JSON can express every one of them.
    Ok(unit.emit(pattern, ids, || serde_json::to_string(payload).unwrap_or_default()).await?)
}
