//! The embedded tables, cut into cells once, at first use. Every cell is a slice of the binary: nothing is copied.

use crate::model::{Currency, Language, LocaleCode};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The language whose row has every name, and that others fall back to.
const ENGLISH: &str = "en";
/// The column of the word for an unknown country.
const UNKNOWN: &str = "?";
/// Marks the columns of continents: `+EU`. `EU` alone would be a country.
const CONTINENT: char = '+';

/// What doesn't depend on the language.
pub(crate) struct CountryFacts {
    /// ISO 3166-1 alpha-2.
    pub(crate) code: &'static str,
    /// The code of its continent.
    pub(crate) continent: &'static str,
    /// Whether it is in the European Union.
    pub(crate) eu: bool,
    /// ISO 4217, or empty.
    pub(crate) currency: &'static str,
    /// Its dial code, without the `+`.
    pub(crate) phone: u32,
}

/// All countries, by code.
pub(crate) static COUNTRIES: LazyLock<Vec<CountryFacts>> = LazyLock::new(|| {
    table(include_str!("../data/countries.tsv"))
        .map(|[code, continent, eu, currency, phone]| CountryFacts {
            code,
            continent,
            eu: eu == "1",
            currency,
            phone: phone.parse().expect("generated dial codes are numbers"),
        })
        .collect()
});

/// All currencies, by code.
pub(crate) static CURRENCIES: LazyLock<Vec<Currency>> = LazyLock::new(|| {
    table(include_str!("../data/currencies.tsv"))
        .map(|[code, symbol, symbol_native, digits, rounding, name, name_plural]| Currency {
            symbol,
            name,
            symbol_native,
            decimal_digits: digits.parse().expect("generated digits are numbers"),
            rounding: rounding.parse().expect("generated rounding is a number"),
            code,
            name_plural,
        })
        .collect()
});

/// All languages, by code.
pub(crate) static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| {
    table(include_str!("../data/languages.tsv"))
        .map(|[code, name, native_name]| Language { name, code, native_name })
        .collect()
});

/// All locales, by code.
pub(crate) static LOCALES: LazyLock<Vec<LocaleCode>> = LazyLock::new(|| {
    table(include_str!("../data/locales.tsv")).map(|[code, name]| LocaleCode { code, name }).collect()
});

/// Names of countries and continents, in all languages.
pub(crate) static NAMES: LazyLock<Names> = LazyLock::new(|| Names::parse(include_str!("../data/names.tsv")));

/// The rows of a generated table below its header.
fn table<const N: usize>(text: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    text.lines().skip(1).map(|line| {
        let cells: Vec<_> = line.split('\t').collect();
        cells.try_into().expect("generated rows are as wide as their header")
    })
}

/// One row a language, one column a country or continent. An empty cell is named as in the next wider language.
pub(crate) struct Names {
    columns: HashMap<&'static str, usize>,
    continents: Vec<&'static str>,
    rows: HashMap<&'static str, Vec<&'static str>>,
}

impl Names {
    fn parse(text: &'static str) -> Self {
        let mut lines = text.lines().map(|line| line.split('\t'));
        let header: Vec<_> = lines.next().into_iter().flatten().skip(1).collect();
        let mut rows = HashMap::new();
        for mut cells in lines {
            let codes = cells.next().unwrap_or_default();
            let names: Vec<_> = cells.collect();
            for code in codes.split(',') {
                rows.insert(code, names.clone());
            }
        }
        Self {
            continents: header.iter().filter_map(|column| column.strip_prefix(CONTINENT)).collect(),
            columns: header.into_iter().enumerate().map(|(at, column)| (column, at)).collect(),
            rows,
        }
    }

    /// The codes of all continents.
    pub(crate) fn continents(&self) -> &[&'static str] {
        &self.continents
    }

    /// Everything in one language. What the caller asks for is unchecked: an unknown language is English.
    pub(crate) fn in_language(&self, language: &str) -> InLanguage<'_> {
        let wanted = language.trim().replace('_', "-").to_ascii_lowercase();
        let wider = wanted.split('-').next().unwrap_or_default();
        let rows = [wanted.as_str(), wider, ENGLISH].map(|code| self.rows.get(code).map(Vec::as_slice));
        InLanguage { names: self, rows }
    }
}

/// [`Names`] for one reader, who falls back from the dialect to the language to English.
pub(crate) struct InLanguage<'a> {
    names: &'a Names,
    rows: [Option<&'a [&'static str]>; 3],
}

impl InLanguage<'_> {
    /// The country's name.
    pub(crate) fn country(&self, code: &str) -> Option<&'static str> {
        self.column(code)
    }

    /// The continent's name.
    pub(crate) fn continent(&self, code: &str) -> Option<&'static str> {
        self.column(&format!("{CONTINENT}{code}"))
    }

    /// The word for a country that isn't known.
    pub(crate) fn unknown(&self) -> &'static str {
        self.column(UNKNOWN).unwrap_or_default()
    }

    fn column(&self, column: &str) -> Option<&'static str> {
        let at = *self.names.columns.get(column)?;
        self.rows.iter().flatten().filter_map(|row| row.get(at)).find(|name| !name.is_empty()).copied()
    }
}
