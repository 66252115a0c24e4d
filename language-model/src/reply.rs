//! What an endpoint answers, taken apart.

use serde_json::Value;

use crate::cost::{Usage, estimated_tokens};

/// The answer to one request, as far as it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The model's words.
    Content(String),
    /// The model stopped in the middle, because that is as much as it may say.
    CutOff,
    /// The model, or a filter before it, does not want to.
    Refused(String),
    /// None of these; why.
    Unusable(&'static str),
}

/// Takes the body of a successful answer apart. Tokens that the endpoint did not count are estimated from the number of
/// characters.
pub(crate) fn read(body: &[u8], sent: &str) -> (Reply, Usage) {
    let Ok(text) = std::str::from_utf8(body) else {
        return (Reply::Unusable("it is not valid UTF-8"), Usage::default());
    };
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return (Reply::Unusable("it is not JSON"), Usage::default());
    };
    let choice = &value["choices"][0];
    let content = content(&choice["message"]["content"]);
    let usage = Usage {
        input_tokens: value["usage"]["prompt_tokens"].as_u64().unwrap_or_else(|| estimated_tokens(sent)),
        output_tokens: value["usage"]["completion_tokens"].as_u64().unwrap_or_else(|| estimated_tokens(&content)),
    };
    (judge(choice, content), usage)
}

fn judge(choice: &Value, content: String) -> Reply {
    if choice.is_null() {
        return Reply::Unusable("it holds no choice");
    }
    let finish = choice["finish_reason"].as_str().unwrap_or_default();
    if let Some(refusal) = choice["message"]["refusal"].as_str().filter(|refusal| !refusal.trim().is_empty()) {
        return Reply::Refused(refusal.to_owned());
    }
    match finish {
        "length" => Reply::CutOff,
        "content_filter" => Reply::Refused("its content filter held the answer back".to_owned()),
        _ if content.trim().is_empty() => Reply::Unusable("it holds no words"),
        _ => Reply::Content(content),
    }
}

/// Mostly a text; of some endpoints a list of parts.
fn content(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

/// What an endpoint says is wrong, in one line of bearable length.
pub(crate) fn complaint(body: &[u8]) -> String {
    const MOST: usize = 300;
    let text = String::from_utf8_lossy(body);
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    let error = &value["error"];
    let told = [&error["message"], error, &value["message"], &value["detail"]].into_iter().find_map(Value::as_str);
    // FastAPI, and what is built with it, answers a list of issues.
    let told = told.map_or_else(
        || if value["detail"].is_null() { text.to_string() } else { value["detail"].to_string() },
        str::to_owned,
    );
    let line = told.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reply(value: &Value) -> Reply {
        read(value.to_string().as_bytes(), "").0
    }

    #[test]
    fn every_shape_of_answer_has_its_meaning() {
        let said = |message: Value, finish: &str| {
            reply(&json!({ "choices": [{ "message": message, "finish_reason": finish }] }))
        };
        assert_eq!(said(json!({ "content": "{}" }), "stop"), Reply::Content("{}".into()));
        assert_eq!(said(json!({ "content": [{ "type": "text", "text": "{}" }] }), "stop"), Reply::Content("{}".into()));
        assert_eq!(said(json!({ "content": "{\"ent" }), "length"), Reply::CutOff);
        assert_eq!(said(json!({ "content": null, "refusal": "No." }), "stop"), Reply::Refused("No.".into()));
        assert!(matches!(said(json!({ "content": "" }), "content_filter"), Reply::Refused(_)));
        for odd in [json!({ "content": null }), json!({}), json!("x"), json!({ "content": 5 })] {
            assert!(matches!(said(odd.clone(), "stop"), Reply::Unusable(_)), "{odd}");
        }
        for odd in [json!({}), json!({ "choices": [] }), json!([]), json!({ "choices": "x" }), json!(null)] {
            assert!(matches!(reply(&odd), Reply::Unusable(_)), "{odd}");
        }
        assert!(matches!(read(b"<html>", "").0, Reply::Unusable(_)));
        assert!(matches!(read(&[0xff, 0xfe], "").0, Reply::Unusable(_)));
    }

    #[test]
    fn tokens_are_counted_or_else_estimated() {
        let body = json!({ "choices": [{ "message": { "content": "12345678" } }],
            "usage": { "prompt_tokens": 11, "completion_tokens": 5 } });
        assert_eq!(read(body.to_string().as_bytes(), "").1, Usage { input_tokens: 11, output_tokens: 5 });
        let body = json!({ "choices": [{ "message": { "content": "12345678" } }] });
        assert_eq!(read(body.to_string().as_bytes(), "123456789").1, Usage { input_tokens: 3, output_tokens: 2 });
    }

    #[test]
    fn complaints_are_one_line_whatever_their_form() {
        for (body, line) in [
            (json!({ "error": { "message": "too\nlong" } }).to_string(), "too long"),
            (json!({ "error": "no such model" }).to_string(), "no such model"),
            (json!({ "detail": [{ "msg": "x" }] }).to_string(), "[{\"msg\":\"x\"}]"),
            ("plain words".to_owned(), "plain words"),
            (String::new(), ""),
        ] {
            assert_eq!(complaint(body.as_bytes()), line);
        }
        assert_eq!(complaint("é".repeat(1000).as_bytes()).chars().count(), 301);
    }
}
