//! One file an endpoint or a close family.

pub(crate) mod keys;
pub(crate) mod platforms;
pub(crate) mod policies;
pub(crate) mod project;
pub(crate) mod projects;
pub(crate) mod switches;
