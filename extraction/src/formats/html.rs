//! HTML to its main text.
//!
//! Works on the stream of tokens and builds no tree, so nesting costs neither stack nor time.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

use super::{PlainText, TextBuilder, one_line};

/// `main` or `article` stand for the page when they hold at least this part of its text; less means that they are used
/// for teasers or a widget.
const MAIN_SHARE: f64 = 0.4;
/// What is told apart as boilerplate may be so much of a page that more would mean it was not told apart well.
const LEAST_KEPT: f64 = 0.25;
/// A block is a menu when at least this part of its characters stands in links …
const LINK_DENSITY: f64 = 0.75;
/// … and it is shorter than this: a paragraph of prose may well be full of links.
const MENU_LENGTH: usize = 160;

pub(super) fn to_plain_text(content: &str) -> PlainText {
    let strict = read(content, Strictness::Names);
    let mut page = strict;
    if length(&page.blocks) == 0 {
        // A page that is all navigation, or whose navigation is never closed: better its words than none.
        page = read(content, Strictness::Everything);
    } else {
        let careful = read(content, Strictness::Classes);
        if length(&careful.blocks) as f64 >= LEAST_KEPT * length(&page.blocks) as f64 {
            page = careful;
        }
    }
    let title = one_line(&page.title).or_else(|| page.heading.as_deref().and_then(one_line));
    PlainText { text: main_text(page.blocks), title, ..PlainText::default() }
}

/// The blocks of the page's main part, one after the other.
fn main_text(blocks: Vec<Block>) -> String {
    let whole = length(&blocks) as f64;
    let share = |part: fn(&Block) -> bool| {
        blocks.iter().filter(|block| part(block)).map(|block| block.text.len()).sum::<usize>() as f64
    };
    let marked: Option<fn(&Block) -> bool> = [(|block| block.in_main) as fn(&Block) -> bool, |block| block.in_article]
        .into_iter()
        .find(|part| share(*part) > 0.0 && share(*part) >= MAIN_SHARE * whole);
    let keeps: fn(&Block) -> bool = match marked {
        Some(part) => part,
        // Nothing says where the text is: then what is mostly links is around it.
        None if share(|block| !block.is_menu()) >= LEAST_KEPT * whole => |block| !block.is_menu(),
        None => |_| true,
    };
    let mut text = String::new();
    for block in blocks.iter().filter(|block| keeps(block)) {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(&block.text);
    }
    text
}

fn length(blocks: &[Block]) -> usize {
    blocks.iter().map(|block| block.text.len()).sum()
}

/// What is left out beside what is never text.
#[derive(Clone, Copy, PartialEq)]
enum Strictness {
    Everything,
    /// Elements that are navigation by their name or role.
    Names,
    /// And those whose class or id says so.
    Classes,
}

/// A paragraph, heading, list item or the like.
#[derive(Default)]
struct Block {
    text: String,
    /// How many of its bytes stand in links.
    linked: usize,
    in_main: bool,
    in_article: bool,
}

impl Block {
    fn is_menu(&self) -> bool {
        self.text.len() < MENU_LENGTH && self.linked as f64 >= LINK_DENSITY * self.text.len() as f64 && self.linked > 0
    }
}

#[derive(Default)]
struct Page {
    blocks: Vec<Block>,
    current: TextBuilder,
    linked: usize,
    title: String,
    /// The first heading, while and after it is read.
    heading: Option<String>,
    in_title: bool,
    in_heading: bool,
    main_depth: usize,
    article_depth: usize,
    pre_depth: usize,
    in_link: bool,
    /// The element whose content is left out, and how many of its name are open.
    skipped: Option<(Vec<u8>, usize)>,
}

fn read(content: &str, strictness: Strictness) -> Page {
    let mut page = Page::default();
    let mut emitter = DefaultEmitter::default();
    // Scripts, styles and titles hold no tags: the tokenizer has to know where it is.
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(content, emitter) {
        match token {
            Ok(Token::StartTag(tag)) => page.start(&tag, strictness),
            Ok(Token::EndTag(tag)) => page.end(&tag.name),
            Ok(Token::String(words)) => page.words(&String::from_utf8_lossy(&words)),
            Ok(_) => {}
            Err(never) => match never {},
        }
    }
    page.flush();
    page
}

