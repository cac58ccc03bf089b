//! The table of this product's endpoints: one list, in two vocabularies.

use crate::domain::{Form, TextType};
use crate::endpoints::{bulk, columns, databases, indexes, numbers, relations, rows, tables, transactions};
use crate::events;
use crate::service::Databases;
use crate::vocabulary::Vocabulary;
use floe_gateway::{Callers, Limit, LimitKey, RequestBody, Route, delete, get, patch, post, put};
use floe_geometry::Form as Shape;
use floe_kernel::scope::Scope;

/// What clients may write, at the most.
const WRITES: &[Limit] = &[limit(120)];
/// What clients may delete, at the most.
const DELETIONS: &[Limit] = &[limit(60)];

const fn limit(calls: u32) -> Limit {
    Limit::new(calls, 60, &[LimitKey::Ip, LimitKey::Method, LimitKey::Url, LimitKey::UserId])
}

/// Which scopes let a caller in, by what they ask for.
struct ScopesOf {
    read_tables: &'static [Scope],
    write_tables: &'static [Scope],
    read_columns: &'static [Scope],
    write_columns: &'static [Scope],
    read_indexes: &'static [Scope],
    write_indexes: &'static [Scope],
    read_rows: &'static [Scope],
    write_rows: &'static [Scope],
}

use Scope::*;

/// In the words of tables: those of either vocabulary, as the contract has it.
const OF_TABLES: ScopesOf = ScopesOf {
    read_tables: &[TablesRead, CollectionsRead],
    write_tables: &[TablesWrite, CollectionsWrite],
    read_columns: &[TablesRead, CollectionsRead, ColumnsRead, AttributesRead],
    write_columns: &[TablesWrite, CollectionsWrite, ColumnsWrite, AttributesWrite],
    read_indexes: &[TablesRead, CollectionsRead, IndexesRead],
    write_indexes: &[TablesWrite, CollectionsWrite, IndexesWrite],
    read_rows: &[RowsRead, DocumentsRead],
    write_rows: &[RowsWrite, DocumentsWrite],
};

/// In the words of collections: those of collections alone, as the contract has it.
const OF_COLLECTIONS: ScopesOf = ScopesOf {
    read_tables: &[CollectionsRead],
    write_tables: &[CollectionsWrite],
    read_columns: &[CollectionsRead],
    write_columns: &[CollectionsWrite],
    read_indexes: &[CollectionsRead],
    write_indexes: &[CollectionsWrite],
    read_rows: &[DocumentsRead],
    write_rows: &[DocumentsWrite],
};

/// A path within a table, in both vocabularies.
macro_rules! in_table {
    ($rows:expr, $documents:expr) => {
        [
            concat!("/tablesdb/{databaseId}/tables/{tableId}", $rows),
            concat!("/databases/{databaseId}/collections/{collectionId}", $documents),
        ]
    };
    ($same:expr) => {
        in_table!($same, $same)
    };
}

/// The two routes of a type of column: to make one, and to change one.
macro_rules! typed {
    ($vocabulary:expr, $path:literal, $name:literal, $model:literal, $create:expr, $update:expr) => {{
        let (v, scopes) = ($vocabulary.index(), scopes($vocabulary).write_columns);
        let create = [concat!("tablesDB.create", $name, "Column"), concat!("databases.create", $name, "Attribute")][v];
        let update = [concat!("tablesDB.update", $name, "Column"), concat!("databases.update", $name, "Attribute")][v];
        let model = [concat!("column", $model), concat!("attribute", $model)][v];
        [
            post(in_table!(concat!("/columns/", $path), concat!("/attributes/", $path))[v], create, $create)
                .summary("Adds a column.")
                .event(events::COLUMN_CREATE[v])
                .audit(["column.create", "attribute.create"][v])
                .answers(202, model),
            patch(
                in_table!(concat!("/columns/", $path, "/{key}"), concat!("/attributes/", $path, "/{key}"))[v],
                update,
                $update,
            )
            .summary("Changes a column.")
            .event(events::COLUMN_UPDATE[v])
            .audit(["column.update", "attribute.update"][v])
            .answers(200, model),
        ]
        // The elements of an enum may be many and long.
        .map(|route| route.callers(Callers::SERVERS).scopes(scopes).body(RequestBody::LargeObject))
    }};
}

