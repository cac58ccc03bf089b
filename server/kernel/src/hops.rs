//! How many requests of the server's own led to a request.

use serde::{Deserialize, Serialize};

/// The length of the chain of requests that leads to a request: 0 for one that a client made by itself.
///
/// Whatever is done because of a request carries that request's count on (an event, a job), and the request that is made in
/// the end is given it (`floe_outbound::Request::hops`). It is sent as one more, so that a webhook that calls the
/// API that has it called comes to an end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hops(u8);

impl Hops {
    /// The header that carries the count.
    pub const HEADER: &str = "x-floe-hops";

    /// The most there may be. No request is sent with a higher count.
    pub const MOST: u8 = 5;

    /// A count as it was kept, for instance with an event.
    #[must_use]
    pub fn new(count: u8) -> Self {
        Self(count)
    }

    /// What a request that arrived says, given all values of its header [`Hops::HEADER`]. What is no count, or several of
    /// them, is as good as too many: only who is in the chain writes this header.
    ///
    /// ```
    /// # use floe_kernel::hops::Hops;
    /// assert_eq!(Hops::read([]), Hops::default());
    /// assert_eq!(Hops::read(["2"]).count(), 2);
    /// assert!(Hops::read(["two"]).is_too_many());
    /// ```
    pub fn read<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (None, _) => Self(0),
            (Some(value), None)
                if (1..=3).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                Self(value.parse().unwrap_or(u8::MAX))
            }
            _ => Self(u8::MAX),
        }
    }

    /// The number of requests before this one.
    #[must_use]
    pub fn count(self) -> u8 {
        self.0
    }

    /// Whether nothing more may be sent because of this request.
    #[must_use]
    pub fn is_too_many(self) -> bool {
        self.0 >= Self::MOST
    }

    /// What is sent with a request that is made because of this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_count_is_too_many() {
        for values in [&["-1"][..], &["+1"], &[""], &["1", "1"], &["1, 2"], &["999"], &["1.0"], &[" 1"], &["5"]] {
            assert!(Hops::read(values.iter().copied()).is_too_many(), "{values:?}");
        }
        assert!(!Hops::read(["4"]).is_too_many());
        assert!(Hops::new(4).next().is_too_many());
    }
}
