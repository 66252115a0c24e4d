//! How an endpoint is spoken to. All that speak the protocol leave something of it out, and say so with a 400; what they
//! turned out not to know is not said again.

use serde_json::{Value, json};

use crate::{prompt, schema::AnswerSchema};

/// A fixed seed makes the same answer likely where the endpoint looks at it.
const SEED: u64 = 7;

/// How the answer's form is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// By a schema that the endpoint enforces.
    JsonSchema,
    /// As any JSON, with the schema in the instructions.
    JsonObject,
    /// By the instructions alone.
    Plain,
}

/// What an endpoint is believed to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    format: Format,
    temperature: bool,
    seed: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { format: Format::JsonSchema, temperature: true, seed: true }
    }
}

impl Dialect {
    /// What is left of it after an endpoint refused it with these words; none if they are not about it.
    pub(crate) fn without_what(self, complaint: &str) -> Option<Self> {
        let complaint = complaint.to_lowercase();
        let about = |words: &[&str]| words.iter().any(|word| complaint.contains(word));
        if self.temperature && about(&["temperature"]) {
            return Some(Self { temperature: false, ..self });
        }
        if self.seed && about(&["seed"]) {
            return Some(Self { seed: false, ..self });
        }
        if !about(&["response_format", "json_schema", "json_object", "json schema", "structured output", "grammar"]) {
            return None;
        }
        match self.format {
            Format::JsonSchema => Some(Self { format: Format::JsonObject, ..self }),
            Format::JsonObject => Some(Self { format: Format::Plain, ..self }),
            Format::Plain => None,
        }
    }

    /// The request's body. `repeat` counts from 0; another answer is wanted from each.
    pub(crate) fn body(self, model: &str, schema: &AnswerSchema, passage: &str, repeat: u64) -> Value {
        let mut instructions = prompt::instructions(schema);
        if self.format != Format::JsonSchema {
            instructions.push_str(&prompt::schema_in_words(schema));
        }
        let mut body = json!({
            "model": model,
            "messages": [
                { "role": "system", "content": instructions },
                { "role": "user", "content": prompt::passage(passage) },
            ],
        });
        if self.temperature {
            body["temperature"] = json!(0);
        }
        if self.seed {
            body["seed"] = json!(SEED + repeat);
        }
        match self.format {
            Format::JsonSchema => {
                body["response_format"] = json!({
                    "type": "json_schema",
                    "json_schema": { "name": "knowledge_graph", "strict": true, "schema": schema.to_json() },
                });
            }
            Format::JsonObject => body["response_format"] = json!({ "type": "json_object" }),
            Format::Plain => {}
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use kgl_extraction::ExtractOptions;

    use super::*;

    #[test]
    fn an_endpoint_that_knows_less_is_asked_for_less() {
        let schema = AnswerSchema::of(&ExtractOptions::default());
        let full = Dialect::default();
        let body = full.body("m", &schema, "text", 0);
        assert_eq!(body["response_format"]["type"], json!("json_schema"));
        assert_eq!((&body["temperature"], &body["seed"]), (&json!(0), &json!(SEED)));
        let less = full.without_what("'response_format.type' must be 'text' or 'json_object'").expect("less");
        let body = less.body("m", &schema, "text", 1);
        assert_eq!((&body["response_format"]["type"], &body["seed"]), (&json!("json_object"), &json!(SEED + 1)));
        assert!(
            body["messages"][0]["content"].as_str().is_some_and(|words| words.contains("\"additionalProperties\""))
        );
        let least = less.without_what("Unsupported parameter: response_format").expect("less");
        assert!(least.body("m", &schema, "text", 0)["response_format"].is_null());
        assert_eq!(least.without_what("response_format"), None);
        let warm = full.without_what("Unsupported value: 'temperature' does not support 0").expect("less");
        assert!(warm.body("m", &schema, "text", 0)["temperature"].is_null());
        assert!(
            full.without_what("unknown field `seed`").is_some_and(|d| d.body("m", &schema, "t", 0)["seed"].is_null())
        );
        assert_eq!(full.without_what("the context is too long"), None);
    }
}
