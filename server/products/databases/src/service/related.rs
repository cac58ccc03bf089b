//! Related rows: which of them a request asks for, found by one statement a relationship, and written into the rows that
//! they belong to.
//!
//! There are two steps. What is asked for, a [`Choice`], is worked out first, because that needs the schemas of all the
//! tables on the way ([`RelatedTableFinder`]); then it is filled, from the store or inside a unit of work ([`RowReader`]). The permission
//! of each table, and of each row, counts at every step: what the caller may not read is left out, as if it weren't there.

use super::reader::RowReader;
use super::{At, Databases};
use crate::permission_sets::PermissionSet;
use crate::relation::Relation;
use crate::schema::TableSchema;
use crate::vocabulary::Vocabulary;
use floe_gateway::Call;
use floe_kernel::access::Reach;
use floe_kernel::permission::Action;
use floe_kernel::query::{Link, Visible};
use floe_kernel::{Error, ErrorKind, Result};
use floe_store::query::Predicate;
use floe_store::tables::{self, Following, Links, MAX_ANSWER_BYTES, StoredRow};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

/// How many relationships may be followed in a row; what is selected behind them is left out.
pub(super) const MAX_DEPTH: usize = 3;
/// The most related rows of an answer, each counted as often as it would be written.
const MAX_RELATED: u64 = 10_000;

/// Finds the tables that relationships lead to. To be asked before a unit of work begins.
#[derive(Clone, Copy)]
pub(super) struct RelatedTableFinder<'g> {
    service: &'g Databases,
    call: &'g Call,
    /// Whether what is kept of other tables is doubted: something that they said was wrong.
    doubtful: bool,
}

/// A table that a relationship leads to, and what the caller may know of its rows.
pub(super) struct RelatedTable {
    pub(super) schema: Arc<TableSchema>,
    pub(super) visible: Visible,
}

/// What is wanted of the rows of a table.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// The columns, by their position; none: all.
    pub(super) columns: Option<Vec<usize>>,
    /// The relationships.
    branches: Vec<Branch>,
}

/// A relationship whose rows are wanted.
#[derive(Debug)]
struct Branch {
    relation: Relation,
    links: Links,
    schema: Arc<TableSchema>,
    visible: Visible,
    /// What is wanted of the rows there.
    choice: Choice,
}

/// The related rows of rows of one table.
#[derive(Debug, Default)]
pub(super) struct Found<'p>(Vec<FoundBranch<'p>>);

#[derive(Debug)]
struct FoundBranch<'p> {
    branch: &'p Branch,
    /// By the sequence of the row that they belong to: their positions in `rows`.
    of: HashMap<i64, Vec<usize>>,
    /// Each once.
    rows: Vec<StoredRow>,
    sets: HashMap<i64, Arc<PermissionSet>>,
    below: Found<'p>,
}

type Boxed<'b, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'b>>;

impl<'g> RelatedTableFinder<'g> {
    /// One that believes what is kept.
    pub(super) fn new(service: &'g Databases, call: &'g Call) -> Self {
        Self { service, call, doubtful: false }
    }

    /// One that reads everything anew.
    pub(super) fn doubtful(self) -> Self {
        Self { doubtful: true, ..self }
    }

    /// The same for somebody else's request.
    pub(super) fn on_behalf_of<'c>(self, call: &'c Call) -> RelatedTableFinder<'c>
    where
        'g: 'c,
    {
        RelatedTableFinder { call, ..self }
    }

    /// Whether it does.
    pub(super) fn doubts(&self) -> bool {
        self.doubtful
    }

    /// Whose request it is about.
    pub(super) fn call(&self) -> &'g Call {
        self.call
    }

    /// The table that a relationship leads to.
    ///
    /// # Errors
    /// Those of storage; also when the table is gone, because then the relationship is.
    pub(super) async fn there(&self, schema: &TableSchema, relation: &Relation) -> Result<RelatedTable> {
        let at = At { database: schema.database_id.clone(), table: relation.related.id.clone() };
        let found = self.service.any_schema(self.call, &at, self.doubtful).await;
        let table_not_found = Vocabulary::of(self.call).errors().table_not_found;
        let schema = found.map_err(|error| match error.kind() {
            kind if kind == table_not_found => {
                floe_store::Error::unavailable("a relationship without its table").into()
            }
            _ => error,
        })?;
        let visible = known(self.call, &schema);
        Ok(RelatedTable { schema, visible })
    }

    /// What `select` asks for of the rows of a table. Relationships are only read where they are named: none without a
    /// `select`, all of their columns with `author` or `author.*`, some with `author.name`.
    ///
    /// # Errors
    /// [`ErrorKind::GeneralQueryInvalid`] for what isn't there.
    pub(super) async fn choice(&self, schema: &TableSchema, select: Option<&[String]>) -> Result<Choice> {
        match select {
            None => Ok(Choice::default()),
            Some(select) => self.choice_at(schema, select, 0).await,
        }
    }

    fn choice_at<'b>(&'b self, schema: &'b TableSchema, select: &'b [String], depth: usize) -> Boxed<'b, Choice> {
        Box::pin(async move {
            let (own, through) = split(schema, select);
            // Where nothing is said of the rows themselves, they are wanted as they are.
            let columns = if own.is_empty() { None } else { schema.choose(Some(&own))? };
            let mut branches = Vec::with_capacity(through.len());
            for (relation, select) in through.into_iter().filter(|_| depth < MAX_DEPTH) {
                let RelatedTable { schema: there, visible } = self.there(schema, relation).await?;
                let choice = self.choice_at(&there, &select, depth + 1).await?;
                let links = relation.links(&self.call.store);
                branches.push(Branch { relation: relation.clone(), links, schema: there, visible, choice });
            }
            Ok(Choice { columns, branches })
        })
    }
}

