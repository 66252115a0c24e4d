//! Files of all kinds, through the real service: what becomes of them, and of those that cannot be read.

use serde_json::{Value, json};

use super::{
    documents::{count, send_form},
    graphs::id,
    harness::{Client, shared},
};

const DOCUMENTS: &str = "/api/v1/documents";

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(format!("tests/files/{name}")).expect("a sample")
}

fn upload(client: &Client, name: &str, bytes: &[u8]) -> (Value, Value) {
    let part = format!("name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream");
    let submitted = send_form(client, &[(&part, bytes)]).expect(202);
    let job = client.finished(&submitted["job"]);
    assert_eq!(job["status"], json!("completed"), "{job}");
    (submitted["document"].clone(), job)
}

fn content(client: &Client, document: &Value) -> Value {
    client.get(&format!("{DOCUMENTS}/{}/content", id(document))).expect(200)
}

#[test]
fn evidence_from_a_pdf_names_its_page_everywhere() {
    let client = shared().new_user();
    let (document, _) = upload(&client, "article.pdf", &sample("article.pdf"));
    assert_eq!(document["content_type"], json!("application/pdf"));
    assert_eq!(document["title"], json!("Marie Curie, a life"));
    let content = content(&client, &document);
    let pages = content["pages"].as_array().expect("pages");
    assert_eq!(pages.len(), 3);
    assert_eq!(pages[0], json!({ "page": 1, "start": 0 }));
    let text: Vec<char> = content["content"].as_str().expect("text").chars().collect();
    let page_at = |offset: i64| pages.iter().filter(|page| page["start"].as_i64() <= Some(offset)).count();

    let graph = client.get(&format!("{DOCUMENTS}/{}/graph", id(&document))).expect(200);
    let mut seen = std::collections::BTreeSet::new();
    for entity in graph["entities"].as_array().expect("entities") {
        let evidence = client.get(&format!("/api/v1/entities/{}/evidence", id(entity))).expect(200);
        let both = evidence["evidence"].as_array().into_iter().flatten();
        for span in entity["mentions"].as_array().into_iter().flatten().chain(both) {
            let (start, end) = (span["start"].as_i64().expect("start"), span["end"].as_i64().expect("end"));
            let quote: String = text[start as usize..end as usize].iter().collect();
            assert_eq!(span["quote"], json!(quote));
            assert_eq!(span["page"], json!(page_at(start)), "{span}");
            seen.insert(span["page"].as_u64());
        }
    }
    assert!(seen.len() >= 2, "names stand on several pages: {seen:?}");
    for relationship in graph["relationships"].as_array().expect("relationships") {
        let evidence = client.get(&format!("/api/v1/relationships/{}/evidence", id(relationship))).expect(200);
        let both = evidence["evidence"].as_array().into_iter().flatten();
        for span in relationship["evidence"].as_array().into_iter().flatten().chain(both) {
            assert_eq!(span["page"], json!(page_at(span["start"].as_i64().expect("start"))));
        }
    }
}

#[test]
fn what_has_no_pages_says_nothing_of_them() {
    let client = shared().new_user();
    let (document, job) =
        upload(&client, "a.txt", b"Marie Curie was born in Warsaw and worked at the University of Paris.");
    assert!(content(&client, &document).get("pages").is_none());
    let graph = client.get(&format!("{DOCUMENTS}/{}/graph", id(&document))).expect(200);
    assert!(graph["entities"][0]["mentions"][0].get("page").is_none(), "{graph}");
    assert!(job["result"].get("notes").is_none(), "{job}");
    assert_eq!((&job["result"]["language"], &document["language"]), (&json!("en"), &json!("en")));
}

#[test]
fn files_of_all_kinds_become_text() {
    let client = shared().new_user();
    let mail = b"From: Ada <ada@example.org>\r\nSubject: The engine\r\nMessage-ID: <1@example.org>\r\n\r\nI met Charles Babbage.\r\n";
    let utf16: Vec<u8> = "\u{feff}Jürgen lives in Köln.".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let docx = sample("report.docx");
    let docx_type = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    let files: [(&str, &[u8], &str, &str); 6] = [
        ("report.docx", &docx, docx_type, "The office is in Oulu today."),
        ("people.csv", b"name;born\nAda Lovelace;1815\n", "text/csv", "name: Ada Lovelace; born: 1815."),
        (
            "people.json",
            br#"[{"name": "Ada Lovelace", "born": 1815}]"#,
            "application/json",
            "name: Ada Lovelace; born: 1815.",
        ),
        ("letter.eml", mail, "message/rfc822", "I met Charles Babbage."),
        ("wide.txt", &utf16, "text/plain", "Jürgen lives in Köln."),
        // Bytes that can be only one thing win over a name.
        ("not-text.txt", &sample("columns.pdf"), "application/pdf", "The company moved to the river Nokianvirta."),
    ];
    for (name, bytes, kind, holds) in files {
        let (document, _) = upload(&client, name, bytes);
        assert_eq!(document["content_type"], json!(kind), "{name}");
        let text = content(&client, &document)["content"].as_str().expect("text").to_owned();
        assert!(text.contains(holds), "{name}: {text}");
    }
}

#[test]
fn a_job_notes_what_its_owner_should_know() {
    let client = shared().new_user();
    let german = "Die Firma wurde im Jahr 1865 gegründet und hat ihren Sitz in der Nähe von Helsinki. Sie beschäftigt \
                  heute mehrere tausend Menschen in aller Welt.\0";
    let (document, job) = upload(&client, "firma.txt", german.as_bytes());
    let notes = job["result"]["notes"].as_array().expect("notes");
    assert!(notes.iter().any(|note| note.as_str().is_some_and(|note| note.contains("German (de)"))), "{notes:?}");
    assert!(notes.iter().any(|note| note.as_str().is_some_and(|note| note.contains("NUL"))), "{notes:?}");
    assert_eq!(document["language"], json!("de"));
}

#[test]
fn a_file_that_cannot_be_read_is_refused_with_the_reason_and_leaves_nothing() {
    let client = shared().new_user();
    let locked = sample("locked.pdf");
    let scan = sample("scan.pdf");
    let broken: &[u8] = b"%PDF-1.7\n1 0 obj\n<<";
    for (name, bytes, reason) in [
        ("locked.pdf", &locked[..], "password"),
        ("scan.pdf", &scan, "OCR"),
        ("broken.pdf", broken, "structure is broken"),
        ("fake.pdf", b"hello", "does not begin like a PDF"),
        ("fake.docx", b"PK\x03\x04 and no more", "archive is broken"),
        ("broken.json", b"{", "JSON"),
    ] {
        let part = format!("name=\"file\"; filename=\"{name}\"");
        let problem = send_form(&client, &[(&part, bytes)]).expect_problem(422, "ValidationError");
        let issue = problem["details"][0]["issue"].as_str().expect("an issue");
        assert!(issue.contains(reason), "{name}: {issue}");
        assert_eq!(problem["details"][0]["field"], json!("file"));
    }
    let sheet = ("name=\"file\"; filename=\"a.xlsx\"", b"PK\x03\x04 xl/workbook.xml".as_slice());
    let problem = send_form(&client, &[sheet]).expect_problem(415, "UnsupportedMediaType");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("CSV")), "{problem}");
    assert_eq!(count(&client, DOCUMENTS), 0);
}
