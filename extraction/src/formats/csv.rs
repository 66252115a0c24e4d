//! CSV to statements, one for each row.

use csv::{ReaderBuilder, StringRecord};

use super::{
    Budget, ContentType, FormatError, PlainText,
    records::{Statement, field_name},
};

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// How much is looked at to find the delimiter.
const SAMPLE: usize = 64 << 10;
const SAMPLE_ROWS: usize = 50;
/// How often the clock is looked at.
const ROWS_BETWEEN_CHECKS: usize = 1024;

/// A line `name: value; name: value.` for each row, with the names of the first row if that is a header.
pub(super) fn to_plain_text(content: &str, budget: &Budget) -> Result<PlainText, FormatError> {
    let delimiter = delimiter(content);
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(content.as_bytes());
    let broken = |error: csv::Error| FormatError::damaged(ContentType::Csv, error.to_string());
    let (mut text, mut statement, mut row) = (String::new(), Statement::default(), StringRecord::new());
    let (mut first, mut header): (Option<StringRecord>, Option<Vec<Option<String>>>) = (None, None);
    let mut rows = 0_usize;
    while reader.read_record(&mut row).map_err(broken)? {
        rows += 1;
        if rows == 1 {
            first = Some(row.clone());
            continue;
        }
        if let Some(first) = first.take() {
            if is_header(&first, &row) {
                header = Some(first.iter().map(field_name).collect());
            } else {
                add(&mut statement, None, &first, &mut text, budget)?;
            }
        }
        if rows.is_multiple_of(ROWS_BETWEEN_CHECKS) {
            budget.check_time()?;
        }
        add(&mut statement, header.as_deref(), &row, &mut text, budget)?;
    }
    // A single row is all there is to read, whatever it looks like.
    if let Some(only) = first {
        add(&mut statement, None, &only, &mut text, budget)?;
    }
    Ok(PlainText { text, ..PlainText::default() })
}

fn add(
    statement: &mut Statement,
    header: Option<&[Option<String>]>,
    row: &StringRecord,
    text: &mut String,
    budget: &Budget,
) -> Result<(), FormatError> {
    // Names are repeated in each row, so a small file can make a large text: looked at before it is made.
    let names: usize = header.map_or(0, |names| names.iter().flatten().map(String::len).sum());
    budget.check_text(text.len() + row.as_slice().len() + names)?;
    for (at, value) in row.iter().enumerate() {
        let name = header.and_then(|names| names.get(at)?.as_deref());
        statement.field(name, value);
    }
    statement.end(text);
    Ok(())
}

/// The delimiter that cuts most of the first rows into the same number of fields, and into the most.
fn delimiter(content: &str) -> u8 {
    let mut end = content.len().min(SAMPLE);
    while !content.is_char_boundary(end) {
        end -= 1;
    }
    let sample = &content.as_bytes()[..end];
    let score = |delimiter: &u8| {
        let mut reader =
            ReaderBuilder::new().delimiter(*delimiter).has_headers(false).flexible(true).from_reader(sample);
        let widths: Vec<usize> =
            reader.byte_records().take(SAMPLE_ROWS).map_while(Result::ok).map(|row| row.len()).collect();
        let first = widths.first().copied().unwrap_or(0);
        let alike = widths.iter().filter(|width| **width == first).count();
        // A single field is no cut at all, however alike the rows are.
        if first < 2 { 0.0 } else { alike as f64 / widths.len() as f64 + (first.min(100) as f64).ln() / 100.0 }
    };
    let mut best = (0.0, b',');
    for delimiter in DELIMITERS {
        let score = score(&delimiter);
        if score > best.0 {
            best = (score, delimiter);
        }
    }
    best.1
}

/// A header names each column once, briefly, and with letters; where the next row has numbers, it has none.
fn is_header(first: &StringRecord, second: &StringRecord) -> bool {
    let mut names: Vec<&str> = first.iter().filter(|name| !name.is_empty()).collect();
    let named = names.len();
    let like_names = |name: &&str| {
        name.chars().count() <= 60 && name.chars().any(char::is_alphabetic) && !name.ends_with(['.', '!', '?'])
    };
    if named == 0 || named * 2 < first.len() || !names.iter().all(like_names) {
        return false;
    }
    names.sort_unstable();
    names.dedup();
    if names.len() < named {
        return false;
    }
    // Capitalised words in both rows could be a list of names without a header: then something has to differ.
    let lower = first.iter().any(|name| name.chars().next().is_some_and(char::is_lowercase) || name.contains('_'));
    let second_has_digits = second.iter().any(|value| value.chars().any(|c| c.is_ascii_digit()));
    let first_has_digits = first.iter().any(|value| value.chars().all(|c| c.is_ascii_digit()) && !value.is_empty());
    lower || (second_has_digits && !first_has_digits) || first.iter().any(is_usual_name)
}

/// Words that stand over columns much more often than in them.
fn is_usual_name(name: &str) -> bool {
    const USUAL: [&str; 20] = [
        "name",
        "title",
        "type",
        "date",
        "city",
        "country",
        "company",
        "organization",
        "organisation",
        "person",
        "role",
        "position",
        "address",
        "email",
        "e-mail",
        "description",
        "first name",
        "last name",
        "location",
        "field",
    ];
    USUAL.contains(&name.to_lowercase().as_str())
}
