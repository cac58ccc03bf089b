//! Events: what a change tells, and who wants to know it.
//!
//! An event is known by its pattern, as the route table and the contract have it, and by what stands in its brackets:
//! `users.[userId].sessions.[sessionId].create` and `["ada", "s1"]`. Who subscribes names it with ids or `*`, or only what it
//! happens to: `users.*.sessions.s1`, `users.ada`. The rules are those of `semantics-storage-realtime.md`, part 9.

use crate::hops::Hops;
use std::collections::HashSet;

/// An event's pattern with its ids filled in, in order: `users.[userId].create` and `["abc"]` give `users.abc.create`.
#[must_use]
pub fn name(pattern: &str, ids: &[&str]) -> String {
    let mut ids = ids.iter();
    let filled =
        pattern.split('.').map(|part| if part.starts_with('[') { ids.next().copied().unwrap_or(part) } else { part });
    filled.collect::<Vec<_>>().join(".")
}

/// Who brought an event about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The id of the user who did it; empty when it was a server or a guest.
    pub user_id: String,
    /// Whether it was somebody who wasn't signed in.
    pub by_guest: bool,
    /// The id of the request.
    pub request_id: String,
    /// How many requests led to it.
    pub hops: Hops,
}

/// One event, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence<'e> {
    /// What it happens to, from the outermost inwards: `users`, `ada`; `sessions`, `s1`.
    things: Vec<(&'e str, &'e str)>,
    /// What happens: `update`; then what of it: `email`.
    action: Vec<&'e str>,
}

impl<'e> Occurrence<'e> {
    /// An event of this pattern, with these ids in its brackets.
    #[must_use]
    pub fn new(pattern: &'e str, ids: &[&'e str]) -> Self {
        let (mut parts, mut ids) = (pattern.split('.').peekable(), ids.iter());
        let (mut things, mut action) = (Vec::with_capacity(3), Vec::with_capacity(2));
        while let Some(part) = parts.next() {
            match parts.next_if(|next| next.starts_with('[')) {
                Some(bracket) => things.push((part, ids.next().copied().unwrap_or(bracket))),
                None => action.push(part),
            }
        }
        Self { things, action }
    }

    /// All names that somebody may know it by, as the contract lists them: from the most to the least exact, each with its ids,
    /// with `*` for all of them, and with some of either; those of databases in both vocabularies.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let (things, action) = (self.things.len(), self.action.as_slice());
        let without_attribute = action.get(..1).unwrap_or_default();
        let mut names = Vec::new();
        match (things, action.len()) {
            (1, 2) => {
                self.add(&mut names, 1, without_attribute);
                self.add(&mut names, 1, action);
            }
            (_, 2) => {
                self.add(&mut names, things, action);
                self.add(&mut names, things, without_attribute);
            }
            _ => self.add(&mut names, things, action),
        }
        self.add(&mut names, things, &[]);
        if (things, action.len()) == (2, 2) {
            self.add(&mut names, 1, action);
        }
        (1..things).rev().for_each(|outer| self.add(&mut names, outer, &[]));
        let mut seen = HashSet::new();
        names.into_iter().flat_map(in_both_vocabularies).filter(|name| seen.insert(name.clone())).collect()
    }

    /// The names of the outermost `count` things with this action, in all forms of their ids.
    fn add(&self, names: &mut Vec<String>, count: usize, action: &[&str]) {
        let forms: &[&[bool]] = match (count, self.action.len()) {
            (1, _) => &[&[true], &[false]],
            // The contract's order, which isn't the same with an attribute.
            (2, 2) => &[&[true, true], &[false, false], &[false, true], &[true, false]],
            (2, _) => &[&[true, true], &[false, false], &[true, false], &[false, true]],
            _ => &[
                &[true, true, true],
                &[false, false, false],
                &[true, false, true],
                &[false, false, true],
                &[false, true, true],
                &[true, true, false],
                &[false, true, false],
                &[true, false, false],
            ],
        };
        for is_exact in forms {
            let things = self.things.iter().zip(*is_exact);
            let parts = things.flat_map(|((thing, id), is_exact)| [*thing, if *is_exact { *id } else { "*" }]);
            names.push(parts.chain(action.iter().copied()).collect::<Vec<_>>().join("."));
        }
    }
}

