//! Conditions on rows.

use super::elements::{self, Elements, ListColumns};
use super::expression;
use super::plan::Edge;
use super::text::{Found, Matched};
use crate::dialect::{Dialect, NumberList, TextList, push_column, push_text_order};
use crate::tables::{PERMISSIONS, SEQUENCE};
use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment};
use floe_kernel::permission::Action;
use floe_kernel::query::{Filter, Link, Operator, Visible};
use floe_kernel::role::Role;
use floe_kernel::value::{Kind, Value};
use std::sync::Arc;

/// A condition on rows, for `.filter(…)`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Predicate(Arc<Node>);

#[derive(Debug)]
enum Node {
    All(Vec<Predicate>),
    Any(Vec<Predicate>),
    Is {
        column: &'static str,
        value: Value,
    },
    Compare {
        column: String,
        operator: Operator,
        values: Vec<Value>,
    },
    /// Of a list.
    Elements(Elements),
    /// Conditions several of which are on lists.
    Together {
        lists: ListColumns,
        within: Predicate,
    },
    /// `next`: the first text after all that start with `start`; none: there is none after them.
    Starts {
        column: String,
        negated: bool,
        start: Value,
        next: Option<Value>,
    },
    Granted {
        column: &'static str,
        action: &'static str,
        roles: TextList,
    },
    Linked {
        link: Link,
        none: bool,
        /// Of the rows there.
        within: Predicate,
    },
    Matches(Matched),
    Search(Found),
    Numbered {
        column: String,
        negated: bool,
        numbers: NumberList,
    },
    /// A condition that storage can't tell.
    Unsettled,
    Beyond(Edge),
}

expression!(Predicate);

impl Predicate {
    /// Rows whose text column contains this; `None`, for all of them, when it is empty.
    #[must_use]
    pub fn searched(column: &str, part: &str) -> Option<Self> {
        let compare = Filter::Compare {
            column: column.to_owned(),
            array: false,
            operator: Operator::Contains,
            values: vec![Value::Text(part.to_owned())],
        };
        (!part.is_empty()).then(|| Self::from(&compare))
    }

    /// Everything passes.
    #[must_use]
    pub fn everything() -> Self {
        Self(Arc::new(Node::All(Vec::new())))
    }

    /// All of these hold.
    #[must_use]
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        Self(Arc::new(Node::All(parts.into_iter().collect())))
    }

    /// One of these holds at least.
    #[must_use]
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        Self(Arc::new(Node::Any(parts.into_iter().collect())))
    }

    /// This column has this value.
    #[must_use]
    pub fn is(column: &'static str, value: Value) -> Self {
        Self(Arc::new(Node::Is { column, value }))
    }

    /// The set of permissions whose number is in `column` allows this to one of these roles at least.
    #[must_use]
    pub fn granted(column: &'static str, action: Action, roles: &[Role]) -> Self {
        let roles = TextList::new(roles.iter().map(ToString::to_string).collect());
        Self(Arc::new(Node::Granted { column, action: action.name(), roles }))
    }

    /// What a caller may know of; none: everything.
    #[must_use]
    pub fn visible(visible: &Visible) -> Option<Self> {
        match visible {
            Visible::All => None,
            Visible::To(roles) => Some(Self::granted(PERMISSIONS, Action::Read, roles)),
            Visible::Nothing => Some(Self::any([])),
        }
    }

    /// Whether it asks for permissions and nothing else: [`Predicate::granted`].
    pub(super) fn is_granted(&self) -> bool {
        matches!(&*self.0, Node::Granted { .. })
    }

    /// Writes the query for the sets of permissions that it asks for.
    pub(super) fn push_sets<'b, DB: Dialect>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()> {
        match &*self.0 {
            Node::Granted { action, roles, .. } => push_granting(out, action, roles),
            _ => Err(diesel::result::Error::QueryBuilderError("a condition on permissions is wanted".into())),
        }
    }

    pub(super) fn beyond(edge: Edge) -> Self {
        Self(Arc::new(Node::Beyond(edge)))
    }

    /// Whether it looks for words. FTS5 reads all rows that have them before it gives the first, and SQLite can't be
    /// interrupted meanwhile.
    #[must_use]
    pub fn searches(&self) -> bool {
        match &*self.0 {
            Node::All(parts) | Node::Any(parts) => parts.iter().any(Self::searches),
            Node::Linked { within, .. } | Node::Together { within, .. } => within.searches(),
            Node::Search(_) => true,
            _ => false,
        }
    }

    /// Also this.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::all([self, other])
    }
}

