use super::*;
use proptest::prelude::*;

fn html(content: &str) -> PlainText {
    to_plain_text(content, ContentType::Html).expect("html never fails without a NUL")
}

fn markdown(content: &str) -> PlainText {
    to_plain_text(content, ContentType::Markdown).expect("markdown never fails without a NUL")
}

#[test]
fn mime_types_and_file_names_are_recognised() {
    assert_eq!(ContentType::from_mime("text/plain; charset=utf-8"), Some(ContentType::Text));
    assert_eq!(ContentType::from_mime("Text/HTML;charset=\"UTF-8\""), Some(ContentType::Html));
    assert_eq!(ContentType::from_mime("text/plain; charset=latin1"), None);
    assert_eq!(ContentType::from_mime("application/pdf"), None);
    assert_eq!(ContentType::from_file_name("a/b.page.HTM"), Some(ContentType::Html));
    assert_eq!(ContentType::from_file_name("README"), None);
    for kind in [ContentType::Text, ContentType::Markdown, ContentType::Html, ContentType::Json] {
        assert_eq!(ContentType::from_mime(kind.as_mime()), Some(kind));
    }
}

#[test]
fn plain_text_keeps_its_characters_but_for_line_ends_and_the_byte_order_mark() {
    let plain = to_plain_text("\u{feff}a\r\nb\rc \n", ContentType::Text).expect("plain");
    assert_eq!(plain.text, "a\nb\nc \n");
}

#[test]
fn nul_is_refused_wherever_it_hides() {
    assert_eq!(to_plain_text("é\0", ContentType::Text), Err(FormatError::Nul { position: 1 }));
    assert!(matches!(to_plain_text(r#"["a\u0000"]"#, ContentType::Json), Err(FormatError::Nul { .. })));
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
    assert_eq!(page.text, "Marie Curie\n\nShe was born\nin Warsaw.\n\nPolonium 1898");
}

#[test]
fn an_unclosed_menu_does_not_swallow_the_page() {
    assert_eq!(html("<nav><li>Home<article><p>Text.</p></article>").text, "Text.");
    assert_eq!(html("<nav><p>Only this.</p>").text, "Only this.");
}

#[test]
fn small_articles_do_not_stand_for_the_page() {
    let page = html("<p>A long text about something of weight, told in full.</p><article>Ad</article>");
    assert!(page.text.starts_with("A long text"));
}

#[test]
fn markdown_loses_its_markup() {
    let page = markdown(
        "# The *Curie* family\n\nMarie [Curie](http://x.org) and\nPierre.\n\n- one\n- two `x`\n\n\
         | a | b |\n|---|---|\n| c | d |\n\n<div>raw <i>words</i></div>\n\n```\ncode  here\n```\n",
    );
    assert_eq!(page.title.as_deref(), Some("The Curie family"));
    assert_eq!(
        page.text,
        "The Curie family\n\nMarie Curie and Pierre.\n\none\n\ntwo x\n\na b\nc d\n\nraw words\n\ncode  here"
    );
}

#[test]
fn json_gives_its_strings_in_order() {
    let page = to_plain_text(
        r#"{"title": "Radium", "full_text": "It glows!", "n": 3, "by": [{"name": "Marie"}, null, "Pierre"]}"#,
        ContentType::Json,
    )
    .expect("json");
    assert_eq!(page.title.as_deref(), Some("Radium"));
    assert_eq!(page.text, "title: Radium.\n\nfull text: It glows!\n\nname: Marie.\n\nby: Pierre.");
    assert!(matches!(to_plain_text("{", ContentType::Json), Err(FormatError::Json(_))));
    assert!(matches!(to_plain_text("1 2", ContentType::Json), Err(FormatError::Json(_))));
}

#[test]
fn nesting_bombs_end_in_bounded_time() {
    let deep = 100_000;
    assert_eq!(html(&format!("{}x", "<div>".repeat(deep))).text, "x");
    assert_eq!(html(&format!("{}x", "<nav><b>".repeat(deep))).text, "x");
    assert_eq!(html(&format!("{}x{}", "<main>".repeat(deep), "</div>".repeat(deep))).text, "x");
    assert!(html(&"<a ".repeat(deep)).text.is_empty());
    for bomb in [">", "- ", "*", "[", "![", "`", "<b>", "_a", "[a](", "|"] {
        markdown(&bomb.repeat(20_000));
    }
    for bomb in ["[", "{\"a\":"] {
        let error = to_plain_text(&bomb.repeat(deep), ContentType::Json).expect_err("too deep");
        assert!(error.to_string().contains("recursion"), "{error}");
    }
}

proptest! {
    #[test]
    fn any_text_converts(content in "(<[a-z/!]{0,5}|>|&[a-z#0-9]{0,4};|[*_#`~\\[\\]()|\\n -]|\\PC){0,80}") {
        for kind in [ContentType::Text, ContentType::Markdown, ContentType::Html] {
            let plain = to_plain_text(&content, kind);
            prop_assert!(plain.is_ok_and(|p| !p.text.contains(['\0', '\r'])));
        }
    }
}
