//! Relationships: made, changed, removed. Whatever changes one, changes what two tables are: both are locked, always the
//! one with the lower number first, and the schemas of both are outdated.

use super::columns::open;
use super::tables::whole_table;
use super::{At, Databases, bytes};
use crate::events;
use crate::model::{Status, Task, WholeTable};
use crate::relation::{NewRelation, OnDelete, Relation, Side, TableName};
use crate::row_transaction::RowTransaction;
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::{Error, Result};
use floe_store::conflict_is;
use floe_store::tables::Ddl;

/// What is to change of a relationship.
#[derive(Debug)]
pub(crate) struct RelationChange {
    /// What becomes of related rows when a row goes.
    pub(crate) on_delete: Option<OnDelete>,
    /// Another name.
    pub(crate) new_key: Option<String>,
}

impl Databases {
    /// Makes a relationship.
    ///
    /// # Errors
    /// `table_not_found` also of the other table, `column_already_exists` also of the other side's key,
    /// `column_limit_exceeded`; those of finding the table.
    pub(crate) async fn create_relation(&self, call: &Call, at: &At, new: NewRelation) -> Result<Relation> {
        let vocabulary = Vocabulary::of(call);
        let mut tx = self.begin(call).await?;
        let to = At { database: at.database.clone(), table: new.related.clone() };
        let (table, related) = open_both(&mut tx, at, &to, vocabulary).await?;
        let mut is_for_later = await_jobs(&mut tx, call, [table.table.number, related.table.number]).await?;
        let mut relation = planned(new, call, &table, &related);
        check(&relation, &table, &related, vocabulary)?;
        relation.status = if is_for_later { Status::Processing } else { Status::Available };
        let exists = |key: &str| conflict_is(Error::about(vocabulary.errors().column_exists, key));
        relation.number = tx.definitions().add_relation(&relation).await.map_err(exists(&relation.key))?;
        relation.link = relation.number;
        let mut sides = vec![relation.number];
        if relation.two_way {
            let mirrored = relation.mirrored();
            sides.push(tx.definitions().add_relation(&mirrored).await.map_err(exists(&mirrored.key))?);
        }
        if !is_for_later {
            let links = Ddl::CreateLinks(relation.links(&call.store), relation.cardinality.once());
            if !tx.try_shape(links).await? {
                for side in sides {
                    tx.definitions().set_column_status(side, &Status::Processing).await?;
                }
                is_for_later = true;
            }
        }
        if is_for_later {
            tx.later(Task::MakeLinks, relation.table.number, relation.number).await?;
        }
        relation.status = Status::Processing;
        let ids = [at.database.as_str(), &at.table, &relation.key];
        tx.emit(events::COLUMN_CREATE, &ids, || bytes(&relation.to_json(vocabulary))).await?;
        tx.commit().await?;
        Ok(relation)
    }

    /// Changes a relationship, on both sides.
    ///
    /// # Errors
    /// `column_not_found`, `column_type_invalid` for a column that is none, `column_already_exists`; those of finding
    /// the table.
    pub(crate) async fn update_relation(
        &self,
        call: &Call,
        at: &At,
        key: &str,
        change: RelationChange,
    ) -> Result<Relation> {
        let vocabulary = Vocabulary::of(call);
        let mut tx = self.begin(call).await?;
        let (mut relation, mut other) = open_relation(&mut tx, at, key, vocabulary).await?;
        if relation.status != Status::Available {
            return Err(Error::about(vocabulary.errors().column_not_available, key));
        }
        let on_delete = change.on_delete.unwrap_or(relation.on_delete);
        let new_key = change.new_key.unwrap_or_else(|| key.to_owned());
        relation.on_delete = on_delete;
        relation.updated = call.now;
        relation.key.clone_from(&new_key);
        let saved = tx.definitions().save_relation(&relation).await;
        saved.map_err(conflict_is(Error::about(vocabulary.errors().column_exists, &relation.key)))?;
        if let Some(other) = &mut other {
            other.on_delete = on_delete;
            other.updated = call.now;
            other.two_way_key = new_key;
            tx.definitions().save_relation(other).await?;
        }
        let ids = [at.database.as_str(), &at.table, key];
        tx.emit(events::COLUMN_UPDATE, &ids, || bytes(&relation.to_json(vocabulary))).await?;
        tx.commit().await?;
        Ok(relation)
    }

