//! What goes wrong with a request: a few kinds for users, a precise cause for logs.

use std::fmt;
use std::time::Duration;

/// What went wrong, as far as whoever named the target may know it. Its text is for users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such host, nothing answers there, or it may not be reached. Which of these is for logs alone: else users
    /// could find out what there is in the server's own networks.
    Unreachable,
    /// There is a host, but no encrypted connection to it (not TLS, a certificate that isn't trusted).
    Tls,
    /// It was connected to, but its answer didn't come in time, or stopped coming.
    TimedOut,
    /// It answered something that isn't HTTP, or broke off.
    Broken,
    /// Its answer is longer than it may be, as received or as expanded.
    TooLarge,
    /// It redirects too often, or to where it can't be followed.
    Redirect,
    /// The request comes of a chain of requests that is too long ([`Hops`](crate::Hops)).
    Loop,
    /// Requests to this host have failed so often that it is left alone for a while.
    Paused,
    /// There are too many requests at the moment, in all, for this host or on behalf of this caller.
    Busy,
}

impl ErrorKind {
    /// A word for records and metrics, which stays as it is.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::TimedOut => "timed_out",
            Self::Broken => "broken",
            Self::TooLarge => "too_large",
            Self::Redirect => "redirect",
            Self::Loop => "loop",
            Self::Paused => "paused",
            Self::Busy => "busy",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "The host can't be reached.",
            Self::Tls => "The host offers no encrypted connection that can be trusted.",
            Self::TimedOut => "The host didn't answer in time.",
            Self::Broken => "The host broke off or didn't answer in HTTP.",
            Self::TooLarge => "The host's answer is too large.",
            Self::Redirect => "The host redirects to where it can't be followed.",
            Self::Loop => "The request would be one of a loop.",
            Self::Paused => "The host failed too often and is left alone for a while.",
            Self::Busy => "Too many requests are being made at the moment.",
        })
    }
}

/// A request that wasn't answered, or whose answer couldn't be taken to its end.
///
/// To be recorded where users see it: its text (`{}`), which says no more than its kind, the [kind](Self::kind) and
/// [how long it took](Self::took). What exactly happened is its [`cause`](Self::cause), which is logged and nothing for users.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{kind}")]
pub struct Error {
    kind: ErrorKind,
    cause: String,
    took: Duration,
    was_sent: bool,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, cause: impl Into<String>) -> Self {
        Self { kind, cause: cause.into(), took: Duration::ZERO, was_sent: false }
    }

    /// With everything that the error says of where it came from.
    pub(crate) fn caused(kind: ErrorKind, error: &dyn std::error::Error) -> Self {
        let mut cause = error.to_string();
        let mut source = error.source();
        while let Some(deeper) = source {
            cause = format!("{cause}: {deeper}");
            source = deeper.source();
        }
        Self::new(kind, cause)
    }

    /// The same, of a request that took so long, and that a host may have got.
    pub(crate) fn after(self, took: Duration, was_sent: bool) -> Self {
        Self { took, was_sent, ..self }
    }

    /// What may be told to users.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// How long it took until this could be told. It tells nothing of what there is in the server's own networks.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Whether a host may have got the request, or a part of it, and done something. If not, another attempt repeats nothing.
    pub fn was_sent(&self) -> bool {
        self.was_sent
    }

    /// What exactly happened, with addresses. For logs, never for users.
    pub fn cause(&self) -> &str {
        &self.cause
    }
}