/// Every endpoint about databases and what is in them.
#[must_use]
pub fn routes() -> Vec<Route<Databases>> {
    let of = |vocabulary: Vocabulary| {
        let families = [
            of_databases,
            of_tables,
            of_columns,
            of_types,
            of_relations,
            of_indexes,
            of_rows,
            of_many_rows,
            of_transactions,
        ];
        families
            .into_iter()
            .flat_map(move |family| family(vocabulary))
            .map(move |route| route.vocabulary(vocabulary.index()))
    };
    Vocabulary::ALL.into_iter().flat_map(of).collect()
}

fn scopes(vocabulary: Vocabulary) -> &'static ScopesOf {
    match vocabulary {
        Vocabulary::Tables => &OF_TABLES,
        Vocabulary::Collections => &OF_COLLECTIONS,
    }
}

fn of_databases(vocabulary: Vocabulary) -> Vec<Route<Databases>> {
    let v = vocabulary.index();
    let (all, one) = (["/tablesdb", "/databases"][v], ["/tablesdb/{databaseId}", "/databases/{databaseId}"][v]);
    let routes = vec![
        get(all, ["tablesDB.list", "databases.list"][v], databases::list)
            .scopes(&[DatabasesRead])
            .summary("The databases of the project.")
            .answers(200, "databaseList"),
        post(all, ["tablesDB.create", "databases.create"][v], databases::create)
            .scopes(&[DatabasesWrite])
            .summary("Makes a database.")
            .event(events::DATABASE_CREATE[v])
            .audit("database.create")
            .answers(201, "database"),
        get(one, ["tablesDB.get", "databases.get"][v], databases::get)
            .scopes(&[DatabasesRead])
            .summary("A database.")
            .answers(200, "database"),
        put(one, ["tablesDB.update", "databases.update"][v], databases::update)
            .scopes(&[DatabasesWrite])
            .summary("Renames a database, or switches it off.")
            .event(events::DATABASE_UPDATE[v])
            .audit("database.update")
            .answers(200, "database"),
        delete(one, ["tablesDB.delete", "databases.delete"][v], databases::delete)
            .scopes(&[DatabasesWrite])
            .summary("Removes a database with everything in it.")
            .event(events::DATABASE_DELETE[v])
            .audit("database.delete")
            .answers_nothing(),
    ];
    for_servers(routes)
}

fn of_tables(vocabulary: Vocabulary) -> Vec<Route<Databases>> {
    let (v, scopes) = (vocabulary.index(), scopes(vocabulary));
    let all = ["/tablesdb/{databaseId}/tables", "/databases/{databaseId}/collections"][v];
    let one = in_table!("")[v];
    let routes = vec![
        get(all, ["tablesDB.listTables", "databases.listCollections"][v], tables::list)
            .scopes(scopes.read_tables)
            .summary("The tables of a database.")
            .answers(200, ["tableList", "collectionList"][v]),
        post(all, ["tablesDB.createTable", "databases.createCollection"][v], tables::create)
            .body(RequestBody::LargeObject)
            .scopes(scopes.write_tables)
            .summary("Makes a table, with columns and indexes if wanted.")
            .event(events::TABLE_CREATE[v])
            .audit(["table.create", "collection.create"][v])
            .answers(201, ["table", "collection"][v]),
        get(one, ["tablesDB.getTable", "databases.getCollection"][v], tables::get)
            .scopes(scopes.read_tables)
            .summary("A table with its columns and indexes.")
            .answers(200, ["table", "collection"][v]),
        put(one, ["tablesDB.updateTable", "databases.updateCollection"][v], tables::update)
            .scopes(scopes.write_tables)
            .summary("Changes a table's name, permissions and switches.")
            .event(events::TABLE_UPDATE[v])
            .audit(["table.update", "collection.update"][v])
            .answers(200, ["table", "collection"][v]),
        delete(one, ["tablesDB.deleteTable", "databases.deleteCollection"][v], tables::delete)
            .scopes(scopes.write_tables)
            .summary("Removes a table with its rows.")
            .event(events::TABLE_DELETE[v])
            .audit(["table.delete", "collection.delete"][v])
            .answers_nothing(),
    ];
    for_servers(routes)
}

