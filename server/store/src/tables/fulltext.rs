//! Fulltext indexes: which words the rows' texts have.
//!
//! On SQLite an index is a table of FTS5's, `rows_<n>_i<number>`, which keeps no text (`content=''`), and three triggers
//! that follow the rows, within whatever changes those. On PostgreSQL it is a GIN index over `search_words(column)`, a
//! function of the migration `search`. Conditions on it: `floe_kernel::query::Filter::Search`.

use super::{SEQUENCE, StoredTable};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::{UnitOfWork, on_conn};
use diesel::QueryResult;
use diesel::deserialize::QueryableByName;
use diesel::query_builder::AstPass;
use diesel::sql_types::Text;

/// How many characters of a text are searched: so many that PostgreSQL can keep their words for sure.
const SEARCHED: &str = ", 1, 200000)";

/// What words are made of, and that accents count; see `floe_kernel::query::Search`.
const TOKENIZER: &str = "tokenize=\"unicode61 remove_diacritics 0 categories 'L* N* M*'\"";

/// Makes the index, with what the rows hold by now.
pub(super) fn create<DB: Dialect>(
    out: &mut AstPass<'_, '_, DB>,
    table: &StoredTable,
    number: i64,
    columns: &[String],
) -> QueryResult<()> {
    let index = table.index_name(number);
    if !DB::SQLITE {
        out.push_sql("CREATE INDEX ");
        out.push_identifier(&index)?;
        out.push_sql(" ON ");
        table.place().push(out)?;
        out.push_sql(" USING GIN (");
        push_columns(out, "search_words(", ")", columns)?;
        out.push_sql(")");
        return Ok(());
    }
    out.push_sql("CREATE VIRTUAL TABLE ");
    out.push_identifier(&index)?;
    out.push_sql(" USING fts5(");
    push_columns(out, "", "", columns)?;
    out.push_sql(", content='', contentless_delete=1, ");
    out.push_sql(TOKENIZER);
    out.push_sql("); ");
    for follow in [Follow::Insert, Follow::Update, Follow::Delete] {
        push_trigger(out, table, &index, columns, follow)?;
    }
    push_insert(out, &index, columns)?;
    out.push_sql(" SELECT _sequence, ");
    push_columns(out, "substr(", SEARCHED, columns)?;
    out.push_sql(" FROM ");
    table.place().push(out)
}

/// Removes what FTS5 has of an index, if this is one of its. To be said behind what removes indexes of other kinds.
pub(super) fn remove<DB: Dialect>(out: &mut AstPass<'_, '_, DB>, index: &str) -> QueryResult<()> {
    if !DB::SQLITE {
        return Ok(());
    }
    for follow in [Follow::Insert, Follow::Update, Follow::Delete] {
        out.push_sql("; DROP TRIGGER IF EXISTS ");
        out.push_identifier(&follow.trigger(index))?;
    }
    out.push_sql("; DROP TABLE IF EXISTS ");
    out.push_identifier(index)
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Removes FTS5's tables of a table that is about to be removed. (Its triggers and other indexes go with it.)
pub(super) async fn remove_all(unit: &mut UnitOfWork, table: &StoredTable) -> Result<()> {
    if !unit.is_sqlite() {
        return Ok(());
    }
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%' AND name GLOB ";
    let sql = format!("{sql} '{}'", table.index_name_pattern());
    for index in on_conn!(unit, |c| diesel::sql_query(&sql).load::<Named>(c))? {
        // Ours, see docs/decisions/0004.
        unit.execute_ddl(&format!("DROP TABLE {}", index.name)).await?;
    }
    Ok(())
}

/// What a trigger follows.
#[derive(Clone, Copy)]
enum Follow {
    Insert,
    Update,
    Delete,
}

impl Follow {
    fn trigger(self, index: &str) -> String {
        let what = match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        };
        format!("{index}_{what}")
    }
}

fn push_trigger<DB: Dialect>(
    out: &mut AstPass<'_, '_, DB>,
    table: &StoredTable,
    index: &str,
    columns: &[String],
    follow: Follow,
) -> QueryResult<()> {
    out.push_sql("CREATE TRIGGER ");
    out.push_identifier(&follow.trigger(index))?;
    out.push_sql(match follow {
        Follow::Insert => " AFTER INSERT ON ",
        Follow::Update => " AFTER UPDATE OF ",
        Follow::Delete => " AFTER DELETE ON ",
    });
    if let Follow::Update = follow {
        push_columns(out, "", "", columns)?;
        out.push_sql(" ON ");
    }
    table.place().push(out)?;
    out.push_sql(" BEGIN ");
    if !matches!(follow, Follow::Insert) {
        out.push_sql("DELETE FROM ");
        out.push_identifier(index)?;
        out.push_sql(" WHERE rowid = old.");
        out.push_sql(SEQUENCE);
        out.push_sql("; ");
    }
    if !matches!(follow, Follow::Delete) {
        push_insert(out, index, columns)?;
        out.push_sql(" VALUES (new._sequence, ");
        push_columns(out, "substr(new.", SEARCHED, columns)?;
        out.push_sql("); ");
    }
    out.push_sql("END; ");
    Ok(())
}

fn push_insert<DB: Dialect>(out: &mut AstPass<'_, '_, DB>, index: &str, columns: &[String]) -> QueryResult<()> {
    out.push_sql("INSERT INTO ");
    out.push_identifier(index)?;
    out.push_sql(" (rowid, ");
    push_columns(out, "", "", columns)?;
    out.push_sql(")");
    Ok(())
}

/// The columns' names, each between these.
fn push_columns<DB: Dialect>(
    out: &mut AstPass<'_, '_, DB>,
    before: &str,
    behind: &str,
    columns: &[String],
) -> QueryResult<()> {
    for (n, column) in columns.iter().enumerate() {
        out.push_sql(if n > 0 { ", " } else { "" });
        out.push_sql(before);
        out.push_identifier(column)?;
        out.push_sql(behind);
    }
    Ok(())
}
