//! What goes on in the background of a project, for who manages it: its queues, the jobs in them, and why some failed.
//!
//! Floe's own (Appwrite shows nothing of this). The queues are `floe-queue`'s; here they are shown. Only admins see them: what is to be
//! done may say what a key's owner should not know.

mod endpoints;
mod model;
mod routes;

pub use endpoints::Queues;
pub use routes::routes;