/// What is selected of the rows themselves, and what of each relationship.
fn split<'s>(schema: &'s TableSchema, select: &[String]) -> (Vec<String>, Vec<(&'s Relation, Vec<String>)>) {
    let mut own = Vec::new();
    let mut through: Vec<(&Relation, Vec<String>)> = Vec::new();
    for name in select {
        let Some((relation, rest)) = schema.step(name) else {
            own.push(name.clone());
            continue;
        };
        let rest = rest.unwrap_or("*");
        match through.iter_mut().find(|(other, _)| other.number == relation.number) {
            Some((_, selected)) => selected.push(rest.to_owned()),
            None => through.push((relation, vec![rest.to_owned()])),
        }
    }
    (own, through)
}

/// What the caller may know of a table's rows. One that is switched off has none for clients.
fn known(call: &Call, schema: &TableSchema) -> Visible {
    if !schema.is_open(&call.caller) {
        return Visible::Nothing;
    }
    match schema.policy().reach(&call.caller, Action::Read) {
        Reach::All => Visible::All,
        Reach::Permitted => Visible::To(call.caller.roles().to_vec()),
        Reach::None => Visible::Nothing,
    }
}

impl RelatedTable {
    /// The step along this relationship, for filters.
    pub(super) fn link(&self, call: &Call, relation: &Relation) -> Link {
        Link {
            links: relation.links(&call.store).name().to_owned(),
            from: relation.end().column(),
            to: relation.end().other().column(),
            table: self.schema.stored.name().to_owned(),
            visible: self.visible.clone(),
        }
    }
}

impl Choice {
    /// Finds the related rows of these rows: by one statement for each relationship that is wanted, however many rows.
    ///
    /// # Errors
    /// [`ErrorKind::GeneralQueryInvalid`] when there are more than an answer may hold; those of storage.
    pub(super) async fn find(&self, reader: &mut RowReader<'_, '_>, rows: &[StoredRow]) -> Result<Found<'_>> {
        if self.branches.is_empty() || rows.is_empty() {
            return Ok(self.nothing());
        }
        let shown = rows.iter().map(|row| (row.sequence, 1)).collect();
        let bytes = MAX_ANSWER_BYTES.saturating_sub(rows.iter().map(StoredRow::weight).sum());
        let mut left = Left { rows: MAX_RELATED, bytes: bytes as u64 };
        self.find_at(reader, shown, &mut left).await
    }

    /// `shown`: the sequence of each row, and how often it is written. `left`: how much more may be.
    fn find_at<'p, 'b>(
        &'p self,
        reader: &'b mut RowReader<'_, '_>,
        shown: HashMap<i64, u64>,
        left: &'b mut Left,
    ) -> Boxed<'b, Found<'p>>
    where
        'p: 'b,
    {
        Box::pin(async move {
            let mut found = Vec::with_capacity(self.branches.len());
            for branch in &self.branches {
                found.push(branch.find(reader, &shown, left).await?);
            }
            Ok(Found(found))
        })
    }

    /// As if there were no related rows.
    fn nothing(&self) -> Found<'_> {
        let empty = |branch| FoundBranch {
            branch,
            of: HashMap::new(),
            rows: Vec::new(),
            sets: HashMap::new(),
            below: Found::default(),
        };
        Found(self.branches.iter().map(empty).collect())
    }
}

