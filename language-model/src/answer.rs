//! The model's claims, read from its words.

use serde_json::Value;

/// How sure a claim counts when the model does not say.
pub(crate) const USUAL_CONFIDENCE: f64 = 0.8;
/// More claims than this are no answer to a passage.
const MAX_CLAIMS: usize = 2000;

/// Something that the passage is said to name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClaimedEntity {
    pub(crate) name: String,
    pub(crate) entity_type: String,
    pub(crate) aliases: Vec<String>,
    /// Sentences that are said to name it; no model is asked for them, some give them.
    pub(crate) quotes: Vec<String>,
    pub(crate) confidence: f64,
}

/// Something that the passage is said to state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClaimedRelationship {
    pub(crate) head: String,
    pub(crate) relationship_type: String,
    pub(crate) tail: String,
    pub(crate) quote: String,
    pub(crate) confidence: f64,
}

/// All claims about one passage.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) entities: Vec<ClaimedEntity>,
    pub(crate) relationships: Vec<ClaimedRelationship>,
    /// Items that are no claims: without a name, a type or a quote.
    pub(crate) malformed: usize,
}

/// Reads an answer; the error says why the words are none.
pub(crate) fn parse(content: &str) -> Result<Answer, &'static str> {
    let value = object(content).ok_or("its words are not a JSON object")?;
    let list = |name: &str| match value.get(name) {
        None | Some(Value::Null) => Ok(&[][..]),
        Some(Value::Array(items)) if items.len() > MAX_CLAIMS => Err("it claims more than a passage can hold"),
        Some(Value::Array(items)) => Ok(items.as_slice()),
        Some(_) => Err("its `entities` or `relationships` are no list"),
    };
    if value.get("entities").is_none() && value.get("relationships").is_none() {
        return Err("it has neither `entities` nor `relationships`");
    }
    let mut answer = Answer::default();
    for item in list("entities")? {
        match entity(item) {
            Some(claim) => answer.entities.push(claim),
            None => answer.malformed += 1,
        }
    }
    for item in list("relationships")? {
        match relationship(item) {
            Some(claim) => answer.relationships.push(claim),
            None => answer.malformed += 1,
        }
    }
    Ok(answer)
}

/// The JSON object in the model's words: alone, in a fence, or behind what it thought aloud.
fn object(content: &str) -> Option<Value> {
    let content = content.rsplit_once("</think>").map_or(content, |(_, rest)| rest).trim();
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
    parse(content).or_else(|| {
        let (start, end) = (content.find('{')?, content.rfind('}')?);
        parse(content.get(start..=end)?)
    })
}

fn entity(item: &Value) -> Option<ClaimedEntity> {
    let texts = |value: &Value| match value {
        Value::Array(items) => items.iter().filter_map(some).collect(),
        one => some(one).into_iter().collect::<Vec<_>>(),
    };
    let mut quotes = texts(&item["quote"]);
    quotes.extend(texts(&item["quotes"]));
    Some(ClaimedEntity {
        name: some(&item["name"])?,
        entity_type: crate::schema::type_name(&some(&item["type"])?),
        aliases: texts(&item["aliases"]),
        quotes,
        confidence: confidence(&item["confidence"]),
    })
}

fn relationship(item: &Value) -> Option<ClaimedRelationship> {
    Some(ClaimedRelationship {
        head: some(&item["head"])?,
        relationship_type: crate::schema::type_name(&some(&item["type"])?),
        tail: some(&item["tail"])?,
        quote: some(&item["quote"])?,
        confidence: confidence(&item["confidence"]),
    })
}

fn some(value: &Value) -> Option<String> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Four decimals are more than a model knows.
fn confidence(value: &Value) -> f64 {
    let given = value.as_f64().filter(|given| given.is_finite()).unwrap_or(USUAL_CONFIDENCE);
    (given.clamp(0.0, 1.0) * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_read_from_whatever_stands_around_them() {
        let json = r#"{"entities":[{"name":" Ada ","type":"Person","confidence":7}],"relationships":[]}"#;
        for content in [
            json.to_owned(),
            format!("```json\n{json}\n```"),
            format!("<think>{{hm}}</think>\nHere you are: {json} Anything else?"),
        ] {
            let answer = parse(&content).expect("an answer");
            let [ada] = answer.entities.as_slice() else { panic!("one entity") };
            assert_eq!((ada.name.as_str(), ada.entity_type.as_str(), ada.confidence), ("Ada", "person", 1.0));
        }
    }

    #[test]
    fn what_is_no_claim_is_counted_and_the_rest_kept() {
        let answer = parse(
            &json!({
                "entities": [{ "name": "Ada" }, 5, { "name": "Ada", "type": "person", "aliases": ["A.", 3, ""] }],
                "relationships": [{ "head": "a", "type": "x", "tail": "b" },
                                  { "head": "a", "type": "Works For", "tail": "b", "quote": "q", "confidence": "high" }]
            })
            .to_string(),
        )
        .expect("an answer");
        assert_eq!((answer.malformed, answer.entities.len(), answer.relationships.len()), (3, 1, 1));
        assert_eq!(answer.entities[0].aliases, ["A."]);
        assert_eq!(answer.relationships[0].relationship_type, "works_for");
        assert!((answer.relationships[0].confidence - USUAL_CONFIDENCE).abs() < 1e-9);
    }

    #[test]
    fn words_that_are_no_answer_are_told_apart() {
        for words in ["", "I cannot.", "[]", "{\"entities\":", "{}", "{\"entities\":{}}", "null", "}{"] {
            assert!(parse(words).is_err(), "{words}");
        }
        assert_eq!(parse("{\"entities\":null}"), Ok(Answer::default()));
        let many = json!({ "entities": vec![json!({ "name": "A", "type": "b" }); MAX_CLAIMS + 1] });
        assert!(parse(&many.to_string()).is_err());
    }
}
