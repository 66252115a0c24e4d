//! HTML, Markdown, CSV, JSON and plain text.

use super::Hostile;

/// Bytes without meaning, the same for the same seed.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(next).collect()
}

/// All of them.
pub fn all() -> Vec<Hostile> {
    [pages(), notes(), tables(), values(), plain()].into_iter().flatten().collect()
}

fn of(content_type: &'static str, files: Vec<(String, Vec<u8>)>) -> Vec<Hostile> {
    files
        .into_iter()
        .map(|(name, bytes)| Hostile::new(format!("{content_type}: {name}"), content_type, bytes))
        .collect()
}

fn named(files: Vec<(&str, String)>) -> Vec<(String, Vec<u8>)> {
    files.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())).collect()
}

fn pages() -> Vec<Hostile> {
    let mut files = named(vec![
        ("giant attribute", format!("<p class=\"{}\">x", "a ".repeat(4_000_000))),
        ("a million attributes", format!("<p {}>x", "a=b ".repeat(1_000_000))),
        ("same attribute", format!("<p {}>x", "class=nav ".repeat(500_000))),
        ("unclosed comment", format!("x<!-- {}", "--!".repeat(1_000_000))),
        ("unclosed script", format!("x<script>{}", "</scrip".repeat(1_000_000))),
        ("unclosed title", format!("<title>{}", "x".repeat(9_000_000))),
        ("a million entities", "&amp;&#x1F680;&notin;&bogus;".repeat(400_000)),
        ("an entity without end", format!("&{}", "a".repeat(5_000_000))),
        ("a million blocks", "<p>x".repeat(1_500_000)),
        ("a million links", "<a href=x>y</a>".repeat(500_000)),
        ("a million cells", "<td>x".repeat(1_500_000)),
        ("a million line ends", "<br>x".repeat(1_500_000)),
        ("end tags only", "</div>".repeat(1_500_000)),
        ("less than signs", "<".repeat(9_000_000)),
        ("open tags without end", "<a <b <c ".repeat(500_000)),
        ("CDATA", "<![CDATA[x]]>".repeat(500_000)),
        ("tables in tables", "<table><tr><td>".repeat(300_000)),
        ("menus in menus", "<nav><ul><li>".repeat(300_000)),
        ("preformatted", "<pre>\n".repeat(1_000_000)),
        ("textarea without end", format!("<textarea>{}", "<b>".repeat(1_000_000))),
    ]);
    for tag in ["div", "b", "table", "main", "article", "nav", "a", "pre", "svg", "select"] {
        files.push((format!("10,000 nested {tag}"), format!("{}x", format!("<{tag}>").repeat(10_000)).into_bytes()));
    }
    files.push(("noise".to_owned(), noise(1_000_000, 1)));
    of("text/html", files)
}

fn notes() -> Vec<Hostile> {
    let bombs = [
        ">", "- ", "*", "[", "![", "`", "<b>", "_a", "[a](", "|", "a|\n-|\n", "    a\n", "[a]: b\n", "&amp;", "\\",
        "<!--",
    ];
    let files =
        bombs.iter().map(|bomb| (format!("{bomb:?} over and over"), bomb.repeat(60_000).into_bytes())).collect();
    of("text/markdown", files)
}

fn tables() -> Vec<Hostile> {
    let mut files = named(vec![
        ("a million columns", ",".repeat(1_000_000)),
        (
            "a million names of columns",
            format!("{}\n1,2\n", (0..700_000).map(|n| format!("c{n},")).collect::<String>()),
        ),
        ("a million rows", "a,b\n".repeat(1_000_000)),
        ("quote without end", format!("a,b\n\"{}", "x,y\n".repeat(1_000_000))),
        ("quotes", "\"".repeat(5_000_000)),
        ("quoted quotes", "\"\"\"\",".repeat(1_000_000)),
        ("empty lines", "\n".repeat(5_000_000)),
        ("one field", "x".repeat(9_000_000)),
        ("all delimiters", ",;\t|".repeat(1_000_000)),
    ]);
    let names: String = (0..20_000).map(|n| format!("a_rather_long_name_of_a_column_{n},")).collect();
    files.push((
        "names that are repeated too often".to_owned(),
        format!("{names}\n{}", format!("{}\n", "1,".repeat(20_000)).repeat(200)).into_bytes(),
    ));
    files.push(("noise".to_owned(), noise(1_000_000, 2)));
    of("text/csv", files)
}

fn values() -> Vec<Hostile> {
    let files = named(vec![
        ("arrays in arrays", "[".repeat(5_000_000)),
        ("objects in objects", "{\"a\":".repeat(1_000_000)),
        ("127 levels of objects", format!("{}1{}", "{\"a\":".repeat(120), "}".repeat(120))),
        ("huge number", format!("[1e{}]", "9".repeat(1_000_000))),
        ("long number", "9".repeat(5_000_000)),
        ("half a pair", "[\"\\ud800\"]".to_owned()),
        ("a million numbers", format!("[{}1]", "1,".repeat(4_000_000))),
        ("a million empty objects", format!("[{}{{}}]", "{},".repeat(3_000_000))),
        ("a million fields", format!("{{{}\"a\":1}}", "\"a\":1,".repeat(1_000_000))),
        ("a long name", format!("{{\"{}\":1}}", "a".repeat(5_000_000))),
        ("long names of many fields", format!("[{}1]", format!("{{\"{}\":1}},", "a".repeat(1_000)).repeat(9_000))),
        ("NULs", format!("[{}1]", "\"\\u0000\",".repeat(500_000))),
        ("string without end", format!("[\"{}", "a".repeat(5_000_000))),
        ("nothing", String::new()),
        ("only commas", ",".repeat(1_000_000)),
    ]);
    of("application/json", files)
}

fn plain() -> Vec<Hostile> {
    let halves: Vec<u8> = [&b"\xff\xfe"[..], &[0x3d, 0xd8].repeat(1_000_000)].concat();
    let files = vec![
        ("halves of pairs".to_owned(), halves),
        ("odd length in UTF-16".to_owned(), b"\xfe\xff\0a\0b\0".to_vec()),
        ("only a mark".to_owned(), b"\xef\xbb\xbf".to_vec()),
        ("only NULs".to_owned(), vec![0; 5_000_000]),
        ("every byte".to_owned(), (0..=255).cycle().take(1_000_000).collect()),
        ("all ones".to_owned(), vec![0xff; 5_000_000]),
        ("overlong UTF-8".to_owned(), b"words \xc0\x80\xe0\x80\x80\xf0\x80\x80\x80 and more words ".repeat(50_000)),
        ("escapes of ISO 2022".to_owned(), b"\x1b$B!!\x1b(B".repeat(500_000)),
        ("one line".to_owned(), b"word ".repeat(2_000_000)),
        ("combining marks".to_owned(), "a\u{301}\u{302}".repeat(1_000_000).into_bytes()),
        ("noise".to_owned(), noise(5_000_000, 4)),
    ];
    of("text/plain", files)
}
