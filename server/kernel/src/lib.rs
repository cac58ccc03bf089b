//! The words that every part of Floe speaks. No I/O, no SQL, no HTTP: whatever is decided here can be tested in
//! memory and means the same behind every door.

pub mod access;
pub mod directory;
pub mod effect;
pub mod error;
pub mod event;
pub mod hops;
pub mod id;
pub mod memory;
pub mod permission;
pub mod query;
pub mod range;
pub mod role;
pub mod scope;
pub mod secret;
pub mod time;
pub mod value;

pub use access::Caller;
pub use error::{Error, ErrorKind, Result};
