//! One file an endpoint or a close family.

pub(crate) mod memberships;
pub(crate) mod prefs;
pub(crate) mod status;
pub(crate) mod teams;
