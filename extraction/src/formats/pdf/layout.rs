//! Lines of pages to paragraphs of a text.

use std::collections::BTreeMap;

/// Lines further apart than this many times their size are not of one paragraph.
const PARAGRAPH_GAP: f64 = 1.75;
/// Sizes that differ by more than this part are a heading and its text.
const SIZE_CHANGE: f64 = 0.12;
/// A line that ends so much of its block's width early, with a full stop, ends its paragraph.
const SHORT: f64 = 0.85;
/// Indentation of a paragraph's first line, in font sizes.
const INDENT: f64 = 0.8;
/// A line at the edge of so many pages, and of this part of them, is a running head or foot. Chapters have their own.
const RUNNING_PAGES: usize = 3;
const RUNNING_SHARE: f64 = 0.05;
/// Lines at the top and at the bottom of a page that may be such.
const EDGE: usize = 2;
/// Titles in the text are larger than the text by this factor.
const TITLE_SIZE: f64 = 1.2;
const MAX_TITLE: usize = 200;

/// A line of a page.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) text: String,
    start: f64,
    end: f64,
    /// Its baseline, from the top down.
    base: f64,
    pub(super) size: f64,
    /// What stands between what is there and what comes.
    pending: Option<char>,
}

impl Line {
    pub(super) fn new(text: String, start: f64, end: f64, base: f64, size: f64) -> Self {
        Self { text, start, end, base, size, pending: None }
    }

    pub(super) fn separate(&mut self, by: char) {
        if self.pending != Some('\t') {
            self.pending = Some(by);
        }
    }

    pub(super) fn push(&mut self, text: &str, end: f64, size: f64) {
        if let Some(separator) = self.pending.take()
            && !self.text.ends_with([' ', '\t'])
            && !text.starts_with(' ')
        {
            self.text.push(separator);
        }
        self.text.push_str(text);
        self.end = self.end.max(end);
        // Exponents do not make a line smaller.
        self.size = self.size.max(size);
    }
}

/// All pages as one text.
#[derive(Default)]
pub(super) struct Pages {
    pub(super) text: String,
    /// Where each page begins, in Unicode scalar values.
    pub(super) starts: Vec<usize>,
}

/// The title at the top of the first page, if something there is set larger than the rest.
pub(super) fn title(first: &[Line]) -> Option<String> {
    let mut sizes: Vec<f64> = first.iter().flat_map(|line| line.text.chars().map(move |_| line.size)).collect();
    sizes.sort_by(f64::total_cmp);
    let usual = *sizes.get(sizes.len() / 2)?;
    let largest = first.iter().map(|line| line.size).fold(0.0, f64::max);
    if largest < TITLE_SIZE * usual {
        return None;
    }
    let lines =
        first.iter().skip_while(|line| line.size < 0.95 * largest).take_while(|line| line.size >= 0.95 * largest);
    let title = super::one_line(&lines.map(|line| line.text.as_str()).collect::<Vec<_>>().join(" "))?;
    (title.chars().count() <= MAX_TITLE && title.chars().any(char::is_alphabetic)).then_some(title)
}

/// Joins lines to paragraphs, and pages to a text. A sentence that goes on over a page's end stays in one piece.
pub(super) fn compose(mut pages: Vec<Vec<Line>>) -> Pages {
    drop_running_lines(&mut pages);
    let mut out = Pages::default();
    let mut characters = 0;
    for lines in pages {
        let width = lines.iter().map(|line| line.end - line.start).fold(0.0, f64::max);
        let mut before: Option<&Line> = None;
        let mut start = None;
        for line in &lines {
            let joint = match before {
                None if out.text.is_empty() => Joint::Nothing,
                None => over_pages(&out.text, &line.text),
                Some(before) if same_paragraph(before, line, width) => Joint::Line,
                Some(_) => Joint::Paragraph,
            };
            characters = join(&mut out.text, characters, joint, &line.text);
            start.get_or_insert(characters);
            characters += line.text.chars().count();
            out.text.push_str(&line.text);
            before = Some(line);
        }
        out.starts.push(start.unwrap_or(usize::MAX));
    }
    // A page without text begins where the next one does.
    let mut next = characters;
    for start in out.starts.iter_mut().rev() {
        next = next.min(*start);
        *start = next;
    }
    out
}

/// What stands between two lines.
#[derive(Clone, Copy)]
enum Joint {
    Nothing,
    Line,
    Paragraph,
}

/// Ends what is there so that `next` can follow, and answers its new length in characters.
fn join(text: &mut String, characters: usize, joint: Joint, next: &str) -> usize {
    match joint {
        Joint::Nothing => characters,
        Joint::Paragraph => {
            text.push_str("\n\n");
            characters + 2
        }
        Joint::Line if is_hyphenated(text, next) => {
            text.pop();
            characters - 1
        }
        Joint::Line => {
            text.push(' ');
            characters + 1
        }
    }
}

