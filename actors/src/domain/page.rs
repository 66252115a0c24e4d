//! Lists, a page at a time.

use super::error::{Error, Result};

/// The most items that one page holds.
pub const MAX_LIMIT: u32 = 1000;
/// How many items a page holds unless told.
pub const DEFAULT_LIMIT: u32 = 100;

/// Which part of a list is wanted: by offset, or after a cursor. Lists are newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many items to pass over; ignored with a cursor.
    pub skip: u32,
    /// How many items to answer, 1 to [`MAX_LIMIT`].
    pub limit: u32,
    /// The id of the last item already seen, decoded from the opaque cursor.
    pub after: Option<uuid::Uuid>,
}

impl Default for Page {
    fn default() -> Self {
        Self { skip: 0, limit: DEFAULT_LIMIT, after: None }
    }
}

impl Page {
    /// Checks what a client asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the limit is out of range or the cursor is not one of ours.
    pub fn new(skip: Option<u32>, limit: Option<u32>, cursor: Option<&str>) -> Result<Self> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Error::invalid("limit", format!("must be from 1 to {MAX_LIMIT}")));
        }
        let after = cursor
            .map(|text| decode_cursor(text).ok_or_else(|| Error::invalid("cursor", "is not a cursor of this list")))
            .transpose()?;
        Ok(Self { skip: skip.unwrap_or(0), limit, after })
    }
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Listing<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// How many items the whole list has.
    pub total: i64,
    /// Whether the list goes on after this page.
    pub has_more: bool,
    /// Where the next page begins; none at the end.
    pub next_cursor: Option<String>,
}

impl<T> Listing<T> {
    /// A page from rows of which one more than `limit` were asked for, to learn whether there is more.
    pub fn from_rows(mut rows: Vec<T>, limit: u32, total: i64, id: impl Fn(&T) -> uuid::Uuid) -> Self {
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next_cursor = has_more.then(|| rows.last().map(|row| encode_cursor(id(row)))).flatten();
        Self { items: rows, total, has_more, next_cursor }
    }
}

/// The opaque text for "after this id".
#[must_use]
pub fn encode_cursor(id: uuid::Uuid) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(id.as_bytes())
}

/// The id in a cursor that [`encode_cursor`] made.
#[must_use]
pub fn decode_cursor(text: &str) -> Option<uuid::Uuid> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok()?;
    uuid::Uuid::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_round_trip_and_rubbish_is_refused() {
        let id = uuid::Uuid::now_v7();
        assert_eq!(decode_cursor(&encode_cursor(id)), Some(id));
        assert!(Page::new(None, None, Some("???")).is_err());
        assert!(Page::new(None, Some(0), None).is_err());
        assert!(Page::new(None, Some(MAX_LIMIT + 1), None).is_err());
    }

    #[test]
    fn the_row_beyond_the_limit_is_only_a_sign_of_more() {
        let ids: Vec<_> = (0..3).map(|_| uuid::Uuid::now_v7()).collect();
        let page = Listing::from_rows(ids.clone(), 2, 3, |id| *id);
        assert_eq!((page.items.len(), page.has_more), (2, true));
        assert_eq!(page.next_cursor.as_deref().and_then(decode_cursor), Some(ids[1]));
        let last = Listing::from_rows(ids[2..].to_vec(), 2, 3, |id| *id);
        assert_eq!((last.has_more, last.next_cursor), (false, None));
    }
}
