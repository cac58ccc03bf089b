//! The lists as a caller sees them, in every language on offer.

use floe_locale::service::{
    continents, countries, currencies, eu_countries, is_locale_code, languages, locale, locale_codes, phones,
};
use floe_locale::{IpLocator, Nowhere};
use std::collections::HashSet;
use std::net::IpAddr;

/// Whoever asks, the answer is one country.
struct Everywhere(&'static str);

impl IpLocator for Everywhere {
    fn country_code(&self, _: IpAddr) -> Option<&str> {
        Some(self.0)
    }
}

fn country(code: &str, language: &str) -> &'static str {
    countries(language).countries.iter().find(|country| country.code == code).map_or("", |country| country.name)
}

fn unique<'a>(codes: impl IntoIterator<Item = &'a str>) -> usize {
    codes.into_iter().collect::<HashSet<_>>().len()
}

#[test]
fn lists_are_complete_and_no_code_comes_twice() {
    let (all, union, phones) = (countries("en"), eu_countries("en"), phones("en"));
    assert_eq!((all.total, unique(all.countries.iter().map(|country| country.code))), (250, 250));
    assert_eq!((union.total, unique(union.countries.iter().map(|country| country.code))), (27, 27));
    assert_eq!((phones.total, unique(phones.phones.iter().map(|phone| phone.country_code))), (250, 250));
    assert_eq!(continents("en").total, 7);
    assert_eq!((currencies().total, unique(currencies().currencies.iter().map(|money| money.code))), (153, 153));
    assert_eq!((languages().total, unique(languages().languages.iter().map(|language| language.code))), (183, 183));
    assert_eq!(
        (locale_codes().total, unique(locale_codes().locale_codes.iter().map(|locale| locale.code))),
        (131, 131)
    );
}

#[test]
fn every_language_names_every_country_and_continent_in_order() {
    for code in locale_codes().locale_codes.iter().map(|locale| locale.code) {
        let (countries, continents) = (countries(code), continents(code));
        assert_eq!((countries.total, continents.total), (250, 7), "{code}");
        assert!(countries.countries.iter().all(|country| !country.name.is_empty()), "{code}");
        assert!(countries.countries.is_sorted_by_key(|country| country.name), "{code}");
        assert!(continents.continents.is_sorted_by_key(|continent| continent.name), "{code}");
    }
}

#[test]
fn names_are_in_the_callers_language() {
    assert_eq!(country("DE", "en"), "Germany");
    assert_eq!(country("DE", "de"), "Deutschland");
    assert_eq!(country("DE", "ja"), "ドイツ");
    assert_eq!(country("CD", "en"), "Democratic Republic of the Congo");
    assert!(continents("de").continents.iter().any(|continent| (continent.name, continent.code) == ("Europa", "EU")));
    assert_eq!(locale("127.0.0.1", "fr", &Nowhere).country, "région inconnue");
}

#[test]
fn a_dialect_falls_back_to_its_language_and_every_language_to_english() {
    assert_eq!(country("ZW", "de-ch"), "Zimbabwe");
    assert_eq!(country("ZW", "de"), "Simbabwe");
    assert_eq!(country("DE", "de-CH"), "Deutschland");
    assert_eq!(country("DE", "de_AT"), "Deutschland");
    assert_eq!((country("VN", "pt"), country("VN", "pt-br")), ("Vietname", "Vietnã"));
    assert_eq!((country("DE", "zh-cn"), country("DE", "zh-tw"), country("DE", "zh")), ("德国", "德國", "德国"));
    assert_eq!(country("DE", "ua"), country("DE", "uk"), "Appwrite calls Ukrainian ua");
    assert_eq!(country("DE", "no"), "Tyskland");
    for nonsense in ["", "-", "tlh", "?", "+EU", "de\0"] {
        assert_eq!(country("DE", nonsense), "Germany", "{nonsense:?}");
    }
}

#[test]
fn phones_are_sorted_as_numbers() {
    let list = phones("de").phones;
    assert!(list.is_sorted_by_key(|phone| phone.code[1..].parse::<u32>().unwrap()));
    let germany = list.iter().find(|phone| phone.country_code == "DE").unwrap();
    assert_eq!((germany.code.as_str(), germany.country_name), ("+49", "Deutschland"));
}

#[test]
fn currencies_tell_how_amounts_are_written() {
    let currency = |code| *currencies().currencies.iter().find(|money| money.code == code).unwrap();
    let dollar = currency("CAD");
    assert_eq!((dollar.symbol, dollar.symbol_native, dollar.decimal_digits), ("CA$", "$", 2));
    assert_eq!((dollar.name, dollar.name_plural), ("Canadian Dollar", "Canadian dollars"));
    assert_eq!((currency("JPY").decimal_digits, currency("KWD").decimal_digits), (0, 3));
    assert_eq!((currency("CHF").rounding, currency("EUR").rounding), (0.05, 0.0));
    assert!(currencies().currencies.iter().all(|money| !money.symbol.is_empty() && !money.symbol_native.is_empty()));
    assert!(currencies().currencies.is_sorted_by_key(|money| money.code));
}

#[test]
fn languages_have_their_own_names() {
    let german = languages().languages.iter().find(|language| language.code == "de").unwrap();
    assert_eq!((german.name, german.native_name), ("German", "Deutsch"));
    assert!(languages().languages.iter().all(|language| !language.native_name.is_empty()));
}

#[test]
fn locale_codes_are_what_a_caller_may_ask_for() {
    assert!(is_locale_code("pt-br") && is_locale_code("en-US") && is_locale_code("en"));
    assert!(!is_locale_code("") && !is_locale_code("xx") && !is_locale_code("en-"));
}

#[test]
fn without_a_database_every_address_is_unknown() {
    let found = locale("127.0.0.1", "en", &Nowhere);
    assert_eq!((found.ip.as_str(), found.country_code, found.country), ("127.0.0.1", "--", "Unknown"));
    assert_eq!((found.continent_code, found.continent, found.eu, found.currency), ("--", "Unknown", false, ""));
}

#[test]
fn a_located_address_has_country_continent_union_and_currency() {
    let found = locale("2001:db8::1", "de", &Everywhere("DE"));
    assert_eq!((found.country_code, found.country), ("DE", "Deutschland"));
    assert_eq!((found.continent_code, found.continent), ("EU", "Europa"));
    assert_eq!((found.eu, found.currency), (true, "EUR"));
    assert_eq!(locale("not an address", "en", &Everywhere("DE")).country_code, "--");
    assert_eq!(locale("127.0.0.1", "en", &Everywhere("ZZ")).country_code, "--", "no such country");
}

#[test]
fn every_country_has_a_continent_and_a_currency_that_exist() {
    let continents: HashSet<_> = continents("en").continents.iter().map(|continent| continent.code).collect();
    let currencies: HashSet<_> = currencies().currencies.iter().map(|money| money.code).collect();
    for country in countries("en").countries {
        let found = locale("127.0.0.1", "en", &Everywhere(country.code));
        assert!(continents.contains(found.continent_code), "{}", country.code);
        let inhabited = country.code != "AQ";
        assert!(!inhabited || currencies.contains(found.currency), "{}: {}", country.code, found.currency);
    }
}
