//! Spatial indexes: where the rows' shapes are, roughly. They know the frames around shapes, and so which shapes may lie
//! somewhere; the rest must be worked out shape by shape ([`super::matching`]).
//!
//! On SQLite an index is an R*Tree, `rows_<n>_i<number>`, and three triggers that follow the rows, within whatever
//! changes those. (It keeps 32 bits of each number, and rounds so that frames never get smaller.) On PostgreSQL it is a
//! GiST index over `frame_of(column)`, a function of the migration `shapes`.

use super::{SEQUENCE, StoredTable};
use crate::dialect::Dialect;
use diesel::QueryResult;
use diesel::query_builder::AstPass;
use floe_kernel::value::BoundingBox;

/// What a trigger follows, and what it is called: the same as those of a fulltext index, so that one way removes both.
const FOLLOWED: [(&str, &str); 3] = [("insert", "INSERT ON"), ("update", "UPDATE OF"), ("delete", "DELETE ON")];

/// Makes the index, with what the rows hold by now.
pub(super) fn create<DB: Dialect>(
    out: &mut AstPass<'_, '_, DB>,
    table: &StoredTable,
    number: i64,
    column: &str,
) -> QueryResult<()> {
    let index = table.index_name(number);
    if !DB::SQLITE {
        out.push_sql("CREATE INDEX ");
        out.push_identifier(&index)?;
        out.push_sql(" ON ");
        table.place().push(out)?;
        out.push_sql(" USING GIST (");
        push_frame_of(out, table, column)?;
        out.push_sql(")");
        return Ok(());
    }
    out.push_sql("CREATE VIRTUAL TABLE ");
    out.push_identifier(&index)?;
    out.push_sql(" USING rtree(id, west, east, south, north); ");
    for followed in FOLLOWED {
        push_trigger(out, table, &index, column, followed)?;
    }
    push_insert(out, &index, "kept.")?;
    out.push_sql(", ");
    table.place().push(out)?;
    out.push_sql(" AS kept, json_tree(kept.");
    out.push_identifier(column)?;
    out.push_sql(") AS part WHERE part.type IN ('integer', 'real') GROUP BY kept._sequence");
    Ok(())
}

/// Writes a condition: the row's shape has a frame that meets this one.
pub(super) fn push_meets<'b, DB: Dialect>(
    out: &mut AstPass<'_, 'b, DB>,
    table: &StoredTable,
    (number, column): (i64, &str),
    bounding_box: &'b FrameValues,
) -> QueryResult<()> {
    let [west, south, east, north] = &bounding_box.0;
    if !DB::SQLITE {
        push_frame_of(out, table, column)?;
        for (before, value) in [(" && box(point(", west), (", ", south), ("), point(", east), (", ", north)] {
            out.push_sql(before);
            DB::bind(out, value)?;
        }
        out.push_sql("))");
        return Ok(());
    }
    out.push_sql(SEQUENCE);
    out.push_sql(" IN (SELECT id FROM ");
    out.push_identifier(&table.index_name(number))?;
    let sides =
        [(" WHERE east >= ", west), (" AND west <= ", east), (" AND north >= ", south), (" AND south <= ", north)];
    for (before, value) in sides {
        out.push_sql(before);
        DB::bind(out, value)?;
    }
    out.push_sql(")");
    Ok(())
}

/// A frame, to be bound.
#[derive(Debug, Clone)]
pub(super) struct FrameValues([floe_kernel::value::Value; 4]);

impl From<BoundingBox> for FrameValues {
    fn from(bounding_box: BoundingBox) -> Self {
        Self(
            [bounding_box.west, bounding_box.south, bounding_box.east, bounding_box.north]
                .map(floe_kernel::value::Value::Float),
        )
    }
}

fn push_frame_of<DB: Dialect>(out: &mut AstPass<'_, '_, DB>, table: &StoredTable, column: &str) -> QueryResult<()> {
    table.place().beside("frame_of").push(out)?;
    out.push_sql("(");
    out.push_identifier(column)?;
    out.push_sql(")");
    Ok(())
}

fn push_trigger<DB: Dialect>(
    out: &mut AstPass<'_, '_, DB>,
    table: &StoredTable,
    index: &str,
    column: &str,
    (what, event): (&str, &str),
) -> QueryResult<()> {
    out.push_sql("CREATE TRIGGER ");
    out.push_identifier(&format!("{index}_{what}"))?;
    out.push_sql(" AFTER ");
    out.push_sql(event);
    out.push_sql(" ");
    if what == "update" {
        out.push_identifier(column)?;
        out.push_sql(" ON ");
    }
    table.place().push(out)?;
    out.push_sql(" BEGIN ");
    if what != "insert" {
        out.push_sql("DELETE FROM ");
        out.push_identifier(index)?;
        out.push_sql(" WHERE id = old._sequence; ");
    }
    if what != "delete" {
        push_insert(out, index, "new.")?;
        out.push_sql(", json_tree(new.");
        out.push_identifier(column)?;
        // No shape, no numbers; and then no group.
        out.push_sql(") AS part WHERE part.type IN ('integer', 'real') GROUP BY one; ");
    }
    out.push_sql("END; ");
    Ok(())
}

/// Writes `INSERT … SELECT … FROM (SELECT 1 AS one)`: the frame of a shape's numbers, of which the first of each pair
/// (its key in the JSON is 0) is an x.
fn push_insert<DB: Dialect>(out: &mut AstPass<'_, '_, DB>, index: &str, of: &str) -> QueryResult<()> {
    out.push_sql("INSERT INTO ");
    out.push_identifier(index)?;
    out.push_sql(" (id, west, east, south, north) SELECT ");
    out.push_sql(of);
    out.push_sql(
        "_sequence, min(CASE part.key WHEN 0 THEN part.atom END), max(CASE part.key WHEN 0 THEN part.atom END), \
         min(CASE part.key WHEN 1 THEN part.atom END), max(CASE part.key WHEN 1 THEN part.atom END) \
         FROM (SELECT 1 AS one)",
    );
    Ok(())
}
