//! The lists in the caller's language, and where a caller is.
//!
//! Names are sorted by their bytes and dial codes as numbers, as Appwrite does; the rest goes by code.

use crate::data::{COUNTRIES, CURRENCIES, CountryFacts, InLanguage, LANGUAGES, LOCALES, NAMES};
use crate::model::{
    Continent, ContinentList, Country, CountryList, CurrencyList, LanguageList, Locale, LocaleCodeList, Phone,
    PhoneList,
};
use std::net::IpAddr;

/// The code of a country or continent that isn't known.
const UNKNOWN_CODE: &str = "--";

/// Knows which country a network address is in. An implementation holds its whole database in memory: asking it must
/// not wait for anything.
pub trait IpLocator: Send + Sync {
    /// The country as ISO 3166-1 alpha-2 in capitals, if known.
    fn country_code(&self, ip: IpAddr) -> Option<&str>;
}

/// Knows no address. Floe comes without a database of them: the free ones have licences and want updates.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nowhere;

impl IpLocator for Nowhere {
    fn country_code(&self, _: IpAddr) -> Option<&str> {
        None
    }
}

/// Where the caller at this address is, as far as the locator knows.
#[must_use]
pub fn locale(ip: &str, language: &str, locator: &dyn IpLocator) -> Locale {
    let names = NAMES.in_language(language);
    let unknown = names.unknown();
    let located = ip.parse().ok().and_then(|address| locator.country_code(address)).and_then(facts);
    let Some(country) = located else {
        return Locale {
            ip: ip.to_owned(),
            country_code: UNKNOWN_CODE,
            country: unknown,
            continent_code: UNKNOWN_CODE,
            continent: unknown,
            eu: false,
            currency: "",
        };
    };
    Locale {
        ip: ip.to_owned(),
        country_code: country.code,
        country: names.country(country.code).unwrap_or(unknown),
        continent_code: country.continent,
        continent: names.continent(country.continent).unwrap_or(unknown),
        eu: country.eu,
        currency: country.currency,
    }
}

/// Whether a caller may ask for this locale.
#[must_use]
pub fn is_locale_code(code: &str) -> bool {
    LOCALES.iter().any(|locale| locale.code.eq_ignore_ascii_case(code))
}

/// All locales that a caller may ask for.
#[must_use]
pub fn locale_codes() -> LocaleCodeList {
    LocaleCodeList { total: LOCALES.len(), locale_codes: &LOCALES }
}

/// All countries.
#[must_use]
pub fn countries(language: &str) -> CountryList {
    countries_where(language, |_| true)
}

/// The members of the European Union.
#[must_use]
pub fn eu_countries(language: &str) -> CountryList {
    countries_where(language, |country| country.eu)
}

/// The dial codes of all countries.
#[must_use]
pub fn phones(language: &str) -> PhoneList {
    let names = NAMES.in_language(language);
    let mut countries: Vec<_> = COUNTRIES.iter().collect();
    countries.sort_by_key(|country| country.phone);
    let phones: Vec<_> = countries.into_iter().map(|country| phone(country, &names)).collect();
    PhoneList { total: phones.len(), phones }
}

/// All continents.
#[must_use]
pub fn continents(language: &str) -> ContinentList {
    let names = NAMES.in_language(language);
    let named = |code: &&'static str| Some(Continent { name: names.continent(code)?, code });
    let mut continents: Vec<_> = NAMES.continents().iter().filter_map(named).collect();
    continents.sort_by_key(|continent| continent.name);
    ContinentList { total: continents.len(), continents }
}

/// All currencies that are legal tender somewhere, in English.
#[must_use]
pub fn currencies() -> CurrencyList {
    CurrencyList { total: CURRENCIES.len(), currencies: &CURRENCIES }
}

/// All languages of ISO 639-1, in English and their own words.
#[must_use]
pub fn languages() -> LanguageList {
    LanguageList { total: LANGUAGES.len(), languages: &LANGUAGES }
}

fn countries_where(language: &str, wanted: impl Fn(&CountryFacts) -> bool) -> CountryList {
    let names = NAMES.in_language(language);
    let mut countries: Vec<_> = COUNTRIES
        .iter()
        .filter(|country| wanted(country))
        .filter_map(|country| Some(Country { name: names.country(country.code)?, code: country.code }))
        .collect();
    countries.sort_by_key(|country| country.name);
    CountryList { total: countries.len(), countries }
}

fn phone(country: &CountryFacts, names: &InLanguage) -> Phone {
    Phone {
        code: format!("+{}", country.phone),
        country_code: country.code,
        country_name: names.country(country.code).unwrap_or_else(|| names.unknown()),
    }
}

/// The country with this code.
fn facts(code: &str) -> Option<&'static CountryFacts> {
    COUNTRIES.binary_search_by_key(&code, |country| country.code).ok().map(|at| &COUNTRIES[at])
}
