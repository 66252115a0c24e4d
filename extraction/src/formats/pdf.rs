//! PDF to text, page by page.
//!
//! `hayro-interpret` reads the file and runs its pages; [`layout`] puts the characters that it shows together into
//! lines and paragraphs. Nothing is drawn, and no image is decoded.

mod glyphs;
mod layout;

use std::panic::{AssertUnwindSafe, catch_unwind};

use hayro_interpret::{
    Context, InterpreterCache, InterpreterSettings,
    hayro_syntax::{DecryptionError, LoadPdfError, Pdf, page::Page},
    interpret_page,
    kurbo::{Affine, Rect},
};

use super::{Budget, ContentType, FormatError, PlainText, one_line};
use glyphs::Glyphs;
use layout::{Line, Pages};

/// When more of the characters than this have no meaning, the text is none.
const UNREADABLE_SHARE: f64 = 0.5;
/// When more of them than this have none, a person is told.
const DOUBTFUL_SHARE: f64 = 0.05;

/// The text of all pages, in the order in which they show it, with where each begins.
pub(super) fn to_plain_text(bytes: &[u8], budget: &Budget) -> Result<PlainText, FormatError> {
    // The parser is somebody else's. What it does not foresee costs this file and nothing else.
    catch_unwind(AssertUnwindSafe(|| read(bytes, budget)))
        .unwrap_or_else(|_| Err(FormatError::damaged(ContentType::Pdf, "its structure is broken")))
}

fn read(bytes: &[u8], budget: &Budget) -> Result<PlainText, FormatError> {
    let pdf = Pdf::new(bytes.to_vec()).map_err(|error| match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => FormatError::Encrypted("PDF".to_owned()),
        LoadPdfError::Decryption(_) => {
            FormatError::damaged(ContentType::Pdf, "it is encrypted in a way that is not known")
        }
        LoadPdfError::Invalid => FormatError::damaged(ContentType::Pdf, "its structure is broken"),
    })?;
    let pages = pdf.pages();
    if pages.is_empty() {
        return Err(FormatError::damaged(ContentType::Pdf, "it has no pages"));
    }
    if pages.len() > budget.limits.pages {
        return Err(FormatError::TooLarge(format!("it has more than {} pages", budget.limits.pages)));
    }
    let cache = InterpreterCache::new();
    let (mut lines, mut seen) = (Vec::with_capacity(pages.len()), Seen::default());
    for page in pages.iter() {
        budget.check_time()?;
        lines.push(lines_of(page, &pdf, &cache, budget, &mut seen));
        budget.check_text(seen.bytes)?;
    }
    let title = pdf.metadata().title.as_deref().and_then(metadata_title).or_else(|| layout::title(lines.first()?));
    let Pages { text, starts } = layout::compose(lines);
    let mut plain = PlainText { text, title, pages: starts, ..PlainText::default() };
    seen.judge(&mut plain)?;
    Ok(plain)
}

/// What came up on the pages.
#[derive(Default)]
struct Seen {
    characters: usize,
    without_meaning: usize,
    images: usize,
    bytes: usize,
}

impl Seen {
    fn judge(&self, plain: &mut PlainText) -> Result<(), FormatError> {
        let share = self.without_meaning as f64 / self.characters.max(1) as f64;
        if share > UNREADABLE_SHARE {
            return Err(FormatError::NoText(
                "the fonts of this PDF do not say which characters they show, so its text cannot be read; run text \
                 recognition (OCR) over it first"
                    .to_owned(),
            ));
        }
        if plain.text.trim().is_empty() {
            return Err(FormatError::NoText(if self.images > 0 {
                "this PDF holds pictures of pages and no text; run text recognition (OCR) over it first".to_owned()
            } else {
                "this PDF holds no text".to_owned()
            }));
        }
        if share > DOUBTFUL_SHARE {
            plain.notes.push("some characters of this PDF have no meaning that its fonts tell".to_owned());
        }
        Ok(())
    }
}

fn lines_of<'a>(
    page: &Page<'a>,
    pdf: &'a Pdf,
    cache: &InterpreterCache<'a>,
    budget: &Budget,
    seen: &mut Seen,
) -> Vec<Line> {
    // Upright, and with y from the top down, however the page is turned.
    let upright: [f64; 6] = page.initial_transform(true).as_coeffs().map(f64::from);
    let (width, height) = page.render_dimensions();
    let bounds = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let mut context = Context::new(Affine::new(upright), bounds, cache, pdf.xref(), InterpreterSettings::default());
    let mut glyphs = Glyphs::new(budget.limits.text_bytes.saturating_sub(seen.bytes), budget.until);
    interpret_page(page, &mut context, &mut glyphs);
    seen.characters += glyphs.characters;
    seen.without_meaning += glyphs.without_meaning;
    seen.images += glyphs.images;
    seen.bytes += glyphs.bytes;
    glyphs.finish()
}

/// A title that a person wrote, out of those that programs fill in.
fn metadata_title(bytes: &[u8]) -> Option<String> {
    let text = match bytes {
        [0xfe, 0xff, rest @ ..] => encoding_rs::UTF_16BE.decode_without_bom_handling(rest).0.into_owned(),
        [0xff, 0xfe, rest @ ..] => encoding_rs::UTF_16LE.decode_without_bom_handling(rest).0.into_owned(),
        // PDFDocEncoding agrees with this one where titles are concerned; many programs write UTF-8.
        _ => std::str::from_utf8(bytes).map_or_else(
            |_| encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
            str::to_owned,
        ),
    };
    let title = one_line(&text.replace('\0', ""))?;
    let lower = title.to_lowercase();
    let made_up = lower.starts_with("microsoft word")
        || lower.starts_with("untitled")
        || lower.starts_with("powerpoint presentation")
        || matches!(&lower[..], "title" | "(anonymous)" | "anonymous" | "document")
        || [".doc", ".docx", ".tex", ".dvi", ".indd", ".qxd", ".pdf", ".rtf"].iter().any(|end| lower.ends_with(end))
        || !title.chars().any(char::is_alphabetic);
    (!made_up).then_some(title)
}