fn of_columns(vocabulary: Vocabulary) -> Vec<Route<Databases>> {
    let (v, scopes) = (vocabulary.index(), scopes(vocabulary));
    let one = in_table!("/columns/{key}", "/attributes/{key}")[v];
    let routes = vec![
        get(
            in_table!("/columns", "/attributes")[v],
            ["tablesDB.listColumns", "databases.listAttributes"][v],
            columns::list,
        )
        .scopes(scopes.read_columns)
        .summary("The columns of a table.")
        .answers(200, ["columnList", "attributeList"][v]),
        get(one, ["tablesDB.getColumn", "databases.getAttribute"][v], columns::get)
            .scopes(scopes.read_columns)
            .summary("A column.")
            .answers(200, ["column", "attribute"][v]),
        delete(one, ["tablesDB.deleteColumn", "databases.deleteAttribute"][v], columns::delete)
            .scopes(scopes.write_columns)
            .summary("Removes a column with its values, and every index that it is in.")
            .event(events::COLUMN_UPDATE[v])
            .audit(["column.delete", "attribute.delete"][v])
            .answers_nothing(),
    ];
    for_servers(routes)
}

fn of_types(vocabulary: Vocabulary) -> Vec<Route<Databases>> {
    use TextType::{Longtext, Mediumtext, String as OfString, Text, Varchar};
    let types = [
        typed!(
            vocabulary,
            "string",
            "String",
            "String",
            |s, c, i| columns::create_sized(s, c, i, OfString),
            |s, c, i| columns::update_sized(s, c, i, OfString)
        ),
        typed!(
            vocabulary,
            "varchar",
            "Varchar",
            "Varchar",
            |s, c, i| columns::create_sized(s, c, i, Varchar),
            |s, c, i| columns::update_sized(s, c, i, Varchar)
        ),
        typed!(vocabulary, "text", "Text", "Text", |s, c, i| columns::create_text(s, c, i, Text), |s, c, i| {
            columns::update_text(s, c, i, Text)
        }),
        typed!(
            vocabulary,
            "mediumtext",
            "Mediumtext",
            "Mediumtext",
            |s, c, i| columns::create_text(s, c, i, Mediumtext),
            |s, c, i| columns::update_text(s, c, i, Mediumtext)
        ),
        typed!(
            vocabulary,
            "longtext",
            "Longtext",
            "Longtext",
            |s, c, i| columns::create_text(s, c, i, Longtext),
            |s, c, i| columns::update_text(s, c, i, Longtext)
        ),
        typed!(
            vocabulary,
            "email",
            "Email",
            "Email",
            |s, c, i| columns::create_form(s, c, i, Form::Email),
            |s, c, i| columns::update_form(s, c, i, Form::Email)
        ),
        typed!(vocabulary, "url", "Url", "Url", |s, c, i| columns::create_form(s, c, i, Form::Url), |s, c, i| {
            columns::update_form(s, c, i, Form::Url)
        }),
        typed!(vocabulary, "ip", "Ip", "Ip", |s, c, i| columns::create_form(s, c, i, Form::Ip), |s, c, i| {
            columns::update_form(s, c, i, Form::Ip)
        }),
        typed!(vocabulary, "enum", "Enum", "Enum", columns::create_enum, columns::update_enum),
        typed!(
            vocabulary,
            "integer",
            "Integer",
            "Integer",
            |s, c, i| columns::create_integer(s, c, i, false),
            |s, c, i| columns::update_integer(s, c, i, false)
        ),
        typed!(
            vocabulary,
            "bigint",
            "BigInt",
            "Bigint",
            |s, c, i| columns::create_integer(s, c, i, true),
            |s, c, i| columns::update_integer(s, c, i, true)
        ),
        typed!(vocabulary, "float", "Float", "Float", columns::create_float, columns::update_float),
        typed!(vocabulary, "boolean", "Boolean", "Boolean", columns::create_boolean, columns::update_boolean),
        typed!(vocabulary, "datetime", "Datetime", "Datetime", columns::create_datetime, columns::update_datetime),
        typed!(
            vocabulary,
            "point",
            "Point",
            "Point",
            |s, c, i| columns::create_shape(s, c, i, Shape::Point),
            |s, c, i| columns::update_shape(s, c, i, Shape::Point)
        ),
        typed!(vocabulary, "line", "Line", "Line", |s, c, i| columns::create_shape(s, c, i, Shape::Line), |s, c, i| {
            columns::update_shape(s, c, i, Shape::Line)
        }),
        typed!(
            vocabulary,
            "polygon",
            "Polygon",
            "Polygon",
            |s, c, i| columns::create_shape(s, c, i, Shape::Polygon),
            |s, c, i| columns::update_shape(s, c, i, Shape::Polygon)
        ),
    ];
    types.into_iter().flatten().collect()
}

