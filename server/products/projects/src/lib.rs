//! Projects: which there are, what their admins have set, their API keys, and the apps that may call them.
//!
//! Everything here is kept in the platform's own store, so that one look-up tells the pipeline all it must know of a
//! project before it opens that project's store. The look-up is kept in memory and dropped the moment that anything in
//! it changes ([`Projects`] implements [`floe_kernel::directory::Projects`]).
//!
//! Who may do what: a console user reaches the projects of the organisations that they are a member of, and no others,
//! whichever path, header or alias they try. Inside a project, API keys and the admins of its organisation are bound by
//! their scopes.
//!
//! **What is not here yet**: the flat form of the project that SDKs made for response formats before 1.9.5 expect, and
//! the parameters that these SDKs send to the aliases below `/projects/{projectId}`. When a key or a project was last
//! used isn't written down (`accessedAt` stays empty). Policies about passwords, alerts and factors come with what they
//! are about.

// Diesel's types nest deeply, and futures hold them.
#![recursion_limit = "256"]

mod endpoints;
mod model;
mod organisations;
mod params;
mod repository;
mod routes;
mod service;

pub use model::NewProject;
pub use organisations::Organisations;
pub use routes::routes;
pub use service::{OnProjectDeleted, Projects, is_claimed};