impl From<&Filter> for Predicate {
    fn from(filter: &Filter) -> Self {
        if elements::count(filter) <= 1 {
            return Self::of(filter, &mut None);
        }
        // What isn't on lists stays outside, where indexes serve it.
        let (parts, is_all) = match filter {
            Filter::All(parts) => (parts.as_slice(), true),
            other => (std::slice::from_ref(other), false),
        };
        let (on_lists, others): (Vec<_>, Vec<_>) = parts.iter().partition(|part| !is_all || elements::count(part) > 0);
        let mut lists = Some(ListColumns::default());
        let within = Self::all(on_lists.into_iter().map(|part| Self::of(part, &mut lists)));
        let lists = lists.unwrap_or_default().complete();
        let together = Self(Arc::new(Node::Together { lists, within }));
        Self::all(others.into_iter().map(|part| Self::of(part, &mut None)).chain([together]))
    }
}

impl Predicate {
    /// `lists`: where conditions on lists look for their elements together.
    fn of(filter: &Filter, lists: &mut Option<ListColumns>) -> Self {
        match filter {
            Filter::All(parts) => Self::all(parts.iter().map(|part| Self::of(part, lists)).collect::<Vec<_>>()),
            Filter::Any(parts) => Self::any(parts.iter().map(|part| Self::of(part, lists)).collect::<Vec<_>>()),
            Filter::Linked { link, none, filter } => {
                let within = Self::all(Self::visible(&link.visible).into_iter().chain([Self::from(&**filter)]));
                Self(Arc::new(Node::Linked { link: link.clone(), none: *none, within }))
            }
            Filter::Compare { column, array, operator, values } => {
                let on_list = || Elements::new(column, *operator, values, lists.as_mut());
                let on_list = array.then(on_list).flatten().map(Node::Elements);
                Self(Arc::new(on_list.unwrap_or_else(|| compare(column.clone(), *operator, values.clone()))))
            }
            Filter::Matches { column, pattern } => Self(Arc::new(Node::Matches(Matched::new(column, pattern)))),
            Filter::Search { column, index, negated, words } => {
                Self(Arc::new(Node::Search(Found::new(column, index, *negated, words))))
            }
            Filter::Numbered { column, negated, numbers } => {
                let (column, numbers) = (column.clone(), NumberList::new(numbers.clone()));
                Self(Arc::new(Node::Numbered { column, negated: *negated, numbers }))
            }
            Filter::Shape { .. } => Self(Arc::new(Node::Unsettled)),
        }
    }
}

fn compare(column: String, operator: Operator, values: Vec<Value>) -> Node {
    match (operator, values.as_slice()) {
        (Operator::StartsWith | Operator::NotStartsWith, [Value::Text(start)]) => Node::Starts {
            column,
            negated: operator == Operator::NotStartsWith,
            next: next_after(start).map(Value::Text),
            start: Value::Text(start.clone()),
        },
        _ => Node::Compare { column, operator, values },
    }
}

/// The first text that is greater than all that start with `start`, by code point; that is, with its last character
/// replaced by the next one.
fn next_after(start: &str) -> Option<String> {
    let mut chars: Vec<char> = start.chars().collect();
    while let Some(last) = chars.pop() {
        // A range of characters steps over the numbers that are none.
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

impl<DB: Dialect> QueryFragment<DB> for Predicate {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        match &*self.0 {
            Node::All(parts) => joined(out, parts, " AND ", "1 = 1", |part, out| part.walk_ast(out)),
            Node::Any(parts) => joined(out, parts, " OR ", "1 = 0", |part, out| part.walk_ast(out)),
            Node::Is { column, value } => {
                push_column(&mut out, column)?;
                out.push_sql(" = ");
                DB::bind(&mut out, value)
            }
            Node::Compare { column, operator, values } => single(out, column, *operator, values),
            Node::Elements(elements) => elements.walk_ast(out),
            Node::Together { lists, within } => lists.push_around(out, |out| within.walk_ast(out)),
            Node::Starts { column, negated, start, next } => starts(out, column, *negated, start, next.as_ref()),
            Node::Granted { column, action, roles } => {
                push_column(&mut out, column)?;
                out.push_sql(" IN (");
                push_granting(&mut out, action, roles)?;
                out.push_sql(")");
                Ok(())
            }
            Node::Linked { link, none, within } => linked(out, link, *none, within),
            Node::Numbered { column, negated, numbers } => {
                out.push_sql(if *negated { "NOT (" } else { "(" });
                push_column(&mut out, column)?;
                DB::in_numbers(&mut out, numbers)?;
                out.push_sql(")");
                Ok(())
            }
            Node::Unsettled => {
                let message = "a condition on shapes that nobody has settled: see tables::matching";
                Err(diesel::result::Error::QueryBuilderError(message.into()))
            }
            Node::Matches(matched) => matched.walk_ast(out),
            Node::Search(found) => found.walk_ast(out),
            Node::Beyond(edge) => edge.walk_ast(out),
        }
    }
}

/// Each name means the innermost table that has it; and every table of rows has the same first columns.
fn linked<'b, DB: Dialect>(
    mut out: AstPass<'_, 'b, DB>,
    link: &'b Link,
    none: bool,
    within: &'b Predicate,
) -> QueryResult<()> {
    out.push_identifier(SEQUENCE)?;
    out.push_sql(if none { " NOT IN (SELECT " } else { " IN (SELECT " });
    out.push_identifier(link.from)?;
    out.push_sql(" FROM ");
    out.push_identifier(&link.links)?;
    out.push_sql(" INNER JOIN ");
    out.push_identifier(&link.table)?;
    out.push_sql(" ON ");
    out.push_identifier(SEQUENCE)?;
    out.push_sql(" = ");
    out.push_identifier(link.to)?;
    out.push_sql(" WHERE ");
    within.walk_ast(out.reborrow())?;
    out.push_sql(")");
    Ok(())
}