fn of_relations(vocabulary: Vocabulary) -> Vec<Route<Databases>> {
    let (v, scopes) = (vocabulary.index(), scopes(vocabulary));
    let update = patch(
        in_table!("/columns/{key}/relationship", "/attributes/relationship/{key}")[v],
        ["tablesDB.updateRelationshipColumn", "databases.updateRelationshipAttribute"][v],
        relations::update,
    );
    let update = match vocabulary {
        Vocabulary::Tables => update,
        Vocabulary::Collections => update.alias(in_table!("", "/attributes/{key}/relationship")[v]),
    };
    let routes = vec![
        post(
            in_table!("/columns/relationship", "/attributes/relationship")[v],
            ["tablesDB.createRelationshipColumn", "databases.createRelationshipAttribute"][v],
            relations::create,
        )
        .summary("Relates a table to another one, or to itself.")
        .event(events::COLUMN_CREATE[v])
        .audit(["column.create", "attribute.create"][v])
        .answers(202, ["columnRelationship", "attributeRelationship"][v]),
        update
            .summary("Renames a relationship, or changes what becomes of related rows.")
            .event(events::COLUMN_UPDATE[v])
            .audit(["column.update", "attribute.update"][v])
            .answers(200, ["columnRelationship", "attributeRelationship"][v]),
    ];
    for_servers(routes.into_iter().map(|route| route.scopes(scopes.write_columns)).collect())
}

fn of_indexes(vocabulary: Vocabulary) -> Vec<Route<Databases>> {
    let (v, scopes) = (vocabulary.index(), scopes(vocabulary));
    let (all, one) = (in_table!("/indexes")[v], in_table!("/indexes/{key}")[v]);
    let routes = vec![
        get(all, ["tablesDB.listIndexes", "databases.listIndexes"][v], indexes::list)
            .scopes(scopes.read_indexes)
            .summary("The indexes of a table.")
            .answers(200, ["columnIndexList", "indexList"][v]),
        post(all, ["tablesDB.createIndex", "databases.createIndex"][v], indexes::create)
            .scopes(scopes.write_indexes)
            .summary("Makes an index.")
            .event(events::INDEX_CREATE[v])
            .audit("index.create")
            .answers(202, ["columnIndex", "index"][v]),
        get(one, ["tablesDB.getIndex", "databases.getIndex"][v], indexes::get)
            .scopes(scopes.read_indexes)
            .summary("An index.")
            .answers(200, ["columnIndex", "index"][v]),
        delete(one, ["tablesDB.deleteIndex", "databases.deleteIndex"][v], indexes::delete)
            .scopes(scopes.write_indexes)
            .summary("Removes an index.")
            .event(events::INDEX_UPDATE[v])
            .audit("index.delete")
            .answers_nothing(),
    ];
    for_servers(routes)
}

