//! What a row that goes does to those that it is related to: they go too, they keep it from going, or they stay.
//!
//! First everything is found that goes, then everything asked that stays, then all of it is removed. So a row that goes
//! itself stands against nothing.

use super::{MAX_ROWS, linked};
use crate::events;
use crate::relation::{Cardinality, OnDelete, Relation, Side};
use crate::row_transaction::RowTransaction;
use crate::schema::TableSchema;
use crate::service::At;
use crate::service::operations::emit;
use crate::service::writes::{Permitted, check_change};
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::access::Reach;
use floe_kernel::permission::Action;
use floe_kernel::{Error, ErrorKind, Result};
use floe_store::tables::{self, Linked, StoredRow};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Removes a row, and what has to go with it. Whether the caller may remove the row itself is decided already; of the
/// others it is decided, and told, here.
///
/// # Errors
/// `row_delete_restricted` when a row that stays stands against it; `user_unauthorized` when the caller may not remove
/// what has to go, or change what stays; `general_bad_request` when too much would have to go.
pub(in crate::service) async fn remove(
    tx: &mut RowTransaction<'_>,
    call: &Call,
    schema: &TableSchema,
    row: &Permitted,
) -> Result<()> {
    if views(schema).next().is_some() {
        let mut removal = Removal::new(tx, call, schema, row.row.sequence);
        removal.find().await?;
        removal.ask().await?;
        removal.perform().await?;
    }
    tx.touch(&schema.stored, &row.row.id)?;
    tables::delete(tx, &schema.stored, &row.row.id).await?;
    Ok(())
}

/// The relationships that rows of a table may be in, whether or not there is a column here.
fn views(schema: &TableSchema) -> impl Iterator<Item = &Relation> {
    schema.relations.iter().chain(&schema.incoming)
}

impl Relation {
    /// Whether a row on this side takes its related rows along.
    fn takes_along(&self) -> bool {
        self.on_delete == OnDelete::Cascade
            && match self.cardinality {
                // What has no column on this side is not what the row says it is related to.
                Cardinality::OneToOne => self.side == Side::Parent || self.two_way,
                Cardinality::OneToMany | Cardinality::ManyToMany => self.side == Side::Parent,
                Cardinality::ManyToOne => self.side == Side::Child,
            }
    }

    /// Whether a row on this side stays as long as it is related.
    fn has_to_stay(&self) -> bool {
        self.on_delete == OnDelete::Restrict
            && match self.cardinality {
                Cardinality::OneToOne | Cardinality::OneToMany | Cardinality::ManyToMany => self.side == Side::Parent,
                Cardinality::ManyToOne => self.side == Side::Child,
            }
    }
}

/// A row that goes along, and its table.
struct Doomed {
    table: Arc<TableSchema>,
    row: Permitted,
}

/// A row that goes, with everything that goes along.
struct Removal<'r, 's> {
    tx: &'r mut RowTransaction<'s>,
    call: &'r Call,
    /// The table of the row.
    schema: &'r TableSchema,
    /// The row's sequence.
    first: i64,
    /// What goes along, in the order in which it was found.
    doomed: Vec<Doomed>,
    /// Everything that goes, by the number of its table and its sequence.
    known: HashSet<(i64, i64)>,
    /// The tables that were met, by their number.
    tables: HashMap<i64, Arc<TableSchema>>,
}

impl<'r, 's> Removal<'r, 's> {
    fn new(tx: &'r mut RowTransaction<'s>, call: &'r Call, schema: &'r TableSchema, first: i64) -> Self {
        let known = views(schema).take(1).map(|relation| (relation.table.number, first)).collect();
        Self { tx, call, schema, first, doomed: Vec::new(), known, tables: HashMap::new() }
    }

    /// Finds what goes along, and refuses if the caller may not remove it.
    async fn find(&mut self) -> Result<()> {
        self.follow(self.schema, self.first).await?;
        let mut next = 0;
        while let Some(doomed) = self.doomed.get(next) {
            let (table, row) = (Arc::clone(&doomed.table), doomed.row.row.sequence);
            self.follow(&table, row).await?;
            next += 1;
        }
        Ok(())
    }

    /// Adds what one row takes along.
    async fn follow(&mut self, table: &TableSchema, row: i64) -> Result<()> {
        for relation in views(table).filter(|relation| relation.takes_along()) {
            let Some(related) = self.table(table, relation).await? else { continue };
            for found in self.linked(relation, row, &related).await? {
                if self.known.insert((relation.related.number, found.sequence)) {
                    self.doom(&related, &found.id).await?;
                }
            }
        }
        Ok(())
    }

    async fn doom(&mut self, table: &Arc<TableSchema>, id: &str) -> Result<()> {
        if self.doomed.len() >= MAX_ROWS {
            return Err(too_many());
        }
        let Some(row) = tables::get_for_update(self.tx, &table.stored, id).await? else { return Ok(()) };
        let set = self.tx.set(row.permissions).await?;
        let row = Permitted { row, set };
        if !table.is_open(&self.call.caller) {
            return Err(ErrorKind::UserUnauthorized.into());
        }
        check_change(self.tx, self.call, table, &row, Action::Delete)?;
        self.doomed.push(Doomed { table: Arc::clone(table), row });
        Ok(())
    }

