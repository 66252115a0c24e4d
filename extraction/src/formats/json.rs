//! JSON to readable lines.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{FormatError, PlainText, one_line};

/// One line `key: value.` for each string that is not blank, in the order of the document, under
/// the nearest key; the title is the first `title`, `headline` or `name` of the outermost object.
pub(super) fn to_plain_text(content: &str) -> Result<PlainText, FormatError> {
    let mut lines = Lines::default();
    let mut reader = serde_json::Deserializer::from_str(content);
    Walk { lines: &mut lines, key: None, depth: 0 }
        .deserialize(&mut reader)
        .and_then(|()| reader.end())
        .map_err(|error| FormatError::Json(error.to_string()))?;
    Ok(PlainText { text: lines.text, title: lines.title.map(|(_, title)| title) })
}

#[derive(Default)]
struct Lines {
    text: String,
    /// The best title so far, with its rank (0 is best).
    title: Option<(usize, String)>,
}

impl Lines {
    fn add(&mut self, key: Option<&str>, value: &str, depth: usize) {
        let value = value.replace("\r\n", "\n").replace('\r', "\n");
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
        if let Some(key) = key.and_then(one_line) {
            if depth == 1 {
                self.offer_title(&key, value);
            }
            self.text.push_str(&key.replace('_', " "));
            self.text.push_str(": ");
        }
        self.text.push_str(value);
        if !value.ends_with(['.', '!', '?', '…', ':', ';']) {
            self.text.push('.');
        }
    }

    fn offer_title(&mut self, key: &str, value: &str) {
        let rank = ["title", "headline", "name"].iter().position(|name| key.eq_ignore_ascii_case(name));
        if let (Some(rank), Some(value)) = (rank, one_line(value))
            && self.title.as_ref().is_none_or(|(best, _)| rank < *best)
        {
            self.title = Some((rank, value));
        }
    }
}

/// Visits a value without building it; serde_json ends the recursion at 128 levels.
struct Walk<'a> {
    lines: &'a mut Lines,
    key: Option<&'a str>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.lines.add(self.key, value, self.depth);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Walk { lines: self.lines, key: self.key, depth: self.depth + 1 })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(key) = fields.next_key::<String>()? {
            fields.next_value_seed(Walk { lines: self.lines, key: Some(&key), depth: self.depth + 1 })?;
        }
        Ok(())
    }
}
