//! PDFs: cycles, bombs, lies about lengths and counts.

use std::io::Write;

use flate2::{Compress, Compression, FlushCompress, write::ZlibEncoder};

use super::Hostile;

fn pdf(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Hostile {
    Hostile::new(format!("pdf: {}", name.into()), "application/pdf", bytes)
}

/// Objects numbered from 1, with a table of where they are; the first is the catalog.
fn file(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in (1..).zip(objects) {
        places.push(out.len());
        out.extend(format!("{number} 0 obj\n").bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let table = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for place in places {
        out.extend(format!("{place:010} 00000 n \n").bytes());
    }
    out.extend(format!("trailer\n<</Root 1 0 R/Size {}>>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1).bytes());
    out
}

fn text(words: impl Into<String>) -> Vec<u8> {
    words.into().into_bytes()
}

fn stream(dictionary: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("<<{dictionary}/Length {}>>\nstream\n", content.len());
    [head.as_bytes(), content, b"\nendstream"].concat()
}

/// A page with a font, whose content is object 5 and whose further resources are `resources`.
fn page(resources: &str, content: Vec<u8>, more: &[Vec<u8>]) -> Vec<u8> {
    let mut objects = vec![
        text("<</Type/Catalog/Pages 2 0 R>>"),
        text("<</Type/Pages/Kids[3 0 R]/Count 1>>"),
        text(format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 5 0 R/Resources<</Font<</F 4 0 R>>{resources}>>>>"
        )),
        text("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"),
        content,
    ];
    objects.extend_from_slice(more);
    file(&objects)
}

fn shows(operators: impl AsRef<[u8]>) -> Vec<u8> {
    page("", stream("", operators.as_ref()), &[])
}

/// What unpacks to `size` times a byte. Packed is only the beginning: the rest of it looks the same all along.
fn deflated(size: usize, byte: u8) -> Vec<u8> {
    let block = vec![byte; 1 << 20];
    let mut packed = Compress::new(Compression::best(), true);
    let mut one = || {
        let mut out = Vec::with_capacity(1 << 16);
        packed.compress_vec(&block, &mut out, FlushCompress::Sync).expect("room");
        out
    };
    let (first, next) = (one(), one());
    [&first[..], &next.repeat((size >> 20).saturating_sub(1))].concat()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// All of them.
pub fn all() -> Vec<Hostile> {
    [structure(), trees(), bombs(), contents(), fonts(), cut()].into_iter().flatten().collect()
}

fn structure() -> Vec<Hostile> {
    let good = shows("BT /F 12 Tf 50 700 Td (Hello) Tj ET");
    let text_of = |trailer: &str| [&good[..good.len() - 6], trailer.as_bytes()].concat();
    let mut files = vec![
        pdf("only a header", "%PDF-1.7"),
        pdf("header and end", "%PDF-1.7\n%%EOF"),
        pdf("table that is its own predecessor", text_of("\ntrailer<</Root 1 0 R/Prev 0>>startxref 0 %%EOF")),
        pdf("startxref far outside", text_of("\nstartxref\n99999999999999999999\n%%EOF")),
        pdf("startxref below zero", text_of("\nstartxref\n-1\n%%EOF")),
        pdf("no root", "%PDF-1.7\nxref\n0 1\n0000000000 65535 f \ntrailer<</Size 1>>\nstartxref\n9\n%%EOF"),
        pdf("root that is a number", "%PDF-1.7\n1 0 obj\n7\nendobj\ntrailer<</Root 1 0 R>>\nstartxref\n9\n%%EOF"),
        pdf("object that is itself", file(&[text("1 0 R")])),
        pdf("two objects that are each other", file(&[text("2 0 R"), text("1 0 R")])),
        pdf("length that is its own stream", page("", text("<</Length 5 0 R>>stream\nBT ET\nendstream"), &[])),
        pdf(
            "garbage encryption",
            text_of("\ntrailer<</Root 1 0 R/Encrypt<</Filter/Standard/V 9/R 9/O()/U()/P 1>>>>\n%%EOF"),
        ),
    ];
    // Tables in a chain, and a chain that ends in its beginning.
    for (name, last) in [("chain of tables", 0), ("circle of tables", 9)] {
        let mut out = b"%PDF-1.7\n".to_vec();
        let mut before = 9;
        for n in 0..5000 {
            let at = out.len();
            let previous = if n == 0 { last } else { before };
            out.extend(format!("xref\n0 0\ntrailer<</Root 1 0 R/Size 9/Prev {previous}>>\n").bytes());
            before = at;
        }
        out.extend(format!("startxref\n{before}\n%%EOF").bytes());
        files.push(pdf(name, out));
    }
    for length in ["999999999999", "-5", "0", "1.5", "null", "(x)", "2147483648", "18446744073709551616"] {
        let content = text(format!("<</Length {length}>>stream\nBT /F 9 Tf (x) Tj ET\nendstream"));
        files.push(pdf(format!("stream of length {length}"), page("", content, &[])));
    }
    for depth in [1_000, 100_000, 1_000_000] {
        for (open, close) in [("[", "]"), ("<</A", ">>"), ("(", ")")] {
            let nested = text(format!("{}{}", open.repeat(depth), close.repeat(depth)));
            let name = format!("{depth} nested {open}");
            files.push(pdf(name, page("", text("<</Length 6 0 R>>stream\n\nendstream"), &[nested])));
        }
    }
    for (name, kind) in [("stream of objects in itself", "/Extends 5 0 R"), ("stream of objects without end", "")] {
        let objects = stream(&format!("/Type/ObjStm/N 999999999/First 999999999{kind}"), b"1 0 2 0 3 0");
        files.push(pdf(name, page("", objects, &[])));
    }
    files
}

fn trees() -> Vec<Hostile> {
    let catalog = || text("<</Type/Catalog/Pages 2 0 R>>");
    let tree = |name: &str, kids: &str| pdf(name, file(&[catalog(), text(kids)]));
    let mut files = vec![
        tree("tree that is its own child", "<</Type/Pages/Kids[2 0 R]/Count 1>>"),
        tree(
            "tree that is its own child often",
            &format!("<</Type/Pages/Kids[{}]/Count 1>>", "2 0 R ".repeat(100_000)),
        ),
        tree("tree of nothing", "<</Type/Pages/Kids[]/Count 1>>"),
        tree("tree of a number", "<</Type/Pages/Kids 7/Count 1>>"),
        tree("tree of missing pages", &format!("<</Type/Pages/Kids[{}]/Count 1>>", "77 0 R ".repeat(100_000))),
        tree("tree of huge count", "<</Type/Pages/Kids[]/Count 99999999999>>"),
        tree("tree of negative count", "<</Type/Pages/Kids[]/Count -1>>"),
        tree("pages written out", &format!("<</Type/Pages/Kids[{}]/Count 1>>", "<</Type/Page>>".repeat(20_000))),
    ];
    let two = [catalog(), text("<</Type/Pages/Kids[3 0 R]>>"), text("<</Type/Pages/Kids[2 0 R 3 0 R]>>")];
    files.push(pdf("trees that are each other's children", file(&two)));
    for depth in [100, 10_000, 60_000] {
        let mut objects = vec![catalog()];
        objects.extend((0..depth).map(|n| text(format!("<</Type/Pages/Kids[{} 0 R]/Count 1>>", n + 3))));
        objects.push(text("<</Type/Page/MediaBox[0 0 9 9]>>"));
        files.push(pdf(format!("tree {depth} levels deep"), file(&objects)));
    }
    // Each level has ten of the next.
    let mut objects = vec![catalog()];
    for n in 0..8 {
        objects.push(text(format!("<</Type/Pages/Kids[{}]/Count 1>>", format!("{} 0 R ", n + 3).repeat(10))));
    }
    objects.push(text("<</Type/Page/MediaBox[0 0 9 9]>>"));
    files.push(pdf("tree of a hundred million pages", file(&objects)));
    files
}

fn bombs() -> Vec<Hostile> {
    let mut files = Vec::new();
    for megabytes in [50, 300, 1000, 3000] {
        for (name, byte) in [("zeros", 0), ("spaces", b' '), ("operators", b'q')] {
            let bomb = deflated(megabytes << 20, byte);
            files.push(pdf(format!("{megabytes} MB of {name}"), page("", stream("/Filter/FlateDecode", &bomb), &[])));
        }
    }
    let twice = deflate(&deflated(2000 << 20, 0));
    files.push(pdf("bomb in a bomb", page("", stream("/Filter[/FlateDecode/FlateDecode]", &twice), &[])));
    let thrice = deflate(&deflate(&deflated(1000 << 20, 0)));
    let filters = "/Filter[/FlateDecode/FlateDecode/FlateDecode]";
    files.push(pdf("bomb in a bomb in a bomb", page("", stream(filters, &thrice), &[])));
    let runs = [129_u8, 0].repeat(2_000_000);
    files.push(pdf("run lengths", page("", stream("/Filter/RunLengthDecode", &runs), &[])));
    let chain = format!("/Filter[{}]", "/RunLengthDecode".repeat(50));
    files.push(pdf("run lengths of run lengths", page("", stream(&chain, &runs), &[])));
    files.push(pdf("LZW", page("", stream("/Filter/LZWDecode", &[0x80, 0x0b, 0x60].repeat(500_000)), &[])));
    let many = format!("/Filter[{}]", "/ASCIIHexDecode".repeat(100_000));
    files.push(pdf("a hundred thousand filters", page("", stream(&many, b"41>"), &[])));
    for (name, parameters) in [
        ("columns", "/Predictor 12/Columns 2147483647"),
        ("colours", "/Predictor 2/Colors 2147483647/BitsPerComponent 16/Columns 2147483647"),
        ("nothing", "/Predictor 15/Columns 0/Colors 0/BitsPerComponent 0"),
        ("less than nothing", "/Predictor 15/Columns -1/Colors -1"),
    ] {
        let dictionary = format!("/Filter/FlateDecode/DecodeParms<<{parameters}>>");
        files.push(pdf(format!("predictor of {name}"), page("", stream(&dictionary, &deflated(1 << 20, 2)), &[])));
    }
    // A table of references that unpacks to a great deal.
    let table = stream("/Type/XRef/W[1 8 8]/Size 99999999/Root 1 0 R/Filter/FlateDecode", &deflated(600 << 20, 1));
    files.push(pdf(
        "table that is a bomb",
        [b"%PDF-1.7\n1 0 obj\n", &table[..], b"\nendobj\nstartxref\n9\n%%EOF"].concat(),
    ));
    files
}

fn contents() -> Vec<Hostile> {
    let mut files = Vec::new();
    for (name, operators) in [
        ("saved states", "q ".repeat(3_000_000)),
        ("restored states", "Q ".repeat(3_000_000)),
        ("texts begun", "BT ".repeat(2_000_000)),
        ("marks begun", "/A BMC ".repeat(500_000)),
        ("marks with properties", "/A<</B<</C[1]>>>>BDC ".repeat(200_000)),
        ("clips", "0 0 9 9 re W n q ".repeat(200_000)),
        ("numbers before nothing", "1 ".repeat(4_000_000)),
        ("images without end", "BI /W 99999 /H 99999 ID ".repeat(1_000)),
        ("unknown operators", "xyzzy ".repeat(1_000_000)),
        ("huge numbers", "99999999999999999999999999999999 0 0 1e999 0 0 cm BT /F 1 Tf (x) Tj ET".to_owned()),
        ("no size", "BT /F 0 Tf 0 0 0 0 0 0 Tm (Hello) Tj ET".to_owned()),
        ("size without end", "BT /F 1e38 Tf 1e38 0 0 1e38 1e38 1e38 Tm (Hello) Tj (World) Tj ET".to_owned()),
        ("text everywhere", "BT /F 9 Tf (abcdefghij klmnop) Tj 99 -99 Td ET ".repeat(100_000)),
        ("one long string", format!("BT /F 9 Tf ({}) Tj ET", "x".repeat(8_000_000))),
        ("long array", format!("BT /F 9 Tf [{}] TJ ET", "(a) -300 ".repeat(800_000))),
        ("unclosed string", format!("BT /F 9 Tf ({}", "(".repeat(1_000_000))),
        ("unclosed hex", format!("BT /F 9 Tf <{}", "4".repeat(1_000_000))),
        ("long name", format!("/{} gs", "A".repeat(5_000_000))),
    ] {
        files.push(pdf(name, shows(operators)));
    }
    let form = |resources: &str, operators: &str| {
        stream(
            &format!("/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<<{resources}>>>>"),
            operators.as_bytes(),
        )
    };
    let itself = page("/XObject<</X 6 0 R>>", stream("", b"/X Do"), &[form("/X 6 0 R", "/X Do /X Do")]);
    files.push(pdf("form that draws itself", itself));
    for (levels, times) in [(10, 10), (25, 2), (60, 3)] {
        let forms: Vec<Vec<u8>> = (0..levels)
            .map(|n| form(&format!("/X {} 0 R", n + 7), &"/X Do ".repeat(times)))
            .chain([stream("/Type/XObject/Subtype/Form/BBox[0 0 9 9]", b"BT ET")])
            .collect();
        let nested = page("/XObject<</X 6 0 R>>", stream("", b"/X Do"), &forms);
        files.push(pdf(format!("{levels} forms that draw the next one {times} times"), nested));
    }
    let tile = stream(
        "/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]/XStep 0/YStep 0/Resources<</Pattern<</P 6 0 R>>>>",
        b"/Pattern cs /P scn 0 0 9 9 re f",
    );
    files.push(pdf(
        "pattern of itself",
        page("/Pattern<</P 6 0 R>>", stream("", b"/Pattern cs /P scn 0 0 9 9 re f"), &[tile]),
    ));
    for (name, function) in [
        (
            "of huge size",
            stream("/FunctionType 0/Domain[0 1 0 1 0 1]/Range[0 1]/Size[99999 99999 99999]/BitsPerSample 32", b""),
        ),
        (
            "in a loop",
            stream("/FunctionType 4/Domain[0 1]/Range[0 1]", format!("{{{}", "{".repeat(100_000)).as_bytes()),
        ),
        ("of itself", text("<</FunctionType 3/Domain[0 1]/Functions[6 0 R 6 0 R]/Bounds[0.5]/Encode[0 1 0 1]>>")),
    ] {
        let shading = "/Shading<</S<</ShadingType 2/ColorSpace/DeviceGray/Coords[0 0 1 1]/Function 6 0 R>>>>";
        files.push(pdf(format!("function {name}"), page(shading, stream("", b"/S sh"), &[function])));
    }
    let image = stream(
        "/Type/XObject/Subtype/Image/Width 999999/Height 999999/BitsPerComponent 8/ColorSpace/DeviceRGB/Filter/FlateDecode",
        &deflated(64 << 20, 0),
    );
    files.push(pdf("image of a million lines", page("/XObject<</X 6 0 R>>", stream("", b"/X Do"), &[image])));
    let mask = text("<</Type/ExtGState/SMask<</S/Alpha/G 7 0 R>>>>");
    let group = stream(
        "/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Group<</S/Transparency>>/Resources<</ExtGState<</G 6 0 R>>>>",
        b"/G gs 0 0 9 9 re f",
    );
    files
        .push(pdf("mask of itself", page("/ExtGState<</G 6 0 R>>", stream("", b"/G gs 0 0 9 9 re f"), &[mask, group])));
    files
}

fn fonts() -> Vec<Hostile> {
    let with_font = |name: &str, font: &str, more: &[Vec<u8>]| {
        let objects = [&[text(font)], more].concat();
        let content = stream("", b"BT /G 12 Tf 9 9 Td (Hello world) Tj <00410042> Tj ET");
        pdf(name, page("/Font<</G 6 0 R>>", content, &objects).to_vec())
    };
    let map = |body: &str| {
        stream("", format!("begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange {body} endcmap").as_bytes())
    };
    let composite =
        "<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/DescendantFonts[8 0 R]/ToUnicode 7 0 R>>";
    let descendant = || text("<</Type/Font/Subtype/CIDFontType2/BaseFont/X/CIDSystemInfo<<>>/DW 1000>>");
    let mut files = vec![
        with_font(
            "map of all codes",
            composite,
            &[map("1 beginbfrange <00000000> <FFFFFFFF> <0041> endbfrange"), descendant()],
        ),
        with_font(
            "map of all codes, often",
            composite,
            &[map(&"1 beginbfrange <0000> <FFFF> <0041> endbfrange ".repeat(20_000)), descendant()],
        ),
        with_font("map that uses itself", composite, &[map("/X usecmap"), descendant()]),
        with_font(
            "map of long texts",
            composite,
            &[map(&format!("1 beginbfchar <0041> <{}> endbfchar", "0041".repeat(500_000))), descendant()],
        ),
        with_font(
            "font that descends from itself",
            "<</Type/Font/Subtype/Type0/Encoding/Identity-H/DescendantFonts[6 0 R]>>",
            &[],
        ),
        with_font(
            "font with a huge first character",
            "<</Type/Font/Subtype/Type1/BaseFont/X/FirstChar -2147483648/LastChar 2147483647/Widths[1]>>",
            &[],
        ),
        with_font(
            "font with infinite widths",
            "<</Type/Font/Subtype/Type1/BaseFont/X/FirstChar 0/Widths[1e38 1e38 1e38]>>",
            &[],
        ),
        with_font(
            "type 3 font that shows itself",
            "<</Type/Font/Subtype/Type3/FontMatrix[1 0 0 1 0 0]/FontBBox[0 0 1 1]/Encoding<</Differences[0/a]>>/CharProcs<</a 7 0 R>>/Resources<</Font<</G 6 0 R>>>>>>",
            &[stream("", b"BT /G 1 Tf (a) Tj ET")],
        ),
        with_font(
            "font file that is a bomb",
            "<</Type/Font/Subtype/TrueType/BaseFont/X/FontDescriptor<</FontName/X/FontFile2 7 0 R>>>>",
            &[stream("/Filter/FlateDecode", &deflated(500 << 20, 0))],
        ),
        with_font(
            "encoding of a million differences",
            &format!(
                "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding<</Differences[{}]>>>>",
                "0/a ".repeat(1_000_000)
            ),
            &[],
        ),
    ];
    for key in ["FontFile", "FontFile2", "FontFile3"] {
        let font = format!("<</Type/Font/Subtype/TrueType/BaseFont/X/FontDescriptor<</FontName/X/{key} 7 0 R>>>>");
        files.push(with_font(
            &format!("{key} of noise"),
            &font,
            &[stream("/Subtype/Type1C", &super::texts::noise(50_000, 5))],
        ));
    }
    files
}

/// A good file, cut at many places, and with its end in its middle.
fn cut() -> Vec<Hostile> {
    let good = std::fs::read("tests/files/article.pdf").expect("the sample");
    let mut files: Vec<Hostile> =
        (1..24).map(|n| pdf(format!("cut at {n} of 24"), &good[..good.len() * n / 24])).collect();
    files.push(pdf("twice in a row", [&good[..], &good].concat()));
    files.push(pdf("from its end to its beginning", good.iter().rev().copied().collect::<Vec<u8>>()));
    files
}
