//! All that differs between the two databases in queries whose columns are known only at run time.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Bool, Double, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteType, SqliteValue};
use floe_kernel::value::{Kind, Value};
use std::sync::OnceLock;

/// One of the two databases.
pub trait Dialect: Backend {
    /// Whether it is SQLite.
    const SQLITE: bool;

    /// Binds a value.
    ///
    /// # Errors
    /// When the database's driver can't.
    fn bind<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b Value) -> QueryResult<()>;

    /// Binds a number.
    ///
    /// # Errors
    /// When the database's driver can't.
    fn bind_number<'b>(out: &mut AstPass<'_, 'b, Self>, number: &'b i64) -> QueryResult<()>;

    /// Binds a text.
    ///
    /// # Errors
    /// When the database's driver can't.
    fn bind_text<'b>(out: &mut AstPass<'_, 'b, Self>, text: &'b str) -> QueryResult<()>;

    /// Writes ` IN …` with one bound list, so that the statement's text doesn't depend on the list's length.
    ///
    /// # Errors
    /// When the database's driver can't.
    fn in_list<'b>(out: &mut AstPass<'_, 'b, Self>, list: &'b TextList) -> QueryResult<()>;

    /// Writes ` IN …` with one bound list of numbers.
    ///
    /// # Errors
    /// When the database's driver can't.
    fn in_numbers<'b>(out: &mut AstPass<'_, 'b, Self>, list: &'b NumberList) -> QueryResult<()>;

    /// Reads a value as what it is in the database; see [`fit`].
    ///
    /// # Errors
    /// When it is of a type that we don't use.
    fn read(raw: Self::RawValue<'_>) -> deserialize::Result<Value>;
}

/// Texts, in the form that each database binds as one value.
#[derive(Debug)]
pub struct TextList {
    texts: Vec<String>,
    json: String,
}

impl TextList {
    pub(crate) fn new(texts: Vec<String>) -> Self {
        let json = serde_json::Value::from(texts.clone()).to_string();
        Self { texts, json }
    }
}

/// Numbers, in the form that each database binds as one value.
#[derive(Debug)]
pub struct NumberList {
    numbers: Vec<i64>,
    json: OnceLock<String>,
}

impl NumberList {
    pub(crate) fn new(numbers: Vec<i64>) -> Self {
        Self { numbers, json: OnceLock::new() }
    }
}

macro_rules! bind_values {
    () => {
        fn bind<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b Value) -> QueryResult<()> {
            match value {
                Value::Text(text) | Value::Json(text) => out.push_bind_param::<Text, String>(text),
                Value::Integer(number) | Value::Datetime(number) => out.push_bind_param::<BigInt, i64>(number),
                Value::Float(number) => out.push_bind_param::<Double, f64>(number),
                Value::Boolean(flag) => out.push_bind_param::<Bool, bool>(flag),
                Value::Null(Kind::Text | Kind::Json | Kind::Shape) => {
                    out.push_bind_param::<Nullable<Text>, Option<String>>(&None)
                }
                Value::Null(Kind::Integer | Kind::Datetime) => {
                    out.push_bind_param::<Nullable<BigInt>, Option<i64>>(&None)
                }
                Value::Null(Kind::Float) => out.push_bind_param::<Nullable<Double>, Option<f64>>(&None),
                Value::Null(Kind::Boolean) => out.push_bind_param::<Nullable<Bool>, Option<bool>>(&None),
            }
        }

        fn bind_number<'b>(out: &mut AstPass<'_, 'b, Self>, number: &'b i64) -> QueryResult<()> {
            out.push_bind_param::<BigInt, i64>(number)
        }

        fn bind_text<'b>(out: &mut AstPass<'_, 'b, Self>, text: &'b str) -> QueryResult<()> {
            out.push_bind_param::<Text, str>(text)
        }
    };
}

impl Dialect for Sqlite {
    const SQLITE: bool = true;

    bind_values!();

