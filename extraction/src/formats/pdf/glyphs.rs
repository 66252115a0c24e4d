//! The characters of a page as it shows them, and the lines that they stand in.

use std::time::Instant;

use hayro_interpret::{
    BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, SoftMask,
    font::{Glyph, GlyphRun},
    hayro_cmap::BfString,
    kurbo::{Affine, BezPath, Point, Vec2},
};
use unicode_normalization::UnicodeNormalization;

use super::layout::Line;

/// A gap of at least this part of the font's size is a space.
const SPACE: f64 = 0.18;
/// A gap of at least this many times the font's size sets columns of a table apart.
const COLUMN: f64 = 2.0;
/// The baseline may move by this part of the size within a line: indices and exponents.
const BASELINE: f64 = 0.45;
/// How far back, in font sizes, a line may go and still be the same one.
const BACK: f64 = 0.6;
/// Characters between two looks at the clock.
const BETWEEN_CHECKS: usize = 4096;

/// Gathers what a page shows.
pub(super) struct Glyphs {
    lines: Vec<Line>,
    line: Option<Open>,
    /// The run before, to tell one that is drawn over it again for effect.
    last_run: Option<(Point, String)>,
    allowance: usize,
    until: Instant,
    late: bool,
    pub(super) characters: usize,
    pub(super) without_meaning: usize,
    pub(super) images: usize,
    pub(super) bytes: usize,
}

/// The line that is being put together.
struct Open {
    line: Line,
    direction: Vec2,
    /// Where the next character would stand without a gap, along and across the direction.
    along: f64,
    across: f64,
}

/// A character and its place.
struct Shown {
    text: String,
    origin: Point,
    direction: Vec2,
    size: f64,
    advance: f64,
}

impl Glyphs {
    pub(super) fn new(allowance: usize, until: Instant) -> Self {
        Self {
            lines: Vec::new(),
            line: None,
            last_run: None,
            allowance,
            until,
            late: false,
            characters: 0,
            without_meaning: 0,
            images: 0,
            bytes: 0,
        }
    }

    pub(super) fn finish(mut self) -> Vec<Line> {
        self.end_line();
        self.lines
    }

    fn run(&mut self, run: &GlyphRun<'_, '_>, transform: Affine) {
        if self.bytes > self.allowance || self.late {
            return;
        }
        let shown: Vec<Shown> =
            run.glyphs().iter().filter_map(|glyph| place(glyph, transform * glyph.transform())).collect();
        let Some(first) = shown.first() else { return };
        let text: String = shown.iter().map(|shown| shown.text.as_str()).collect();
        if let Some((origin, before)) = &self.last_run
            && *before == text
            && (first.origin - *origin).hypot() < 0.15 * first.size
        {
            // Drawn a second time with an outline, or a hair beside, to look bold.
            return;
        }
        self.last_run = Some((first.origin, text));
        for shown in shown {
            self.characters += 1;
            self.without_meaning += usize::from(shown.text.contains('\u{fffd}'));
            self.bytes += shown.text.len();
            if self.characters.is_multiple_of(BETWEEN_CHECKS) && Instant::now() > self.until {
                self.late = true;
                return;
            }
            self.add(&shown);
        }
    }

    fn add(&mut self, shown: &Shown) {
        let along = |direction: Vec2, at: Point| direction.dot(at.to_vec2());
        let across = |direction: Vec2, at: Point| direction.cross(at.to_vec2());
        if let Some(open) = &self.line {
            let size = open.line.size.max(shown.size);
            let gap = along(open.direction, shown.origin) - open.along;
            let moved = (across(open.direction, shown.origin) - open.across).abs();
            let turned = open.direction.dot(shown.direction) < 0.9;
            if turned || moved > BASELINE * size || gap < -BACK * size {
                self.end_line();
            }
        }
        let blank = shown.text.chars().all(char::is_whitespace);
        let Some(open) = &mut self.line else {
            if !blank {
                let start = along(shown.direction, shown.origin);
                let across = across(shown.direction, shown.origin);
                self.line = Some(Open {
                    line: Line::new(shown.text.clone(), start, start + shown.advance, across, shown.size),
                    direction: shown.direction,
                    along: start + shown.advance,
                    across,
                });
            }
            return;
        };
        let at = along(open.direction, shown.origin);
        let gap = at - open.along;
        let size = shown.size.min(open.line.size).max(0.1);
        if gap > COLUMN * size {
            open.line.separate('\t');
        } else if gap > SPACE * size || blank {
            open.line.separate(' ');
        }
        if !blank {
            open.line.push(&shown.text, at + shown.advance, shown.size);
        }
        open.along = at + shown.advance;
    }

    fn end_line(&mut self) {
        if let Some(open) = self.line.take() {
            self.lines.push(open.line);
        }
    }
}

/// A character with its place on the page; none for one without extent, such as a mark that is not shown.
fn place(glyph: &Glyph<'_>, transform: Affine) -> Option<Shown> {
    let text = match glyph.as_unicode() {
        Some(BfString::Char(c)) => readable(std::iter::once(c)),
        Some(BfString::String(text)) => readable(text.chars()),
        None => "\u{fffd}".to_owned(),
    };
    if text.is_empty() {
        return None;
    }
    let origin = transform * Point::ZERO;
    let em = transform * Point::new(1000.0, 0.0) - origin;
    let up = transform * Point::new(0.0, 1000.0) - origin;
    let (width, size) = (em.hypot(), up.hypot());
    if !width.is_finite() || !size.is_finite() || width <= 0.0 || size <= 0.0 || !origin.is_finite() {
        return None;
    }
    let advance = match glyph {
        Glyph::Outline(outline) => outline.advance_width(),
        Glyph::Type3(drawn) => drawn.advance_width(),
    };
    // Without a width of its own a character is taken for one of middling width.
    let advance = f64::from(advance.filter(|advance| advance.is_finite()).unwrap_or(500.0)) / 1000.0 * width;
    Some(Shown { text, origin, direction: em / width, size, advance })
}

/// Ligatures as their letters; controls and private characters as what they are: without meaning.
fn readable(characters: impl Iterator<Item = char>) -> String {
    let mut text = String::new();
    for c in characters {
        match c {
            '\u{fb00}'..='\u{fb06}' => text.extend(std::iter::once(c).nfkc()),
            '\u{a0}' | '\u{2000}'..='\u{200a}' | '\t' | '\n' | '\r' => text.push(' '),
            // A soft hyphen that is shown is one.
            '\u{ad}' => text.push('-'),
            '\u{200b}'..='\u{200f}' | '\u{feff}' => {}
            '\u{e000}'..='\u{f8ff}' => text.push('\u{fffd}'),
            c if c.is_control() => text.push('\u{fffd}'),
            c => text.push(c),
        }
    }
    text
}

impl<'a> Device<'a> for Glyphs {
    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}

    fn push_clip_path(&mut self, _: &ClipPath) {}

    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        self.run(run, props.transform);
    }

    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {
        self.images += 1;
    }

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}
}