impl Branch {
    async fn find(
        &self,
        reader: &mut RowReader<'_, '_>,
        shown: &HashMap<i64, u64>,
        left: &mut Left,
    ) -> Result<FoundBranch<'_>> {
        let related = match (&self.visible, shown.is_empty()) {
            (Visible::Nothing, _) | (_, true) => Vec::new(),
            (visible, false) => {
                let following = Following {
                    links: &self.links,
                    from: self.relation.end(),
                    of: shown.keys().copied().collect(),
                    table: &self.schema.stored,
                    columns: self.choice.columns.as_deref(),
                    visible: Predicate::visible(visible),
                    limit: i64::try_from(left.rows).unwrap_or(i64::MAX).saturating_add(1),
                };
                reader.related(following).await?
            }
        };
        let mut of: HashMap<i64, Vec<usize>> = HashMap::new();
        let mut rows: Vec<StoredRow> = Vec::new();
        let mut below = HashMap::new();
        for tables::Related { of: row_here, row } in related {
            let times = shown.get(&row_here).copied().unwrap_or_default();
            left.spend(times, row.weight())?;
            *below.entry(row.sequence).or_default() += times;
            // They come in the order of their sequence, so the same one comes in a row.
            if rows.last().is_none_or(|last| last.sequence != row.sequence) {
                rows.push(row);
            }
            of.entry(row_here).or_default().push(rows.len() - 1);
        }
        let sets = reader.sets(&self.schema, &rows).await?;
        for row in &rows {
            let times = below.get(&row.sequence).copied().unwrap_or_default();
            left.spend_bytes(times, sets.get(&row.permissions).map_or(0, |set| set.json.len()))?;
        }
        let below = self.choice.find_at(reader, below, left).await?;
        Ok(FoundBranch { branch: self, of, rows, sets, below })
    }
}

/// How much more an answer may hold.
#[derive(Debug)]
struct Left {
    /// Related rows, each as often as it is written.
    rows: u64,
    /// What they and the others hold.
    bytes: u64,
}

impl Left {
    /// Counts a row that is written so many times.
    fn spend(&mut self, times: u64, weight: usize) -> Result<()> {
        self.rows = self.rows.checked_sub(times).ok_or_else(too_many)?;
        self.spend_bytes(times, weight)
    }

    fn spend_bytes(&mut self, times: u64, weight: usize) -> Result<()> {
        let bytes = times.saturating_mul(weight as u64);
        self.bytes = self.bytes.checked_sub(bytes).ok_or(floe_store::Error::TooLarge)?;
        Ok(())
    }
}

fn too_many() -> Error {
    let message = format!(
        "Invalid query: the answer would hold more than {MAX_RELATED} related rows; select fewer relationships, or a shorter page"
    );
    Error::new(ErrorKind::GeneralQueryInvalid).message(message).field("queries")
}

impl Found<'_> {
    /// Writes a row with what was found for it.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        schema: &TableSchema,
        row: &StoredRow,
        set: &PermissionSet,
        choice: &Choice,
        vocabulary: Vocabulary,
    ) {
        schema.begin(out, row, set, choice.columns.as_deref(), vocabulary);
        for found in &self.0 {
            found.write(out, row.sequence, vocabulary);
        }
        out.push(b'}');
    }
}

impl FoundBranch<'_> {
    /// Writes the rows that belong to a row: a list, or one or null.
    fn write(&self, out: &mut Vec<u8>, sequence: i64, vocabulary: Vocabulary) {
        let relation = &self.branch.relation;
        // A key needs no escapes.
        out.extend_from_slice(format!(",\"{}\":", relation.key).as_bytes());
        let rows = self.of.get(&sequence).map_or(&[][..], Vec::as_slice);
        if !relation.to_many() {
            match rows.first() {
                Some(position) => self.write_row(out, *position, vocabulary),
                None => out.extend_from_slice(b"null"),
            }
            return;
        }
        out.push(b'[');
        for (n, position) in rows.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            self.write_row(out, *position, vocabulary);
        }
        out.push(b']');
    }

    fn write_row(&self, out: &mut Vec<u8>, position: usize, vocabulary: Vocabulary) {
        let row = &self.rows[position];
        // Each row's set was read together with the row.
        if let Some(set) = self.sets.get(&row.permissions) {
            self.below.write(out, &self.branch.schema, row, set, &self.branch.choice, vocabulary);
        }
    }
}
