//! Whose share of what is scarce a call takes: see [`floe_store::Store::on_behalf_of`].

use crate::call::RequestInfo;
use floe_kernel::access::{Caller, Identity};
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// So that nobody can choose an id whose number is another's.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The caller's number: of a user, of a key, or of the network that a guest comes from.
pub(crate) fn of(caller: &Caller, info: &RequestInfo) -> u64 {
    match caller.identity() {
        Identity::Guest => HASHER.hash_one(("guest", info.network())),
        Identity::User { user, .. } => HASHER.hash_one(("user", &user.id)),
        Identity::Key { id, .. } => HASHER.hash_one(("key", id)),
        Identity::Admin { user, .. } => HASHER.hash_one(("admin", &user.id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_share_by_network() {
        let of_guest = |ip: &str| of(&Caller::guest(), &RequestInfo { ip: ip.to_owned(), ..RequestInfo::default() });
        assert_eq!(of_guest("2001:db8::1"), of_guest("2001:db8::2"));
        assert_ne!(of_guest("2001:db8::1"), of_guest("2001:db8:0:1::1"));
        assert_eq!(of_guest("192.0.2.1"), of_guest("::ffff:192.0.2.1"));
        assert_ne!(of_guest("192.0.2.1"), of_guest("192.0.2.2"));
    }
}
