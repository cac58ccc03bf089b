//! What keeps a change from overwriting what others have done in between: by a moment that the caller names, or by the
//! very versions of the rows that something was staged for.
//!
//! Moments don't tell two changes of one millisecond apart; versions do, see [`RowVersion`].

use floe_kernel::time::Timestamp;
use floe_kernel::value::Value;
use floe_store::tables::{StoredRow, StoredTable};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// A state of a row: its sequence, its `$updatedAt` in milliseconds, and a hash of its values and permissions (none where
/// the row was read without its values). Equal, the row is what it was: nothing would be lost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct RowVersion(i64, i64, Option<u64>);

/// The states of rows, by their table and id.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct RowVersions(HashMap<String, HashMap<String, RowVersion>>);

/// What a row that is about to be changed is compared with.
#[derive(Debug)]
enum Versions {
    /// Nothing.
    Ignored,
    /// Nothing yet: its state is noted, to be compared later.
    Noted(RowVersions),
    /// The state in which it was found before. `lenient`: another one matters only to what comes after this.
    Expected { versions: Arc<RowVersions>, lenient: bool },
}

/// Refuses changes of rows that somebody else has changed.
#[derive(Debug)]
pub(crate) struct ChangeGuard {
    /// The newest state of a row that may be changed; none: any.
    unchanged_since: Option<Timestamp>,
    versions: Versions,
    /// The rows that this unit of work has changed itself, by table and id.
    own: HashSet<(String, String)>,
    /// Rows that others have changed too, where that was no fault: for what comes later they are not our own.
    overtaken: HashSet<(String, String)>,
}

impl RowVersion {
    fn of(row: &StoredRow) -> Self {
        Self(row.sequence, row.updated, (!row.values.is_empty()).then(|| content(row)))
    }

    fn is(self, other: Self) -> bool {
        let same_content = match (self.2, other.2) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        (self.0, self.1) == (other.0, other.1) && same_content
    }
}

fn content(row: &StoredRow) -> u64 {
    struct Into<'h>(&'h mut DefaultHasher);
    impl Write for Into<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }
    let mut hasher = DefaultHasher::new();
    row.permissions.hash(&mut hasher);
    for value in &row.values {
        match value {
            // The same as below, without its escapes.
            Value::Text(text) | Value::Json(text) => text.hash(&mut hasher),
            // Writing into a hasher can't fail.
            other => _ = write!(Into(&mut hasher), "{other:?}"),
        }
    }
    hasher.finish()
}

impl RowVersions {
    fn get(&self, table: &StoredTable, id: &str) -> Option<RowVersion> {
        self.0.get(table.name()).and_then(|rows| rows.get(id)).copied()
    }

    fn note(&mut self, table: &StoredTable, row: &StoredRow) {
        let rows = self.0.entry(table.name().to_owned()).or_default();
        rows.entry(row.id.clone()).or_insert_with(|| RowVersion::of(row));
    }
}

impl ChangeGuard {
    /// One that lets only rows be changed that nobody has changed since this moment; none: all.
    pub(crate) fn since(moment: Option<Timestamp>) -> Self {
        let (own, overtaken) = (HashSet::new(), HashSet::new());
        Self { unchanged_since: moment, versions: Versions::Ignored, own, overtaken }
    }

    /// Begins to note the states of rows that are about to be changed. Only rows may be that nobody else has changed since
    /// this moment; none: all.
    pub(crate) fn note(&mut self, unchanged_since: Option<Timestamp>) {
        self.unchanged_since = unchanged_since;
        self.versions = Versions::Noted(RowVersions::default());
    }

    /// What was noted.
    pub(crate) fn take_noted(&mut self) -> RowVersions {
        match std::mem::replace(&mut self.versions, Versions::Ignored) {
            Versions::Noted(versions) => versions,
            Versions::Ignored | Versions::Expected { .. } => RowVersions::default(),
        }
    }

    /// From now on only rows may be changed that are in these states, and those that this unit of work has changed itself.
    /// `lenient`: all others too, because what is done to them is done to whatever is there.
    pub(crate) fn expect(&mut self, versions: Arc<RowVersions>, lenient: bool) {
        (self.unchanged_since, self.versions) = (None, Versions::Expected { versions, lenient });
    }

    /// Forgets what was changed: it was undone.
    pub(crate) fn forget(&mut self) {
        self.own.clear();
        self.overtaken.clear();
    }

    /// Whether it matters if a row was changed by somebody else.
    pub(crate) fn minds_changes(&self) -> bool {
        self.unchanged_since.is_some() || !matches!(self.versions, Versions::Ignored)
    }

    /// Whether a row may be changed in the state in which it was found.
    pub(crate) fn admits(&mut self, table: &StoredTable, row: &StoredRow) -> bool {
        if !self.minds_changes() {
            return true;
        }
        let key = (table.name().to_owned(), row.id.clone());
        if self.own.contains(&key) {
            return true;
        }
        if self.unchanged_since.is_some_and(|seen| row.updated > seen.millis()) {
            return false;
        }
        match &mut self.versions {
            Versions::Ignored => true,
            Versions::Noted(versions) => {
                versions.note(table, row);
                true
            }
            Versions::Expected { versions, lenient } => {
                let is_same = versions.get(table, &row.id).is_some_and(|seen| seen.is(RowVersion::of(row)));
                if !is_same && *lenient {
                    self.overtaken.insert(key);
                }
                is_same || *lenient
            }
        }
    }

    /// Notes that this unit of work changes a row.
    pub(crate) fn touch(&mut self, table: &StoredTable, id: &str) {
        if self.minds_changes() {
            let key = (table.name().to_owned(), id.to_owned());
            if !self.overtaken.contains(&key) {
                self.own.insert(key);
            }
        }
    }
}

/// The `$updatedAt` of a row that is changed now: later than before, so that no two states of it have the same. A row that
/// is changed more often than once a millisecond runs ahead of the clock, by a second at the most.
pub(crate) fn moment_after(before: i64, now: Timestamp) -> i64 {
    const FURTHEST: i64 = 1000;
    let now = now.millis();
    if (now..now.saturating_add(FURTHEST)).contains(&before) { before + 1 } else { now }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_later_after_each_change() {
        let now = Timestamp::from_millis(5000);
        for (before, after) in
            [(0, 5000), (4999, 5000), (5000, 5001), (5001, 5002), (5999, 6000), (6000, 5000), (i64::MAX, 5000)]
        {
            assert_eq!(moment_after(before, now), after, "{before}");
        }
    }

    #[test]
    fn a_version_is_told_by_what_the_row_holds() {
        let row = |updated, text: &str, permissions| StoredRow {
            sequence: 1,
            id: "r".into(),
            created: 1,
            updated,
            permissions,
            values: vec![Value::Text(text.into()), Value::Integer(1)],
        };
        let version = RowVersion::of(&row(1, "a", 1));
        assert!(version.is(RowVersion::of(&row(1, "a", 1))));
        let without_values = RowVersion::of(&StoredRow { values: Vec::new(), ..row(1, "b", 1) });
        assert!(version.is(without_values), "what isn't known differs from nothing");
        for other in [row(2, "a", 1), row(1, "b", 1), row(1, "a", 2)] {
            assert!(!version.is(RowVersion::of(&other)), "{other:?}");
        }
    }
}