    fn in_list<'b>(out: &mut AstPass<'_, 'b, Self>, list: &'b TextList) -> QueryResult<()> {
        out.push_sql(" IN (SELECT value FROM json_each(");
        out.push_bind_param::<Text, String>(&list.json)?;
        out.push_sql("))");
        Ok(())
    }

    fn in_numbers<'b>(out: &mut AstPass<'_, 'b, Self>, list: &'b NumberList) -> QueryResult<()> {
        out.push_sql(" IN (SELECT value FROM json_each(");
        let json = list.json.get_or_init(|| serde_json::Value::from(list.numbers.clone()).to_string());
        out.push_bind_param::<Text, String>(json)?;
        out.push_sql("))");
        Ok(())
    }

    fn read(mut raw: SqliteValue<'_, '_, '_>) -> deserialize::Result<Value> {
        match raw.value_type() {
            Some(SqliteType::Text) => {
                // Copying long ones takes a while, and SQLite doesn't look at the clock meanwhile.
                let text = raw.read_text();
                floe_sqlite_watch::afford(text.len())?;
                Ok(Value::Text(text.to_owned()))
            }
            Some(SqliteType::Long) => FromSql::<BigInt, Self>::from_sql(raw).map(Value::Integer),
            Some(SqliteType::Double) => FromSql::<Double, Self>::from_sql(raw).map(Value::Float),
            other => Err(format!("unexpected type {other:?}").into()),
        }
    }
}

impl Dialect for Pg {
    const SQLITE: bool = false;

    bind_values!();

    fn in_list<'b>(out: &mut AstPass<'_, 'b, Self>, list: &'b TextList) -> QueryResult<()> {
        out.push_sql(" = ANY(");
        out.push_bind_param::<Array<Text>, Vec<String>>(&list.texts)?;
        out.push_sql(")");
        Ok(())
    }

    fn in_numbers<'b>(out: &mut AstPass<'_, 'b, Self>, list: &'b NumberList) -> QueryResult<()> {
        out.push_sql(" = ANY(");
        out.push_bind_param::<Array<BigInt>, Vec<i64>>(&list.numbers)?;
        out.push_sql(")");
        Ok(())
    }

    fn read(raw: PgValue<'_>) -> deserialize::Result<Value> {
        // The numbers of the types that our migrations and `tables` use: bool, int8, text, float8.
        match raw.get_oid().get() {
            16 => FromSql::<Bool, Self>::from_sql(raw).map(Value::Boolean),
            20 => FromSql::<BigInt, Self>::from_sql(raw).map(Value::Integer),
            25 => FromSql::<Text, Self>::from_sql(raw).map(Value::Text),
            701 => FromSql::<Double, Self>::from_sql(raw).map(Value::Float),
            oid => Err(format!("unexpected type {oid}").into()),
        }
    }
}

/// Databases know fewer kinds than we do: gives a value that was read the kind of its column.
pub(crate) fn fit(value: Value, kind: Kind) -> Value {
    match (value, kind) {
        (Value::Null(_), kind) => Value::Null(kind),
        (Value::Integer(number), Kind::Boolean) => Value::Boolean(number != 0),
        (Value::Integer(number), Kind::Datetime) => Value::Datetime(number),
        (Value::Integer(number), Kind::Float) => Value::Float(number as f64),
        (Value::Text(text), Kind::Json | Kind::Shape) => Value::Json(text),
        (value, _) => value,
    }
}

/// Writes a column's name; `table.column` as two.
pub(crate) fn push_column<DB: Dialect>(out: &mut AstPass<'_, '_, DB>, column: &str) -> QueryResult<()> {
    if let Some((table, column)) = column.split_once('.') {
        out.push_identifier(table)?;
        out.push_sql(".");
        return out.push_identifier(column);
    }
    out.push_identifier(column)
}

/// What makes PostgreSQL order text as SQLite does, whatever the database's locale: by code point.
pub(crate) fn push_text_order<DB: Dialect>(out: &mut AstPass<'_, '_, DB>, kind: Kind) {
    if !DB::SQLITE && matches!(kind, Kind::Text | Kind::Json) {
        out.push_sql(" COLLATE \"C\"");
    }
}
