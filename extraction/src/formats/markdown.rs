//! Markdown to text.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{PlainText, TextBuilder, html, one_line};

/// Text without markup. Links and images keep their words, code its characters; raw HTML goes
/// through the HTML converter.
pub(super) fn to_plain_text(content: &str) -> PlainText {
    let mut out = TextBuilder::default();
    let mut title = Heading::Awaited;
    let mut code_block = false;
    let mut raw_html = String::new();
    for event in Parser::new_ext(content, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        if !raw_html.is_empty() && !matches!(event, Event::Html(_)) {
            out.block();
            out.verbatim(&html::to_plain_text(&std::mem::take(&mut raw_html)).text);
            out.block();
        }
        match event {
            Event::Start(tag) => {
                code_block |= matches!(tag, Tag::CodeBlock(_));
                if matches!(tag, Tag::Heading { .. }) && title == Heading::Awaited {
                    title = Heading::Open(String::new());
                }
                open(&tag, &mut out);
            }
            Event::End(tag) => {
                code_block &= tag != TagEnd::CodeBlock;
                if let (TagEnd::Heading(_), Heading::Open(words)) = (tag, &title) {
                    title = one_line(words).map_or(Heading::Awaited, Heading::Found);
                }
                close(tag, &mut out);
            }
            Event::Text(words) if code_block => out.verbatim(&words),
            Event::Text(words) | Event::Code(words) => {
                title.push(&words);
                out.flow(&words);
            }
            Event::Html(piece) => raw_html.push_str(&piece),
            Event::SoftBreak => {
                title.push(" ");
                out.space();
            }
            Event::HardBreak => out.line(),
            Event::Rule => out.block(),
            // An inline tag is markup like any other; the words around it come as text.
            _ => {}
        }
    }
    if !raw_html.is_empty() {
        out.block();
        out.verbatim(&html::to_plain_text(&raw_html).text);
    }
    let title = if let Heading::Found(words) = title { Some(words) } else { None };
    PlainText { text: out.text, title, ..PlainText::default() }
}

/// The first heading that has words.
#[derive(PartialEq)]
enum Heading {
    Awaited,
    Open(String),
    Found(String),
}

impl Heading {
    fn push(&mut self, words: &str) {
        if let Self::Open(title) = self {
            title.push_str(words);
        }
    }
}

fn open(tag: &Tag<'_>, out: &mut TextBuilder) {
    match tag {
        Tag::Paragraph
        | Tag::Heading { .. }
        | Tag::BlockQuote(_)
        | Tag::CodeBlock(_)
        | Tag::List(_)
        | Tag::Item
        | Tag::Table(_) => out.block(),
        Tag::TableRow | Tag::TableHead => out.line(),
        Tag::TableCell => out.cell(),
        _ => {}
    }
}

fn close(tag: TagEnd, out: &mut TextBuilder) {
    match tag {
        TagEnd::Paragraph
        | TagEnd::Heading(_)
        | TagEnd::BlockQuote(_)
        | TagEnd::CodeBlock
        | TagEnd::List(_)
        | TagEnd::Item
        | TagEnd::Table => out.block(),
        TagEnd::TableRow | TagEnd::TableHead => out.line(),
        _ => {}
    }
}
