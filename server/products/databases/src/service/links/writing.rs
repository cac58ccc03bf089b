//! A row's relationships, written in its unit of work: rows linked and unlinked, made and changed on the way.

use super::linked;
use super::values::{Nested, Target, Wanted};
use crate::events;
use crate::relation::Relation;
use crate::row::RowData;
use crate::row_transaction::RowTransaction;
use crate::schema::TableSchema;
use crate::service::operations::emit;
use crate::service::speaker;
use crate::service::writes::{Permitted, change, check_change, check_grants, insert, may_create, permissions_of_new};
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::permission::{Action, Permissions};
use floe_kernel::{Error, Result};
use floe_store::tables::{self, Linked, Links, StoredRow};
use std::collections::HashSet;
use std::pin::Pin;

/// Relates a row to what is wanted, and to nothing else by these relationships. `is_new`: it was made just now. Whether
/// anything had to be done about the row's own links; whether the caller may change the row is for the caller of this.
///
/// # Errors
/// Those of making, changing and reading the other rows; `row_already_exists` for one that is another one's.
pub(in crate::service) fn relate<'f>(
    tx: &'f mut RowTransaction<'_>,
    call: &'f Call,
    schema: &'f TableSchema,
    row: i64,
    is_new: bool,
    wanted: Vec<Wanted<'f>>,
) -> Pin<Box<dyn Future<Output = Result<bool>> + Send + 'f>> {
    Box::pin(async move {
        let mut changed = false;
        for Wanted { relation, related, targets } in wanted {
            let mut work = Work::begin(tx, call, (schema, relation, related), row, is_new).await?;
            work.lock(&targets).await?;
            for target in targets {
                work.meet(target).await?;
            }
            changed |= work.finish().await?;
        }
        Ok(changed)
    })
}

/// One relationship of one row, being written.
struct Work<'w, 's> {
    tx: &'w mut RowTransaction<'s>,
    call: &'w Call,
    /// The row's table.
    schema: &'w TableSchema,
    relation: &'w Relation,
    /// The table that the relationship leads to.
    related: &'w TableSchema,
    links: Links,
    /// The row.
    from: Linked,
    /// What it was related to.
    before: Vec<StoredRow>,
    /// The sequences of what it is to be related to.
    after: HashSet<i64>,
    /// Those of them that it wasn't related to before.
    added: Vec<i64>,
}

