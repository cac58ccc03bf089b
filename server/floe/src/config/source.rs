//! Where settings come from: the environment and a file, with the faults of both gathered.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use toml::{Table, Value};

/// Everything that is wrong with a configuration.
#[derive(Debug)]
pub struct Faults(Vec<String>);

impl Faults {
    pub(super) fn one(fault: &str) -> Self {
        Self(vec![fault.to_owned()])
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "The configuration has {} fault(s):", self.0.len())?;
        self.0.iter().try_for_each(|fault| writeln!(f, "  - {fault}"))
    }
}

impl std::error::Error for Faults {}

/// Stands for a table, a date, or what a list holds beside texts: no setting is one, and whatever reads it refuses this.
const NO_TEXT: &str = "?";

/// What the environment says of a name.
type Environment<'e> = dyn Fn(&str) -> Option<String> + 'e;

/// The settings' source, and what was wrong with them so far.
pub(super) struct Source<'e> {
    file: Table,
    env: Box<Environment<'e>>,
    /// Places of the file that somebody asked for: the others are misspelt.
    asked: BTreeSet<String>,
    faults: Vec<String>,
}

impl<'e> Source<'e> {
    pub(super) fn new(file: Option<&str>, env: impl Fn(&str) -> Option<String> + 'e) -> Result<Self, Faults> {
        let file = file.unwrap_or_default().parse::<Table>();
        // The parser's message would show the line at fault, and with it perhaps a secret.
        let file = file.map_err(|error| Faults::one(&format!("floe.toml: {}", error.message())))?;
        Ok(Self { file, env: Box::new(env), asked: BTreeSet::new(), faults: Vec::new() })
    }

    /// Notes a fault of this setting.
    pub(super) fn fault(&mut self, name: &str, what: impl fmt::Display) {
        self.faults.push(format!("{name} {what}"));
    }

    /// A setting's text, wherever it stands, and the name under which it was found.
    fn find(&mut self, name: &'static str, place: &'static str) -> Option<(&'static str, String)> {
        self.asked.insert(place.to_owned());
        if let Some(text) = (self.env)(name) {
            return Some((name, text));
        }
        let (section, key) = place.split_once('.')?;
        let text = match self.file.get(section)?.as_table()?.get(key)? {
            Value::String(text) => text.clone(),
            Value::Array(items) => {
                items.iter().map(|item| item.as_str().unwrap_or(NO_TEXT)).collect::<Vec<_>>().join(",")
            }
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Boolean(flag) => flag.to_string(),
            Value::Datetime(_) | Value::Table(_) => NO_TEXT.to_owned(),
        };
        Some((place, text))
    }

    pub(super) fn text(&mut self, name: &'static str, place: &'static str) -> Option<String> {
        self.find(name, place).map(|(_, text)| text)
    }

    pub(super) fn get<T: FromStr>(&mut self, name: &'static str, place: &'static str, default: T) -> T
    where
        T::Err: fmt::Display,
    {
        let Some((found, text)) = self.find(name, place) else { return default };
        text.parse().unwrap_or_else(|error| {
            self.fault(found, format!("is not valid: {error}"));
            default
        })
    }

    pub(super) fn at_least<T: FromStr + PartialOrd + fmt::Display + Copy>(
        &mut self,
        name: &'static str,
        place: &'static str,
        default: T,
        least: T,
    ) -> T
    where
        T::Err: fmt::Display,
    {
        let value = self.get(name, place, default);
        if value < least {
            self.fault(name, format!("must be at least {least}"));
            return default;
        }
        value
    }

    pub(super) fn list(&mut self, name: &'static str, place: &'static str) -> Vec<String> {
        let text = self.text(name, place).unwrap_or_default();
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    /// One of these; the first is the default.
    pub(super) fn one_of<T: Copy>(&mut self, name: &'static str, place: &'static str, choices: &[(&str, T)]) -> T {
        let Some((found, text)) = self.find(name, place) else { return choices[0].1 };
        if let Some((_, value)) = choices.iter().find(|(choice, _)| *choice == text.trim().to_lowercase()) {
            return *value;
        }
        let names: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
        self.fault(found, format!("must be one of: {}", names.join(", ")));
        choices[0].1
    }

    /// All faults, those of misspelt places in the file included.
    pub(super) fn finish(mut self) -> Result<(), Faults> {
        for (section, content) in &self.file {
            let Some(content) = content.as_table() else {
                self.faults.push(format!("{section} is not a setting: settings stand in sections such as [server]"));
                continue;
            };
            for key in content.keys() {
                let place = format!("{section}.{key}");
                if !self.asked.contains(&place) {
                    self.faults.push(format!("{place} is not a setting"));
                }
            }
        }
        if self.faults.is_empty() { Ok(()) } else { Err(Faults(self.faults)) }
    }
}
