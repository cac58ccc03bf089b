// Writes the tables beside this file, which the crate embeds. Run it when a source has a new version:
//
//   mkdir -p /tmp/locale-data && cd /tmp/locale-data && npm install --no-save \
//     cldr-core@48.2.0 cldr-localenames-full@48.2.0 cldr-numbers-full@48.2.0 countries-list@3.4.1 iso-639-1@3.1.6
//   node <this file> /tmp/locale-data/node_modules
//
// cldr-core, cldr-localenames-full, cldr-numbers-full   48.2.0   Unicode-3.0, © 1991-2025 Unicode, Inc.
//     names of countries, continents and currencies, members of the EU, which country pays with what
// countries-list                                        3.4.1    MIT, © Annexare Studio
//     the list of countries, their continents and dial codes
// iso-639-1                                             3.1.6    MIT, © Joshua Li
//     languages with their own names
//
// Every table has one header line and tab-separated cells. The licences ask to travel with the data: LICENCES.txt.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const modules = resolve(process.argv[2] ?? 'node_modules');
const load = (path) => JSON.parse(readFileSync(join(modules, path), 'utf8'));
const names = (locale, kind) => {
  const path = `cldr-localenames-full/main/${locale}/${kind}.json`;
  return existsSync(join(modules, path)) ? load(path).main[locale].localeDisplayNames[kind] : undefined;
};
const write = (name, header, rows) =>
  writeFileSync(join(here, name), [header, ...rows].map((cells) => cells.join('\t') + '\n').join(''));

// The locales that Appwrite 1.9 accepts as X-Appwrite-Locale.
const localeCodes = `
  af ar-ae ar-bh ar-dz ar-eg ar-iq ar-jo ar-kw ar-lb ar-ly ar-ma ar-om ar-qa ar-sa ar-sy ar-tn ar-ye as az be bg bh bn
  bs ca cs cy da de de-at de-ch de-li de-lu el en en-au en-bz en-ca en-gb en-ie en-jm en-nz en-tt en-us en-za eo es
  es-ar es-bo es-cl es-co es-cr es-do es-ec es-gt es-hn es-mx es-ni es-pa es-pe es-pr es-py es-sv es-uy es-ve et eu fa
  fi fo fr fr-be fr-ca fr-ch fr-lu ga gd he hi hr hu id is it it-ch ja ji ko ku lt lv mk ml ms mt nb ne nl nl-be nn no
  pa pl pt pt-br rm ro ro-md ru ru-md sb sk sl sq sr sv sv-fi th tn tr ts ua ur ve vi xh zh-cn zh-hk zh-sg zh-tw zu
`.trim().split(/\s+/);

// Some of them are not what BCP 47 calls the language; both names shall work. Others need another script or region.
const standardCode = { bh: 'bho', ji: 'yi', sb: 'hsb', ua: 'uk' };
const cldrLocale = {
  'en-us': 'en', pt: 'pt-PT', 'pt-br': 'pt',
  'zh-cn': 'zh-Hans', 'zh-hk': 'zh-Hant-HK', 'zh-sg': 'zh-Hans-SG', 'zh-tw': 'zh-Hant',
};
const alsoCalled = { nb: ['no'], 'zh-cn': ['zh'] };

// ---- countries ----------------------------------------------------------------------------------------------------

// ISO 3166-1 and Kosovo, without the islands Ascension and Tristan da Cunha, which are part of SH.
const source = load('countries-list/countries.min.json');
const codes = Object.keys(source).filter((code) => !['AC', 'TA'].includes(code)).sort();
const supplemental = (name) => load(`cldr-core/supplemental/${name}.json`).supplemental[name];
const union = new Set(supplemental('territoryContainment').EU._contains);
const money = supplemental('currencyData');

/** What is legal tender somewhere now, preferred first: it has no end, and is not a bank's unit of account. */
const tenders = (country) => (money.region[country] ?? []).flatMap(Object.entries)
  .filter(([, use]) => use._from && !use._to && use._tender !== 'false').map(([code]) => code);

const dialCode = { XK: 383 };
write('countries.tsv', ['code', 'continent', 'eu', 'currency', 'phone'], codes.map((code) => [
  code,
  source[code].continent,
  union.has(code) ? 1 : 0,
  tenders(code)[0] ?? '',
  dialCode[code] ?? source[code].phone[0],
]));

// ---- names of countries and continents, in every language ---------------------------------------------------------

const continents = { AF: '002', AN: 'AQ', AS: '142', EU: '150', NA: '003', OC: '009', SA: '005' };
const shortName = new Set(['HK', 'MM', 'MO', 'PS']);
const english = { CD: 'Democratic Republic of the Congo', CG: 'Republic of the Congo', ZZ: 'Unknown' };
const inEnglish = (name) => name.replaceAll(' & ', ' and ').replace(/^St\. /, 'Saint ');

