//! Devices that have entered an account before: a way in that strangers' guesses don't close.

use crate::param::Email;
use floe_kernel::secret::{Secret, keyed_digest, random_hex};
use floe_kernel::time::Timestamp;

/// For how many days a device is known after it has last signed in.
const DAYS: i64 = 180;

/// Knows devices again. What a device keeps (a cookie that scripts can't read) says of which account of which project it
/// is known and until when, and is signed; nothing is kept here. It is no credential: it opens nothing, but whoever
/// brings it makes their guesses on a count of their own.
#[derive(Clone)]
pub struct Devices(Secret);

impl Devices {
    /// With the key that signs.
    #[must_use]
    pub fn new(key: Secret) -> Self {
        Self(key)
    }

    /// What a device keeps that has just signed in to this account, and until when.
    #[must_use]
    pub fn know(&self, project_id: &str, account: &str, now: Timestamp) -> (String, Timestamp) {
        let until = now.plus_seconds(DAYS * 24 * 3600);
        let (ends, id) = (until.seconds().to_string(), random_hex(8));
        let signature = self.sign(project_id, account, &ends, &id);
        (format!("{ends}.{id}.{signature:032x}"), until)
    }

    /// The id of the device that keeps this, if it is known of this account.
    #[must_use]
    pub fn recognise<'k>(&self, kept: &'k str, project_id: &str, account: &str, now: Timestamp) -> Option<&'k str> {
        let mut parts = kept.split('.');
        let (ends, id, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let lasts = ends.parse::<i64>().is_ok_and(|ends| ends > now.seconds());
        let signed = u128::from_str_radix(signature, 16).ok()? == self.sign(project_id, account, ends, id);
        (lasts && signed && parts.next().is_none()).then_some(id)
    }

    fn sign(&self, project_id: &str, account: &str, ends: &str, id: &str) -> u128 {
        keyed_digest(&self.0, &["device", project_id, &canonical(account), ends, id])
    }
}

/// One spelling of an account, as of its address, and bounded.
pub(crate) fn canonical(account: &str) -> String {
    Email::canonical(account).chars().take(320).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_of_its_account_for_its_time() {
        let devices = Devices::new(Secret::new("key"));
        let now = Timestamp::from_millis(1_000_000);
        let (kept, until) = devices.know("shop", "Ada@x.org", now);
        assert_eq!(until, now.plus_seconds(DAYS * 86_400));
        let id = devices.recognise(&kept, "shop", " ADA@x.org", now).expect("it is known");
        assert_eq!(id.len(), 16);
        assert_eq!(devices.recognise(&kept, "shop", "eve@x.org", now), None);
        assert_eq!(devices.recognise(&kept, "blog", "ada@x.org", now), None);
        assert_eq!(devices.recognise(&kept, "shop", "ada@x.org", until), None);
        assert_eq!(Devices::new(Secret::new("other")).recognise(&kept, "shop", "ada@x.org", now), None);
        let longer = kept.replacen(|digit: char| digit.is_ascii_digit(), "9", 1);
        for forged in ["", ".", "..", "1.2.3", &longer, &format!("{kept}.x"), &format!("{kept}0")] {
            assert_eq!(devices.recognise(forged, "shop", "ada@x.org", now), None, "{forged}");
        }
    }
}