impl<'w, 's> Work<'w, 's> {
    async fn begin(
        tx: &'w mut RowTransaction<'s>,
        call: &'w Call,
        (schema, relation, related): (&'w TableSchema, &'w Relation, &'w TableSchema),
        row: i64,
        is_new: bool,
    ) -> Result<Self> {
        let links = relation.links(&call.store);
        let from = Linked { end: relation.end(), row };
        let before = match is_new {
            true => Vec::new(),
            false => linked(tx, &links, from, related, usize::MAX).await?,
        };
        let (after, added) = (HashSet::new(), Vec::new());
        Ok(Self { tx, call, schema, relation, related, links, from, before, after, added })
    }

    /// Keeps others from changing what may be changed here.
    async fn lock(&mut self, targets: &[Target<'w>]) -> Result<()> {
        let mut ids = HashSet::new();
        let mut stay = HashSet::new();
        for target in targets {
            match target {
                Target::Named(id) => {
                    stay.insert(*id);
                    ids.extend(self.relation.kept_by_other().then_some(*id));
                }
                Target::Nested(nested) if nested.is_new => {}
                Target::Nested(nested) => _ = ids.insert(&nested.id),
            }
        }
        for row in self.before.iter().map(|row| row.id.as_str()) {
            if stay.contains(row) {
                ids.remove(row);
            } else if self.relation.kept_by_other() {
                ids.insert(row);
            }
        }
        let ids = ids.into_iter().map(str::to_owned).collect();
        Ok(tables::lock(self.tx, &self.related.stored, ids).await?)
    }

    /// Takes in one of the rows that are wanted. One that the caller can't see is as one that isn't there.
    async fn meet(&mut self, target: Target<'w>) -> Result<()> {
        match target {
            Target::Named(id) => self.meet_named(id).await,
            Target::Nested(nested) if nested.is_new => self.meet_new(nested).await,
            Target::Nested(nested) => match self.seen(&nested.id, true).await? {
                Some(found) => self.meet_known(found, nested).await,
                None => self.meet_new(nested).await,
            },
        }
    }

    async fn meet_named(&mut self, id: &str) -> Result<()> {
        if let Some(row) = self.before.iter().find(|row| row.id == id) {
            let (row, permissions) = (row.sequence, row.permissions);
            if self.permits(Action::Read, permissions).await? {
                self.after.insert(row);
            }
            return Ok(());
        }
        // Only what is about to be changed is kept from being changed by others.
        let Some(found) = self.seen(id, self.relation.kept_by_other()).await? else { return Ok(()) };
        if self.add(found.row.sequence) && self.relation.kept_by_other() {
            self.write(found, RowData::default(), None).await?;
        }
        Ok(())
    }

    async fn meet_known(&mut self, found: Permitted, nested: Nested<'w>) -> Result<()> {
        let row = found.row.sequence;
        let Nested { data, permissions, wanted, .. } = nested;
        // Said again as they are, they give nobody anything.
        let permissions = permissions.filter(|said| said.canonical() != found.set.permissions.canonical());
        check_grants(self.call, permissions.as_ref())?;
        let related = relate(self.tx, self.call, self.related, row, false, wanted).await?;
        let gets = self.add(row) && self.relation.kept_by_other();
        if related || gets || permissions.is_some() || differs(&found.row, &data) {
            self.write(found, data, permissions.as_ref()).await?;
        }
        Ok(())
    }

    async fn meet_new(&mut self, nested: Nested<'w>) -> Result<()> {
        may_create(self.call, self.related)?;
        if let Some(key) = nested.lacks {
            return Err(speaker(self.call).lacks(key));
        }
        let permissions = permissions_of_new(self.call, nested.permissions.as_ref())?;
        let Nested { id, data, wanted, .. } = nested;
        let made = insert(self.tx, self.call, self.related, &id, data, &permissions).await?;
        relate(self.tx, self.call, self.related, made.row.sequence, true, wanted).await?;
        self.add(made.row.sequence);
        let vocabulary = Vocabulary::of(self.call);
        emit(self.tx, events::ROW_CREATE, self.related, &id, || made.json(self.related, vocabulary)).await
    }

    /// Notes a row that is wanted. Whether it wasn't related before.
    fn add(&mut self, row: i64) -> bool {
        let is_new = self.after.insert(row) && !self.before.iter().any(|before| before.sequence == row);
        if is_new {
            self.added.push(row);
        }
        is_new
    }

    /// Changes a row of the other side, if the caller may.
    async fn write(&mut self, found: Permitted, data: RowData, permissions: Option<&Permissions>) -> Result<()> {
        check_change(self.tx, self.call, self.related, &found, Action::Update)?;
        let row = change(self.tx, self.call, self.related, found, data, permissions).await?;
        let vocabulary = Vocabulary::of(self.call);
        emit(self.tx, events::ROW_UPDATE, self.related, &row.row.id, || row.json(self.related, vocabulary)).await
    }

    /// The row of this id, if the caller may read it.
    async fn seen(&mut self, id: &str, whole: bool) -> Result<Option<Permitted>> {
        let table = &self.related.stored;
        let row = match whole {
            true => tables::get_for_update(self.tx, table, id).await?,
            false => tables::get(self.tx, table, Some(&[]), id).await?,
        };
        let Some(row) = row else { return Ok(None) };
        let set = self.tx.set(row.permissions).await?;
        let may = self.related.policy().permits(&self.call.caller, Action::Read, &set.permissions);
        Ok(may.then_some(Permitted { row, set }))
    }

    async fn permits(&mut self, action: Action, set: i64) -> Result<bool> {
        let set = self.tx.set(set).await?;
        Ok(self.related.policy().permits(&self.call.caller, action, &set.permissions))
    }

    /// Removes the links that are wanted no longer, and makes those that are. Whether there were any.
    async fn finish(mut self) -> Result<bool> {
        let mut changed = !self.added.is_empty();
        for row in std::mem::take(&mut self.before) {
            if !self.after.contains(&row.sequence) {
                changed |= self.leave(&row).await?;
            }
        }
        for row in std::mem::take(&mut self.added) {
            if self.relation.of_one() {
                self.claim(row).await?;
            }
            tables::link(self.tx, &self.links, self.from, row).await?;
        }
        Ok(changed)
    }

    /// Ends the relation to a row. Among many, one that the caller can't see can't be left out either: it stays.
    async fn leave(&mut self, row: &StoredRow) -> Result<bool> {
        if self.relation.to_many() && !self.permits(Action::Read, row.permissions).await? {
            return Ok(false);
        }
        if self.relation.kept_by_other()
            && let Some(row) = tables::get_for_update(self.tx, &self.related.stored, &row.id).await?
        {
            let set = self.tx.set(row.permissions).await?;
            self.write(Permitted { row, set }, RowData::default(), None).await?;
        }
        tables::unlink(self.tx, &self.links, self.from, Some(row.sequence)).await?;
        Ok(true)
    }

    /// Makes a row free that can be related to one row only: from many it is taken, from one it isn't.
    async fn claim(&mut self, row: i64) -> Result<()> {
        let there = Linked { end: self.from.end.other(), row };
        if self.relation.to_many() {
            tables::unlink(self.tx, &self.links, there, None).await?;
            return Ok(());
        }
        let holders = linked(self.tx, &self.links, there, self.schema, 1).await?;
        if !holders.is_empty() {
            let kind = Vocabulary::of(self.call).errors().row_exists;
            return Err(Error::new(kind).message("Document already has a related document"));
        }
        Ok(())
    }
}

/// Whether a row isn't already what is said of it.
fn differs(row: &StoredRow, said: &RowData) -> bool {
    said.created.is_some_and(|created| created != row.created)
        || said.updated.is_some_and(|updated| updated != row.updated)
        || said.values.iter().any(|(position, value)| row.values.get(*position) != Some(value))
}
