//! Endpoints of the contract that aren't there yet: who calls one is told so, instead of looking for a mistake of their own.

use floe_kernel::{Error, ErrorKind};

/// Every endpoint of the contract: its method and its path, a line each.
pub const CONTRACT: &str = include_str!("contract_routes.txt");

/// What is said of a path below `/v1` that the contract has and the route table hasn't.
pub(crate) fn error(method: &str, path: &str) -> Option<Error> {
    let path = path.strip_prefix("/v1")?;
    let is_it = |line: &str| line.split_once(' ').is_some_and(|(of, pattern)| of == method && fits(pattern, path));
    CONTRACT.lines().any(is_it).then(|| {
        Error::new(ErrorKind::GeneralNotImplemented)
            .message("Appwrite has this endpoint, but this version of Floe hasn't yet.")
    })
}

fn fits(pattern: &str, path: &str) -> bool {
    let (mut parts, mut given) = (pattern.split('/'), path.split('/'));
    let all = parts
        .by_ref()
        .zip(given.by_ref())
        .all(|(part, given)| (part.starts_with('{') && !given.is_empty()) || part == given);
    all && pattern.split('/').count() == path.split('/').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_the_contract_has() {
        let is_told = |method, path| error(method, path).is_some();
        assert!(is_told("GET", "/v1/storage/buckets") && is_told("GET", "/v1/storage/buckets/b/files/f"));
        for (method, path) in [
            ("PUT", "/v1/storage/buckets"),
            ("GET", "/v1/storage/buckets/b/files/"),
            ("GET", "/v1/storage/buckets/b/files/f/g/h"),
            ("GET", "/storage/buckets"),
            ("GET", "/v1"),
            ("GET", "/v1/nothing"),
        ] {
            assert!(!is_told(method, path), "{method} {path}");
        }
    }
}