fn of_rows(vocabulary: Vocabulary) -> Vec<Route<Databases>> {
    let (v, scopes) = (vocabulary.index(), scopes(vocabulary));
    let (all, one) = (in_table!("/rows", "/documents")[v], in_table!("/rows/{rowId}", "/documents/{documentId}")[v]);
    let increment = in_table!("/rows/{rowId}/{column}/increment", "/documents/{documentId}/{attribute}/increment")[v];
    let decrement = in_table!("/rows/{rowId}/{column}/decrement", "/documents/{documentId}/{attribute}/decrement")[v];
    let (row, rows) = (["row", "document"][v], ["rowList", "documentList"][v]);
    vec![
        get(all, ["tablesDB.listRows", "databases.listDocuments"][v], rows::list)
            .scopes(scopes.read_rows)
            .summary("The rows that the caller may read.")
            .answers(200, rows),
        post(all, ["tablesDB.createRow", "databases.createDocument"][v], rows::create)
            .body(RequestBody::LargeObject)
            .scopes(scopes.write_rows)
            .limits(WRITES)
            .summary("Makes a row; or, for servers, up to a hundred.")
            .event(events::ROW_CREATE[v])
            .audit(["row.create", "document.create"][v])
            .answers(201, row),
        get(one, ["tablesDB.getRow", "databases.getDocument"][v], rows::get)
            .scopes(scopes.read_rows)
            .summary("A row.")
            .answers(200, row),
        patch(one, ["tablesDB.updateRow", "databases.updateDocument"][v], rows::update)
            .weighs()
            .body(RequestBody::LargeObject)
            .scopes(scopes.write_rows)
            .limits(WRITES)
            .summary("Changes some values of a row.")
            .event(events::ROW_UPDATE[v])
            .audit(["row.update", "document.update"][v])
            .answers(200, row),
        put(one, ["tablesDB.upsertRow", "databases.upsertDocument"][v], rows::upsert)
            .weighs()
            .body(RequestBody::LargeObject)
            .scopes(scopes.write_rows)
            .limits(WRITES)
            .summary("Makes a row, or changes it where there is one.")
            .event(events::ROW_UPSERT[v])
            .audit(["row.upsert", "document.upsert"][v])
            .answers(200, row),
        delete(one, ["tablesDB.deleteRow", "databases.deleteDocument"][v], rows::delete)
            .scopes(scopes.write_rows)
            .limits(DELETIONS)
            .summary("Removes a row.")
            .event(events::ROW_DELETE[v])
            .audit(["row.delete", "document.delete"][v])
            .answers_nothing(),
        patch(
            increment,
            ["tablesDB.incrementRowColumn", "databases.incrementDocumentAttribute"][v],
            numbers::increment,
        )
        .weighs()
        .scopes(scopes.write_rows)
        .limits(WRITES)
        .summary("Adds to a number of a row.")
        .event(events::ROW_UPDATE[v])
        .audit(["rows.update", "documents.update"][v])
        .answers(200, row),
        patch(
            decrement,
            ["tablesDB.decrementRowColumn", "databases.decrementDocumentAttribute"][v],
            numbers::decrement,
        )
        .weighs()
        .scopes(scopes.write_rows)
        .limits(WRITES)
        .summary("Subtracts from a number of a row.")
        .event(events::ROW_UPDATE[v])
        .audit(["rows.update", "documents.update"][v])
        .answers(200, row),
    ]
}

