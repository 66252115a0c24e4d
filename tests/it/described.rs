//! What the service says of itself to programs and people: the description of its API, and its pages.

use std::collections::HashSet;

use serde_json::Value;

use crate::{
    front::get_with,
    harness::{Body, shared},
};

#[test]
fn every_operation_of_the_description_is_there() {
    let description = get_with("/openapi.json", &[]).expect(200);
    assert!(
        description["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")),
        "{}",
        description["openapi"]
    );
    let client = shared().new_user();
    let mut operations = 0;
    for (path, item) in description["paths"].as_object().expect("paths") {
        let concrete = path.replace("{id}", "01890000-0000-7000-8000-000000000000").replace("{file}", "index.css");
        assert!(!concrete.contains('{'), "{path}");
        for method in ["get", "post", "put", "patch", "delete"].into_iter().filter(|m| item.get(*m).is_some()) {
            // Sessions end at logout, which would take this client's away.
            let client = if path.ends_with("logout") { shared().new_user() } else { client.clone() };
            let answer =
                client.request(&method.to_uppercase(), &concrete, &[("content-type", "application/json")], Body::Empty);
            assert!(!matches!(answer.status, 405 | 500..), "{method} {path}: {} {}", answer.status, answer.text);
            if answer.status == 404 {
                assert!(
                    path.contains("{id}") && !answer.text.contains("nothing at this path"),
                    "{method} {path}: {}",
                    answer.text
                );
            }
            let responses = item[method]["responses"].as_object().expect("responses");
            assert!(
                responses.contains_key(&answer.status.to_string()),
                "{method} {path} answers {}, undocumented: {:?}",
                answer.status,
                responses.keys()
            );
            operations += 1;
        }
    }
    assert!(operations >= 30, "{operations}");
    let named = description["components"]["securitySchemes"].as_object().map(|schemes| schemes.len());
    assert!(named >= Some(1), "how to sign in is described");
}

#[test]
fn references_in_the_description_lead_somewhere() {
    let description = get_with("/openapi.json", &[]).expect(200);
    let mut values = vec![&description];
    let mut references = 0;
    while let Some(value) = values.pop() {
        match value {
            Value::Array(items) => values.extend(items),
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                    let pointer = reference.strip_prefix('#').expect("a local reference");
                    assert!(description.pointer(pointer).is_some(), "{reference}");
                    references += 1;
                }
                values.extend(fields.values());
            }
            _ => {}
        }
    }
    assert!(references > 20);
}

/// Addresses that a page loads: of scripts, styles, images and the like.
fn loaded(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for attribute in ["src=\"", "href=\"", "url("] {
        for piece in page.split(attribute).skip(1) {
            let end = piece.find(['"', ')', '#', '?']).unwrap_or(piece.len());
            let address = piece[..end].trim_matches(['\'', '"']).to_owned();
            if !address.is_empty() && !address.starts_with("data:") {
                found.push(address);
            }
        }
    }
    found
}

#[test]
fn the_pages_load_everything_from_the_service_itself() {
    let kinds = [
        (".js", "text/javascript"),
        (".css", "text/css"),
        (".svg", "image/svg+xml"),
        (".png", "image/png"),
        (".json", "application/json"),
    ];
    for page in ["/", "/docs", "/docs/"] {
        let answer = get_with(page, &[]);
        assert_eq!(answer.status, 200, "{page}");
        assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{page}");
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.contains("default-src 'self'") && !policy.contains("http"), "{policy}");
        let mut waiting: Vec<(String, String)> =
            loaded(&answer.text).into_iter().map(|a| (page.to_owned(), a)).collect();
        let mut seen = HashSet::new();
        assert!(waiting.iter().any(|(_, address)| address.ends_with(".js")), "{page}: {waiting:?}");
        while let Some((from, address)) = waiting.pop() {
            let external = address.starts_with("//") || address.contains("://");
            assert!(!external, "{from} loads {address}");
            let path = resolved(&from, &address);
            if !seen.insert(path.clone())
                || path == page
                || !path.rsplit('/').next().is_some_and(|name| name.contains('.'))
            {
                continue;
            }
            // The test's client takes bodies for text, which pictures are not.
            let method = if path.ends_with(".png") { "HEAD" } else { "GET" };
            let asset = shared().anonymous().request(method, &path, &[("accept-encoding", "identity")], Body::Empty);
            assert_eq!(asset.status, 200, "{from} loads {path}");
            let kind = asset.header("content-type").expect("a type");
            if let Some((_, expected)) = kinds.iter().find(|(ending, _)| path.ends_with(ending)) {
                let script = expected.ends_with("javascript") && kind.contains("javascript");
                assert!(kind.starts_with(expected) || script, "{path}: {kind}");
            }
            if path.ends_with(".css") {
                waiting.extend(loaded(&asset.text).into_iter().map(|a| (path.clone(), a)));
            }
            if path.ends_with(".js") && path.starts_with("/app") {
                let imports = asset.text.split("from \"").skip(1).filter_map(|rest| rest.split('"').next());
                waiting.extend(imports.map(|a| (path.clone(), a.to_owned())));
            }
        }
    }
}

/// An address as a page at `from` means it.
fn resolved(from: &str, address: &str) -> String {
    if address.starts_with('/') {
        return address.to_owned();
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in address.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    let path = parts.join("/");
    if path.starts_with('/') { path } else { format!("/{path}") }
}
