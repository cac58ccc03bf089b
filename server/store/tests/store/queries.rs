//! Lists: the same filters, orders, pages and permissions give the same rows on both databases, on user-defined tables
//! and on a product's own.

use crate::common::Home;
use floe_kernel::permission::{Action, PermissionTarget, Permissions};
use floe_kernel::query::{
    Cursor, Direction, Field, Fields, Filter, Operator, Order, Pattern, Queries, Search, Selection,
};
use floe_kernel::role::Role;
use floe_kernel::value::{Kind, Value};
use floe_store::permissions;
use floe_store::prelude::*;
use floe_store::query::{self, Predicate, TableRef};
use floe_store::tables::{self, Column, Ddl, IndexColumn, NewRow, RowChange, StoredTable};

const KINDS: [Kind; 6] = [Kind::Text, Kind::Integer, Kind::Float, Kind::Boolean, Kind::Datetime, Kind::Json];
const TEXT: &str = "c1";
const INTEGER: &str = "c2";
const FLOAT: &str = "c3";
const BOOLEAN: &str = "c4";
const DATETIME: &str = "c5";
const LIST: &str = "c6";

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// What there is to find. Ids are `r0`, `r1`, …
fn rows() -> Vec<[Value; 6]> {
    let row = |t: Option<&str>, i: Option<i64>, list: Option<&str>| {
        [
            t.map_or(Value::Null(Kind::Text), text),
            i.map_or(Value::Null(Kind::Integer), Value::Integer),
            i.map_or(Value::Null(Kind::Float), |i| Value::Float(i as f64 / 2.0)),
            i.map_or(Value::Null(Kind::Boolean), |i| Value::Boolean(i % 2 == 0)),
            i.map_or(Value::Null(Kind::Datetime), |i| Value::Datetime(1_700_000_000_000 + i)),
            list.map_or(Value::Null(Kind::Json), |list| Value::Json(list.to_owned())),
        ]
    };
    vec![
        row(Some("apple"), Some(1), Some(r#"["a","b"]"#)),
        row(Some("Apple"), Some(2), Some(r#"["A"]"#)),
        row(Some("100%"), Some(3), Some("[1,2]")),
        row(Some("100x"), Some(3), Some(r#"["1"]"#)),
        row(Some("a_b"), Some(-4), Some("[true]")),
        row(Some("axb"), Some(5), Some("[1.5]")),
        row(None, None, None),
        row(Some(""), Some(0), Some("[]")),
        row(Some("zürich"), Some(7), Some(r#"["zürich","O'Neil"]"#)),
        row(Some("Zürich\\"), Some(7), Some(r#"["a%"]"#)),
        row(Some("é"), Some(9_007_199_254_740_993), Some("[false]")),
        row(Some("O'Neil \"x\""), Some(8), Some(r#"["c"]"#)),
    ]
}

async fn commit(store: &Store, ddl: &Ddl) {
    let mut unit = store.begin().await.unwrap();
    unit.change(ddl).await.unwrap();
    unit.commit().await.unwrap();
}

/// Texts with a fulltext index; their ids are `t0`, `t1`, ….
async fn fill_texts(store: &Store, texts: &[Option<&str>]) -> StoredTable {
    let table = store.table(2, 1, vec![Column::new(1, Kind::Text), Column::new(2, Kind::Integer)]);
    commit(store, &Ddl::CreateTable(table.clone())).await;
    let mut unit = store.begin().await.unwrap();
    for (n, given) in texts.iter().enumerate() {
        let values = [given.map_or(Value::Null(Kind::Text), text), Value::Integer(n as i64)];
        let row = NewRow { id: &format!("t{n}"), created: 1, updated: 1, permissions: 0, values: &values };
        tables::insert(&mut unit, &table, row).await.unwrap();
    }
    unit.commit().await.unwrap();
    commit(store, &Ddl::CreateFulltext { table: table.clone(), number: 7, columns: vec![TEXT.to_owned()] }).await;
    table
}

fn search(words: &str, negated: bool) -> Filter {
    Filter::Search { column: TEXT.to_owned(), index: "rows_2_i7".to_owned(), negated, words: Search::parse(words) }
}

async fn found(store: &Store, table: &StoredTable, filter: Filter) -> Vec<String> {
    ids(store, table, &selection(filter, vec![sequence(Direction::Ascending)])).await.unwrap()
}

async fn fill(store: &Store) -> StoredTable {
    let columns = KINDS.into_iter().zip(1..).map(|(kind, n)| Column::new(n, kind)).collect();
    let table = store.table(1, 1, columns);
    commit(store, &Ddl::CreateTable(table.clone())).await;
    let mut unit = store.begin().await.unwrap();
    for (n, values) in rows().iter().enumerate() {
        let id = format!("r{n}");
        let row = NewRow { id: &id, created: 1, updated: n as i64, permissions: 0, values };
        assert_eq!(tables::insert(&mut unit, &table, row).await.unwrap(), n as i64 + 1);
    }
    unit.commit().await.unwrap();
    table
}

fn sequence(direction: Direction) -> Order {
    order("$sequence", "_sequence", Kind::Integer, false, direction)
}

fn order(attribute: &str, column: &str, kind: Kind, nullable: bool, direction: Direction) -> Order {
    Order { attribute: attribute.to_owned(), column: column.to_owned(), kind, nullable, direction }
}

fn selection(filter: Filter, order: Vec<Order>) -> Selection {
    Selection { filter, order, random: false, limit: 100, offset: 0, cursor: None, select: None, count_up_to: 5000 }
}

async fn ids(store: &Store, table: &StoredTable, selection: &Selection) -> Result<Vec<String>, Error> {
    let plan = query::plan(store, table.place(), selection, None).await?;
    Ok(tables::list(store, table, None, &plan).await?.into_iter().map(|row| row.id).collect())
}

fn compare(column: &str, operator: Operator, values: Vec<Value>) -> Filter {
    Filter::Compare { column: column.to_owned(), array: column == LIST, operator, values }
}

on_both! {
    async fn filters_find_the_same_rows(home: &Home) {
        use Operator::*;
        let store = home.store().await;
        let table = fill(&store).await;
        let when = |n: i64| Value::Datetime(1_700_000_000_000 + n);
        let cases: Vec<(&str, Operator, Vec<Value>, &[usize])> = vec![
            (TEXT, Equal, vec![text("apple")], &[0]),
            (TEXT, Equal, vec![text("apple"), text("Apple"), text("none")], &[0, 1]),
            (TEXT, NotEqual, vec![text("apple")], &[1, 2, 3, 4, 5, 7, 8, 9, 10, 11]),
            (TEXT, Less, vec![text("a")], &[1, 2, 3, 7, 9, 11]),
            (TEXT, Greater, vec![text("z")], &[8, 10]),
            (TEXT, Between, vec![text("A"), text("Z")], &[1, 11]),
            (TEXT, IsNull, vec![], &[6]),
            (TEXT, IsNotNull, vec![], &[0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11]),
            (TEXT, StartsWith, vec![text("a")], &[0, 4, 5]),
            (TEXT, StartsWith, vec![text("100%")], &[2]),
            (TEXT, StartsWith, vec![text("a_")], &[4]),
            (TEXT, StartsWith, vec![text("")], &[0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11]),
            (TEXT, StartsWith, vec![text("zü")], &[8]),
            (TEXT, NotStartsWith, vec![text("a")], &[1, 2, 3, 7, 8, 9, 10, 11]),
            (TEXT, NotStartsWith, vec![text("")], &[]),
            (TEXT, EndsWith, vec![text("b")], &[4, 5]),
            (TEXT, EndsWith, vec![text("ürich")], &[8]),
            (TEXT, EndsWith, vec![text("\\")], &[9]),
            (TEXT, EndsWith, vec![text("")], &[0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11]),
            (TEXT, EndsWith, vec![text("longer than all of them")], &[]),
            (TEXT, NotEndsWith, vec![text("b")], &[0, 1, 2, 3, 7, 8, 9, 10, 11]),
            (TEXT, NotEndsWith, vec![text("")], &[]),
            (TEXT, Contains, vec![text("pp")], &[0, 1]),
            (TEXT, Contains, vec![text("PP")], &[]),
            (TEXT, Contains, vec![text("%"), text("_")], &[2, 4]),
            (TEXT, Contains, vec![text("'Neil \"")], &[11]),
            (TEXT, Contains, vec![text("")], &[0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11]),
            (TEXT, NotContains, vec![text("p"), text("0")], &[4, 5, 7, 8, 9, 10, 11]),
            (INTEGER, Equal, vec![Value::Integer(9_007_199_254_740_993)], &[10]),
            (INTEGER, LessOrEqual, vec![Value::Integer(0)], &[4, 7]),
            (INTEGER, GreaterOrEqual, vec![Value::Integer(7)], &[8, 9, 10, 11]),
            (INTEGER, Between, vec![Value::Integer(1), Value::Integer(3)], &[0, 1, 2, 3]),
            (INTEGER, NotBetween, vec![Value::Integer(1), Value::Integer(8)], &[4, 7, 10]),
            (FLOAT, Equal, vec![Value::Float(1.5)], &[2, 3]),
            (FLOAT, Less, vec![Value::Float(0.25)], &[4, 7]),
            (BOOLEAN, Equal, vec![Value::Boolean(true)], &[1, 4, 7, 11]),
            (BOOLEAN, NotEqual, vec![Value::Boolean(true)], &[0, 2, 3, 5, 8, 9, 10]),
            (DATETIME, Equal, vec![when(7)], &[8, 9]),
            (DATETIME, Less, vec![when(0)], &[4]),
            (LIST, Contains, vec![text("a")], &[0]),
            (LIST, Contains, vec![text("a"), text("A")], &[0, 1]),
            (LIST, Contains, vec![text("1")], &[3]),
            (LIST, Contains, vec![Value::Integer(1)], &[2]),
            (LIST, Contains, vec![Value::Float(1.5)], &[5]),
            (LIST, Contains, vec![Value::Boolean(true)], &[4]),
            (LIST, Contains, vec![Value::Boolean(false)], &[10]),
            (LIST, Contains, vec![text("O'Neil"), text("%")], &[8]),
            (LIST, NotContains, vec![text("a"), Value::Integer(1)], &[1, 3, 4, 5, 7, 8, 9, 10, 11]),
            (LIST, ContainsAll, vec![text("O'Neil"), text("O'Neil")], &[8]),
            (LIST, ContainsAll, vec![text("a"), text("A")], &[]),
            (LIST, ContainsAll, vec![Value::Integer(1)], &[2]),
            (LIST, IsNull, vec![], &[6]),
        ];
        for (column, operator, values, expected) in cases {
            let case = format!("{column} {operator:?} {values:?}");
            let filter = compare(column, operator, values);
            let found = ids(&store, &table, &selection(filter, vec![sequence(Direction::Ascending)])).await.unwrap();
            assert_eq!(found, expected.iter().map(|n| format!("r{n}")).collect::<Vec<_>>(), "{case}");
        }
    }
}

/// From the sixth time on PostgreSQL may take a plan for any values: of words that are rare such a plan reads the whole table.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_uses_its_index_however_often_it_is_asked() {
    let Some(home) = Home::postgres() else { return };
    let store = home.store().await;
    let table = fill_texts(&store, &[Some("the one that is found")]).await;
    let mut unit = store.begin().await.unwrap();
    let many = "INSERT INTO rows_2 (_id, _created, _updated, _permissions, c1) \
        SELECT 'n' || n, 1, 1, 0, 'all of these are much alike, and number ' || n FROM generate_series(1, 8000) AS n";
    unit.batch(many).await.unwrap();
    unit.commit().await.unwrap();
    let limited = Selection { limit: 10, ..selection(search("rare", false), vec![sequence(Direction::Ascending)]) };
    let mut took = Vec::new();
    for _ in 0..40 {
        let begun = std::time::Instant::now();
        assert_eq!(ids(&store, &table, &limited).await.unwrap(), [""; 0]);
        took.push(begun.elapsed());
    }
    // Reading all takes 25 microseconds a row.
    let quickest = took[30..].iter().min().unwrap();
    assert!(*quickest < std::time::Duration::from_millis(60), "{took:?}");
    home.clean_up().await;
}

on_both! {
    /// Several conditions on lists look for their elements together on PostgreSQL.
    async fn conditions_on_lists_mean_the_same_beside_others(home: &Home) {
        use Operator::*;
        let store = home.store().await;
        let table = fill(&store).await;
        let find = async |filter| ids(&store, &table, &selection(filter, vec![sequence(Direction::Ascending)])).await.unwrap();
        let every = find(Filter::All(Vec::new())).await;
        let conditions: Vec<Filter> = [
            (LIST, Contains, vec![text("a"), text("A")]),
            (LIST, Contains, vec![Value::Integer(1), Value::Boolean(true)]),
            (LIST, NotContains, vec![text("a"), Value::Integer(1)]),
            (LIST, ContainsAll, vec![text("O'Neil"), text("O'Neil")]),
            (LIST, ContainsAll, vec![text("a"), text("A")]),
            (LIST, IsNull, vec![]),
            (TEXT, StartsWith, vec![text("a")]),
        ]
        .map(|(column, operator, values)| compare(column, operator, values))
        .into();
        for first in &conditions {
            let by_first = find(first.clone()).await;
            for second in &conditions {
                let by_second = find(second.clone()).await;
                let both = |id: &&String| by_first.contains(id) && by_second.contains(id);
                let either = |id: &&String| by_first.contains(id) || by_second.contains(id);
                let pair = vec![first.clone(), second.clone()];
                let case = format!("{pair:?}");
                let (all, any) = (Filter::All(pair.clone()), Filter::Any(pair));
                assert_eq!(find(all.clone()).await, every.iter().filter(both).cloned().collect::<Vec<_>>(), "all of {case}");
                assert_eq!(find(any.clone()).await, every.iter().filter(either).cloned().collect::<Vec<_>>(), "any of {case}");
                // Within others.
                let within = Filter::Any(vec![Filter::All(vec![all, any.clone()]), Filter::All(vec![first.clone(), second.clone(), any])]);
                assert_eq!(find(within).await, every.iter().filter(both).cloned().collect::<Vec<_>>(), "within others: {case}");
            }
        }
    }
}

on_both! {
    /// SEC-063: every pattern that is accepted means the same everywhere.
    async fn patterns_find_the_same_rows(home: &Home) {
        let store = home.store().await;
        let table = fill(&store).await;
        let everything: &[usize] = &[0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11];
        for (pattern, expected) in [
            ("", everything),
            ("^apple$", &[0]),
            ("(?i)^APPLE$", &[0, 1]),
            ("^100[%x]$", &[2, 3]),
            (r"^\d+\D$", &[2, 3]),
            (r"^a\wb$", &[4, 5]),
            (r"^a[^\w]?.b$", &[4, 5]),
            (r"\\", &[9]),
            (r"\bNeil\b", &[11]),
            (r"ich$", &[8]),
            (r"^\p{L}+$", &[0, 1, 5, 8, 10]),
            (r"^\w+$", &[0, 1, 3, 4, 5]),
            (r"(?i)ZÜRICH", &[8, 9]),
            (r"^.$", &[10]),
            ("^$", &[7]),
            ("^(?:a|x|p|l|e)*$", &[0, 7]),
            (r#"""#, &[11]),
            ("(a_b|%$)", &[2, 4]),
            ("p{2}", &[0, 1]),
            ("^[[:upper:]]", &[1, 9, 11]),
            ("(?:^)*zürich(?:$)+", &[8]),
            ("(?m)^apple$", &[0]),
            (r"[\]\-\[^%]", &[2]),
            (r"***", &[]),
        ] {
            let Ok(parsed) = Pattern::parse(pattern) else { assert_eq!(pattern, "***"); continue };
            let filter = Filter::Matches { column: TEXT.to_owned(), pattern: parsed };
            let found = found(&store, &table, filter).await;
            assert_eq!(found, expected.iter().map(|n| format!("r{n}")).collect::<Vec<_>>(), "{pattern}");
        }
    }
}

on_both! {
    /// SEC-063: neither the largest patterns that there may be nor the slowest texts hold anybody up.
    async fn the_worst_patterns_end(home: &Home) {
        let store = home.store().await;
        let slow = format!("{}b", "a".repeat(20_000));
        let table = fill_texts(&store, &[Some(&slow), Some("short")]).await;
        for pattern in [
            "(a+)+$", "(a|a)*c", "(.*)*x", "([ab]*a){30}c", "[ab]*a[ab]{200}c", "(a{0,31}){31}c", "(a?){250}a{250}c", "((a|b)*c?){100}d",
            r"\p{L}{9}\p{N}", "(?i)[a-z]{200}[^a-z]{200}x", &"(a|b|c|d|e)?".repeat(60), &"(".repeat(49).chars().chain(['a']).chain(")".repeat(49).chars()).collect::<String>(),
        ] {
            let filter = Filter::Matches { column: TEXT.to_owned(), pattern: Pattern::parse(pattern).unwrap() };
            let by = selection(filter, vec![sequence(Direction::Ascending)]);
            match ids(&store, &table, &by).await {
                Ok(_) | Err(Error::Timeout) => {}
                Err(error) => panic!("{pattern}: {error}"),
            }
        }
    }
}

on_both! {
    async fn searches_find_the_same_rows(home: &Home) {
        let store = home.store().await;
        let table = fill_texts(&store, &[
            Some("The quick brown fox"),
            Some("quickly, brown-haired FOXES"),
            Some("foo_bar baz"),
            None,
            Some(""),
            Some("Straße in Zürich, cafe\u{301} ΟΔΟΣ"),
            Some("日本語 हिन्दी ½ 1e5abc"),
            Some("fox brown AND OR NOT NEAR"),
            Some("c1 : * ( ) ^ \" ' - + { }"),
        ]).await;
        let cases: &[(&str, &[usize])] = &[
            ("fox", &[0, 1, 7]),
            ("FOX", &[0, 1, 7]),
            ("fox quick", &[0, 1, 7]),
            ("brown", &[0, 1, 7]),
            ("brow", &[0, 1, 7]),
            ("brow zzz", &[]),
            ("rown", &[]),
            ("bar", &[2]),
            ("foo_bar", &[2]),
            ("\"brown fox\"", &[0]),
            ("\"fox brown\"", &[7]),
            ("\"brown fo\"", &[]),
            ("\"quick fox\"", &[]),
            ("\"foo-BAR baz!\"", &[2]),
            ("zürich", &[5]),
            ("ZÜRICH", &[5]),
            ("zurich", &[]),
            ("οδος", &[5]),
            ("\"CAFE\u{301} οδος\"", &[5]),
            ("日本", &[6]),
            ("हिन्दी", &[6]),
            ("1e5", &[6]),
            ("½", &[6]),
            ("NOT", &[7]),
            ("\"AND OR\"", &[7]),
            ("NEAR(brown fox)", &[0, 1, 7]),
            ("c1:fox", &[0, 1, 7, 8]),
            ("fo*", &[0, 1, 2, 7]),
            ("", &[]),
            ("\"", &[]),
            ("\"\"", &[]),
            ("* : ^ ' -", &[]),
            ("'); DROP TABLE rows_2; --", &[]),
        ];
        for (words, expected) in cases {
            assert_eq!(found(&store, &table, search(words, false)).await, expected.iter().map(|n| format!("t{n}")).collect::<Vec<_>>(), "{words}");
            let others = (0..9).filter(|n| !expected.contains(n)).map(|n| format!("t{n}")).collect::<Vec<_>>();
            assert_eq!(found(&store, &table, search(words, true)).await, others, "not {words}");
        }
        let many = (0..800).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
        assert_eq!(found(&store, &table, search(&format!("{many} quick"), false)).await, ["t0", "t1"]);
        assert!(found(&store, &table, search(&format!("\"{many}\""), false)).await.is_empty());
    }
}

on_both! {
    async fn a_fulltext_index_follows_its_rows(home: &Home) {
        let store = home.store().await;
        let table = fill_texts(&store, &[Some("one"), Some("two"), None]).await;
        let of = async |words: &str| found(&store, &table, search(words, false)).await;
        let change = async |unit: &mut UnitOfWork, id: &str, values: &[(usize, Value)]| {
            let change = RowChange { updated: 2, created: None, permissions: None, values };
            assert!(tables::update(unit, &table, id, change).await.unwrap());
        };
        let mut unit = store.begin().await.unwrap();
        change(&mut unit, "t0", &[(0, text("three"))]).await;
        change(&mut unit, "t1", &[(1, Value::Integer(9))]).await;
        change(&mut unit, "t2", &[(0, text("two"))]).await;
        unit.commit().await.unwrap();
        assert_eq!((of("one").await, of("three").await, of("two").await), (vec![], vec!["t0".into()], vec!["t1".into(), "t2".into()]));
        // Undone as a whole, and as far as a mark.
        let mut unit = store.begin().await.unwrap();
        change(&mut unit, "t0", &[(0, text("four"))]).await;
        drop(unit);
        let mut unit = store.begin().await.unwrap();
        change(&mut unit, "t1", &[(0, text("five"))]).await;
        unit.mark().await.unwrap();
        change(&mut unit, "t0", &[(0, text("five"))]).await;
        assert!(tables::delete(&mut unit, &table, "t2").await.unwrap());
        unit.back_to_mark().await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!((of("four").await, of("five").await, of("three").await, of("two").await), (vec![], vec!["t1".into()], vec!["t0".into()], vec!["t2".into()]));
        if store.is_sqlite() {
            let mut unit = store.begin().await.unwrap();
            unit.batch("INSERT INTO rows_2_i7 (rows_2_i7) VALUES ('integrity-check')").await.unwrap();
        }
        // Columns come and go beside it.
        commit(&store, &Ddl::AddColumn(table.clone(), Column::new(3, Kind::Text))).await;
        commit(&store, &Ddl::DropColumn(table.clone(), "c2".into())).await;
        commit(&store, &Ddl::DropColumn(table.clone(), "c3".into())).await;
        let narrow = store.table(2, 4, vec![Column::new(1, Kind::Text)]);
        let mut unit = store.begin().await.unwrap();
        assert!(tables::delete(&mut unit, &narrow, "t2").await.unwrap());
        // A text longer than what an index can hold on either database.
        let long = (0..300_000).map(|n| format!("{n:x}é")).collect::<Vec<_>>().join(" ");
        let row = NewRow { id: "long", created: 1, updated: 1, permissions: 0, values: &[text(&long)] };
        tables::insert(&mut unit, &narrow, row).await.unwrap();
        let row = NewRow { id: "word", created: 1, updated: 1, permissions: 0, values: &[text(&"x".repeat(100_000))] };
        tables::insert(&mut unit, &narrow, row).await.unwrap();
        unit.commit().await.unwrap();
        let plan = query::plan(&store, narrow.place(), &selection(search("two 1ffé", false), vec![sequence(Direction::Ascending)]), None).await.unwrap();
        let rows = tables::list(&store, &narrow, None, &plan).await.unwrap();
        assert_eq!(rows.into_iter().map(|row| row.id).collect::<Vec<_>>(), ["long"]);
        // It goes, and another of the same number may come.
        commit(&store, &Ddl::DropIndex { table: narrow.clone(), number: 7 }).await;
        commit(&store, &Ddl::CreateFulltext { table: narrow.clone(), number: 7, columns: vec![TEXT.into()] }).await;
        assert_eq!(found(&store, &narrow, search("1ffé", false)).await, ["long"]);
        commit(&store, &Ddl::DropIndex { table: narrow.clone(), number: 7 }).await;
        commit(&store, &Ddl::DropColumn(narrow.clone(), TEXT.into())).await;
        // A table takes its indexes with it, however many columns they are over.
        let columns = [Column::new(4, Kind::Text), Column::new(5, Kind::Text)];
        for column in &columns {
            commit(&store, &Ddl::AddColumn(narrow.clone(), column.clone())).await;
        }
        let wide = store.table(2, 9, columns.to_vec());
        for number in [7, 12] {
            commit(&store, &Ddl::CreateFulltext { table: wide.clone(), number, columns: vec!["c4".into(), "c5".into()] }).await;
        }
        commit(&store, &Ddl::DropTable(wide.clone())).await;
        commit(&store, &Ddl::CreateTable(wide.clone())).await;
        commit(&store, &Ddl::CreateFulltext { table: wide, number: 7, columns: vec!["c4".into()] }).await;
    }
}

on_both! {
    async fn conditions_may_be_as_many_as_the_grammar_allows(home: &Home) {
        let store = home.store().await;
        let table = fill(&store).await;
        let contains = |n: usize| compare(TEXT, Operator::Contains, (0..n).map(|n| text(&format!("none{n}"))).collect());
        let mut filter = contains(500);
        for _ in 0..8 {
            filter = Filter::Any(vec![Filter::All(vec![filter; 1]), contains(500)]);
        }
        assert!(found(&store, &table, Filter::Any(vec![filter; 2])).await.is_empty());
        assert_eq!(found(&store, &table, Filter::All((0..500).map(|_| compare(TEXT, Operator::Equal, vec![text("apple")])).collect())).await, ["r0"]);
    }
}

on_both! {
    async fn all_and_any_nest(home: &Home) {
        let store = home.store().await;
        let table = fill(&store).await;
        let is = |n| compare(INTEGER, Operator::Equal, vec![Value::Integer(n)]);
        for (filter, expected) in [
            (Filter::All(vec![]), 12),
            (Filter::Any(vec![]), 0),
            (Filter::Any(vec![is(1), is(2), Filter::All(vec![is(3), compare(TEXT, Operator::EndsWith, vec![text("x")])])]), 3),
            (Filter::All(vec![Filter::Any(vec![is(7), is(8)]), compare(TEXT, Operator::Greater, vec![text("z")])]), 1),
        ] {
            let predicate = Predicate::from(&filter);
            assert_eq!(query::count(&store, table.place(), &predicate, 5000).await.unwrap(), expected, "{filter:?}");
            assert_eq!(query::count(&store, table.place(), &predicate, 2).await.unwrap(), expected.min(2));
            assert_eq!(query::count(&store, table.place(), &predicate, 0).await.unwrap(), 0);
        }
    }
}

on_both! {
    async fn empty_values_come_first_and_text_by_code_point(home: &Home) {
        let store = home.store().await;
        let table = fill(&store).await;
        let by = |direction| vec![order("text", TEXT, Kind::Text, true, direction), sequence(direction)];
        let mut expected: Vec<_> = rows().into_iter().enumerate().collect();
        expected.sort_by_key(|(_, [text, ..])| match text {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        });
        let mut expected: Vec<_> = expected.into_iter().map(|(n, _)| format!("r{n}")).collect();
        assert_eq!(expected[0], "r6");
        let everything = || Filter::All(vec![]);
        assert_eq!(ids(&store, &table, &selection(everything(), by(Direction::Ascending))).await.unwrap(), expected);
        expected.reverse();
        assert_eq!(ids(&store, &table, &selection(everything(), by(Direction::Descending))).await.unwrap(), expected);
        let random = Selection { random: true, ..selection(everything(), vec![]) };
        assert_eq!(ids(&store, &table, &random).await.unwrap().len(), 12);
    }
}

on_both! {
    async fn pages_follow_each_other_without_gaps_both_ways(home: &Home) {
        use Direction::*;
        let store = home.store().await;
        let table = fill(&store).await;
        let mut unit = store.begin().await.unwrap();
        // Many equal values, and many rows without one: the sequence decides.
        for n in 20..60_i64 {
            let mut values = rows()[0].clone();
            values[1] = if n % 4 == 0 { Value::Null(Kind::Integer) } else { Value::Integer(n % 3) };
            if n % 5 == 0 {
                values[0] = Value::Null(Kind::Text);
            }
            let id = format!("r{n}");
            let row = NewRow { id: &id, created: n / 7, updated: n, permissions: 0, values: &values };
            tables::insert(&mut unit, &table, row).await.unwrap();
        }
        unit.commit().await.unwrap();
        let integer = |direction, nullable| order("integer", INTEGER, Kind::Integer, nullable, direction);
        let text_by = |direction| order("text", TEXT, Kind::Text, true, direction);
        for by in [
            vec![sequence(Ascending)],
            vec![sequence(Descending)],
            vec![integer(Ascending, true), sequence(Ascending)],
            vec![integer(Descending, true), sequence(Descending)],
            vec![integer(Ascending, true), text_by(Descending), sequence(Ascending)],
            vec![text_by(Ascending), integer(Descending, true), sequence(Descending)],
        ] {
            let whole = ids(&store, &table, &selection(Filter::All(vec![]), by.clone())).await.unwrap();
            assert_eq!(whole.len(), 52);
            let page = |cursor| Selection { cursor: Some(cursor), limit: 7, ..selection(Filter::All(vec![]), by.clone()) };
            for (n, id) in whole.iter().enumerate() {
                let after = ids(&store, &table, &page(Cursor::After(id.clone()))).await.unwrap();
                assert_eq!(after, whole[n + 1..(n + 8).min(whole.len())], "after {id} by {by:?}");
                let before = ids(&store, &table, &page(Cursor::Before(id.clone()))).await.unwrap();
                assert_eq!(before, whole[n.saturating_sub(7)..n], "before {id} by {by:?}");
            }
        }
    }
}

on_both! {
    async fn a_cursor_must_exist_and_be_visible(home: &Home) {
        let store = home.store().await;
        let table = fill(&store).await;
        let by = vec![order("age", INTEGER, Kind::Integer, true, Direction::Descending), sequence(Direction::Descending)];
        let at = |id: &str| Selection { cursor: Some(Cursor::After(id.into())), ..selection(Filter::All(vec![]), by.clone()) };
        assert!(matches!(ids(&store, &table, &at("none")).await, Err(Error::CursorNotFound)));
        assert_eq!(ids(&store, &table, &at("r6")).await.unwrap(), Vec::<String>::new());
        let hidden = query::plan(&store, table.place(), &at("r1"), Some(Predicate::is("_id", text("r2")))).await;
        assert!(matches!(hidden, Err(Error::CursorNotFound)));
        // Descending, the row without a value comes last, and isn't lost on the way.
        assert_eq!(ids(&store, &table, &at("r4")).await.unwrap(), ["r6"]);
    }
}

on_both! {
    async fn rows_come_back_as_they_went_in(home: &Home) {
        let store = home.store().await;
        let table = fill(&store).await;
        let conn = &mut store.read().await.unwrap();
        for (n, values) in rows().into_iter().enumerate() {
            let row = tables::get(conn, &table, None, &format!("r{n}")).await.unwrap().unwrap();
            assert_eq!((row.sequence, row.created, row.updated, row.permissions), (n as i64 + 1, 1, n as i64, 0));
            assert_eq!(row.values, values);
        }
        let some = tables::get(conn, &table, Some(&[4, 0]), "r0").await.unwrap().unwrap();
        assert_eq!(some.values, [rows()[0][4].clone(), text("apple")]);
        assert_eq!(tables::get(conn, &table, None, "R0").await.unwrap(), None, "ids are case-sensitive");
    }
}

on_both! {
    async fn rows_change_and_go(home: &Home) {
        let store = home.store().await;
        let table = fill(&store).await;
        let mut unit = store.begin().await.unwrap();
        let values = [(1, Value::Integer(42)), (0, Value::Null(Kind::Text))];
        let change = RowChange { updated: 99, created: None, permissions: Some(3), values: &values };
        assert!(tables::update(&mut unit, &table, "r0", change).await.unwrap());
        assert!(!tables::update(&mut unit, &table, "none", change).await.unwrap());
        let row = tables::get_for_update(&mut unit, &table, "r0").await.unwrap().unwrap();
        assert_eq!((row.created, row.updated, row.permissions), (1, 99, 3));
        assert_eq!(row.values[..3], [Value::Null(Kind::Text), Value::Integer(42), Value::Float(0.5)]);
        assert!(tables::delete(&mut unit, &table, "r0").await.unwrap());
        assert!(!tables::delete(&mut unit, &table, "r0").await.unwrap());
        let all = query::plan_in(&mut unit, table.place(), &selection(Filter::All(vec![]), vec![sequence(Direction::Ascending)]), None).await.unwrap();
        assert_eq!(tables::list_in(&mut unit, &table, None, &all).await.unwrap().len(), 11);
        unit.commit().await.unwrap();
        // A sequence is never given twice.
        let mut unit = store.begin().await.unwrap();
        tables::delete(&mut unit, &table, "r11").await.unwrap();
        let row = NewRow { id: "r11", created: 1, updated: 1, permissions: 0, values: &rows()[0] };
        assert_eq!(tables::insert(&mut unit, &table, row).await.unwrap(), 13);
        let error = tables::insert(&mut unit, &table, row).await.unwrap_err();
        assert!(error.conflicts_on("_id"), "{error:?}");
    }
}

on_both! {
    async fn a_table_changes_its_shape_under_kept_statements(home: &Home) {
        let store = home.store().await;
        let table = fill(&store).await;
        for _ in 0..12 {
            tables::get(&mut store.read().await.unwrap(), &table, None, "r0").await.unwrap().unwrap();
        }
        let mut columns = table.columns().to_vec();
        columns.push(Column::new(9, Kind::Text));
        commit(&store, &Ddl::AddColumn(table.clone(), columns[6].clone())).await;
        let wider = store.table(1, 2, columns.clone());
        for _ in 0..12 {
            let row = tables::get(&mut store.read().await.unwrap(), &wider, None, "r0").await.unwrap().unwrap();
            assert_eq!(row.values[6], Value::Null(Kind::Text));
        }
        commit(&store, &Ddl::DropColumn(wider, "c2".into())).await;
        columns.remove(1);
        let narrower = store.table(1, 3, columns);
        for _ in 0..12 {
            let row = tables::get(&mut store.read().await.unwrap(), &narrower, None, "r0").await.unwrap().unwrap();
            assert_eq!(row.values[1], Value::Float(0.5));
        }
        commit(&store, &Ddl::DropTable(narrower.clone())).await;
        assert!(tables::get(&mut store.read().await.unwrap(), &narrower, None, "r0").await.is_err());
    }
}

on_both! {
    async fn a_unique_index_refuses_what_is_there(home: &Home) {
        let store = home.store().await;
        let table = fill(&store).await;
        let index = |number, name: &str| Ddl::CreateIndex {
            table: table.clone(), number, unique: true,
            columns: vec![IndexColumn { name: name.into(), nullable: true, direction: Direction::Descending, length: None }],
        };
        commit(&store, &index(1, TEXT)).await;
        let mut unit = store.begin().await.unwrap();
        assert!(unit.change(&index(2, INTEGER)).await.unwrap_err().is_conflict());
        drop(unit);
        let mut unit = store.begin().await.unwrap();
        let mut values = rows()[6].clone();
        let row = NewRow { id: "new", created: 1, updated: 1, permissions: 0, values: &values };
        tables::insert(&mut unit, &table, row).await.unwrap();
        values[0] = text("apple");
        let row = NewRow { id: "newer", created: 1, updated: 1, permissions: 0, values: &values };
        assert!(tables::insert(&mut unit, &table, row).await.unwrap_err().conflicts_on(TEXT));
        drop(unit);
        commit(&store, &Ddl::DropIndex { table: table.clone(), number: 1 }).await;
    }
}

on_both! {
    async fn permissions_decide_what_is_seen(home: &Home) {
        let store = home.store().await;
        let table = store.table(1, 1, vec![]);
        commit(&store, &Ddl::CreateTable(table.clone())).await;
        let sets: [&[&str]; 4] = [&[r#"read("any")"#], &[r#"read("user:a")"#, r#"write("user:b")"#], &[r#"update("any")"#], &[]];
        let mut unit = store.begin().await.unwrap();
        for (n, set) in sets.iter().enumerate() {
            let set = Permissions::parse(set, PermissionTarget::Item).unwrap();
            let number = permissions::intern(&mut unit, &set).await.unwrap();
            assert_eq!(permissions::intern(&mut unit, &set).await.unwrap(), number, "each set once");
            assert_eq!(permissions::load(&mut unit, number).await.unwrap(), set.written());
            let row = NewRow { id: &format!("r{n}"), created: 0, updated: 0, permissions: number, values: &[] };
            tables::insert(&mut unit, &table, row).await.unwrap();
        }
        assert!(matches!(permissions::load(&mut unit, 4711).await, Err(Error::NotFound)));
        unit.commit().await.unwrap();

        let roles = |names: &[&str]| names.iter().map(|name| Role::parse(name).unwrap()).collect::<Vec<_>>();
        for (action, names, expected) in [
            (Action::Read, vec!["any"], vec!["r0"]),
            (Action::Read, vec!["any", "user:a"], vec!["r0", "r1"]),
            (Action::Read, vec!["user:b"], vec![]),
            (Action::Update, vec!["any", "user:b"], vec!["r1", "r2"]),
            (Action::Delete, vec!["any", "user:b"], vec!["r1"]),
            (Action::Read, vec![], vec![]),
        ] {
            let visible = Predicate::granted(tables::PERMISSIONS, action, &roles(&names));
            let by = selection(Filter::All(vec![]), vec![sequence(Direction::Ascending)]);
            let plan = query::plan(&store, table.place(), &by, Some(visible)).await.unwrap();
            let found = tables::list(&store, &table, None, &plan).await.unwrap();
            assert_eq!(found.into_iter().map(|row| row.id).collect::<Vec<_>>(), expected, "{action:?} {names:?}");
            assert_eq!(query::count(&store, table.place(), &plan.all, 10).await.unwrap(), expected.len() as i64);
        }
    }
}

on_both! {
    async fn many_may_intern_the_same_set_at_once(home: &Home) {
        let store = home.store().await;
        let interning: Vec<_> = (0..16).map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut unit = store.begin().await?;
                let set = Permissions::parse(&[r#"read("any")"#], PermissionTarget::Item).unwrap();
                let number = permissions::intern(&mut unit, &set).await?;
                unit.commit().await.map(|()| number)
            })
        }).collect();
        let mut numbers = vec![];
        for one in interning { numbers.push(one.await.unwrap().unwrap()); }
        numbers.dedup();
        assert_eq!(numbers.len(), 1);
    }
}

diesel::table! { test_users (id) { sequence -> BigInt, id -> Text, email -> Nullable<Text>, } }

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = test_users)]
struct User {
    id: String,
    email: Option<String>,
}

const USERS: TableRef = TableRef::fixed("test_users", "id");
const FIELDS: Fields<'_> = Fields {
    fields: &[
        Field::required("$id", "id", Kind::Text),
        Field::required("$sequence", "sequence", Kind::Integer),
        Field::optional("email", "email", Kind::Text),
    ],
    sequence: "sequence",
};

on_both! {
    async fn the_same_queries_work_on_a_products_own_tables(home: &Home) {
        let store = home.store().await;
        let mut unit = store.begin().await.unwrap();
        unit.execute_ddl("CREATE TABLE test_users (sequence BIGINT PRIMARY KEY, id TEXT NOT NULL UNIQUE, email TEXT)").await.unwrap();
        for n in 0..10_i64 {
            let email = (n % 2 == 0).then(|| format!("{n}@example.org"));
            let row = (test_users::sequence.eq(n), test_users::id.eq(format!("u{n}")), test_users::email.eq(email));
            on_conn!(unit, |c| diesel::insert_into(test_users::table).values(row).execute(c)).unwrap();
        }
        unit.commit().await.unwrap();

        let queries = [
            r#"{"method":"endsWith","attribute":"email","values":["@example.org"]}"#,
            r#"{"method":"orderDesc","attribute":"email"}"#,
            r#"{"method":"cursorBefore","values":["u2"]}"#,
            r#"{"method":"limit","values":[2]}"#,
        ];
        let selection = Queries::parse(&queries).unwrap().resolve(FIELDS).unwrap();
        let plan = query::plan(&store, &USERS, &selection, None).await.unwrap();
        assert_eq!(query::count(&store, &USERS, &plan.all, selection.count_up_to).await.unwrap(), 5);
        let reverse = plan.reverse;
        let mut found = on_scan!(store, |c| test_users::table
            .filter(&plan.predicate).order_by(&plan.order).limit(plan.limit).offset(plan.offset)
            .select(User::as_select()).load::<User>(c)).unwrap();
        if reverse { found.reverse(); }
        let found: Vec<_> = found.iter().map(|user| (user.id.as_str(), user.email.as_deref())).collect();
        assert_eq!(found, [("u6", Some("6@example.org")), ("u4", Some("4@example.org"))]);

        let condition = Predicate::is("id", text("u3"));
        let conn = &mut store.read().await.unwrap();
        let one = on_conn!(conn, |c| test_users::table.filter(&condition).filter(test_users::email.is_null()).count().get_result::<i64>(c));
        assert_eq!(one.unwrap(), 1);
    }
}
