//! Lists that apps fill their forms with (countries, continents, currencies, languages, dial codes) in the caller's
//! language, and where a request comes from.
//!
//! The data is embedded and never changes while the server runs; `data/generate.mjs` tells where it is from.

mod data;
mod endpoints;
mod model;
mod routes;
pub mod service;

pub use model::{
    Continent, ContinentList, Country, CountryList, Currency, CurrencyList, Language, LanguageList, Locale, LocaleCode,
    LocaleCodeList, Phone, PhoneList,
};
pub use routes::{Locales, routes};
pub use service::{IpLocator, Nowhere};
