//! What the API answers, field by field as the contract names it.

use serde::Serialize;

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Locale {
    /// The caller's network address.
    pub ip: String,
    /// Its country as ISO 3166-1 alpha-2, or `--`.
    pub country_code: &'static str,
    /// The country's name, or the word for an unknown one.
    pub country: &'static str,
    /// Its continent's code, or `--`.
    pub continent_code: &'static str,
    /// The continent's name, or the word for an unknown one.
    pub continent: &'static str,
    /// Whether the country is in the European Union.
    pub eu: bool,
    /// What one pays with there as ISO 4217. Empty when unknown.
    pub currency: &'static str,
}

/// A country and its name in the caller's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Country {
    /// Its name.
    pub name: &'static str,
    /// ISO 3166-1 alpha-2.
    pub code: &'static str,
}

/// A continent and its name in the caller's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Continent {
    /// Its name.
    pub name: &'static str,
    /// Two letters, such as `EU`.
    pub code: &'static str,
}

/// How to call a country.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Phone {
    /// The dial code, such as `+49`.
    pub code: String,
    /// The country's ISO 3166-1 alpha-2 code.
    pub country_code: &'static str,
    /// The country's name in the caller's language.
    pub country_name: &'static str,
}

/// A currency that is legal tender somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Currency {
    /// How English writes it: `CA$`.
    pub symbol: &'static str,
    /// Its name in English.
    pub name: &'static str,
    /// How it is written at home: `$`.
    pub symbol_native: &'static str,
    /// Digits after the decimal point.
    pub decimal_digits: u8,
    /// Amounts are multiples of this. 0: of the smallest unit.
    pub rounding: f64,
    /// ISO 4217.
    pub code: &'static str,
    /// Its name in English for many of it.
    pub name_plural: &'static str,
}

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Language {
    /// Its name in English.
    pub name: &'static str,
    /// ISO 639-1.
    pub code: &'static str,
    /// What its speakers call it.
    pub native_name: &'static str,
}

/// A locale that a caller may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LocaleCode {
    /// Such as `pt-br`.
    pub code: &'static str,
    /// Its name in English.
    pub name: &'static str,
}

/// All countries, or those of the European Union.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CountryList {
    /// How many there are.
    pub total: usize,
    /// The countries.
    pub countries: Vec<Country>,
}

/// All continents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContinentList {
    /// How many there are.
    pub total: usize,
    /// The continents.
    pub continents: Vec<Continent>,
}

/// The dial codes of all countries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PhoneList {
    /// How many there are.
    pub total: usize,
    /// The dial codes.
    pub phones: Vec<Phone>,
}

/// All currencies in use.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurrencyList {
    /// How many there are.
    pub total: usize,
    /// The currencies.
    pub currencies: &'static [Currency],
}

/// All languages of ISO 639-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LanguageList {
    /// How many there are.
    pub total: usize,
    /// The languages.
    pub languages: &'static [Language],
}

/// All locales that a caller may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LocaleCodeList {
    /// How many there are.
    pub total: usize,
    /// The locales.
    pub locale_codes: &'static [LocaleCode],
}
