//! HTML to its main text.
//!
//! Works on the stream of tokens and builds no tree, so nesting costs neither stack nor time.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

use super::{PlainText, TextBuilder, one_line};

/// `main` or `article` stand for the page when they hold at least this part of its text; less
/// means that they are used for teasers or a widget.
const MAIN_SHARE: f64 = 0.4;

pub(super) fn to_plain_text(content: &str) -> PlainText {
    let mut page = read(content, true);
    if page.whole.text.is_empty() {
        // A page that is all navigation, or whose navigation is never closed: better its words
        // than none.
        page = read(content, false);
    }
    let whole = page.whole.text.len() as f64;
    let main = [page.main, page.article]
        .into_iter()
        .find(|part| !part.text.is_empty() && part.text.len() as f64 >= MAIN_SHARE * whole);
    PlainText { text: main.unwrap_or(page.whole).text, title: one_line(&page.title) }
}

#[derive(Default)]
struct Page {
    whole: TextBuilder,
    main: TextBuilder,
    article: TextBuilder,
    title: String,
    in_title: bool,
    main_depth: usize,
    article_depth: usize,
    pre_depth: usize,
    /// The element whose content is left out, and how many of its name are open.
    skipped: Option<(Vec<u8>, usize)>,
}

fn read(content: &str, skip_boilerplate: bool) -> Page {
    let mut page = Page::default();
    let mut emitter = DefaultEmitter::default();
    // Scripts, styles and titles hold no tags: the tokenizer has to know where it is.
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(content, emitter) {
        match token {
            Ok(Token::StartTag(tag)) => page.start(&tag, skip_boilerplate),
            Ok(Token::EndTag(tag)) => page.end(&tag.name),
            Ok(Token::String(words)) => page.words(&String::from_utf8_lossy(&words)),
            Ok(_) => {}
            Err(never) => match never {},
        }
    }
    page
}

impl Page {
    fn start(&mut self, tag: &StartTag<()>, skip_boilerplate: bool) {
        let name: &[u8] = &tag.name;
        if let Some((skipped, open)) = &mut self.skipped {
            if skipped == name && !tag.self_closing {
                *open += 1;
            }
            // The main text never stands inside navigation: an end tag was forgotten.
            if !(is_boilerplate(skipped) && matches!(name, b"main" | b"article")) {
                return;
            }
            self.skipped = None;
        }
        if is_void(name) {
            if matches!(name, b"br" | b"hr") {
                self.each(TextBuilder::line);
            }
            return;
        }
        let skip = is_never_text(name) || (skip_boilerplate && (is_boilerplate(name) || is_hidden(tag)));
        if skip {
            self.each(TextBuilder::space);
            if !tag.self_closing {
                self.skipped = Some((name.to_vec(), 1));
            }
            return;
        }
        match name {
            b"title" => self.in_title = self.title.is_empty(),
            b"main" => self.main_depth += 1,
            b"article" => self.article_depth += 1,
            b"pre" => self.pre_depth += 1,
            _ => {}
        }
        self.separate(name);
    }

    fn end(&mut self, name: &[u8]) {
        if let Some((skipped, open)) = &mut self.skipped {
            if skipped == name {
                *open -= 1;
                if *open == 0 {
                    self.skipped = None;
                    self.separate(name);
                }
            }
            return;
        }
        self.separate(name);
        match name {
            b"title" => self.in_title = false,
            b"main" => self.main_depth = self.main_depth.saturating_sub(1),
            b"article" => self.article_depth = self.article_depth.saturating_sub(1),
            b"pre" => self.pre_depth = self.pre_depth.saturating_sub(1),
            _ => {}
        }
    }

    fn words(&mut self, words: &str) {
        if self.skipped.is_some() {
            return;
        }
        if self.in_title {
            self.title.push_str(words);
            return;
        }
        let verbatim = self.pre_depth > 0;
        let add = |out: &mut TextBuilder| {
            if verbatim { out.verbatim(words) } else { out.flow(words) }
        };
        add(&mut self.whole);
        if self.main_depth > 0 {
            add(&mut self.main);
        }
        if self.article_depth > 0 {
            add(&mut self.article);
        }
    }

    fn separate(&mut self, name: &[u8]) {
        match name {
            b"td" | b"th" => self.each(TextBuilder::space),
            b"tr" | b"option" => self.each(TextBuilder::line),
            _ if is_inline(name) => {}
            _ => self.each(TextBuilder::block),
        }
    }

    fn each(&mut self, step: fn(&mut TextBuilder)) {
        step(&mut self.whole);
        step(&mut self.main);
        step(&mut self.article);
    }
}

/// Elements whose content is not text of the page, whatever they stand in.
fn is_never_text(name: &[u8]) -> bool {
    matches!(
        name,
        b"script"
            | b"style"
            | b"noscript"
            | b"template"
            | b"svg"
            | b"math"
            | b"iframe"
            | b"object"
            | b"canvas"
            | b"audio"
            | b"video"
            | b"noframes"
            | b"noembed"
            | b"map"
            | b"datalist"
    )
}

/// Elements around the text: menus, controls, asides.
fn is_boilerplate(name: &[u8]) -> bool {
    matches!(name, b"nav" | b"aside" | b"footer" | b"menu" | b"select" | b"button" | b"textarea" | b"dialog")
}

/// Elements that are marked as not shown, or as navigation.
fn is_hidden(tag: &StartTag<()>) -> bool {
    tag.attributes.iter().any(|(name, value)| match &name[..] {
        b"hidden" => true,
        b"aria-hidden" => value.eq_ignore_ascii_case(b"true"),
        b"role" => matches!(
            &value.to_ascii_lowercase()[..],
            b"navigation" | b"menu" | b"menubar" | b"banner" | b"contentinfo" | b"search"
        ),
        _ => false,
    })
}

fn is_void(name: &[u8]) -> bool {
    matches!(
        name,
        b"area"
            | b"base"
            | b"br"
            | b"col"
            | b"embed"
            | b"hr"
            | b"img"
            | b"input"
            | b"link"
            | b"meta"
            | b"param"
            | b"source"
            | b"track"
            | b"wbr"
    )
}

/// Elements that stand inside a line; everything else, known or not, is a block of its own.
fn is_inline(name: &[u8]) -> bool {
    matches!(
        name,
        b"a" | b"abbr"
            | b"acronym"
            | b"b"
            | b"bdi"
            | b"bdo"
            | b"big"
            | b"cite"
            | b"code"
            | b"data"
            | b"del"
            | b"dfn"
            | b"em"
            | b"font"
            | b"i"
            | b"ins"
            | b"kbd"
            | b"label"
            | b"mark"
            | b"q"
            | b"rp"
            | b"rt"
            | b"ruby"
            | b"s"
            | b"samp"
            | b"small"
            | b"span"
            | b"strike"
            | b"strong"
            | b"sub"
            | b"sup"
            | b"time"
            | b"tt"
            | b"u"
            | b"var"
    )
}