/// The sets of permissions that allow this to one of these roles.
fn push_granting<'b, DB: Dialect>(
    out: &mut AstPass<'_, 'b, DB>,
    action: &'static str,
    roles: &'b TextList,
) -> QueryResult<()> {
    out.push_sql("SELECT set_id FROM permission_grants WHERE action = '");
    out.push_sql(action);
    out.push_sql("' AND role");
    DB::in_list(out, roles)
}

/// How many parts may stand beside each other before they are put in brackets by halves: SQLite counts each as one more
/// level, and refuses a thousand levels.
const MANY: usize = 64;

/// Parts in brackets, with something between them; `empty` when there are none.
pub(super) fn joined<'b, DB: Dialect, T>(
    out: AstPass<'_, 'b, DB>,
    parts: &'b [T],
    between: &str,
    empty: &str,
    each: impl Fn(&'b T, AstPass<'_, 'b, DB>) -> QueryResult<()>,
) -> QueryResult<()> {
    join(out, parts, between, empty, &each)
}

fn join<'b, DB: Dialect, T>(
    mut out: AstPass<'_, 'b, DB>,
    parts: &'b [T],
    between: &str,
    empty: &str,
    each: &impl Fn(&'b T, AstPass<'_, 'b, DB>) -> QueryResult<()>,
) -> QueryResult<()> {
    out.push_sql("(");
    if parts.len() > MANY {
        let (first, second) = parts.split_at(parts.len() / 2);
        join(out.reborrow(), first, between, empty, each)?;
        out.push_sql(between);
        join(out.reborrow(), second, between, empty, each)?;
    } else {
        for (n, part) in parts.iter().enumerate() {
            if n > 0 {
                out.push_sql(between);
            }
            each(part, out.reborrow())?;
        }
    }
    out.push_sql(if parts.is_empty() { empty } else { "" });
    out.push_sql(")");
    Ok(())
}

/// A column of one value.
fn single<'b, DB: Dialect>(
    mut out: AstPass<'_, 'b, DB>,
    column: &'b str,
    operator: Operator,
    values: &'b [Value],
) -> QueryResult<()> {
    use Operator::*;
    let one = |mut out: AstPass<'_, 'b, DB>, sql: &str, value: &'b Value| {
        push_column(&mut out, column)?;
        if matches!(operator, Less | LessOrEqual | Greater | GreaterOrEqual | Between | NotBetween) {
            push_text_order(&mut out, value.kind());
        }
        out.push_sql(sql);
        DB::bind(&mut out, value)
    };
    match operator {
        Equal => one_of(out, column, " IN (", values),
        NotEqual => one_of(out, column, " NOT IN (", values),
        Less => joined(out, values, " AND ", "1 = 0", |value, out| one(out, " < ", value)),
        LessOrEqual => joined(out, values, " AND ", "1 = 0", |value, out| one(out, " <= ", value)),
        Greater => joined(out, values, " AND ", "1 = 0", |value, out| one(out, " > ", value)),
        GreaterOrEqual => joined(out, values, " AND ", "1 = 0", |value, out| one(out, " >= ", value)),
        Between | NotBetween => {
            let [low, high] = values else { return Err(arity(operator)) };
            let [above, between, below] =
                if operator == Between { [" >= ", " AND ", " <= "] } else { [" < ", " OR ", " > "] };
            out.push_sql("(");
            one(out.reborrow(), above, low)?;
            out.push_sql(between);
            one(out.reborrow(), below, high)?;
            out.push_sql(")");
            Ok(())
        }
        IsNull | IsNotNull => presence(out, column, operator == IsNotNull),
        EndsWith => joined(out, values, " OR ", "1 = 0", |value, out| ends(out, column, false, value)),
        NotEndsWith => joined(out, values, " AND ", "1 = 0", |value, out| ends(out, column, true, value)),
        Contains => joined(out, values, " OR ", "1 = 0", |value, out| part(out, column, false, value)),
        NotContains => joined(out, values, " AND ", "1 = 0", |value, out| part(out, column, true, value)),
        StartsWith | NotStartsWith | ContainsAll => Err(arity(operator)),
    }
}

