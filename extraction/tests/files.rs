//! Real files of the binary formats: see `tests/files/make.py` at the root for how they were made.

use std::path::Path;

use kgl_extraction::{ContentType, Declared, FormatError, PlainText, ReadLimits, to_plain_text};

fn read(name: &str) -> Result<PlainText, FormatError> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/files").join(name);
    let bytes = std::fs::read(path).expect("the sample");
    to_plain_text(&bytes, &Declared::default(), &ReadLimits::default())
}

/// The text of each page.
fn pages(plain: &PlainText) -> Vec<String> {
    let text: Vec<char> = plain.text.chars().collect();
    let ends = plain.pages.iter().skip(1).copied().chain([text.len()]);
    plain.pages.iter().zip(ends).map(|(start, end)| text[*start..end].iter().collect()).collect()
}

#[test]
fn a_pdf_gives_paragraphs_pages_and_title() {
    let plain = read("article.pdf").expect("it is read");
    assert_eq!(plain.content_type, ContentType::Pdf);
    assert_eq!(plain.title.as_deref(), Some("Marie Curie, a life"));
    assert_eq!(plain.language.as_deref(), Some("en"));
    let pages = pages(&plain);
    assert_eq!(pages.len(), 3);
    assert_eq!(
        pages[0],
        "Marie Curie\n\nMarie Curie was born in Warsaw on 7 November 1867. She studied physics in Paris, where she met \
         Pierre Curie, whom she married in 1895. Together they discovered polonium and radium.\n\nLater it was told of \
         her that she "
    );
    // The sentence goes on over the page's end, without running head and page number in between.
    assert!(pages[1].starts_with("worked in a shed without heating. In 1903 she won"), "{}", pages[1]);
    assert!(pages[2].starts_with("Element"), "{}", pages[2]);
    assert!(pages[2].ends_with("Irène Joliot-Curie was her daughter."), "{}", pages[2]);
    assert!(!plain.text.contains("Lives of scientists"));
}

#[test]
fn columns_are_read_one_after_the_other_and_cut_words_are_whole_again() {
    let plain = read("columns.pdf").expect("it is read");
    let start = "Nokia was founded by Fredrik Idestam in Tampere. The company moved to the river Nokianvirta. Leo \
                 Mechelin joined it in 1871. Its headquarters are in Espoo. Marie Curie";
    assert!(plain.text.starts_with(start), "{}", plain.text);
}

#[test]
fn embedded_fonts_give_their_letters() {
    let plain = read("embedded-font.pdf").expect("it is read");
    assert!(
        plain.text.starts_with("Łukasz Żółć works for Škoda in Plzeň. Σωκράτης lived in Athens."),
        "{}",
        plain.text
    );
    assert_eq!(pages(&plain)[1], "Der zweite Teil nennt Jürgen Müller aus Köln.");
}

#[test]
fn protection_and_pictures_are_told_apart() {
    assert_eq!(read("locked.pdf"), Err(FormatError::Encrypted("PDF".to_owned())));
    // Who may open it without a password may read it.
    assert!(read("restricted.pdf").expect("it is read").text.starts_with("Łukasz"));
    let scan = read("scan.pdf").expect_err("no text").to_string();
    assert!(scan.contains("OCR"), "{scan}");
}

#[test]
fn a_word_document_gives_its_text_without_what_was_deleted() {
    let plain = read("report.docx").expect("it is read");
    assert_eq!(plain.title.as_deref(), Some("Report on Nokia & friends"));
    assert_eq!(
        plain.text,
        "Nokia\n\nFredrik Idestam founded Nokia in Tampere in 1865. It is based in Espoo.\n\nNokia acquired Navteq.\n\n\
         Nokia sold its phones to Microsoft.\n\nPerson; Role\nPekka Lundmark; chief executive\n\nThe office is in Oulu \
         today."
    );
    assert!(plain.pages.is_empty());
}
