//! Mails to text.

use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders, PartType};

use super::{Budget, ContentType, Declared, FormatError, PlainText, TextBuilder, html, one_line, records::paragraph};

/// Mails inside of mails that are read.
const MAX_DEPTH: usize = 2;
/// Attachments that are read; those after them are named only.
const MAX_ATTACHMENTS: usize = 20;
/// Addresses of a line that are shown.
const MAX_ADDRESSES: usize = 50;
/// Names of attachments that are noted.
const MAX_NOTED: usize = 20;

/// The lines that say who wrote to whom and when, the text (of its forms the plain one), and the attachments of known
/// kinds under a line with their name. Quoted answers stay, without their marks, under a line that says so.
pub(super) fn to_plain_text(bytes: &[u8], budget: &Budget) -> Result<PlainText, FormatError> {
    let Some(message) = MessageParser::default().parse(bytes) else {
        return Err(FormatError::damaged(ContentType::Email, "it has no headers"));
    };
    if message.headers().is_empty() {
        return Err(FormatError::damaged(ContentType::Email, "it has no headers"));
    }
    let mut plain = PlainText::default();
    message_text(&message, &mut plain, budget)?;
    plain.title = message.subject().and_then(one_line);
    Ok(plain)
}

fn message_text(message: &Message<'_>, plain: &mut PlainText, budget: &Budget) -> Result<(), FormatError> {
    let text = &mut plain.text;
    if let Some(subject) = message.subject().and_then(one_line) {
        paragraph(text, &format!("Subject: {subject}"));
    }
    for (name, address) in [("From", message.from()), ("To", message.to()), ("Cc", message.cc())] {
        if let Some(people) = address.and_then(people) {
            paragraph(text, &format!("{name}: {people}"));
        }
    }
    if let Some(date) = message.date() {
        const MONTHS: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        if let Some(month) = MONTHS.get(usize::from(date.month).wrapping_sub(1)) {
            paragraph(text, &format!("Date: {} {month} {}", date.day, date.year));
        }
    }
    body(message, text);
    budget.check_text(text.len())?;
    attachments(message, plain, budget)
}

fn people(address: &Address<'_>) -> Option<String> {
    let mut shown = Vec::new();
    for one in address.iter().take(MAX_ADDRESSES) {
        let name = one.name().and_then(one_line);
        let mail = one.address().and_then(one_line);
        match (name, mail) {
            (Some(name), Some(mail)) if name != mail => shown.push(format!("{name} <{mail}>")),
            (Some(one), _) | (None, Some(one)) => shown.push(one),
            (None, None) => {}
        }
    }
    (!shown.is_empty()).then(|| shown.join(", "))
}

/// Adds the text of a mail: each plain part, or where there is none the HTML one.
fn body(message: &Message<'_>, out: &mut String) {
    let mut any = false;
    for id in &message.text_body {
        if let Some(MessagePart { body: PartType::Text(words), .. }) = message.parts.get(*id as usize) {
            any |= !words.trim().is_empty();
            unquoted(&super::encoding::line_feeds(words), out);
        }
    }
    if any {
        return;
    }
    for id in &message.html_body {
        if let Some(MessagePart { body: PartType::Html(page), .. }) = message.parts.get(*id as usize) {
            let page = html::to_plain_text(page).text;
            if !page.is_empty() {
                gap(out);
                out.push_str(&page);
            }
        }
    }
}

fn gap(out: &mut String) {
    if !out.is_empty() {
        out.push_str("\n\n");
    }
}

/// Adds a body with its quoted passages as paragraphs of their own, without the marks before their lines.
fn unquoted(body: &str, out: &mut String) {
    let (mut block, mut quoted) = (TextBuilder::default(), false);
    for line in body.lines() {
        // What follows is a signature, which often tells who somebody is.
        if line.trim_end() == "--" {
            block.block();
            continue;
        }
        let is_quoted = line.starts_with('>');
        if is_quoted != quoted {
            end_block(&mut block, quoted, out);
            quoted = is_quoted;
        }
        let line = line.trim_start_matches(['>', ' ']).trim_end();
        if line.is_empty() {
            block.block();
        } else {
            block.line();
            block.flow(line);
        }
    }
    end_block(&mut block, quoted, out);
}

fn end_block(block: &mut TextBuilder, quoted: bool, out: &mut String) {
    let words = std::mem::take(block).text;
    if !words.is_empty() {
        gap(out);
        out.push_str(if quoted { "Quoted:\n\n" } else { "" });
        out.push_str(&words);
    }
}

/// Adds what is attached and can be read; the names of the rest are noted.
fn attachments(message: &Message<'_>, plain: &mut PlainText, budget: &Budget) -> Result<(), FormatError> {
    let mut unread = Vec::new();
    for (number, part) in message.attachments().enumerate() {
        budget.check_time()?;
        let name = part.attachment_name().and_then(one_line).unwrap_or_else(|| format!("attachment {}", number + 1));
        let read = if number < MAX_ATTACHMENTS { attachment(part, &name, budget) } else { Ok(None) };
        match read {
            Ok(Some(inner)) => {
                paragraph(&mut plain.text, &format!("Attachment: {name}"));
                gap(&mut plain.text);
                plain.text.push_str(&inner.text);
                plain.notes.extend(inner.notes.into_iter().map(|note| format!("{name}: {note}")));
                budget.check_text(plain.text.len())?;
            }
            Ok(None) => unread.push(name),
            Err(error @ FormatError::Time) => return Err(error),
            Err(error) => plain.notes.push(format!("the attachment {name} was not read: {error}")),
        }
    }
    if !unread.is_empty() {
        let more = unread.len().saturating_sub(MAX_NOTED);
        unread.truncate(MAX_NOTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        plain.notes.push(format!("attachments that were not read: {}{more}", unread.join(", ")));
    }
    // Notes come from the mail, and a mail can have a great many parts.
    plain.notes.truncate(2 * MAX_NOTED);
    Ok(())
}

/// The text of an attachment; none for one of a kind that is not read.
fn attachment(part: &MessagePart<'_>, name: &str, budget: &Budget) -> Result<Option<PlainText>, FormatError> {
    if budget.depth >= MAX_DEPTH {
        return Ok(None);
    }
    let inner = Budget { depth: budget.depth + 1, ..*budget };
    if let PartType::Message(message) = &part.body {
        let mut plain = PlainText::default();
        message_text(message, &mut plain, &inner)?;
        return Ok(Some(plain));
    }
    let mime = part.content_type().map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()));
    let said = mime.as_deref().and_then(ContentType::from_mime);
    let Some(content_type) = ContentType::from_file_name(name).or(said) else { return Ok(None) };
    // The parser has decoded what it knows to be text.
    let decoded = matches!(part.body, PartType::Text(_) | PartType::Html(_));
    let declared = Declared {
        content_type: Some(content_type),
        charset: if decoded { Some("utf-8") } else { part.content_type().and_then(|kind| kind.attribute("charset")) },
        file_name: None,
        certain: decoded && content_type.is_text(),
    };
    super::read(part.contents(), &declared, &inner).map(Some)
}
