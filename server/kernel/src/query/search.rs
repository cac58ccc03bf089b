//! What a full-text search looks for.
//!
//! A word is a run of letters, numbers and marks of any script; everything else stands between words, so nothing that a
//! caller writes has a meaning of its own. Case doesn't matter (the databases see to that, for both sides alike).

use regex_syntax::hir::{Class, HirKind};
use std::sync::LazyLock;

/// What a word is made of, for engines that take a class of characters. The fulltext indexes of both databases follow
/// it: `unicode61 categories 'L* N* M*'` here, the function `search_text` of the migrations there.
const LETTERS: &str = r"[\p{L}\p{N}\p{M}]";

/// Words to be found in a text. Without any, nothing is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    /// One of these words at least; the last one is the beginning of a word.
    Any(Vec<String>),
    /// These words, one behind the other.
    Phrase(Vec<String>),
}

impl Search {
    /// Reads a value of `search`: what stands in double quotes is a phrase.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let is_phrase = text.starts_with('"') && text.ends_with('"');
        let words = text.split(|c| !is_of_word(c)).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        if is_phrase { Self::Phrase(words) } else { Self::Any(words) }
    }

    /// The words, as the caller wrote them.
    #[must_use]
    pub fn words(&self) -> &[String] {
        match self {
            Self::Any(words) | Self::Phrase(words) => words,
        }
    }
}

fn is_of_word(c: char) -> bool {
    static RANGES: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
        let letters = regex_syntax::parse(LETTERS).map(|hir| match hir.into_kind() {
            HirKind::Class(Class::Unicode(class)) => class.ranges().iter().map(|r| (r.start(), r.end())).collect(),
            _ => Vec::new(),
        });
        letters.unwrap_or_default()
    });
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    let place = RANGES.partition_point(|(_, end)| *end < c);
    RANGES.get(place).is_some_and(|(start, _)| *start <= c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_numbers_and_marks() {
        assert_eq!(
            Search::parse("It's  a_b, ½ e\u{301}té 日本語! हिन्दी").words(),
            ["It", "s", "a", "b", "½", "e\u{301}té", "日本語", "हिन्दी"]
        );
        assert_eq!(Search::parse(" *:^()\"' - ").words().len(), 0);
    }

    #[test]
    fn what_stands_in_quotes_is_a_phrase() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(Search::parse("\"a OR b\""), Search::Phrase(words(&["a", "OR", "b"])));
        assert_eq!(Search::parse("\"a\" b"), Search::Any(words(&["a", "b"])));
        assert_eq!(Search::parse("\""), Search::Phrase(vec![]));
    }
}
