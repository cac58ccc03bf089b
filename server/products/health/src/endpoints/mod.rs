//! One file an endpoint or a close family.

pub(crate) mod checks;
pub(crate) mod ping;
pub(crate) mod probes;
