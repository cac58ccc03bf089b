//! Links between rows of user-defined tables: a table of pairs for each relationship, whatever its kind
//! (docs/decisions/0010).

use crate::Store;
use crate::dialect::Dialect;
use crate::query::TableRef;
use diesel::QueryResult;
use diesel::query_builder::AstPass;
use std::sync::Arc;

/// The links of one relationship, as they are in the database: the table `links_<n>` of pairs of sequences, of a row of
/// the parent table and a row of the child table. A row that goes takes its links along. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links(Arc<Ends>);

#[derive(Debug, PartialEq, Eq)]
struct Ends {
    place: TableRef,
    name: Arc<str>,
    parent: TableRef,
    child: TableRef,
}

/// One end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The row of the table on whose side the relationship was made.
    Parent,
    /// The row of the table that it leads to.
    Child,
}

/// How often a row may be linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Once {
    /// Whether each parent has one child at the most.
    pub parent: bool,
    /// Whether each child has one parent at the most.
    pub child: bool,
}

impl Store {
    /// Describes the links of this number, between the rows of the tables of these numbers.
    #[must_use]
    pub fn links(&self, number: i64, parent: i64, child: i64) -> Links {
        let made = |name: String| TableRef::made(self.schema().cloned(), name.into(), super::SEQUENCE);
        let name: Arc<str> = format!("links_{number}").into();
        Links(Arc::new(Ends {
            place: TableRef::made(self.schema().cloned(), Arc::clone(&name), super::SEQUENCE),
            name,
            parent: made(format!("rows_{parent}")),
            child: made(format!("rows_{child}")),
        }))
    }
}

impl Links {
    /// Their name in the database, without the schema.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Where they are.
    pub(crate) fn place(&self) -> &TableRef {
        &self.0.place
    }
}

impl End {
    /// The other end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Parent => Self::Child,
            Self::Child => Self::Parent,
        }
    }

    /// Its column.
    #[must_use]
    pub fn column(self) -> &'static str {
        match self {
            Self::Parent => "parent",
            Self::Child => "child",
        }
    }
}

/// Makes the table, with an index for each direction that also is the rule of how often a row may be linked.
pub(super) fn create<DB: Dialect>(out: &mut AstPass<'_, '_, DB>, links: &Links, once: Once) -> QueryResult<()> {
    out.push_sql("CREATE TABLE ");
    links.place().push(out)?;
    for (start, place) in [(" (parent", &links.0.parent), (", child", &links.0.child)] {
        out.push_sql(start);
        out.push_sql(" BIGINT NOT NULL REFERENCES ");
        place.push(out)?;
        out.push_sql(" (_sequence) ON DELETE CASCADE");
    }
    out.push_sql(")");
    // No pair is there twice; where a row of one end is there once at the most, that says it already.
    let forth = if once.parent { "parent" } else { "parent, child" };
    let back = if once.child { "child" } else { "child, parent" };
    index(out, links, "forth", forth, once.parent || !once.child)?;
    index(out, links, "back", back, once.child)
}

fn index<DB: Dialect>(
    out: &mut AstPass<'_, '_, DB>,
    links: &Links,
    name: &str,
    columns: &str,
    unique: bool,
) -> QueryResult<()> {
    out.push_sql(if unique { "; CREATE UNIQUE INDEX " } else { "; CREATE INDEX " });
    out.push_identifier(&format!("{}_{name}", links.0.name))?;
    out.push_sql(" ON ");
    links.place().push(out)?;
    out.push_sql(" (");
    out.push_sql(columns);
    out.push_sql(")");
    Ok(())
}
