//! Endpoints of the contract that aren't there yet: who calls one is told so, instead of looking for a mistake of their own.

use crate::gateway::shape;
use floe_kernel::{Error, ErrorKind};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Every endpoint of the contract: its method and its path, a line each.
pub const CONTRACT: &str = include_str!("contract_routes.txt");

/// The same to look paths up in, by method. Made when the first path is asked for that the route table hasn't.
static ENDPOINTS: LazyLock<HashMap<&str, matchit::Router<()>>> = LazyLock::new(|| {
    let mut endpoints: HashMap<_, matchit::Router<()>> = HashMap::new();
    for (method, path) in CONTRACT.lines().filter_map(|line| line.split_once(' ')) {
        let added = endpoints.entry(method).or_default().insert(shape(path), ());
        added.unwrap_or_else(|error| panic!("endpoint {method} {path}: {error}"));
    }
    endpoints
});

/// What is said of a path below `/v1` that the contract has and the route table hasn't.
pub(crate) fn error(method: &str, path: &str) -> Option<Error> {
    let path = path.strip_prefix("/v1")?;
    ENDPOINTS.get(method)?.at(path).is_ok().then(|| {
        Error::new(ErrorKind::GeneralNotImplemented)
            .message("Appwrite has this endpoint, but this version of Floe hasn't yet.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_each_line_of_the_contract() {
        for (method, path) in CONTRACT.lines().filter_map(|line| line.split_once(' ')) {
            assert!(error(method, &format!("/v1{path}")).is_some(), "{method} {path}");
        }
    }

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
