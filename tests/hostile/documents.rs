//! Word documents: archives and XML that lie or explode.

use std::io::{Cursor, Write};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::Hostile;

const TYPE: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

fn docx(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Hostile {
    Hostile::new(format!("docx: {}", name.into()), TYPE, bytes)
}

/// An archive of parts.
pub fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        out.start_file(*name, options).expect("memory");
        out.write_all(content).expect("memory");
    }
    out.finish().expect("memory").into_inner()
}

fn document(xml: impl AsRef<[u8]>) -> Vec<u8> {
    archive(&[("word/document.xml", xml.as_ref())])
}

fn body(inner: &str) -> String {
    format!("<?xml version=\"1.0\"?><w:document xmlns:w=\"w\"><w:body>{inner}</w:body></w:document>")
}

/// A document whose text is `megabytes` of one letter.
pub fn bomb(megabytes: usize) -> Vec<u8> {
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    out.start_file("word/document.xml", options).expect("memory");
    out.write_all(b"<w:document><w:body><w:p><w:r><w:t>").expect("memory");
    let block = vec![b'a'; 1 << 20];
    for _ in 0..megabytes {
        out.write_all(&block).expect("memory");
    }
    out.write_all(b"</w:t></w:r></w:p></w:body></w:document>").expect("memory");
    out.finish().expect("memory").into_inner()
}

/// All of them.
pub fn all() -> Vec<Hostile> {
    let mut files: Vec<Hostile> =
        [30, 120, 500].into_iter().map(|megabytes| docx(format!("{megabytes} MB of text"), bomb(megabytes))).collect();
    let paragraph = "<w:p><w:r><w:t>words</w:t></w:r></w:p>";
    let laughs: String =
        (1..12).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    let quadratic = format!("<!DOCTYPE w [<!ENTITY a \"{}\">]>", "a".repeat(100_000));
    for (name, xml) in [
        ("nothing", String::new()),
        ("no body", "<w:document/>".to_owned()),
        ("not XML", "hello".to_owned()),
        ("unclosed", body(paragraph).replace("</w:body>", "")),
        ("crossed tags", "<w:document><w:body><w:p></w:body></w:p></w:document>".to_owned()),
        ("billion laughs", format!("<!DOCTYPE w [<!ENTITY l0 \"ha\">{laughs}]><w:document><w:p><w:t>&l11;</w:t></w:p></w:document>")),
        ("quadratic entities", format!("{quadratic}<w:document><w:p><w:t>{}</w:t></w:p></w:document>", "&a;".repeat(100_000))),
        ("outside entity", "<!DOCTYPE w [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><w:document><w:p><w:t>&x;</w:t></w:p></w:document>".to_owned()),
        ("unclosed document type", format!("<!DOCTYPE w [{}", "<!ENTITY a \"b\">".repeat(100_000))),
        ("huge attribute", body(&format!("<w:p a=\"{}\"/>", "x".repeat(9_000_000)))),
        ("many attributes", body(&format!("<w:p {}/>", "a=\"b\" ".repeat(1_000_000)))),
        ("huge name", body(&format!("<{}/>", "x".repeat(5_000_000)))),
        ("numbers of characters", body(&format!("<w:p><w:t>{}</w:t></w:p>", "&#x10FFFF;&#0;&#xD800;&#99999999999;".repeat(100_000)))),
        ("comment without end", format!("<w:document><!-- {}", "-".repeat(1_000_000))),
        ("CDATA without end", format!("<w:document><w:t><![CDATA[{}", "]".repeat(1_000_000))),
        ("instruction without end", "<?xml version=\"1.0\"".to_owned()),
        ("a million paragraphs", body(&paragraph.repeat(1_000_000))),
        ("a million cells", body(&format!("<w:tbl><w:tr>{}</w:tr></w:tbl>", "<w:tc><w:p/></w:tc>".repeat(1_000_000)))),
        ("deleted all", body(&format!("{}{paragraph}", "<w:del>".repeat(500_000)))),
    ] {
        files.push(docx(name, document(xml)));
    }
    for depth in [10_000, 1_000_000] {
        for tag in ["w:p", "w:tbl", "w:r", "w:t"] {
            let nested = body(&format!("{}x{}", format!("<{tag}>").repeat(depth), format!("</{tag}>").repeat(depth)));
            files.push(docx(format!("{depth} nested {tag}"), document(nested)));
        }
    }
    files.push(docx("not UTF-8", document(b"<w:document><w:p><w:t>\xff\xfe\xc3</w:t></w:p></w:document>")));
    let wide: Vec<u8> = body(paragraph).encode_utf16().flat_map(u16::to_le_bytes).collect();
    files.push(docx("UTF-16", document([&b"\xff\xfe"[..], &wide].concat())));
    files.extend(archives(&document(body(paragraph))));
    files
}

fn archives(good: &[u8]) -> Vec<Hostile> {
    let mut files = vec![
        docx("an empty archive", archive(&[])),
        docx("without its document", archive(&[("word/styles.xml", b"<a/>")])),
        docx("archive in an archive", archive(&[("word/document.xml", good)])),
        docx("only a beginning", &b"PK\x03\x04"[..]),
        docx("only an end", [&b"PK\x05\x06"[..], &[0; 18]].concat()),
        docx("ends of archives", b"PK\x05\x06".repeat(500_000)),
        docx("names that climb", archive(&[("../../word/document.xml", b"<a/>"), ("/etc/passwd", b"x")])),
    ];
    let names: Vec<String> = (0..60_000).map(|n| format!("word/part{n}.xml")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    files.push(docx("sixty thousand parts", archive(&many)));
    // Lies in the directory: sizes, places, flags, methods.
    let directory = good.windows(4).rposition(|w| w == b"PK\x01\x02").expect("a directory");
    for (name, at, value) in [
        ("encrypted", 8, 1_u8),
        ("unknown method", 10, 99),
        ("stored and yet packed", 10, 0),
        ("size of its packed form", 23, 0xff),
        ("size of its text", 27, 0xff),
        ("length of its name", 29, 0xff),
        ("length of its extras", 31, 0xff),
        ("place in the file", 45, 0x7f),
    ] {
        let mut lie = good.to_vec();
        lie[directory + at] = value;
        files.push(docx(format!("lies about {name}"), lie));
    }
    let end = good.len() - 22;
    for (name, at) in
        [("number of parts", 10), ("size of the directory", 15), ("place of the directory", 19), ("comment", 21)]
    {
        let mut lie = good.to_vec();
        lie[end + at] = 0xff;
        files.push(docx(format!("lies about its {name}"), lie));
    }
    files.extend((1..8).map(|n| docx(format!("cut at {n} of 8"), &good[..good.len() * n / 8])));
    files
}