    /// Removes a relationship from both sides, with its links.
    ///
    /// # Errors
    /// As [`Databases::update_relation`].
    pub(super) async fn delete_relation(
        &self,
        mut tx: RowTransaction<'_>,
        call: &Call,
        at: &At,
        key: &str,
    ) -> Result<()> {
        let vocabulary = Vocabulary::of(call);
        let (relation, _) = open_relation(&mut tx, at, key, vocabulary).await?;
        detach(&mut tx, call, &at.database, &relation).await?;
        let ids = [at.database.as_str(), &at.table, &relation.key];
        tx.emit(events::COLUMN_UPDATE, &ids, || bytes(&relation.to_json(vocabulary))).await?;
        tx.commit().await
    }
}

/// Both tables, about to get another shape. They may be the same.
async fn open_both(
    tx: &mut RowTransaction<'_>,
    at: &At,
    to: &At,
    vocabulary: Vocabulary,
) -> Result<(WholeTable, WholeTable)> {
    let here = whole_table(&mut tx.definitions(), at, vocabulary).await?.table.number;
    let there = whole_table(&mut tx.definitions(), to, vocabulary).await?.table.number;
    // Two that want the same tables must not wait for each other.
    if here <= there {
        let table = open(tx, at, vocabulary).await?;
        let related = open(tx, to, vocabulary).await?;
        return Ok((table, related));
    }
    let related = open(tx, to, vocabulary).await?;
    Ok((open(tx, at, vocabulary).await?, related))
}

/// The relationship of this key, and the other side's column where there is one; both tables about to get another shape.
async fn open_relation(
    tx: &mut RowTransaction<'_>,
    at: &At,
    key: &str,
    vocabulary: Vocabulary,
) -> Result<(Relation, Option<Relation>)> {
    let errors = vocabulary.errors();
    let before = whole_table(&mut tx.definitions(), at, vocabulary).await?;
    let named = before.relations.iter().find(|relation| relation.key == key);
    let is_plain = before.columns.iter().any(|column| column.key == key);
    let named = named.ok_or_else(|| match is_plain {
        true => errors.column_type.into(),
        false => Error::about(errors.column_not_found, key),
    })?;
    let to = At { database: at.database.clone(), table: named.related.id.clone() };
    let (table, related) = open_both(tx, at, &to, vocabulary).await?;
    // Read again, behind the lock.
    let relation = table.relations.into_iter().find(|relation| relation.key == key);
    let relation = relation.ok_or_else(|| Error::about(errors.column_not_found, key))?;
    let other = related.relations.into_iter().find(|other| other.mirrors(&relation));
    Ok((relation, other))
}

/// The relationship that is to be made, as yet without numbers.
fn planned(new: NewRelation, call: &Call, table: &WholeTable, related: &WholeTable) -> Relation {
    let name = |whole: &WholeTable| TableName { number: whole.table.number, id: whole.table.id.clone() };
    Relation {
        number: 0,
        link: 0,
        key: new.key.unwrap_or_else(|| related.table.id.clone()),
        two_way_key: new.two_way_key.unwrap_or_else(|| table.table.id.clone()),
        table: name(table),
        related: name(related),
        cardinality: new.cardinality,
        side: Side::Parent,
        two_way: new.two_way,
        on_delete: new.on_delete,
        status: Status::Processing,
        created: call.now,
        updated: call.now,
    }
}

