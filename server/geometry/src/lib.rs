//! Points, lines and polygons: what they are on the wire, the frames around them, and how two of them lie to each
//! other. Everything is decided here, in memory, the same for both databases: neither needs an extension.
//!
//! - A [`Shape`] is read from JSON by the rules of its [`Form`]: `[x, y]`, `[[x, y], …]`, `[[[x, y], …], …]`. x is a
//!   longitude of -180 to 180, y a latitude of -90 to 90.
//! - A [`Test`] asks something of shapes: whether they touch another one, or are nearer to it than so much.
//!   [`Test::bounding_box`] says where a shape must be at all to pass: what an index can tell quickly.
//!
//! The plane is flat: degrees are its units, and nothing continues on the other side of the 180th meridian. Only
//! distances in metres are measured on the sphere. The heavy work is done by the crate `geo`, which nobody else here
//! needs to know.

mod read;
mod relate;
mod test;

pub use read::{Form, MAX_POINTS, Shape};
pub use test::{EARTH_RADIUS, Relation, Test, Wanted};
