//! The grammar of events (`semantics.md` section 11): which patterns anybody may listen to.
//!
//! A pattern is `type.id`, `type.id.action`, `type.id.action.attribute`, or the same of something within it:
//! `type.id.sub.id...`. An id is one, or `*` for all of them.

use floe_kernel::id;

/// A kind of thing that events are about.
struct Kind {
    name: &'static str,
    /// What happens to it, with what may follow: `update.email`.
    actions: &'static [(&'static str, &'static [&'static str])],
    /// What is within it.
    within: &'static [Kind],
}

const NOTHING: &[&str] = &[];
const CREATE: (&str, &[&str]) = ("create", NOTHING);
const UPDATE: (&str, &[&str]) = ("update", NOTHING);
const UPSERT: (&str, &[&str]) = ("upsert", NOTHING);
const DELETE: (&str, &[&str]) = ("delete", NOTHING);

/// Something that is made, changed and removed.
const fn plain(name: &'static str) -> Kind {
    holding(name, &[])
}

/// The same, with something within it.
const fn holding(name: &'static str, within: &'static [Kind]) -> Kind {
    Kind { name, actions: &[CREATE, UPDATE, DELETE], within }
}

/// Something to which only these happen.
const fn only(name: &'static str, actions: &'static [(&'static str, &'static [&'static str])]) -> Kind {
    Kind { name, actions, within: &[] }
}

const ROWS: &[(&str, &[&str])] = &[CREATE, UPDATE, UPSERT, DELETE];

/// What databases of every kind hold: both vocabularies, because each hears the other's events.
const TABLES: &[Kind] = &[
    holding("tables", &[only("rows", ROWS), plain("indexes"), plain("columns")]),
    holding("collections", &[only("documents", ROWS), plain("indexes"), plain("attributes")]),
];

const TREE: &[Kind] = &[
    Kind {
        name: "users",
        actions: &[
            CREATE,
            (
                "update",
                &[
                    "email",
                    "name",
                    "password",
                    "status",
                    "prefs",
                    "phone",
                    "mfa",
                    "labels",
                    "verification",
                    "impersonator",
                ],
            ),
            DELETE,
        ],
        within: &[
            only("sessions", &[CREATE, DELETE]),
            only("recovery", &[CREATE, UPDATE]),
            only("verification", &[CREATE, UPDATE]),
            plain("targets"),
            only("tokens", &[CREATE]),
        ],
    },
    holding("databases", TABLES),
    holding("tablesdb", TABLES),
    holding("documentsdb", TABLES),
    holding("vectorsdb", TABLES),
    holding("buckets", &[plain("files")]),
    Kind {
        name: "teams",
        actions: &[CREATE, ("update", &["prefs"]), DELETE],
        within: &[only("memberships", &[CREATE, ("update", &["status"]), DELETE])],
    },
    holding("sites", &[plain("deployments")]),
    holding("functions", &[plain("deployments"), plain("executions")]),
    only("messages", &[CREATE, UPDATE]),
    holding("topics", &[only("subscribers", &[CREATE, DELETE])]),
    plain("providers"),
    only("schedules", &[CREATE]),
    plain("rules"),
    holding("reports", &[plain("insights")]),
];

/// Whether somebody may listen to this.
pub(crate) fn is_pattern(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    matches(TREE, &parts)
}

fn matches(kinds: &[Kind], parts: &[&str]) -> bool {
    let [name, of, rest @ ..] = parts else { return false };
    let Some(kind) = kinds.iter().find(|kind| kind.name == *name).filter(|_| is_id(of)) else { return false };
    match rest {
        [] => true,
        // An action, or what is within it: no name is both.
        [action] => kind.actions.iter().any(|(known, _)| known == action),
        [action, attribute] if kind.actions.iter().any(|(known, then)| known == action && then.contains(attribute)) => {
            true
        }
        rest => matches(kind.within, rest),
    }
}

/// Dots separate the parts of a pattern, so an id with one can't be named; `*` still finds it.
fn is_id(text: &str) -> bool {
    text == "*" || id::is_valid(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_every_level() {
        for pattern in [
            "users.*",
            "users.*.create",
            "users.abc.update.email",
            "users.*.sessions.*",
            "users.*.sessions.*.create",
            "databases.*.tables.*.rows.*.upsert",
            "databases.main.collections.posts.documents.*",
            "tablesdb.*.tables.*.columns.*.delete",
            "teams.*.memberships.*.update.status",
            "teams.*.update.prefs",
            "buckets.images.files.*.update",
            "functions.*.executions.*.create",
            "topics.*.subscribers.*.delete",
            "schedules.*.create",
        ] {
            assert!(is_pattern(pattern), "{pattern}");
        }
    }

    #[test]
    fn refuses_what_never_happens() {
        for pattern in [
            "",
            "*",
            "users",
            "users.",
            "users.*.",
            "users.*.explode",
            "users.*.create.email",
            "users.*.sessions",
            "users.*.sessions.*.update",
            "users.*.sessions.*.create.now",
            "users.[userId].create",
            "schedules.*.delete",
            "databases.*.rows.*",
            "databases.*.tables.*.rows.*.update.title",
            "keys.*.create",
            "users.a b.create",
            "Users.*",
            "users.*\n.create",
        ] {
            assert!(!is_pattern(pattern), "{pattern}");
        }
    }
}
