//! What people do with their own account.

pub(crate) mod accounts;
pub(crate) mod changes;
pub(crate) mod jwts;
pub(crate) mod sessions;
