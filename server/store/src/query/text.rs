//! Conditions on what a text says: patterns, and words by way of a fulltext index.

use crate::dialect::{Dialect, push_column, push_text_order};
use crate::tables::SEQUENCE;
use diesel::QueryResult;
use diesel::query_builder::AstPass;
use floe_kernel::query::{Pattern, Search};
use floe_kernel::value::Kind;

/// A pattern that is found in a column.
#[derive(Debug)]
pub(super) struct Matched {
    column: String,
    pattern: Pattern,
}

impl Matched {
    pub(super) fn new(column: &str, pattern: &Pattern) -> Self {
        Self { column: column.to_owned(), pattern: pattern.clone() }
    }

    pub(super) fn walk_ast<'b, DB: Dialect>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if DB::SQLITE {
            // Ours: see `sqlite::pattern`.
            out.push_sql("pattern_found(");
            push_column(&mut out, &self.column)?;
            out.push_sql(", ");
            DB::bind_text(&mut out, self.pattern.linear())?;
            out.push_sql(")");
            return Ok(());
        }
        push_column(&mut out, &self.column)?;
        push_text_order(&mut out, Kind::Text);
        out.push_sql(" ~ ");
        DB::bind_text(&mut out, self.pattern.postgres())
    }
}

/// Words that are found in a column, or aren't.
#[derive(Debug)]
pub(super) struct Found {
    column: String,
    index: String,
    negated: bool,
    /// In the words' own language of the database: FTS5's, or that of `tsquery`. Both have them in quotes, and words
    /// have no quotes. None: there is nothing to look for.
    expressions: Option<Expressions>,
}

#[derive(Debug)]
struct Expressions {
    fts5: String,
    tsquery: String,
    /// What must stand in the text, one word behind the other, each with a space before and behind it.
    phrase: Option<String>,
}

impl Found {
    pub(super) fn new(column: &str, index: &str, negated: bool, words: &Search) -> Self {
        Self {
            column: column.to_owned(),
            index: index.to_owned(),
            negated,
            expressions: (!words.words().is_empty()).then(|| Expressions::new(words)),
        }
    }

    pub(super) fn walk_ast<'b, DB: Dialect>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Some(expressions) = &self.expressions else {
            out.push_sql(if self.negated { "1 = 1" } else { "1 = 0" });
            return Ok(());
        };
        if DB::SQLITE {
            push_column(&mut out, SEQUENCE)?;
            out.push_sql(if self.negated { " NOT IN (SELECT rowid FROM " } else { " IN (SELECT rowid FROM " });
            out.push_identifier(&self.index)?;
            out.push_sql(" WHERE ");
            out.push_identifier(&self.index)?;
            out.push_sql(" MATCH ");
            DB::bind_text(&mut out, &expressions.fts5)?;
            out.push_sql(")");
            return Ok(());
        }
        // A row without a text has none of the words.
        out.push_sql(if self.negated { "(NOT COALESCE(" } else { "(" });
        self.push_postgres(&mut out, expressions)?;
        out.push_sql(if self.negated { ", FALSE))" } else { ")" });
        Ok(())
    }

    /// With the functions of the migration `search`, which the index is made with too.
    fn push_postgres<'b, DB: Dialect>(
        &'b self,
        out: &mut AstPass<'_, 'b, DB>,
        expressions: &'b Expressions,
    ) -> QueryResult<()> {
        out.push_sql("search_words(");
        push_column(out, &self.column)?;
        out.push_sql(") @@ search_folded(");
        DB::bind_text(out, &expressions.tsquery)?;
        out.push_sql(")::tsquery");
        if let Some(phrase) = &expressions.phrase {
            out.push_sql(" AND strpos(' ' || search_text(");
            push_column(out, &self.column)?;
            out.push_sql(") || ' ', search_folded(");
            DB::bind_text(out, phrase)?;
            out.push_sql(")) > 0");
        }
        Ok(())
    }
}

impl Expressions {
    fn new(search: &Search) -> Self {
        let words = search.words();
        let last = words.len().saturating_sub(1);
        match search {
            Search::Phrase(words) => Self {
                fts5: format!("\"{}\"", words.join(" ")),
                tsquery: joined(words, " & ", |_, word| format!("'{word}'")),
                phrase: Some(format!(" {} ", words.join(" "))),
            },
            Search::Any(words) => Self {
                fts5: joined(words, " OR ", |n, word| format!("\"{word}\"{}", if n == last { " *" } else { "" })),
                tsquery: joined(words, " | ", |n, word| format!("'{word}'{}", if n == last { ":*" } else { "" })),
                phrase: None,
            },
        }
    }
}

fn joined(words: &[String], between: &str, each: impl Fn(usize, &str) -> String) -> String {
    let words: Vec<_> = words.iter().enumerate().map(|(n, word)| each(n, word)).collect();
    words.join(between)
}
