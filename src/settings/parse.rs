//! Turning the text of a variable into a value, or into one line that names the variable.

use std::{fmt, net::IpAddr, ops::RangeInclusive, path::PathBuf, str::FromStr};

/// A variable whose value makes no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {issue}")]
pub(crate) struct SettingsError {
    /// The environment variable.
    pub(crate) variable: &'static str,
    /// What is wrong with it.
    pub(crate) issue: String,
}

impl SettingsError {
    /// An issue with a variable.
    pub(crate) fn new(variable: &'static str, issue: impl Into<String>) -> Self {
        Self { variable, issue: issue.into() }
    }
}

/// A block of addresses: all that share the first `prefix` bits with `address`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether an address belongs to the block.
    pub(crate) fn contains(&self, other: IpAddr) -> bool {
        match (self.address, other.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                u32::from(a) & mask == u32::from(b) & mask
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                u128::from(a) & mask == u128::from(b) & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), str::parse).map_err(|_| ())?;
        if prefix > bits { Err(()) } else { Ok(Self { address, prefix }) }
    }
}

/// Reads variables through a lookup function.
pub(super) struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup }
    }

    /// The variable's text; empty counts as not set.
    pub(super) fn text(&self, variable: &str) -> Option<String> {
        (self.lookup)(variable).filter(|value| !value.trim().is_empty())
    }

    pub(super) fn number<T>(
        &self,
        variable: &'static str,
        range: RangeInclusive<T>,
        default: T,
    ) -> Result<T, SettingsError>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let Some(text) = self.text(variable) else { return Ok(default) };
        text.trim().parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
            let issue = format!("{text:?} is not a whole number from {} to {}", range.start(), range.end());
            SettingsError::new(variable, issue)
        })
    }

    pub(super) fn choice<T: Copy>(
        &self,
        variable: &'static str,
        choices: &[(&str, T)],
        default: T,
    ) -> Result<T, SettingsError> {
        let Some(text) = self.text(variable) else { return Ok(default) };
        choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            SettingsError::new(variable, format!("{text:?} is not one of {}", names.join(", ")))
        })
    }

    /// `host:port`; whether the host exists shows when it is listened on.
    pub(super) fn address(&self, variable: &'static str) -> Result<Option<String>, SettingsError> {
        let Some(text) = self.text(variable) else { return Ok(None) };
        let fine = text.rsplit_once(':').is_some_and(|(host, port)| {
            let bare_v6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
            !host.is_empty() && !bare_v6 && !host.contains('/') && port.parse::<u16>().is_ok()
        });
        if fine {
            Ok(Some(text))
        } else {
            Err(SettingsError::new(variable, format!("{text:?} is not HOST:PORT, such as 127.0.0.1:8000")))
        }
    }

    pub(super) fn existing_path(&self, variable: &'static str) -> Result<Option<PathBuf>, SettingsError> {
        let Some(path) = self.text(variable).map(PathBuf::from) else { return Ok(None) };
        if path.exists() {
            Ok(Some(path))
        } else {
            Err(SettingsError::new(variable, format!("there is no {}", path.display())))
        }
    }

    pub(super) fn origins(&self, variable: &'static str) -> Result<Vec<String>, SettingsError> {
        self.list(variable, |item| {
            let host = item.strip_prefix("https://").or_else(|| item.strip_prefix("http://"));
            let fine = item == "*"
                || host.is_some_and(|host| {
                    !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && !b"/?#@*".contains(&b))
                });
            fine.then(|| item.to_owned()).ok_or("is not an origin, such as https://app.example.org")
        })
    }

    pub(super) fn networks(&self, variable: &'static str) -> Result<Vec<Network>, SettingsError> {
        self.list(variable, |item| item.parse().map_err(|()| "is not an address or network, such as 10.0.0.0/8"))
    }

    fn list<T>(
        &self,
        variable: &'static str,
        parse: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Result<Vec<T>, SettingsError> {
        let text = self.text(variable).unwrap_or_default();
        text.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(|item| parse(item).map_err(|issue| SettingsError::new(variable, format!("{item:?} {issue}"))))
            .collect()
    }
}
