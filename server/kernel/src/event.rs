//! Events: what a change tells the rest of the house.

/// Knows who listens, so that a change which nobody listens to pays nothing for its event.
///
/// Whoever consumes events (webhooks, functions, realtime) registers here; a change asks before it writes its event to
/// the outbox, in its own unit of work.
pub trait Listeners: Send + Sync {
    /// Whether somebody listens to events of this pattern in this project.
    ///
    /// `pattern` is the event's name with its ids in brackets, as the route table and the contract have it:
    /// `users.[userId].sessions.[sessionId].create`.
    fn wants(&self, project_id: &str, pattern: &str) -> bool;

    /// There are new events in this project's outbox: they are committed. Called on the committing task, so it must not
    /// block; once a unit of work, however many events that has written.
    fn wake(&self, project_id: &str) {
        let _ = project_id;
    }
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoListeners;

impl Listeners for NoListeners {
    fn wants(&self, _project_id: &str, _pattern: &str) -> bool {
        false
    }
}

/// An event's pattern with its ids filled in, in order: `users.[userId].create` and `["abc"]` give `users.abc.create`.
#[must_use]
pub fn name(pattern: &str, ids: &[&str]) -> String {
    let mut ids = ids.iter();
    let filled =
        pattern.split('.').map(|part| if part.starts_with('[') { ids.next().copied().unwrap_or(part) } else { part });
    filled.collect::<Vec<_>>().join(".")
}

/// All names of an event (or of a pattern), its own first. Those of databases have several: what happens to a table's row
/// happens to a collection's document, and is known to listeners of either (`semantics.md` section 11).
#[must_use]
pub fn mirrored(name: &str) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    let Some((root @ ("databases" | "tablesdb"), rest)) = name.split_once('.') else { return names };
    let is_word = |word: &str| rest.split('.').skip(1).step_by(2).any(|part| part == word);
    let others = if root == "databases" && is_word("collections") {
        let tables = in_words(rest, &COLLECTIONS, &TABLES);
        [format!("databases.{tables}"), format!("tablesdb.{tables}")]
    } else {
        let root = if root == "databases" { "tablesdb" } else { "databases" };
        [format!("{root}.{rest}"), format!("databases.{}", in_words(rest, &TABLES, &COLLECTIONS))]
    };
    for other in others {
        if !names.contains(&other) {
            names.push(other);
        }
    }
    names
}

const TABLES: [&str; 3] = ["tables", "columns", "rows"];
const COLLECTIONS: [&str; 3] = ["collections", "attributes", "documents"];

/// The words at every second place are of the vocabulary; the ids between them stay, whatever they are.
fn in_words(rest: &str, from: &[&str; 3], to: &[&'static str; 3]) -> String {
    let translate = |word| from.iter().position(|from| *from == word).map_or(word, |n| to[n]);
    let parts = rest.split('.').enumerate().map(|(n, part)| if n % 2 == 1 { translate(part) } else { part });
    parts.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_to_rows_happens_to_documents() {
        let (rows, documents) =
            ("databases.tables.tables.rows.rows.r1.create", "databases.tables.collections.rows.documents.r1.create");
        let of_tablesdb = "tablesdb.tables.tables.rows.rows.r1.create";
        assert_eq!(mirrored(rows), [rows, of_tablesdb, documents]);
        assert_eq!(mirrored(documents), [documents, rows, of_tablesdb]);
        assert_eq!(mirrored(of_tablesdb), [of_tablesdb, rows, documents]);
        assert_eq!(mirrored("databases.a.update"), ["databases.a.update", "tablesdb.a.update"]);
        assert_eq!(mirrored("users.a.create"), ["users.a.create"]);
    }

    #[test]
    fn ids_fill_the_brackets() {
        assert_eq!(name("users.[userId].sessions.[sessionId].create", &["u", "s"]), "users.u.sessions.s.create");
    }
}
