use super::*;
use proptest::prelude::*;

fn as_type(content: &str, content_type: ContentType) -> PlainText {
    to_plain_text(content.as_bytes(), &Declared::utf8(content_type), &ReadLimits::default()).expect("it is read")
}

fn file(name: &str, bytes: &[u8]) -> Result<PlainText, FormatError> {
    let declared = Declared { file_name: Some(name), ..Declared::default() };
    to_plain_text(bytes, &declared, &ReadLimits::default())
}

fn html(content: &str) -> PlainText {
    as_type(content, ContentType::Html)
}

fn json(content: &str) -> String {
    as_type(content, ContentType::Json).text
}

fn csv(content: &str) -> String {
    as_type(content, ContentType::Csv).text
}

fn mail(content: &str) -> PlainText {
    as_type(&content.replace('\n', "\r\n"), ContentType::Email)
}

#[test]
fn mime_types_and_file_names_are_recognised() {
    assert_eq!(ContentType::from_mime("Text/HTML;charset=\"UTF-8\""), Some(ContentType::Html));
    assert_eq!(ContentType::charset_of_mime("text/plain; x=y; Charset=\"latin1\""), Some("latin1"));
    assert_eq!(ContentType::charset_of_mime("text/plain"), None);
    assert_eq!(ContentType::from_mime("image/png"), None);
    assert_eq!(ContentType::from_file_name("a/b.page.HTM"), Some(ContentType::Html));
    assert_eq!(ContentType::from_file_name("README"), None);
    for kind in ["txt", "md", "html", "json", "csv", "eml", "pdf", "docx"] {
        let kind = ContentType::from_file_name(&format!("x.{kind}")).expect("a known ending");
        assert_eq!(ContentType::from_mime(kind.as_mime()), Some(kind));
    }
}

