//! Queries: from whatever a caller sends to SQL.

use crate::Dice;
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use floe_kernel::query::{Field, Fields, MAX_QUERIES, Queries, Selection};
use floe_kernel::time::Timestamp;
use floe_kernel::value::Kind;
use floe_store::query::Predicate;
use serde_json::{Value as Json, json};

/// Stands in every text of a caller, and in none of ours.
const MARK: &str = "Zq\u{1F9CA}";

/// The fields of a table with a column of each kind: attribute, column, kind.
const COLUMNS: [(&str, &str, Kind); 5] = [
    ("text", "c1", Kind::Text),
    ("integer", "c2", Kind::Integer),
    ("float", "c3", Kind::Float),
    ("flag", "c4", Kind::Boolean),
    ("moment", "c5", Kind::Datetime),
];

/// Fields of every kind, as a user-defined table has them.
#[must_use]
pub fn fields() -> Vec<Field> {
    let own = COLUMNS.into_iter().map(|(attribute, column, kind)| Field::optional(attribute, column, kind));
    let list = Field { nullable: true, ..Field::list("list", "c6", Kind::Text) };
    [Field::required("$id", "_id", Kind::Text), Field::required("$sequence", "_sequence", Kind::Integer)]
        .into_iter()
        .chain(own)
        .chain([list])
        .collect()
}

/// Parses and resolves lines of a text as queries. Whatever they are, this gives an answer; and what is accepted has a
/// limit that is one.
#[must_use]
pub fn parse(text: &str) -> Option<Selection> {
    let lines: Vec<&str> = text.lines().take(MAX_QUERIES + 1).collect();
    let queries = Queries::parse(&lines).ok()?;
    let selection = queries.resolve(Fields { fields: &fields(), sequence: "_sequence" }).ok()?;
    assert!(selection.limit > 0 && selection.offset >= 0, "{selection:?}");
    Some(selection)
}

/// Turns lines of a text into SQL for both databases, and makes sure that nothing a caller says is part of it: values are
/// bound, and names are ours.
pub fn to_sql(text: &str) {
    let marked: Vec<String> = text.lines().take(MAX_QUERIES).map(marked).collect();
    let Some(selection) = parse(&marked.join("\n")) else { return };
    if selection.filter.has_shapes() {
        // Storage never sees these.
        return;
    }
    let predicate = Predicate::from(&selection.filter);
    let sqlite = diesel::debug_query::<Sqlite, _>(&predicate).to_string();
    let postgres = diesel::debug_query::<Pg, _>(&predicate).to_string();
    for written in [sqlite, postgres] {
        let (sql, _bound) = written.split_once(" -- binds: ").expect("a statement and what it binds");
        assert!(!sql.contains(MARK), "{text} is part of {sql}");
        let of_ours = |c: char| c.is_ascii_alphanumeric() || " \n\"`'_.,()<>=!*?$:%\\|~^+-/[]{}@#&;".contains(c);
        assert!(sql.chars().all(of_ours), "{text} is part of {sql}");
    }
}

/// A query with the mark in each text that it is to compare with.
fn marked(line: &str) -> String {
    fn mark(json: &mut Json) {
        match json {
            Json::String(text) if Timestamp::parse(text).is_none() => text.insert_str(0, MARK),
            Json::Array(items) => items.iter_mut().for_each(mark),
            Json::Object(map) => {
                map.iter_mut().filter(|(key, _)| *key == "values").for_each(|(_, values)| mark(values));
            }
            _ => {}
        }
    }
    let Ok(mut json) = serde_json::from_str(line) else { return line.to_owned() };
    mark(&mut json);
    json.to_string()
}

const TEXTS: [&str; 16] = [
    "",
    "a",
    "' OR 1=1 --",
    "\" OR \"\"=\"",
    "%",
    "_",
    "\\",
    "*:",
    "NEAR(a b)",
    "a\u{0}b",
    "😀",
    "]]>",
    "$1",
    "?",
    "{{x}}",
    "(a+)+$",
];

const METHODS: [&str; 30] = [
    "equal",
    "notEqual",
    "lessThan",
    "lessThanEqual",
    "greaterThan",
    "greaterThanEqual",
    "contains",
    "containsAny",
    "containsAll",
    "notContains",
    "search",
    "notSearch",
    "isNull",
    "isNotNull",
    "between",
    "notBetween",
    "startsWith",
    "notStartsWith",
    "endsWith",
    "notEndsWith",
    "regex",
    "exists",
    "notExists",
    "limit",
    "offset",
    "cursorAfter",
    "orderAsc",
    "select",
    "intersects",
    "elemMatch",
];

fn value(dice: &mut Dice) -> Json {
    match dice.below(9) {
        0 => json!(i64::try_from(dice.next() >> 32).unwrap()),
        1 => json!(dice.one_in(2)),
        2 => json!(f64::from_bits(dice.next())),
        3 => json!("2026-01-02T03:04:05Z"),
        4 => Json::Null,
        5 => json!([dice.pick(&TEXTS), 1]),
        6 => json!(1),
        _ => json!(dice.pick(&TEXTS)),
    }
}

fn query(dice: &mut Dice, depth: usize) -> Json {
    let nested = depth < 10 && dice.one_in(6);
    let method = if nested { *dice.pick(&["and", "or"]) } else { *dice.pick(&METHODS) };
    let values: Vec<Json> =
        (0..dice.below(4)).map(|_| if nested { query(dice, depth + 1) } else { value(dice) }).collect();
    let attribute = match dice.below(12) {
        0 => *dice.pick(&["nope", "c1", "_id", "text\"; DROP TABLE t; --", "$permissions", ""]),
        n => ["text", "integer", "float", "flag", "moment", "list", "$id", "$sequence"][n % 8],
    };
    json!({"method": method, "attribute": attribute, "values": values})
}

/// Lines that are mostly queries; now and then something is broken.
#[must_use]
pub fn random(dice: &mut Dice) -> String {
    let mut text = String::new();
    for _ in 0..dice.below(4) {
        let mut line = query(dice, 0).to_string();
        if dice.one_in(20) {
            let at = dice.below(line.len());
            if line.is_char_boundary(at) {
                line.truncate(at);
            }
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}
