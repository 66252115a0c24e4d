//! Rows and objects as statements that a person, and an extractor, can read: `name: Ada Lovelace; born: 1815.`

/// A field's name is cut to so many characters: it is repeated in every row.
const MAX_NAME: usize = 80;

/// One row on its way to becoming a line. Values keep their characters; only line breaks in them become spaces.
#[derive(Default)]
pub(super) struct Statement {
    text: String,
}

impl Statement {
    /// Adds a field; nothing is added for a blank value.
    pub(super) fn field(&mut self, name: Option<&str>, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push_str("; ");
        }
        if let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) {
            self.text.push_str(name);
            self.text.push_str(": ");
        }
        if value.contains('\n') {
            for (n, line) in value.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
                if n > 0 {
                    self.text.push(' ');
                }
                self.text.push_str(line);
            }
        } else {
            self.text.push_str(value);
        }
    }

    /// Ends the row: a sentence and a paragraph of its own.
    pub(super) fn end(&mut self, out: &mut String) {
        if self.text.is_empty() {
            return;
        }
        paragraph(out, &self.text);
        self.text.clear();
    }
}

/// Adds a paragraph that ends like a sentence.
pub(super) fn paragraph(out: &mut String, text: &str) {
    if !out.is_empty() {
        out.push_str("\n\n");
    }
    out.push_str(text);
    if !text.ends_with(['.', '!', '?', '…', ':', ';']) {
        out.push('.');
    }
}

/// A field's name as it is shown: one line, underscores as spaces, not too long. None when it is blank.
pub(super) fn field_name(name: &str) -> Option<String> {
    let words = super::one_line(name)?.replace('_', " ");
    let words = words.trim();
    let end = words.char_indices().nth(MAX_NAME).map_or(words.len(), |(at, _)| at);
    (!words.is_empty()).then(|| words[..end].to_owned())
}