/// Refuses keys that are taken, on either side. Two tables may be related as often as there are keys; Appwrite refuses a
/// second relationship whose other side would be called the same although it has no other side, and a second one of many to
/// many.
fn check(new: &Relation, table: &WholeTable, related: &WholeTable, vocabulary: Vocabulary) -> Result<()> {
    let has = |whole: &WholeTable, key: &str| {
        let mut keys = whole.relations.iter().map(|relation| &relation.key);
        keys.any(|taken| taken.eq_ignore_ascii_case(key)) || whole.columns.iter().any(|column| column.key == key)
    };
    if has(table, &new.key) {
        return Err(taken(&new.key, vocabulary));
    }
    let is_itself = table.table.number == related.table.number && new.key.eq_ignore_ascii_case(&new.two_way_key);
    if new.two_way && (is_itself || has(related, &new.two_way_key)) {
        return Err(taken(&new.two_way_key, vocabulary));
    }
    table.with_relation(new.clone()).check_limits(vocabulary)?;
    if new.two_way {
        related.with_relation(new.mirrored()).check_limits(vocabulary)?;
    }
    Ok(())
}

fn taken(key: &str, vocabulary: Vocabulary) -> Error {
    Error::about(vocabulary.errors().column_exists, key)
}

/// Removes a relationship's links and its columns on both sides. The other table gets another shape. Gives what
/// [`drop_links`] does.
async fn detach(tx: &mut RowTransaction<'_>, call: &Call, database_id: &str, relation: &Relation) -> Result<bool> {
    let is_left = drop_links(tx, call, relation).await?;
    tx.definitions().next_version(relation.related.number).await?;
    tx.invalidate_table(database_id, &relation.related.id);
    let other = tx.definitions().columns(relation.related.number).await?.relations;
    for side in other.iter().filter(|other| other.mirrors(relation)).chain([relation]) {
        tx.definitions().remove_column(side.number).await?;
    }
    Ok(is_left)
}

/// Removes what there is of a relationship's links in the database, or leaves that for later. Whether it is left: then
/// neither table can go before.
pub(super) async fn drop_links(tx: &mut RowTransaction<'_>, call: &Call, relation: &Relation) -> Result<bool> {
    let (table, related) = (relation.table.number, relation.related.number);
    let parent = if relation.side == Side::Parent { table } else { related };
    let never_made = match relation.status {
        Status::Available => false,
        Status::Processing => tx.definitions().call_off(Task::MakeLinks, parent, relation.link).await?,
        Status::Failed(_) => true,
    };
    if never_made {
        return Ok(false);
    }
    let is_for_later = await_jobs(tx, call, [table, related]).await?;
    if !is_for_later && tx.try_shape(Ddl::DropLinks(relation.links(&call.store))).await? {
        return Ok(false);
    }
    tx.later(Task::DropLinks, 0, relation.link).await?;
    Ok(true)
}

/// Whether links between these tables must wait, because something is done about their shape. Only on PostgreSQL, where
/// a table of links locks both tables, and who waits for a lock holds up everybody behind.
async fn await_jobs(tx: &mut RowTransaction<'_>, call: &Call, tables: [i64; 2]) -> Result<bool> {
    let mut definitions = tx.definitions();
    Ok(!call.store.is_sqlite()
        && (definitions.awaits_jobs(tables[0]).await? || definitions.awaits_jobs(tables[1]).await?))
}

/// Removes every relationship that a table is in, before the table goes. Gives what [`drop_links`] does.
pub(super) async fn forsake(tx: &mut RowTransaction<'_>, call: &Call, whole: &WholeTable) -> Result<bool> {
    let (mut gone, mut is_left) = (Vec::new(), false);
    for relation in whole.relations.iter().chain(&whole.incoming) {
        // One of a table with itself is met from both sides.
        if !gone.contains(&relation.link) {
            gone.push(relation.link);
            is_left |= detach(tx, call, &whole.database_id, relation).await?;
        }
    }
    Ok(is_left)
}