/// A name of something within a database, and the same in the other vocabulary.
fn in_both_vocabularies(name: String) -> Vec<String> {
    let Some((root @ ("databases" | "tablesdb"), rest)) = name.split_once('.') else { return vec![name] };
    let root = if root == "tablesdb" { "databases" } else { root };
    let own = format!("{root}.{rest}");
    // Words are at every second place; the ids between them stay, whatever they are.
    let other = rest.split('.').enumerate().map(|(n, part)| if n % 2 == 1 { twin(part) } else { part });
    let other = format!("{root}.{}", other.collect::<Vec<_>>().join("."));
    vec![own, other]
}

const TABLES: [&str; 3] = ["tables", "columns", "rows"];
const COLLECTIONS: [&str; 3] = ["collections", "attributes", "documents"];

/// A word of one vocabulary in the other; one of neither is the same in both.
fn twin(word: &str) -> &str {
    match translated(word, &COLLECTIONS, &TABLES) {
        same if same == word => translated(word, &TABLES, &COLLECTIONS),
        twin => twin,
    }
}

fn translated<'w>(word: &'w str, from: &[&str; 3], to: &[&'static str; 3]) -> &'w str {
    from.iter().position(|from| *from == word).map_or(word, |n| to[n])
}

/// A word as every vocabulary has it: what happens to a document happens to a row, and in `databases` what happens in `tablesdb`.
fn common(word: &str) -> &str {
    if word == "tablesdb" { "databases" } else { translated(word, &COLLECTIONS, &TABLES) }
}

/// What somebody has subscribed to, such as `users.*.create`, ready to be held against events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Option<Box<[Box<str>]>>);

impl Pattern {
    /// What this text names. One that names nothing matches nothing.
    #[must_use]
    pub fn new(text: &str) -> Self {
        // Words and ids take turns. (An action, at whichever place, is in no vocabulary.)
        let parts = text.split('.').enumerate();
        Self(Some(parts.map(|(n, part)| if n % 2 == 1 { part } else { common(part) }.into()).collect()))
    }

    /// Whatever happens.
    #[must_use]
    pub const fn any() -> Self {
        Self(None)
    }

    /// Whether this event is one of those: exactly when the pattern is among its [names](Occurrence::names), or would be with
    /// `tablesdb` for `databases`.
    #[must_use]
    pub fn matches(&self, event: &Occurrence) -> bool {
        let Some(parts) = &self.0 else { return true };
        let mut rest = &**parts;
        let mut depth = 0;
        for (thing, id) in &event.things {
            let [word, of, further @ ..] = rest else { break };
            if **word != *common(thing) || !(**of == *"*" || **of == **id) {
                break;
            }
            (rest, depth) = (further, depth + 1);
        }
        let (is_whole, count) = (depth == event.things.len(), event.things.len());
        let same = |action: &[&str]| {
            rest.len() == action.len() && rest.iter().zip(action).all(|(one, other)| **one == **other)
        };
        match (rest.len(), event.action.len()) {
            (0, _) => depth > 0,
            (1, 1 | 2) => is_whole && same(&event.action[..1]),
            (2, 2) => same(&event.action) && (is_whole || (count == 2 && depth == 1)),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pattern: &str, ids: &[&str]) -> Vec<String> {
        Occurrence::new(pattern, ids).names()
    }

    #[test]
    fn ids_fill_the_brackets() {
        assert_eq!(name("users.[userId].sessions.[sessionId].create", &["u", "s"]), "users.u.sessions.s.create");
    }

    /// The contract's own examples.
    #[test]
    fn an_event_is_known_by_all_these_names() {
        let of_user =
            ["users.U.update", "users.*.update", "users.U.update.name", "users.*.update.name", "users.U", "users.*"];
        assert_eq!(names("users.[userId].update.name", &["U"]), of_user);
        let of_file = [
            "buckets.B.files.F.create",
            "buckets.*.files.*.create",
            "buckets.B.files.*.create",
            "buckets.*.files.F.create",
            "buckets.B.files.F",
            "buckets.*.files.*",
            "buckets.B.files.*",
            "buckets.*.files.F",
            "buckets.B",
            "buckets.*",
        ];
        assert_eq!(names("buckets.[bucketId].files.[fileId].create", &["B", "F"]), of_file);
        let of_member = names("teams.[teamId].memberships.[membershipId].update.status", &["T", "M"]);
        let expected = [
            "teams.T.memberships.M.update.status",
            "teams.*.memberships.*.update.status",
            "teams.*.memberships.M.update.status",
            "teams.T.memberships.*.update.status",
            "teams.T.memberships.M.update",
            "teams.*.memberships.*.update",
            "teams.*.memberships.M.update",
            "teams.T.memberships.*.update",
            "teams.T.memberships.M",
            "teams.*.memberships.*",
            "teams.*.memberships.M",
            "teams.T.memberships.*",
            "teams.T.update.status",
            "teams.*.update.status",
            "teams.T",
            "teams.*",
        ];
        assert_eq!(of_member, expected);
        let all_sessions = [
            "users.U.sessions",
            "users.*.sessions",
            "users.U.sessions.delete",
            "users.*.sessions.delete",
            "users.U",
            "users.*",
        ];
        assert_eq!(names("users.[userId].sessions.delete", &["U"]), all_sessions);
        assert_eq!(names("users.[userId].create", &["U"]), ["users.U.create", "users.*.create", "users.U", "users.*"]);
    }

    #[test]
    fn what_happens_to_documents_happens_to_rows() {
        let pattern = "databases.[databaseId].collections.[collectionId].documents.[documentId].create";
        let of_document = names(pattern, &["D", "C", "X"]);
        assert_eq!(of_document[0], "databases.D.collections.C.documents.X.create");
        assert_eq!(of_document[1], "databases.D.tables.C.rows.X.create");
        assert_eq!(of_document[2], "databases.*.collections.*.documents.*.create");
        // 22, of which the last two name no words of a vocabulary.
        assert_eq!(of_document.len(), 20 * 2 + 2);
        let of_row = names("tablesdb.[databaseId].tables.[tableId].rows.[rowId].create", &["D", "C", "X"]);
        let (mut one, mut other) = (of_document, of_row);
        one.sort();
        other.sort();
        assert_eq!(one, other, "whoever makes it, and however");
    }

    const EVENTS: [(&str, &[&str]); 7] = [
        ("users.[userId].create", &["U"]),
        ("users.[userId].update.email", &["U"]),
        ("users.[userId].sessions.[sessionId].create", &["U", "S"]),
        ("users.[userId].sessions.delete", &["U"]),
        ("teams.[teamId].memberships.[membershipId].update.status", &["T", "M"]),
        ("databases.[databaseId].tables.[tableId].rows.[rowId].create", &["D", "T", "R"]),
        ("databases.[databaseId].collections.[collectionId].attributes.[attributeId].update", &["D", "T", "a"]),
    ];

    /// Two ways to say the same.
    #[test]
    fn a_pattern_matches_exactly_what_has_it_among_its_names() {
        let all: Vec<Vec<String>> = EVENTS.iter().map(|(pattern, ids)| names(pattern, ids)).collect();
        for ((pattern, ids), names) in EVENTS.iter().zip(&all) {
            let event = Occurrence::new(pattern, ids);
            for candidate in all.iter().flatten() {
                assert_eq!(
                    Pattern::new(candidate).matches(&event),
                    names.contains(candidate),
                    "{candidate}, {pattern}"
                );
            }
        }
    }

    #[test]
    fn patterns_of_others_match_nothing() {
        let row = Occurrence::new("databases.[databaseId].tables.[tableId].rows.[rowId].update", &["D", "T", "R"]);
        let is_wanted = |text: &str| Pattern::new(text).matches(&row);
        for text in ["tablesdb.*.tables.T.rows.*", "tablesdb.D.tables.*.rows.R.update", "tablesdb.D"] {
            assert!(is_wanted(text), "{text}");
        }
        for text in [
            "",
            "*",
            "databases",
            "databases.E",
            "databases.*.tables.*.rows.S",
            "databases.*.tables.*.rows.*.create",
            "databases.*.tables.*.rows.*.update.x",
            "databases.*.tables.*.update",
            "databases.*.update",
            "documentsdb.D.collections.T.documents.R.update",
        ] {
            assert!(!is_wanted(text), "{text}");
        }
    }

    /// Ids that look like words of a vocabulary.
    #[test]
    fn ids_stay_what_they_are() {
        let event = Occurrence::new(
            "databases.[databaseId].tables.[tableId].rows.[rowId].create",
            &["tables", "documents", "rows"],
        );
        assert!(Pattern::new("databases.tables.collections.documents.documents.rows.create").matches(&event));
        assert!(!Pattern::new("databases.collections.collections.documents").matches(&event));
        assert!(!Pattern::new("databases.tables.tables.rows").matches(&event));
        assert!(event.names().contains(&"databases.tables.collections.documents.documents.rows".to_owned()));
    }
}
