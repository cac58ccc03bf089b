//! The table of this product's endpoints.

use crate::endpoints as at;
use crate::service::IpLocator;
use floe_gateway::{Route, get};
use floe_kernel::scope::Scope;

/// Knows where network addresses are; the lists need nothing.
pub struct Locales {
    pub(crate) locator: Box<dyn IpLocator>,
}

impl Locales {
    /// With what knows where network addresses are.
    #[must_use]
    pub fn new(locator: Box<dyn IpLocator>) -> Self {
        Self { locator }
    }
}

/// Every endpoint about places and languages.
#[must_use]
pub fn routes() -> Vec<Route<Locales>> {
    vec![
        get("/locale", "locale.get", at::locale).answers(200, "locale").summary("Where the caller is."),
        get("/locale/codes", "locale.listCodes", at::codes).answers(200, "localeCodeList").summary("Locale codes."),
        get("/locale/continents", "locale.listContinents", at::continents)
            .answers(200, "continentList")
            .summary("Continents."),
        get("/locale/countries", "locale.listCountries", at::countries)
            .answers(200, "countryList")
            .summary("Countries."),
        get("/locale/countries/eu", "locale.listCountriesEU", at::eu_countries)
            .answers(200, "countryList")
            .summary("Countries of the European Union."),
        get("/locale/countries/phones", "locale.listCountriesPhones", at::phones)
            .answers(200, "phoneList")
            .summary("Countries and their dial codes."),
        get("/locale/currencies", "locale.listCurrencies", at::currencies)
            .answers(200, "currencyList")
            .summary("Currencies."),
        get("/locale/languages", "locale.listLanguages", at::languages)
            .answers(200, "languageList")
            .summary("Languages."),
    ]
    .into_iter()
    .map(|route| route.scopes(&[Scope::LocaleRead]))
    .collect()
}