    /// Asks the rows that stay.
    async fn ask(&mut self) -> Result<()> {
        self.ask_about(self.schema, self.first).await?;
        for n in 0..self.doomed.len() {
            let Doomed { table, row } = &self.doomed[n];
            let (table, row) = (Arc::clone(table), row.row.sequence);
            self.ask_about(&table, row).await?;
        }
        Ok(())
    }

    /// Asks the rows that stay and are related to this one, which goes.
    async fn ask_about(&mut self, table: &TableSchema, row: i64) -> Result<()> {
        for relation in views(table).filter(|relation| !relation.takes_along()) {
            let Some(related) = self.table(table, relation).await? else { continue };
            if relation.has_to_stay() && self.is_needed(relation, row, &related).await? {
                return Err(Vocabulary::of(self.call).errors().row_restricted.into());
            }
            if relation.kept_by_other() {
                self.empty(relation, row, &related).await?;
            }
        }
        Ok(())
    }

    /// Whether a row that stays is related to this one.
    async fn is_needed(&mut self, relation: &Relation, row: i64, related: &TableSchema) -> Result<bool> {
        // One more than there are that don't count.
        let limit = self.known.len() + 1;
        let from = Linked { end: relation.end(), row };
        let links = relation.links(&self.call.store);
        let rows = linked(self.tx, &links, from, related, limit).await?;
        Ok(rows.iter().any(|row| self.stays(relation, row)))
    }

    fn stays(&self, relation: &Relation, row: &StoredRow) -> bool {
        !self.known.contains(&(relation.related.number, row.sequence))
    }

    /// Rows that stay lose a value of theirs: refuses if the caller sees one that they may not change, and notes that they were.
    ///
    /// One that they don't see isn't asked: a refusal would tell that it is there, and whoever relates a hidden row to another
    /// one would keep it from going. It loses what it says of a row that isn't there any more, and nothing else.
    async fn empty(&mut self, relation: &Relation, row: i64, related: &TableSchema) -> Result<()> {
        let caller = &self.call.caller;
        if related.is_open(caller) && related.policy().reach(caller, Action::Update) != Reach::All {
            for row in self.linked(relation, row, related).await? {
                let set = self.tx.set(row.permissions).await?;
                let may = |action| related.policy().permits(caller, action, &set.permissions);
                if may(Action::Read) && !may(Action::Update) && self.stays(relation, &row) {
                    return Err(ErrorKind::UserUnauthorized.into());
                }
            }
        }
        // Asked for in any case: so many are changed at once, and no more.
        let rows = self.linked(relation, row, related).await?;
        if self.tx.minds_changes() {
            for row in rows {
                if self.tx.must_be_unchanged(&related.stored, &row).is_ok() {
                    self.tx.touch(&related.stored, &row.id)?;
                }
            }
        }
        let (links, from) = (relation.links(&self.call.store), Linked { end: relation.end(), row });
        tables::touch_linked(self.tx, &links, from, &related.stored, self.call.now.millis()).await?;
        Ok(())
    }

    /// The rows that a row is related to. Too many are none of the caller's business in one request.
    async fn linked(&mut self, relation: &Relation, row: i64, related: &TableSchema) -> Result<Vec<StoredRow>> {
        let (links, from) = (relation.links(&self.call.store), Linked { end: relation.end(), row });
        let rows = linked(self.tx, &links, from, related, MAX_ROWS + 1).await?;
        if rows.len() > MAX_ROWS { Err(too_many()) } else { Ok(rows) }
    }

    /// The table that a relationship leads to, whether or not the caller may know of it.
    async fn table(&mut self, table: &TableSchema, relation: &Relation) -> Result<Option<Arc<TableSchema>>> {
        let number = relation.related.number;
        if let Some(known) = self.tables.get(&number) {
            return Ok(Some(Arc::clone(known)));
        }
        let at = At { database: table.database_id.clone(), table: relation.related.id.clone() };
        let found = self.tx.schema(self.call, &at).await?;
        if let Some(found) = &found {
            self.tables.insert(number, Arc::clone(found));
        }
        Ok(found)
    }

    /// Removes what goes along, what was found last first.
    async fn perform(self) -> Result<()> {
        let vocabulary = Vocabulary::of(self.call);
        for Doomed { table, row } in self.doomed.iter().rev() {
            self.tx.touch(&table.stored, &row.row.id)?;
            tables::delete(self.tx, &table.stored, &row.row.id).await?;
            emit(self.tx, events::ROW_DELETE, table, &row.row.id, || row.json(table, vocabulary)).await?;
        }
        Ok(())
    }
}

fn too_many() -> Error {
    let message =
        format!("A row can't be removed along with more than {MAX_ROWS} related rows: remove some of them first.");
    Error::new(ErrorKind::GeneralBadRequest).message(message)
}
