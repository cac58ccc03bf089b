//! What an operator is told of an error. The caller of an API learns less: there the log has the rest.

use crate::serve::Failure;
use floe_kernel::ErrorKind;
use std::error::Error as _;

/// Why a command failed.
pub(crate) fn of(failure: &Failure) -> String {
    failure.downcast_ref().map_or_else(|| failure.to_string(), of_api)
}

/// Why the API would refuse something, in words that don't speak of HTTP; and its cause where it would keep that to itself.
pub(crate) fn of_api(error: &floe_kernel::Error) -> String {
    let cause = error.source().filter(|_| error.kind().status() >= 500);
    match (cause, error.kind()) {
        (Some(cause), _) => cause.to_string(),
        (None, ErrorKind::ProjectNotFound) => "there is no such project".to_owned(),
        (None, _) => error.text().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use floe_kernel::Error;

    #[test]
    fn the_cause_is_told_and_nothing_of_headers() {
        let said = |error: Error| of(&error.into());
        assert_eq!(said(Error::internal("permission denied")), "permission denied");
        assert_eq!(said(Error::unavailable(1).because("storage is busy")), "storage is busy");
        assert_eq!(said(Error::invalid("id", "too long").because("hidden")), "Invalid `id` param: too long");
        assert_eq!(said(ErrorKind::ProjectNotFound.into()), "there is no such project");
        assert_eq!(of(&"plain".into()), "plain");
    }
}