impl Page {
    fn start(&mut self, tag: &StartTag<()>, strictness: Strictness) {
        let name: &[u8] = &tag.name;
        if let Some((skipped, open)) = &mut self.skipped {
            if skipped == name && !tag.self_closing {
                *open += 1;
            }
            // The main text never stands inside navigation: an end tag was forgotten.
            if is_never_text(skipped) || !matches!(name, b"main" | b"article") {
                return;
            }
            self.skipped = None;
        }
        if is_void(name) {
            if matches!(name, b"br" | b"hr") {
                self.current.line();
            }
            return;
        }
        let boilerplate = strictness != Strictness::Everything && (is_boilerplate(name) || is_hidden(tag));
        let by_class = strictness == Strictness::Classes && has_boilerplate_class(tag);
        if is_never_text(name) || boilerplate || by_class {
            self.current.space();
            if !tag.self_closing {
                self.skipped = Some((name.to_vec(), 1));
            }
            return;
        }
        self.separate(name);
        match name {
            b"title" => self.in_title = self.title.is_empty(),
            b"h1" if self.heading.is_none() => {
                self.heading = Some(String::new());
                self.in_heading = true;
            }
            b"a" => self.in_link = true,
            b"main" => self.main_depth += 1,
            b"article" => self.article_depth += 1,
            b"pre" => self.pre_depth += 1,
            _ => {}
        }
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
            b"h1" => self.in_heading = false,
            b"a" => self.in_link = false,
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
        if let (true, Some(heading)) = (self.in_heading, &mut self.heading) {
            heading.push_str(words);
        }
        if self.pre_depth > 0 {
            self.current.verbatim(words);
        } else {
            self.current.flow(words);
        }
        if self.in_link {
            self.linked += words.trim().len();
        }
    }

    fn separate(&mut self, name: &[u8]) {
        match name {
            b"td" | b"th" => self.current.cell(),
            b"tr" | b"option" => self.current.line(),
            _ if is_inline(name) => {}
            _ => self.flush(),
        }
    }

    /// Ends the block that is being put together.
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.current).text;
        let linked = std::mem::take(&mut self.linked);
        if !text.is_empty() {
            let (in_main, in_article) = (self.main_depth > 0, self.article_depth > 0);
            self.blocks.push(Block { text, linked, in_main, in_article });
        }
    }
}

/// Words in the class or id of an element that is around the text and not in it.
const BOILERPLATE_WORDS: [&str; 34] = [
    "nav",
    "navbar",
    "navigation",
    "menu",
    "submenu",
    "breadcrumb",
    "breadcrumbs",
    "sidebar",
    "footer",
    "masthead",
    "cookie",
    "cookies",
    "consent",
    "gdpr",
    "newsletter",
    "subscribe",
    "signup",
    "share",
    "sharing",
    "social",
    "popup",
    "modal",
    "overlay",
    "advert",
    "advertisement",
    "ads",
    "sponsored",
    "promo",
    "pagination",
    "pager",
    "skip",
    "toolbar",
    "paywall",
    "tracking",
];

/// Whether class or id say so. Only of elements that such parts are made of, and never of the whole page.
fn has_boilerplate_class(tag: &StartTag<()>) -> bool {
    const PARTS: [&[u8]; 9] = [b"div", b"section", b"ul", b"ol", b"header", b"form", b"p", b"span", b"a"];
    PARTS.contains(&&tag.name[..])
        && tag.attributes.iter().filter(|(name, _)| matches!(&name[..], b"class" | b"id")).any(|(_, value)| {
            let value = &value[..value.len().min(512)];
            value
                .split(|byte| !byte.is_ascii_alphanumeric())
                .any(|word| BOILERPLATE_WORDS.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes())))
        })
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