fn of_many_rows(vocabulary: Vocabulary) -> Vec<Route<Databases>> {
    let (v, scopes) = (vocabulary.index(), scopes(vocabulary));
    let (all, rows) = (in_table!("/rows", "/documents")[v], ["rowList", "documentList"][v]);
    let routes = vec![
        put(all, ["tablesDB.upsertRows", "databases.upsertDocuments"][v], bulk::upsert)
            .weighs()
            .body(RequestBody::LargeObject)
            .limits(WRITES)
            .summary("Makes or changes up to a hundred rows.")
            .event(events::ROW_UPSERT[v])
            .audit(["row.create", "document.create"][v])
            .answers(200, rows),
        patch(all, ["tablesDB.updateRows", "databases.updateDocuments"][v], bulk::update)
            .weighs()
            .body(RequestBody::LargeObject)
            .limits(WRITES)
            .summary("Gives all rows that queries match the same values.")
            .event(events::ROW_UPDATE[v])
            .audit(["rows.update", "documents.update"][v])
            .answers(200, rows),
        delete(all, ["tablesDB.deleteRows", "databases.deleteDocuments"][v], bulk::delete)
            .body(RequestBody::LargeObject)
            .limits(DELETIONS)
            .summary("Removes all rows that queries match.")
            .event(events::ROW_DELETE[v])
            .audit(["rows.delete", "documents.delete"][v])
            .answers(200, rows),
    ];
    for_servers(routes.into_iter().map(|route| route.scopes(scopes.write_rows)).collect())
}

/// Scopes of transactions are those of rows; except that the contract lets the old words be read with the new scope.
fn of_transactions(vocabulary: Vocabulary) -> Vec<Route<Databases>> {
    let (v, write) = (vocabulary.index(), scopes(vocabulary).write_rows);
    let read: &'static [Scope] = [OF_TABLES.read_rows, &[RowsRead]][v];
    let all = ["/tablesdb/transactions", "/databases/transactions"][v];
    let one = ["/tablesdb/transactions/{transactionId}", "/databases/transactions/{transactionId}"][v];
    let operations =
        ["/tablesdb/transactions/{transactionId}/operations", "/databases/transactions/{transactionId}/operations"][v];
    let routes = vec![
        get(all, ["tablesDB.listTransactions", "databases.listTransactions"][v], transactions::list)
            .scopes(read)
            .summary("The caller's transactions; to servers, all.")
            .answers(200, "transactionList"),
        post(all, ["tablesDB.createTransaction", "databases.createTransaction"][v], transactions::create)
            .scopes(write)
            .limits(WRITES)
            .summary("Makes a transaction.")
            .answers(201, "transaction"),
        get(one, ["tablesDB.getTransaction", "databases.getTransaction"][v], transactions::get)
            .scopes(read)
            .summary("A transaction.")
            .answers(200, "transaction"),
        patch(one, ["tablesDB.updateTransaction", "databases.updateTransaction"][v], transactions::update)
            .weighs()
            .scopes(write)
            .limits(WRITES)
            .summary("Commits a transaction, or rolls it back.")
            .answers(200, "transaction"),
        delete(one, ["tablesDB.deleteTransaction", "databases.deleteTransaction"][v], transactions::delete)
            .scopes(write)
            .limits(DELETIONS)
            .summary("Removes a transaction with what is staged in it.")
            .answers_nothing(),
        post(
            operations,
            ["tablesDB.createOperations", "databases.createOperations"][v],
            transactions::create_operations,
        )
        .body(RequestBody::LargeObject)
        .scopes(write)
        .limits(WRITES)
        .summary("Stages operations, all or none.")
        .answers(201, "transaction"),
    ];
    // A guest can't be told from another one, so nothing can be kept for them.
    routes.into_iter().map(|route| route.callers(Callers::NO_GUESTS)).collect()
}

/// Only keys and admins define things.
fn for_servers(routes: Vec<Route<Databases>>) -> Vec<Route<Databases>> {
    routes.into_iter().map(|route| route.callers(Callers::SERVERS)).collect()
}
