//! Teams: groups of users who share roles (`team:<id>`, `team:<id>/<role>`). The teams of the console are the
//! organisations that own projects; the code is the same.
//!
//! Only its members see a team, only its owners change it, and a team that had an owner keeps one. Servers and admins
//! may do everything. A membership counts from the moment it is confirmed: roles come from [`Directory`], which tells
//! nobody of the others.
//!
//! **What is not here yet**: mail. A server or an admin adds members at once (`POST /teams/{teamId}/memberships`); an
//! owner who invites somebody from a client would have a link sent to them, and is told `general_smtp_disabled` (503)
//! until there is a mail server to send it. Accepting an invitation by its secret works.

// Diesel's types nest deeply, and futures hold them.
#![recursion_limit = "256"]

mod endpoints;
pub mod events;
mod model;
mod owned;
mod params;
mod repository;
mod routes;
mod service;

pub use owned::OwnedProjects;
pub use routes::routes;
pub use service::{Directory, Teams, hold};