#[test]
fn bytes_that_can_be_only_one_thing_win_over_what_is_declared() {
    let declared = |content_type| Declared { content_type: Some(content_type), ..Declared::default() };
    assert_eq!(detect(b"\n%PDF-1.4\n", &declared(ContentType::Text)), Ok(ContentType::Pdf));
    let archive = b"PK\x03\x04....word/document.xml";
    assert_eq!(detect(archive, &declared(ContentType::Text)), Ok(ContentType::Docx));
    assert_eq!(detect(b"<!DOCTYPE html><p>x", &declared(ContentType::Text)), Ok(ContentType::Text));
    for (bytes, expected) in [
        (&b"<!DOCTYPE html><p>x"[..], ContentType::Html),
        (b"\xef\xbb\xbf <html>", ContentType::Html),
        (b" {\"a\": 1}", ContentType::Json),
        (b"From: a@x.org\r\nSubject: b\r\nMessage-ID: <1@x.org>\r\n\r\nHello", ContentType::Email),
        (b"Note: not a mail\nMIME-types are fun", ContentType::Text),
        (b"Plain words.", ContentType::Text),
    ] {
        assert_eq!(detect(bytes, &Declared::default()), Ok(expected), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn what_is_not_read_is_told_by_its_name() {
    for (name, bytes, says) in [
        ("a.xlsx", &b"PK\x03\x04..xl/workbook.xml"[..], "spreadsheet"),
        ("a", b"PK\x03\x04..anything", "ZIP archive"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1..", "old Office"),
        ("a.txt", b"\x89PNG\r\n\x1a\n\0\0", "image"),
        ("a.odt", b"no matter", ".odt"),
        ("a.pdf", b"hello", "does not begin like a PDF"),
        ("a.docx", b"hello", "not a ZIP archive"),
        ("a.txt", &[7; 500], "binary"),
    ] {
        let error = file(name, bytes).expect_err(name).to_string();
        assert!(error.contains(says), "{name}: {error}");
    }
    // Texts about such files are texts.
    assert!(file("a.txt", b"GIF89a is an image format. %PDF-1.4 is another.").is_ok());
    assert_eq!(as_type("%PDF-1.7 begins a file.", ContentType::Text).text, "%PDF-1.7 begins a file.");
}

#[test]
fn plain_text_keeps_its_characters_but_for_line_ends_and_the_byte_order_mark() {
    assert_eq!(as_type("\u{feff}a\r\nb\rc \n", ContentType::Text).text, "a\nb\nc \n");
}

#[test]
fn encodings_are_found_by_mark_declaration_and_guess() {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let marked = [&b"\xff\xfe"[..], &utf16("Zürich 🚀")].concat();
    assert_eq!(file("a.txt", &marked).expect("text").text, "Zürich 🚀");
    let unmarked = file("a.txt", &utf16("Zürich is a city.")).expect("text");
    assert_eq!(unmarked.text, "Zürich is a city.");
    let declared = Declared { charset: Some("windows-1251"), file_name: Some("a.txt"), ..Declared::default() };
    let russian = encoding_rs::WINDOWS_1251.encode("Привет, мир").0;
    let read = to_plain_text(&russian, &declared, &ReadLimits::default()).expect("text");
    assert_eq!((read.text.as_str(), read.notes.len()), ("Привет, мир", 0));
    let page = b"<meta charset='iso-8859-1'><p>Fran\xe7ois</p>";
    assert_eq!(file("a.html", page).expect("html").text, "François");
    let german = encoding_rs::WINDOWS_1252.encode("Die Straße führt über die Brücke nach Köln, sagte Jürgen Müller.").0;
    let guessed = file("a.txt", &german).expect("text");
    assert_eq!(guessed.text, "Die Straße führt über die Brücke nach Köln, sagte Jürgen Müller.");
    assert!(guessed.notes[0].contains("no encoding was declared"), "{:?}", guessed.notes);
    // UTF-8 is recognised whatever is declared: old pages lie about it.
    let lie = Declared { charset: Some("iso-8859-1"), file_name: Some("a.txt"), ..Declared::default() };
    assert_eq!(to_plain_text("é".as_bytes(), &lie, &ReadLimits::default()).expect("text").text, "é");
    // Halves of pairs do no harm.
    let half = file("a.txt", b"\xff\xfea\0\x3d\xd8b\0").expect("text");
    assert_eq!(half.text, "a\u{fffd}b");
    assert!(half.notes[0].contains("replaced"), "{:?}", half.notes);
}

#[test]
fn no_nul_is_left_wherever_it_hides() {
    let plain = file("a.txt", b"Some words\0 and more words.").expect("text");
    assert_eq!(
        (plain.text.as_str(), &plain.notes[..]),
        ("Some words and more words.", &[encoding::NUL_NOTE.to_owned()][..])
    );
    assert_eq!(json(r#"["a\u0000b"]"#), "ab.");
    assert!(!html("<p>a&#0;b</p>").text.contains('\0'));
}

#[test]
fn html_gives_its_main_text_and_title() {
    let page = html(
        "<!doctype html><html><head><title>Radium &amp; co</title><style>p{}</style></head><body>\
         <nav><ul><li>Home</li></ul></nav><script>if (a < b) alert('<p>no</p>')</script>\
         <main><h1>Marie  Curie</h1><p>She was born<br>in <b>War</b>saw.</p>\
         <table><tr><td>Polonium</td><td>1898</td></tr></table></main><footer>Imprint</footer>",
    );
    assert_eq!(page.title.as_deref(), Some("Radium & co"));
    assert_eq!(page.text, "Marie Curie\n\nShe was born\nin Warsaw.\n\nPolonium; 1898");
}

#[test]
fn menus_banners_and_lists_of_links_are_not_the_text() {
    let page = html(
        "<body class='has-sidebar'><div class='site-nav'><a href=/>Start</a></div>\
         <div id='cookie-banner'>We value your privacy <button>OK</button></div>\
         <ul><li><a href=/a>Politics</a></li><li><a href=/b>Sports</a></li></ul>\
         <div><h1>Nokia buys Navteq</h1><p>Nokia acquired <a href=/n>Navteq</a> for $8.1 billion in 2007, the company \
         said. It was led by Olli-Pekka Kallasvuo.</p><ul><li>Second point: it was the largest one.</li></ul></div>\
         <div class='share'>Tweet this</div></body>",
    );
    assert_eq!(
        page.text,
        "Nokia buys Navteq\n\nNokia acquired Navteq for $8.1 billion in 2007, the company said. It was led by \
         Olli-Pekka Kallasvuo.\n\nSecond point: it was the largest one."
    );
    assert_eq!(page.title.as_deref(), Some("Nokia buys Navteq"));
}

#[test]
fn a_page_that_is_all_menu_keeps_its_words() {
    assert_eq!(html("<nav><li>Home<article><p>Text.</p></article>").text, "Text.");
    assert_eq!(html("<nav><p>Only this.</p>").text, "Only this.");
    assert_eq!(html("<div class=menu><p>Only this.</p></div>").text, "Only this.");
    assert_eq!(html("<ul><li><a>One</a></li><li><a>Two</a></li></ul>").text, "One\n\nTwo");
}

#[test]
fn small_articles_do_not_stand_for_the_page() {
    let page = html("<p>A long text about something of weight, told in full.</p><article>Ad</article>");
    assert!(page.text.starts_with("A long text"));
}

#[test]
fn markdown_loses_its_markup() {
    let page = as_type(
        "# The *Curie* family\n\nMarie [Curie](http://x.org) and\nPierre.\n\n- one\n- two `x`\n\n\
         | a | b |\n|---|---|\n| c | d |\n\n<div>raw <i>words</i></div>\n\n```\ncode  here\n```\n",
        ContentType::Markdown,
    );
    assert_eq!(page.title.as_deref(), Some("The Curie family"));
    assert_eq!(
        page.text,
        "The Curie family\n\nMarie Curie and Pierre.\n\none\n\ntwo x\n\na; b\nc; d\n\nraw words\n\ncode  here"
    );
}

#[test]
fn json_gives_a_statement_for_each_object() {
    let page = as_type(
        r#"{"title": "Radium", "full_text": "It glows!", "n": 3, "by": [{"name": "Marie"}, null, "Pierre", "Irène"]}"#,
        ContentType::Json,
    );
    assert_eq!(page.title.as_deref(), Some("Radium"));
    assert_eq!(page.text, "title: Radium.\n\nfull text: It glows!\n\nn: 3.\n\nname: Marie.\n\nby: Pierre, Irène.");
    assert_eq!(
        json(
            r#"[{"name": "Ada Lovelace", "born": 1815, "employer": {"name": "none", "seat": {"city": "London"}}},
                 {"name": "Charles Babbage", "alive": false, "share": 0.5}, [1, 2], [3]]"#
        ),
        "name: Ada Lovelace; born: 1815; employer name: none; employer seat city: London.\n\n\
         name: Charles Babbage; alive: false; share: 0.5.\n\n1, 2.\n\n3."
    );
    let failed = |content: &str| file("a.json", content.as_bytes()).expect_err("no JSON");
    assert!(matches!(failed("{"), FormatError::Json(_)));
    assert!(matches!(failed("1 2"), FormatError::Json(_)));
}

#[test]
fn csv_gives_a_statement_for_each_row() {
    assert_eq!(
        csv("name,born,field\nAda Lovelace,1815,mathematics\n\"Curie, Marie\",1867,\"physics\nand chemistry\"\n"),
        "name: Ada Lovelace; born: 1815; field: mathematics.\n\nname: Curie, Marie; born: 1867; field: physics and \
         chemistry."
    );
    assert_eq!(
        csv("Company;City\nNokia;Espoo\n;\nKone;Helsinki"),
        "Company: Nokia; City: Espoo.\n\nCompany: Kone; City: Helsinki."
    );
    assert_eq!(csv("1\tOulu\n2\tTurku"), "1; Oulu.\n\n2; Turku.");
    assert_eq!(csv("Ada Lovelace|London\nCharles Babbage|London"), "Ada Lovelace; London.\n\nCharles Babbage; London.");
    assert_eq!(csv("only one line"), "only one line.");
}

#[test]
fn a_small_table_of_long_names_does_not_become_a_large_text() {
    let header: Vec<String> = (0..2000).map(|n| format!("column_number_{n}_{}", "x".repeat(60))).collect();
    let content = format!("{}\n{}", header.join(","), "1,2,3\n".repeat(10));
    assert!(file("a.csv", content.as_bytes()).is_ok());
    let wide = format!("{}\n{}", header.join(","), format!("{}\n", "1,".repeat(1999)).repeat(500));
    let limits = ReadLimits { text_bytes: 1 << 20, ..ReadLimits::default() };
    let error = to_plain_text(wide.as_bytes(), &Declared::utf8(ContentType::Csv), &limits).expect_err("too much");
    assert!(matches!(error, FormatError::TooLarge(_)));
}

#[test]
fn a_mail_tells_who_wrote_to_whom_and_what_was_attached() {
    let read = mail(
        "From: Ada Lovelace <ada@example.org>\nTo: \"Babbage, Charles\" <cb@example.org>\nSubject: =?utf-8?q?The_engi?=\n \
         =?utf-8?q?ne?=\nDate: Mon, 11 Mar 1844 10:00:00 +0000\nMIME-Version: 1.0\nContent-Type: multipart/mixed; \
         boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\nContent-Type: text/plain; \
         charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nDear Charles,\nI met Fran=E7ois.\n\n\
         > You wrote\n> to me.\n\nYes.\n-- \nAda\n--c\nContent-Type: text/html\n\n<p>Dear Charles</p>\n--c--\n\
         --b\nContent-Type: text/csv; name=\"people.csv\"\nContent-Disposition: attachment; filename=\"people.csv\"\n\
         Content-Transfer-Encoding: base64\n\nbmFtZSxib3JuCkFkYSwxODE1Cg==\n\
         --b\nContent-Type: image/png\nContent-Disposition: attachment; filename=\"portrait.png\"\n\nxx\n--b--\n",
    );
    assert_eq!(read.title.as_deref(), Some("The engine"));
    assert_eq!(
        read.text,
        "Subject: The engine.\n\nFrom: Ada Lovelace <ada@example.org>.\n\nTo: Babbage, Charles <cb@example.org>.\n\n\
         Date: 11 March 1844.\n\nDear Charles,\nI met François.\n\nQuoted:\n\nYou wrote\nto me.\n\nYes.\n\nAda\n\n\
         Attachment: people.csv.\n\nname: Ada; born: 1815."
    );
    assert_eq!(read.notes, ["attachments that were not read: portrait.png"]);
}

#[test]
fn a_mail_of_html_alone_gives_its_words() {
    let read = mail("From: a@x.org\nSubject: s\nContent-Type: text/html\n\n<p>Hello <b>you</b>.</p>\n");
    assert!(read.text.ends_with("\n\nHello you."), "{}", read.text);
}

#[test]
fn languages_are_told_where_there_is_enough_text() {
    let language = |text: &str| as_type(text, ContentType::Text).language;
    assert_eq!(language("Too short."), None);
    assert_eq!(
        language("Marie Curie was born in Warsaw and worked at the University of Paris.").as_deref(),
        Some("en")
    );
    let german = "Die Firma wurde im Jahr 1865 gegründet und hat ihren Sitz in der Nähe von Helsinki. Sie beschäftigt \
                  heute mehrere tausend Menschen in aller Welt.";
    assert_eq!(language(german).as_deref(), Some("de"));
    let note = language_note("builtin", "de").expect("a note");
    assert!(note.contains("German (de)"), "{note}");
    assert_eq!(language_note("openai", "de"), None);
    assert_eq!(language_note("builtin", "en-GB"), None);
}

#[test]
fn nesting_bombs_end_in_bounded_time() {
    let deep = 100_000;
    assert_eq!(html(&format!("{}x", "<div>".repeat(deep))).text, "x");
    assert_eq!(html(&format!("{}x", "<nav><b>".repeat(deep))).text, "x");
    assert_eq!(html(&format!("{}x{}", "<main>".repeat(deep), "</div>".repeat(deep))).text, "x");
    assert!(html(&"<a ".repeat(deep)).text.is_empty());
    for bomb in [">", "- ", "*", "[", "![", "`", "<b>", "_a", "[a](", "|"] {
        as_type(&bomb.repeat(20_000), ContentType::Markdown);
    }
    for bomb in ["[", "{\"a\":"] {
        let error = file("a.json", bomb.repeat(deep).as_bytes()).expect_err("too deep");
        assert!(error.to_string().contains("recursion"), "{error}");
    }
}

proptest! {
    #[test]
    fn any_text_converts(content in "(<[a-z/!]{0,5}|>|&[a-z#0-9]{0,4};|[*_#`~\\[\\]()|\\n -]|\\PC){0,80}") {
        for kind in [ContentType::Text, ContentType::Markdown, ContentType::Html, ContentType::Csv] {
            let plain = to_plain_text(content.as_bytes(), &Declared::utf8(kind), &ReadLimits::default());
            prop_assert!(plain.is_ok_and(|p| !p.text.contains(['\0', '\r'])));
        }
    }
}
