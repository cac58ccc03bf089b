//! What people do with their own account: sign up, sign in, change what is theirs, sign out.
//!
//! The people themselves, their sessions and their tables are next door in `floe-users`; here is what they may do
//! without anybody's help, and who may sign up to the console.

// Queries of both databases, futures within futures: the compiler counts deep.
#![recursion_limit = "256"]

mod endpoints;
mod routes;
mod service;
mod signup;

pub use routes::routes;
pub use service::Accounts;
pub use signup::{ConsoleSignup, create_console_user};