/** All names in one language: countries, continents, and the word for an unknown country. */
function translations(locale) {
  const all = names(locale, 'territories') ?? {};
  const name = (code) => {
    const found = (shortName.has(code) && all[`${code}-alt-short`]) || all[code] || '';
    const polished = /^en\b/.test(locale) ? english[code] ?? inEnglish(found) : found;
    return polished === code ? '' : polished;
  };
  return [...codes, ...Object.values(continents), 'ZZ'].map(name);
}

const cldrName = (code) => {
  const [language, region] = (standardCode[code] ?? code).split('-');
  return cldrLocale[code] ?? (region ? `${language}-${region.toUpperCase()}` : language);
};
const bases = new Set(localeCodes.map((code) => code.split('-')[0]).filter((code) => !['no', 'zh'].includes(code)));
const others = new Set([...bases, ...localeCodes].filter((code) => !['en', 'no'].includes(code)));
const languages = ['en', ...[...others].sort()];
const table = new Map();
const rows = [];
for (const language of languages) {
  const own = translations(cldrName(language));
  const base = table.get(language.split('-')[0]) ?? table.get('en') ?? [];
  // Only what differs from the language that the reader falls back to.
  const cells = own.map((name, at) => (name === base[at] ? '' : name));
  const called = [language, standardCode[language], ...(alsoCalled[language] ?? [])].filter(Boolean);
  for (const code of called) table.set(code, own.map((name, at) => name || base[at]));
  if (cells.some((cell) => cell !== '')) rows.push([called.join(','), ...cells]);
}
const columns = [...codes, ...Object.keys(continents).map((code) => `+${code}`), '?'];
write('names.tsv', ['language', ...columns], rows);

// ---- currencies ---------------------------------------------------------------------------------------------------

const likely = supplemental('likelySubtags');
const currencies = (locale) => {
  const path = `cldr-numbers-full/main/${locale}/currencies.json`;
  return existsSync(join(modules, path)) ? load(path).main[locale].numbers.currencies : undefined;
};
const inUse = [...new Set(codes.flatMap(tenders))].sort();
const englishCurrencies = currencies('en');

/** The sign as written where the currency is at home: the first two letters of its code are that country. */
function nativeSymbol(code) {
  const region = code.slice(0, 2);
  const language = likely[`und-${region}`]?.split('-')[0];
  const local = codes.includes(region) && language && (currencies(`${language}-${region}`) ?? currencies(language));
  const symbol = (local?.[code]?.symbol ?? code).replace(/[\u200b\u200e\u200f]/g, '').trim();
  const narrow = englishCurrencies[code]['symbol-alt-narrow'];
  return symbol === code || symbol === '' ? narrow ?? englishCurrencies[code].symbol ?? code : symbol;
}

// Swiss prices are multiples of 0.05 also on paper, and Appwrite says so; of others only the cash is rounded.
const rounding = { CHF: 0.05 };
write('currencies.tsv', ['code', 'symbol', 'symbolNative', 'decimalDigits', 'rounding', 'name', 'namePlural'],
  inUse.map((code) => {
    const { displayName, symbol, 'displayName-count-other': plural } = englishCurrencies[code];
    const digits = (money.fractions[code] ?? money.fractions.DEFAULT)._digits;
    return [
      code, symbol ?? code, nativeSymbol(code), digits, rounding[code] ?? 0,
      inEnglish(displayName), inEnglish(plural ?? displayName),
    ];
  }));

// ---- languages and locales ----------------------------------------------------------------------------------------

const iso = createRequire(join(modules, 'x.js'))('iso-639-1');
write('languages.tsv', ['code', 'name', 'nativeName'],
  iso.getAllCodes().sort().map((code) => [code, iso.getName(code), iso.getNativeName(code)]));

const languageName = names('en', 'languages');
const territoryName = (region) => table.get('en')[codes.indexOf(region.toUpperCase())];
write('locales.tsv', ['code', 'name'], localeCodes.map((code) => {
  const [language, region] = code.split('-');
  const name = languageName[standardCode[language] ?? language];
  return [code, region ? `${name} (${territoryName(region)})` : name];
}));

// ---- licences -----------------------------------------------------------------------------------------------------

const text = (path) => readFileSync(join(modules, path), 'utf8').replaceAll('\r\n', '\n').trim();
const licence = (title, path) => `${title}\n\n${text(path)}\n`;
writeFileSync(join(here, 'LICENCES.txt'), [
  licence('names.tsv, currencies.tsv, locales.tsv, countries.tsv: from the Unicode CLDR', 'cldr-core/LICENSE'),
  licence('countries.tsv: continents and dial codes from countries-list', 'countries-list/LICENSE'),
  licence('languages.tsv: from iso-639-1', 'iso-639-1/LICENSE'),
].join(`\n${'-'.repeat(80)}\n\n`));