/// Whether a word was cut at a line's end. A hyphen before a capital or a digit is the word's own.
fn is_hyphenated(text: &str, next: &str) -> bool {
    let mut last = text.chars().rev();
    matches!(last.next(), Some('-' | '\u{2010}'))
        && last.next().is_some_and(char::is_alphabetic)
        && next.chars().next().is_some_and(char::is_lowercase)
}

fn over_pages(text: &str, next: &str) -> Joint {
    let goes_on = next.chars().next().is_some_and(char::is_lowercase);
    let ended = text.trim_end().ends_with(['.', '!', '?', ':', ';', '"', '”', ')']);
    if goes_on && !ended { Joint::Line } else { Joint::Paragraph }
}

fn same_paragraph(before: &Line, line: &Line, width: f64) -> bool {
    let size = before.size.max(line.size);
    let apart = (line.base - before.base).abs();
    let other_size = (before.size - line.size).abs() > SIZE_CHANGE * size;
    // Upwards is the next column, whose first line may go on with the sentence of the last one.
    let next_column = line.base < before.base - size && line.start > before.start;
    // A leader of dots belongs to a table of contents.
    let leader = before.text.contains("....") || before.text.contains(". . . .");
    if leader
        || other_size
        || (apart > PARAGRAPH_GAP * size && !next_column)
        || before.text.contains('\t')
        || line.text.contains('\t')
    {
        return false;
    }
    if starts_item(&line.text) {
        return false;
    }
    let ended = before.text.ends_with(['.', '!', '?', ':', '”', '"']);
    if next_column {
        return !ended;
    }
    let indented = line.start - before.start > INDENT * size;
    let short = (before.end - before.start) < SHORT * width;
    // Without a full stop a line is short because the next word was long, or because it is a heading or an item.
    let heading = (before.end - before.start) < 0.5 * width && line.text.chars().next().is_some_and(char::is_uppercase);
    !((ended && (short || indented)) || heading)
}

/// Bullets and numbers of lists.
fn starts_item(text: &str) -> bool {
    let Some(first) = text.split_whitespace().next() else { return false };
    if matches!(first, "•" | "◦" | "▪" | "‣" | "·" | "–" | "-" | "*" | "o" | "■" | "►") || first.starts_with('•')
    {
        return true;
    }
    let inner = first.trim_start_matches('(').trim_end_matches(['.', ')']);
    inner.len() < first.len()
        && inner.len() <= 3
        && first.ends_with(['.', ')'])
        && (inner.chars().all(|c| c.is_ascii_digit()) || (first.ends_with(')') && inner.len() == 1))
}

/// Leaves out lines that stand at the same edge of most pages, and bare page numbers there.
fn drop_running_lines(pages: &mut [Vec<Line>]) {
    let key = |line: &Line| -> (i64, String) {
        // Page numbers differ; the rest has to be the same, in the same place.
        let text: String = line.text.chars().filter(|c| !c.is_ascii_digit() && !c.is_whitespace()).collect();
        #[allow(clippy::cast_possible_truncation)]
        let place = (line.base / 4.0).round() as i64;
        (place, text)
    };
    let edges = |count: usize| (0..count).filter(move |at| *at < EDGE || *at + EDGE >= count);
    let mut counts: BTreeMap<(i64, String), usize> = BTreeMap::new();
    for lines in pages.iter() {
        for at in edges(lines.len()) {
            *counts.entry(key(&lines[at])).or_default() += 1;
        }
    }
    let several = pages.len() > 1;
    let needed = RUNNING_PAGES.max((RUNNING_SHARE * pages.len() as f64) as usize);
    for lines in pages.iter_mut() {
        let count = lines.len();
        let mut at = 0;
        lines.retain(|line| {
            let edge = at < EDGE || at + EDGE >= count;
            at += 1;
            let running = counts.get(&key(line)).is_some_and(|pages| *pages >= needed);
            !(edge && (running || (several && is_page_number(&line.text))))
        });
    }
}

/// A number that stands alone, such as 12, xii, - 12 -, 12/30 or Page 12 of 30.
fn is_page_number(line: &str) -> bool {
    let line = line.trim().to_lowercase();
    let bare = |text: &str| {
        let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '–' | '—' | '[' | ']'));
        let roman = text.len() <= 6 && text.chars().all(|c| matches!(c, 'i' | 'v' | 'x' | 'l'));
        !text.is_empty() && (roman || (text.len() <= 4 && text.chars().all(|c| c.is_ascii_digit())))
    };
    let number = line.strip_prefix("page").or_else(|| line.strip_prefix("p.")).unwrap_or(&line);
    let mut parts = number.split(" of ").flat_map(|part| part.split('/'));
    parts.clone().count() <= 2 && parts.all(bare)
}
