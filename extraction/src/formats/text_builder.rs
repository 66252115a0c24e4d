//! Text put together out of pieces.

/// Builds text out of pieces: runs of whitespace become one space, blocks are set apart by one empty line, and nothing
/// is left at the ends.
#[derive(Default)]
pub(super) struct TextBuilder {
    pub(super) text: String,
    space: bool,
    cell: bool,
    newlines: usize,
}

impl TextBuilder {
    /// Flowing text, whitespace collapsed.
    pub(super) fn flow(&mut self, piece: &str) {
        for c in piece.chars() {
            if c.is_whitespace() && c != '\u{a0}' {
                self.space = true;
            } else {
                self.gap();
                self.text.push(if c == '\u{a0}' { ' ' } else { c });
            }
        }
    }

    /// Text whose spaces and line ends mean something.
    pub(super) fn verbatim(&mut self, piece: &str) {
        if !piece.trim().is_empty() {
            self.gap();
            self.text.push_str(piece.trim_end_matches('\n'));
            self.newlines = self.newlines.max(usize::from(piece.ends_with('\n')));
        }
    }

    /// The next piece starts on a new line.
    pub(super) fn line(&mut self) {
        self.newlines = self.newlines.max(1);
    }

    /// The next piece starts a new block.
    pub(super) fn block(&mut self) {
        self.newlines = 2;
    }

    /// The next piece is at least a space away.
    pub(super) fn space(&mut self) {
        self.space = true;
    }

    /// The next piece stands in another cell of the same row: names in two cells never run together into one.
    pub(super) fn cell(&mut self) {
        self.cell = true;
    }

    fn gap(&mut self) {
        if !self.text.is_empty() {
            if self.newlines > 0 {
                for _ in 0..self.newlines {
                    self.text.push('\n');
                }
            } else if self.cell && !self.text.ends_with('\n') {
                self.text.truncate(self.text.trim_end().len());
                self.text.push_str("; ");
            } else if self.space && !self.text.ends_with(['\n', ' ']) {
                self.text.push(' ');
            }
        }
        self.newlines = 0;
        self.space = false;
        self.cell = false;
    }
}

/// One line out of a piece of text; `None` when it is blank.
pub(super) fn one_line(text: &str) -> Option<String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}
