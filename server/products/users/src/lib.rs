//! The people of a project: who they are, how they prove it, and where they are signed in.
//!
//! This product owns the tables `users` and `sessions` of every project, the console's among them. What people do with
//! their own account is next door (`floe-accounts`), what servers and admins do with everybody's is here; both go
//! through [`People`], which takes every decision. To the rest of the house it is [`Identities`] and [`Persons`].
//!
//! [`Identities`]: floe_kernel::directory::Identities
//! [`Persons`]: floe_kernel::directory::Persons

// Queries of both databases, futures within futures: the compiler counts deep.
#![recursion_limit = "256"]

mod admission;
mod device;
mod directory;
mod endpoints;
pub mod events;
pub mod input;
mod model;
mod passwords;
mod repository;
mod routes;
mod service;
mod sessions;

pub use admission::{Admission, NewUser, register};
pub use device::Device;
pub use model::{Account, JwtModel, Session, SessionModel, User, UserModel};
pub use passwords::Passwords;
pub use routes::routes;
pub use service::{Changed, Context, Ending, JwtSession, Oneself, People};
pub use sessions::{Provider, SignIn, visit};
