//! `kgl extract` and `kgl eval`: no service, no database.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::{harness::KGL, samples};

/// Runs the command with `input` on standard input.
fn kgl(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(KGL)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kgl runs");
    let mut stdin = child.stdin.take().expect("its input");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    // A command that refuses its arguments reads nothing.
    let _ = writer.join();
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    text(bytes).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The samples, a document a line.
fn sample_lines() -> String {
    let line = |file: std::path::PathBuf| {
        json!({"id": file.file_name().and_then(|name| name.to_str()), "text": std::fs::read_to_string(&file).expect("readable")}).to_string()
    };
    samples::files().into_iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn answers_come_in_order_and_their_offsets_count_scalar_values() {
    let input = sample_lines();
    let output = kgl(&["extract", "--jsonl"], &input);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (documents, answers) = (lines(input.as_bytes()), lines(&output.stdout));
    assert_eq!(documents.len(), answers.len());
    for (document, answer) in documents.iter().zip(&answers) {
        assert_eq!(document["id"], answer["id"]);
        assert_eq!(answer["extractor"], json!("builtin"));
        assert!(answer["version"].is_string());
        let chars: Vec<char> = document["text"].as_str().expect("a text").chars().collect();
        let at = |item: &Value, end: &str| item[end].as_u64().expect("an offset") as usize;
        let entities = answer["entities"].as_array().expect("entities");
        assert!(entities.len() > 10, "{answer}");
        for entity in entities {
            let words: String = chars[at(entity, "start")..at(entity, "end")].iter().collect();
            assert_eq!(entity["text"], json!(words));
            assert!(entity["cluster"].is_u64() && entity["type"].is_string() && entity["confidence"].is_f64());
        }
        for relationship in answer["relationships"].as_array().expect("relationships") {
            let [head, tail] = ["head", "tail"].map(|end| &entities[at(relationship, end)]);
            assert_ne!(head["cluster"], tail["cluster"]);
            assert!(at(&relationship["evidence"], "end") <= chars.len());
            assert_eq!(relationship.get("open"), None, "only when they are asked for");
        }
    }
    let again = kgl(&["extract", "--jsonl", "-"], &input);
    assert_eq!(output.stdout, again.stdout, "the same text gives the same bytes");
}

#[test]
fn a_bad_line_is_answered_with_its_error_and_the_others_are_read() {
    let input = concat!(
        r#"{"id": 1.50, "text": "Marie Curie was born in Warsaw."}"#,
        "\n\n",
        r#"{"id": "two", "content": "no text"}"#,
        "\n",
        "nonsense\n",
        r#"{"id": 12345678901234567890123, "text": ""}"#,
    );
    let output = kgl(&["extract", "--jsonl"], input);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said[0].contains(r#""wikidata":[{"id":"P19"}]"#), "born_in: {}", said[0]);
    assert!(said[0].starts_with(r#"{"id":1.50,"#) && said[0].contains("Marie Curie"), "{}", said[0]);
    assert!(said[1].starts_with(r#"{"id":"two","error":"#) && said[1].contains("text"), "{}", said[1]);
    assert!(said[2].starts_with(r#"{"id":null,"error":"#), "{}", said[2]);
    assert!(said[3].starts_with(r#"{"id":12345678901234567890123,"#) && !said[3].contains("error"), "{}", said[3]);
    let errors = text(&output.stderr);
    assert!(errors.contains("line 3: ") && errors.contains("line 4: ") && errors.lines().count() == 2, "{errors}");
}

#[test]
fn each_answer_is_there_before_the_next_question() {
    let mut child = Command::new(KGL)
        .args(["extract", "--jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("kgl runs");
    let mut stdin = child.stdin.take().expect("its input");
    let mut answers = BufReader::new(child.stdout.take().expect("its output")).lines();
    for id in 0..3 {
        writeln!(stdin, r#"{{"id": {id}, "text": "Ann Lee leads Acme."}}"#).expect("it reads");
        let answer: Value = serde_json::from_str(&answers.next().expect("an answer").expect("UTF-8")).expect("JSON");
        assert_eq!(answer["id"], json!(id));
    }
    // Whoever has seen enough goes; that is no error, even while the input stays open.
    drop(answers);
    writeln!(stdin, r#"{{"id": 9, "text": ""}}"#).expect("it reads");
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_file_is_shown_as_tables_or_as_one_json_document() {
    let file = samples::files().swap_remove(0);
    let path = file.to_str().expect("a path");
    let shown = text(&kgl(&["extract", path], "").stdout);
    assert!(shown.starts_with(&format!("{path}: ")) && shown.contains("because the text says"), "{shown}");
    let document: Value = serde_json::from_slice(&kgl(&["extract", "--json", path], "").stdout).expect("JSON");
    assert_eq!(document["text"], json!(std::fs::read_to_string(&file).expect("readable")));
    assert!(document["entities"].as_array().is_some_and(|entities| !entities.is_empty()));
    let people = kgl(&["extract", "--json", "--types", "person", "--threshold", "0.9", path], "");
    let people: Value = serde_json::from_slice(&people.stdout).expect("JSON");
    for entity in people["entities"].as_array().expect("entities") {
        assert_eq!(entity["type"], json!("person"));
        assert!(entity["confidence"].as_f64() >= Some(0.9));
    }
    for (arguments, words) in [
        (["extract", "--extractor", "oracle", path], "no extractor is called \"oracle\""),
        (["extract", "--threshold", "7", path], "--threshold: 7 is not between 0 and 1"),
    ] {
        let output = kgl(&arguments, "");
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
    }
}

#[test]
fn a_schema_from_a_file_brings_own_names_and_a_wrong_one_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("schema.json");
    let path = file.to_str().expect("a path");
    let with = |schema: &str| {
        std::fs::write(&file, schema).expect("written");
        kgl(&["extract", "--jsonl", "--schema", path], r#"{"id": 1, "text": "In 2019 Brenniko acquired Vandelia."}"#)
    };
    let output = with(
        r#"{"gazetteer": [{"name": "Brenniko", "type": "company", "id": "b-1"}, {"name": "Vandelia", "type": "company"}],
            "synonyms": {"entity_types": {"organization": "company"}, "relationship_types": {"acquires": "bought"}}}"#,
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    let answer = lines(&output.stdout).remove(0);
    let companies: Vec<&Value> =
        answer["entities"].as_array().into_iter().flatten().filter(|e| e["type"] == json!("company")).collect();
    assert_eq!(companies.len(), 2, "{answer}");
    assert_eq!(companies[0]["metadata"]["gazetteer_id"], json!("b-1"));
    assert_eq!(answer["relationships"][0]["type"], json!("bought"), "{answer}");
    for (schema, words) in [
        ("{", "schema.json: EOF"),
        (r#"{"gazeteer": []}"#, "gazeteer: there is no such field"),
        (r#"{"gazetteer": [{"name": "x", "type": "A B"}]}"#, "gazetteer[0].type: must be a snake_case name"),
        (r#"{"gazetteer": [{"nam": "x"}]}"#, "unknown field `nam`"),
    ] {
        let output = with(schema);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(words) && error.lines().count() == 1, "{error}");
    }
}

fn scores(arguments: &[&str], gold: &str) -> Value {
    let output = kgl(&[&["eval", "--json"], arguments, &["-"]].concat(), gold);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn an_extractor_agrees_with_itself_and_each_difference_costs_what_it_should() {
    let gold = text(&kgl(&["extract", "--jsonl", "--with-text"], &sample_lines()).stdout);
    let mut answers = lines(gold.as_bytes());
    let all: usize = answers.iter().map(|answer| answer["entities"].as_array().expect("entities").len()).sum();
    let same = scores(&[], &gold);
    for (group, score) in
        [("entities", "exact"), ("entities", "boundary"), ("relations", "strict"), ("relations", "facts")]
    {
        assert_eq!(same[group][score]["f1"], json!(1.0), "{group} {score}: {same}");
    }
    assert_eq!(same["entities"]["exact"]["gold"], json!(all));

    // One type changed to a type that the gold knows, one span moved by one.
    let entities = answers[0]["entities"].as_array_mut().expect("entities");
    let person = entities.iter_mut().find(|entity| entity["type"] == json!("person")).expect("a person");
    person["type"] = json!("location");
    let place = entities.iter_mut().rfind(|entity| entity["type"] == json!("location")).expect("a place");
    place["start"] = json!(place["start"].as_u64().expect("an offset") + 1);
    let gold: String = answers.iter().map(|answer| format!("{answer}\n")).collect();
    let changed = scores(&[], &gold);
    assert_eq!(changed["entities"]["exact"]["right"], json!(all - 2), "{changed}");
    assert_eq!(changed["entities"]["boundary"]["right"], json!(all - 1), "{changed}");

    let nothing = scores(&["--extractor", "noop"], &gold);
    let exact = &nothing["entities"]["exact"];
    assert_eq!((&exact["found"], &exact["recall"], &exact["precision"]), (&json!(0), &json!(0.0), &Value::Null));
}

#[test]
fn gold_in_tokens_is_scored_by_document_or_by_sentence() {
    let gold = include_str!("../fixtures/gold.jsonl");
    let by = |unit: &str| scores(&["--by", unit, "--types", "person,location"], gold);
    let (documents, sentences) = (by("document"), by("sentence"));
    assert_eq!((&documents["documents"], &sentences["documents"]), (&json!(2), &json!(3)));
    for report in [&documents, &sentences] {
        assert_eq!(report["entities"]["exact"]["gold"], json!(6), "{report}");
        assert_eq!(report["relations"]["strict"]["gold"], json!(3), "{report}");
        assert_eq!(report["relations"]["by_relation"]["born_in"]["boundary"]["right"], json!(2), "{report}");
        assert_eq!(report["not_judged"], json!({"types": {"NUM": 1}, "relations": {"P9999": 1}}), "{report}");
    }
}

#[test]
fn gold_that_cannot_be_read_is_refused_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("gold.jsonl");
    for (content, words) in [
        (
            &b"{\"tokens\": [], \"ents\": []}\n{\"tokens\": [\"a\"], \"ents\": [[0, 3, \"PER\"]]}\n"[..],
            "line 2: the entity [0, 3]",
        ),
        (b"\n\n\xff\n", "line 3: not UTF-8"),
        (b"", "holds no texts"),
    ] {
        std::fs::write(&file, content).expect("written");
        let output = kgl(&["eval", file.to_str().expect("a path")], "");
        assert_eq!(output.status.code(), Some(2));
        let error = text(&output.stderr);
        assert!(error.contains(words) && error.lines().count() == 1, "{error}");
    }
}

#[test]
fn each_line_gets_its_vector() {
    let output = kgl(&["embed"], "Marie Curie discovered radium.\r\n\nMarie Curie discovered radium.\nInflation rose.");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let answers = lines(&output.stdout);
    assert_eq!(answers.len(), 4);
    for answer in &answers {
        let length: f64 = answer["embedding"].as_array().expect("a vector").iter().map(square).sum();
        assert_eq!(answer["embedding"].as_array().map(Vec::len), Some(384));
        assert!((length - 1.0).abs() < 1e-3, "{length}");
    }
    assert_eq!(answers[0], answers[2]);
    assert_ne!(answers[0]["embedding"], answers[3]["embedding"]);
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(answers[1]["text_hash"], json!(empty));
}

fn square(number: &Value) -> f64 {
    number.as_f64().expect("a number").powi(2)
}
