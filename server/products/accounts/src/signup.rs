//! Who may become a user of the console, and so manage the instance.

use floe_gateway::Interest;
use floe_gateway::param::Email;
use floe_kernel::secret::{Secret, hash};
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result, id};
use floe_store::Stores;
use floe_users::{Admission, People, User, register};

/// Who may sign up to the console.
#[derive(Debug, Clone)]
pub enum ConsoleSignup {
    /// The first one, with this token, which a fresh server shows to who started it.
    Token(Secret),
    /// Everybody.
    Open,
    /// Nobody.
    Closed,
}

const WANTS_TOKEN: &str = "Sign up to the console is restricted: a new server's first account is made with the set-up token \
    that the server prints when it starts. You can contact an administrator to update console sign up restrictions.";

impl ConsoleSignup {
    /// Under which condition somebody with this token may sign up.
    pub(crate) fn admission(&self, given: Option<&Secret>) -> Result<Admission> {
        match self {
            Self::Open => Ok(Admission::Free),
            // Compared as hashes: how long it takes tells nothing of the token.
            Self::Token(token) if given.is_some_and(|given| hash(given.expose()) == hash(token.expose())) => {
                Ok(Admission::First)
            }
            Self::Token(_) => Err(Error::new(ErrorKind::UserConsoleCountExceeded).message(WANTS_TOKEN)),
            Self::Closed => Err(ErrorKind::UserConsoleCountExceeded.into()),
        }
    }
}

/// Makes a console account whatever the policy is, for who has the machine itself. Gives its id.
///
/// # Errors
/// [`ErrorKind::GeneralArgumentInvalid`] for what can't be an email address or a password,
/// [`ErrorKind::UserAlreadyExists`] for an address that is taken.
pub async fn create_console_user(
    people: &People,
    stores: &Stores,
    email: &str,
    password: &Secret,
    name: &str,
    now: Timestamp,
) -> Result<String> {
    let email = Email::parse(email).ok_or_else(|| Error::invalid("email", "Value must be a valid email address"))?;
    if !(8..=256).contains(&password.expose().chars().count()) {
        return Err(Error::invalid("password", "Password must be between 8 and 256 characters long"));
    }
    let password = people.hash(password, &Interest::default()).await?;
    let user = User {
        email: Some(email.into()),
        name: name.to_owned(),
        password: Some(password),
        password_updated_at: Some(now),
        ..User::new(id::unique(now), now)
    };
    register(&stores.platform().await?, &user, Admission::Free).await?;
    Ok(user.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_opens_the_door_and_only_once() {
        let policy = ConsoleSignup::Token(Secret::new("right"));
        assert_eq!(policy.admission(Some(&Secret::new("right"))).unwrap(), Admission::First);
        for given in [None, Some(Secret::new("")), Some(Secret::new("righ")), Some(Secret::new("Right"))] {
            let refusal = policy.admission(given.as_ref()).unwrap_err();
            assert_eq!(refusal.kind(), ErrorKind::UserConsoleCountExceeded);
        }
        assert_eq!(ConsoleSignup::Open.admission(None).unwrap(), Admission::Free);
        assert!(ConsoleSignup::Closed.admission(Some(&Secret::new("right"))).is_err());
    }
}
