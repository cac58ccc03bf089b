//! Patterns that nobody thought of: what SQLite's engine finds, PostgreSQL's finds too.

use crate::common::Home;
use floe_kernel::query::{Direction, Filter, Order, Pattern, Selection};
use floe_kernel::value::{Kind, Value};
use floe_store::Store;
use floe_store::query;
use floe_store::tables::{self, Column, Ddl, NewRow, StoredTable};

/// Numbers that look random, and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

const LETTERS: [&str; 34] = [
    "a", "b", "c", "A", "B", "é", "É", "ß", "ẞ", "1", "_", " ", "-", "]", ".", "\\", "\n", "\t", "日", "😀", "K",
    "\u{212A}", "σ", "ς", "Σ", "ſ", "s", "%", "'", "\"", "=", ":", "\u{85}", "\r",
];

#[rustfmt::skip]
const ATOMS: [&str; 67] = [
    "a", "b", "c", "A", "é", "É", "ß", "1", "_", " ", "-", "]", r"\.", r"\\", r"\-", r"\[", r"\{", r"\|", "&", "~", "#", ":", "=", "<",
    "'", "\"", "%", "\n", r"\n", r"\t", ".", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", "[a-c]", "[^a]", r"[a\-z]", r"[^\d]", r"[\w.]",
    "[[:alpha:]]", "[[:^alpha:]]", "[.a]", "[=b]", "[a-c--b]", r"\p{L}", r"\P{L}", r"\p{Lu}", r"\p{Greek}", "^", "$", r"\A",
    r"\z", r"\b", "日", "😀", "(?i)", "(?m)", "(?s)", "(?-i)", "(?x) ", "ſ", "K", "σ", "Σ",
];

fn pattern(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return dice.pick(&ATOMS).to_owned();
    }
    let mut inner = || pattern(dice, depth - 1);
    let (first, second) = (inner(), inner());
    match dice.below(6) {
        0 => first + &second,
        1 => format!("(?:{first}|{second})"),
        2 => format!("({first}|)"),
        3 => format!("(?{}:{first})", dice.pick(&["i", "s", "m", "im", "-i", "x", "U"])),
        4 => format!("(?:{first}){}", dice.pick(&["*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "{0}"])),
        _ => first,
    }
}

async fn fill(store: &Store, texts: &[String]) -> StoredTable {
    let table = store.table(1, 1, vec![Column::new(1, Kind::Text)]);
    let mut unit = store.begin().await.unwrap();
    unit.change(&Ddl::CreateTable(table.clone())).await.unwrap();
    for (n, text) in texts.iter().enumerate() {
        let values = [Value::Text(text.clone())];
        let row = NewRow { id: &n.to_string(), created: 1, updated: 1, permissions: 0, values: &values };
        tables::insert(&mut unit, &table, row).await.unwrap();
    }
    unit.commit().await.unwrap();
    table
}

async fn found(store: &Store, table: &StoredTable, pattern: &Pattern) -> Vec<String> {
    let filter = Filter::Matches { column: "c1".to_owned(), pattern: pattern.clone() };
    let (attribute, column) = ("$sequence".to_owned(), "_sequence".to_owned());
    let order = Order { attribute, column, kind: Kind::Integer, nullable: false, direction: Direction::Ascending };
    let selection = Selection {
        filter,
        order: vec![order],
        random: false,
        limit: 1000,
        offset: 0,
        cursor: None,
        select: None,
        count_up_to: 0,
    };
    let plan = query::plan(store, table.place(), &selection, None).await.unwrap();
    tables::list(store, table, None, &plan).await.unwrap().into_iter().map(|row| row.id).collect()
}

/// SEC-063.
#[tokio::test(flavor = "multi_thread")]
async fn both_engines_find_the_same() {
    let Some(postgres) = Home::postgres() else { return };
    let sqlite = Home::sqlite();
    let mut dice = Dice(88_172_645_463_325_252);
    let texts: Vec<String> = (0..150).map(|n| (0..n % 9).map(|_| dice.pick(&LETTERS)).collect()).collect();
    let (one, two) = (sqlite.store().await, postgres.store().await);
    let (in_one, in_two) = (fill(&one, &texts).await, fill(&two, &texts).await);
    let mut accepted = 0;
    for n in 0..1000 {
        let text = pattern(&mut dice, 1 + n % 4);
        let Ok(pattern) = Pattern::parse(&text) else { continue };
        accepted += 1;
        assert_eq!(found(&one, &in_one, &pattern).await, found(&two, &in_two, &pattern).await, "{text:?}");
    }
    assert!(accepted > 900, "{accepted}");
    postgres.clean_up().await;
}
