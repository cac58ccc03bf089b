//! Variables of the environment that look like settings and are none: a slip of a finger would else go unnoticed.

use std::collections::BTreeSet;

/// How the names begin that nobody else uses: what begins so must be a setting. Those that begin otherwise (`DATABASE_URL`) are
/// shared with other programs: of what is like one of them is told, of what isn't nothing.
const OURS: &str = "FLOE_";

/// Names that the file of settings can't have.
const NO_SETTINGS: [&str; 1] = ["FLOE_CONFIG"];

/// A line for each of these variables that isn't one of the `known` names, with the name that may have been meant.
pub(super) fn lines(variables: &[String], known: &BTreeSet<&'static str>) -> Vec<String> {
    let known = || known.iter().copied().chain(NO_SETTINGS);
    let unknown = variables.iter().filter(|name| known().all(|known| known != *name));
    let line = |name: &String| {
        let ours = name.starts_with(OURS);
        match nearest(name, known().filter(|known| known.starts_with(OURS) == ours)) {
            Some(meant) => Some(format!("{name} is not a setting. Is {meant} meant?")),
            None => ours.then(|| format!("{name} is not a setting.")),
        }
    };
    unknown.filter_map(line).collect()
}

/// The known name that is most like this one, if any is: at most one in four characters is wrong.
fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let (distance, nearest) = known.map(|known| (distance(name, known), known)).min()?;
    (distance <= name.len() / 4).then_some(nearest)
}

/// How many characters have to be put in, left out or replaced to make one name of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (n, a) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], n + 1);
        for (m, b) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[m + 1];
            row[m + 1] = replaced.min(diagonal + 1).min(row[m] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_may_be_meant() {
        let known = BTreeSet::from(["FLOE_PORT", "FLOE_SECRET_KEY", "FLOE_SECRET_KEY_PREVIOUS", "DATABASE_URL"]);
        let said = |name: &str| lines(&[name.to_owned()], &known).concat();
        assert_eq!(said("FLOE_PROT"), "FLOE_PROT is not a setting. Is FLOE_PORT meant?");
        assert_eq!(said("FLOE_SECRETKEY"), "FLOE_SECRETKEY is not a setting. Is FLOE_SECRET_KEY meant?");
        assert_eq!(said("FLOE_CONFG"), "FLOE_CONFG is not a setting. Is FLOE_CONFIG meant?");
        assert_eq!(said("FLOE_SERVICE_HOST_OF_KUBERNETES"), "FLOE_SERVICE_HOST_OF_KUBERNETES is not a setting.");
        assert_eq!(said("DATABASE_ULR"), "DATABASE_ULR is not a setting. Is DATABASE_URL meant?");
        assert_eq!(said("DATABSE_URL"), "DATABSE_URL is not a setting. Is DATABASE_URL meant?");
        for name in ["FLOE_PORT", "FLOE_CONFIG", "DATABASE_URL", "DATABASE_HOST", "DATA", "PATH", "floe_port"] {
            assert_eq!(said(name), "", "{name}");
        }
    }

    #[test]
    fn distances() {
        assert_eq!((distance("", "abc"), distance("abc", "abc"), distance("kitten", "sitting")), (3, 0, 3));
    }
}
