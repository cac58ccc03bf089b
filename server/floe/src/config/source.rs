//! Where settings come from: the environment and a file, with the faults of both gathered.

use super::misspelt;
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use toml::{Table, Value};

/// Everything that is wrong with a configuration.
#[derive(Debug, Default)]
pub struct Faults(Vec<String>);

impl Faults {
    pub(super) fn one(fault: &str) -> Self {
        Self(vec![fault.to_owned()])
    }

    /// These and more.
    pub(super) fn and(mut self, more: Vec<String>) -> Self {
        self.0.extend(more);
        self
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

/// A type that a setting can have.
pub(super) trait Setting: FromStr {
    /// What is one, for people: what follows "must be".
    const WHAT: &'static str;
}

impl Setting for u16 {
    const WHAT: &'static str = "a number from 0 to 65535";
}

impl Setting for u64 {
    const WHAT: &'static str = "a whole number, 0 or more";
}

impl Setting for usize {
    const WHAT: &'static str = u64::WHAT;
}

impl Setting for IpAddr {
    const WHAT: &'static str = "an IP address, such as 127.0.0.1 or 0.0.0.0";
}

impl Setting for String {
    const WHAT: &'static str = "a text";
}

impl Setting for PathBuf {
    const WHAT: &'static str = "a path";
}

/// What the environment says of a name.
type Environment<'e> = dyn Fn(&str) -> Option<String> + 'e;

/// The settings' source, and what was wrong with them so far.
pub(super) struct Source<'e> {
    file: Table,
    env: Box<Environment<'e>>,
    /// Places of the file that somebody asked for: the others are misspelt.
    asked: BTreeSet<String>,
    /// Names in the environment that somebody asked for.
    names: BTreeSet<&'static str>,
    faults: Vec<String>,
}

impl<'e> Source<'e> {
    pub(super) fn new(file: Option<&str>, env: impl Fn(&str) -> Option<String> + 'e) -> Result<Self, Faults> {
        let file = file.unwrap_or_default().parse::<Table>();
        // The parser's message would show the line at fault, and with it perhaps a secret.
        let file = file.map_err(|error| Faults::one(&format!("floe.toml: {}", error.message())))?;
        Ok(Self { file, env: Box::new(env), asked: BTreeSet::new(), names: BTreeSet::new(), faults: Vec::new() })
    }

    /// Notes a fault of this setting.
    pub(super) fn fault(&mut self, name: &str, what: impl fmt::Display) {
        self.faults.push(format!("{name} {what}"));
    }

    /// A setting's text, wherever it stands, and the name under which it was found. Empty counts as not set: templates write
    /// `DATABASE_URL=` where nobody has said anything, and that mustn't hide what stands in the file.
    fn find(&mut self, name: &'static str, place: &'static str) -> Option<(&'static str, String)> {
        self.asked.insert(place.to_owned());
        self.names.insert(name);
        if let Some(text) = (self.env)(name).filter(|text| !is_blank(text)) {
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
        (!is_blank(&text)).then_some((place, text))
    }

    pub(super) fn text(&mut self, name: &'static str, place: &'static str) -> Option<String> {
        self.find(name, place).map(|(_, text)| text)
    }

    pub(super) fn get<T: Setting>(&mut self, name: &'static str, place: &'static str, default: T) -> T {
        self.checked(name, place, default, |_| Ok(()))
    }

    pub(super) fn at_least<T: Setting + PartialOrd + fmt::Display + Copy>(
        &mut self,
        name: &'static str,
        place: &'static str,
        default: T,
        least: T,
    ) -> T {
        let check = |value: &T| if *value < least { Err(format!("must be at least {least}")) } else { Ok(()) };
        self.checked(name, place, default, check)
    }

    fn checked<T: Setting>(
        &mut self,
        name: &'static str,
        place: &'static str,
        default: T,
        check: impl FnOnce(&T) -> Result<(), String>,
    ) -> T {
        let Some((found, text)) = self.find(name, place) else { return default };
        // The value isn't shown: it may be a secret that was meant for another setting.
        let value = text.parse::<T>().map_err(|_| format!("must be {}", T::WHAT));
        let value = value.and_then(|value| check(&value).map(|()| value));
        value.unwrap_or_else(|what| {
            self.fault(found, what + service_link(&text));
            default
        })
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

    /// A line for each of these variables that begins like a setting and is none.
    pub(super) fn unknown(&self, variables: &[String]) -> Vec<String> {
        misspelt::lines(variables, &self.names)
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

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// What to do about a value that Kubernetes has set: to every container it gives such variables of each service, and those of
/// a service called `floe` are called as ours are.
fn service_link(text: &str) -> &'static str {
    if text.starts_with("tcp://") {
        "; this one is of Kubernetes, for a service called `floe`: set `enableServiceLinks: false`, or the setting itself"
    } else {
        ""
    }
}
