//! JSON to statements.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{
    Budget, FormatError, PlainText, one_line,
    records::{Statement, field_name, paragraph},
};

/// A string longer than this is prose and no field of a row.
const LONG: usize = 200;
/// A path of names is cut to so many characters.
const MAX_PATH: usize = 120;

/// One statement `name: value; name: value.` for each object, with the short fields of objects inside it under their
/// paths (`employer city: Espoo`); objects in arrays are rows of their own; prose is a paragraph `name: text` of its
/// own, in the order of the document. The title is the first `title`, `headline` or `name` of the outermost object.
pub(super) fn to_plain_text(content: &str, budget: &Budget) -> Result<PlainText, FormatError> {
    let mut reader = serde_json::Deserializer::from_str(content);
    let mut walk = Walk { limit: budget.limits.text_bytes, ..Walk::default() };
    Node { walk: &mut walk, path: "", depth: 0 }
        .deserialize(&mut reader)
        .and_then(|()| reader.end())
        .map_err(|error| FormatError::Json(error.to_string()))?;
    walk.row.end(&mut walk.text);
    budget.check_text(walk.seen)?;
    Ok(PlainText { text: walk.text, title: walk.title.map(|(_, title)| title), ..PlainText::default() })
}

#[derive(Default)]
struct Walk {
    text: String,
    /// The fields of the object that is being read, until something comes that is no short field.
    row: Statement,
    /// The best title so far, with its rank (0 is best).
    title: Option<(usize, String)>,
    /// How much text would have come, names included; nothing is added beyond the limit.
    seen: usize,
    limit: usize,
}

impl Walk {
    fn value(&mut self, path: &str, value: &str, depth: usize) {
        let value = value.trim();
        self.seen += path.len() + value.len();
        if value.is_empty() || self.seen > self.limit {
            return;
        }
        if depth == 1 {
            self.offer_title(path, value);
        }
        if value.len() <= LONG && !value.contains('\n') && !value.ends_with(['.', '!', '?', '…']) {
            self.row.field(Some(path), value);
            return;
        }
        self.row.end(&mut self.text);
        let value = super::encoding::line_feeds(value);
        paragraph(&mut self.text, if path.is_empty() { value } else { format!("{path}: {value}").into() }.as_ref());
    }

    fn offer_title(&mut self, name: &str, value: &str) {
        let rank = ["title", "headline", "name"].iter().position(|known| name.eq_ignore_ascii_case(known));
        if let (Some(rank), Some(value)) = (rank, one_line(value))
            && self.title.as_ref().is_none_or(|(best, _)| rank < *best)
        {
            self.title = Some((rank, value));
        }
    }
}

/// Visits a value without building it; serde_json ends the recursion at 128 levels.
struct Node<'a> {
    walk: &'a mut Walk,
    /// The names that lead here within the row.
    path: &'a str,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.walk.value(self.path, value, self.depth);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.walk.value(self.path, if value { "true" } else { "false" }, self.depth);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.walk.value(self.path, &value.to_string(), self.depth);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.walk.value(self.path, &value.to_string(), self.depth);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.walk.value(self.path, &value.to_string(), self.depth);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut item = Item::default();
        loop {
            let seed = ItemSeed { item: &mut item, walk: self.walk, path: self.path, depth: self.depth + 1 };
            if items.next_element_seed(seed)?.is_none() {
                break;
            }
        }
        item.flush(self.walk, self.path);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(name) = fields.next_key::<String>()? {
            let name = field_name(&name).unwrap_or_default();
            let path = join(self.path, &name);
            fields.next_value_seed(Node { walk: self.walk, path: &path, depth: self.depth + 1 })?;
        }
        Ok(())
    }
}

fn join(path: &str, name: &str) -> String {
    match (path.is_empty(), name.is_empty()) {
        (true, _) => name.to_owned(),
        (_, true) => path.to_owned(),
        _ => {
            let whole = format!("{path} {name}");
            // Deep paths keep their end, which tells most.
            match whole.char_indices().rev().nth(MAX_PATH) {
                Some((at, _)) => whole[at..].to_owned(),
                None => whole,
            }
        }
    }
}

/// The short scalars of an array, which read as one list.
#[derive(Default)]
struct Item {
    list: String,
}

impl Item {
    fn flush(&mut self, walk: &mut Walk, path: &str) {
        if !self.list.is_empty() {
            walk.row.field(Some(path), &self.list);
            self.list.clear();
        }
    }
}

/// An element of an array: a scalar joins the list, an object is a row of its own.
struct ItemSeed<'a> {
    item: &'a mut Item,
    walk: &'a mut Walk,
    path: &'a str,
    depth: usize,
}

impl ItemSeed<'_> {
    fn scalar(self, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        if value.len() > LONG || value.contains('\n') || value.ends_with(['.', '!', '?', '…']) {
            self.item.flush(self.walk, self.path);
            self.walk.value(self.path, value, self.depth);
            return;
        }
        if !self.item.list.is_empty() {
            self.item.list.push_str(", ");
        }
        self.item.list.push_str(value);
    }
}

impl<'de> DeserializeSeed<'de> for ItemSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ItemSeed<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.scalar(value);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.scalar(if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.scalar(&value.to_string());
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.scalar(&value.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.scalar(&value.to_string());
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        // Rows of a table: each a list of its own.
        self.item.flush(self.walk, self.path);
        self.walk.row.end(&mut self.walk.text);
        Node { walk: self.walk, path: self.path, depth: self.depth }.visit_seq(items)?;
        self.walk.row.end(&mut self.walk.text);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<(), A::Error> {
        self.item.flush(self.walk, self.path);
        self.walk.row.end(&mut self.walk.text);
        Node { walk: self.walk, path: "", depth: self.depth }.visit_map(fields)?;
        self.walk.row.end(&mut self.walk.text);
        Ok(())
    }
}