/// The grammar has seen to it that this doesn't happen.
fn arity(operator: Operator) -> diesel::result::Error {
    diesel::result::Error::QueryBuilderError(format!("{operator:?} with the wrong number or kind of values").into())
}

fn one_of<'b, DB: Dialect>(
    mut out: AstPass<'_, 'b, DB>,
    column: &str,
    operator: &str,
    values: &'b [Value],
) -> QueryResult<()> {
    push_column(&mut out, column)?;
    out.push_sql(operator);
    for (n, value) in values.iter().enumerate() {
        out.push_sql(if n > 0 { ", " } else { "" });
        DB::bind(&mut out, value)?;
    }
    out.push_sql(")");
    Ok(())
}

fn presence<DB: Dialect>(mut out: AstPass<'_, '_, DB>, column: &str, present: bool) -> QueryResult<()> {
    push_column(&mut out, column)?;
    out.push_sql(if present { " IS NOT NULL" } else { " IS NULL" });
    Ok(())
}

/// As a range, which an index can serve.
fn starts<'b, DB: Dialect>(
    mut out: AstPass<'_, 'b, DB>,
    column: &str,
    negated: bool,
    start: &'b Value,
    next: Option<&'b Value>,
) -> QueryResult<()> {
    let [above, between, below] = if negated { [" < ", " OR ", " >= "] } else { [" >= ", " AND ", " < "] };
    out.push_sql("(");
    for (n, (operator, value)) in [(above, Some(start)), (below, next)].into_iter().enumerate() {
        let Some(value) = value else { continue };
        out.push_sql(if n > 0 { between } else { "" });
        push_column(&mut out, column)?;
        push_text_order(&mut out, Kind::Text);
        out.push_sql(operator);
        DB::bind(&mut out, value)?;
    }
    out.push_sql(")");
    Ok(())
}

/// Without LIKE, which ignores case on one of the databases and has wildcards on both.
fn ends<'b, DB: Dialect>(mut out: AstPass<'_, 'b, DB>, column: &str, negated: bool, end: &'b Value) -> QueryResult<()> {
    if matches!(end, Value::Text(text) if text.is_empty()) {
        // Everything ends with nothing; but `substr(…, -0)` isn't nothing.
        if negated {
            out.push_sql("1 = 0");
            return Ok(());
        }
        return presence(out, column, true);
    }
    if DB::SQLITE {
        // Ours: `substr(…, -n)` counts the characters of the whole text.
        out.push_sql(if negated { "NOT text_ends(" } else { "text_ends(" });
        push_column(&mut out, column)?;
        out.push_sql(", ");
        DB::bind(&mut out, end)?;
        out.push_sql(")");
        return Ok(());
    }
    out.push_sql("right(");
    push_column(&mut out, column)?;
    out.push_sql(", length(");
    DB::bind(&mut out, end)?;
    out.push_sql(if negated { ")) <> " } else { ")) = " });
    DB::bind(&mut out, end)
}

fn part<'b, DB: Dialect>(
    mut out: AstPass<'_, 'b, DB>,
    column: &str,
    negated: bool,
    part: &'b Value,
) -> QueryResult<()> {
    // Ours: see `sqlite::functions`.
    out.push_sql(match (DB::SQLITE, negated) {
        (true, false) => "text_contains(",
        (true, true) => "NOT text_contains(",
        (false, _) => "strpos(",
    });
    push_column(&mut out, column)?;
    out.push_sql(", ");
    DB::bind(&mut out, part)?;
    out.push_sql(match (DB::SQLITE, negated) {
        (true, _) => ")",
        (false, false) => ") > 0",
        (false, true) => ") = 0",
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_after_all_that_start_alike() {
        assert_eq!(next_after("abc").as_deref(), Some("abd"));
        assert_eq!(next_after("a\u{D7FF}").as_deref(), Some("a\u{E000}"));
        assert_eq!(next_after("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(next_after("\u{10FFFF}"), None);
        assert_eq!(next_after(""), None);
    }
}
