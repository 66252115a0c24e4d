//! Amounts, percentages and dates: what rules read better than statistics.

use serde_json::{Map, Value, json};

use crate::words::Words;

/// A value that rules found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    /// First token.
    pub(crate) start: usize,
    /// First token after it.
    pub(crate) end: usize,
    pub(crate) entity_type: &'static str,
    pub(crate) metadata: Map<String, Value>,
}

/// Amounts of money, percentages and full dates of a sentence, in order, not overlapping.
pub(crate) fn find(words: &Words) -> Vec<Found> {
    let count = words.len();
    let mut found = Vec::new();
    let mut at = 0;
    while at < count {
        let rest = Rest { words, at };
        if let Some(years) = years_in_brackets(&rest) {
            found.extend(years);
            at += 4;
            continue;
        }
        let value = money(&rest).or_else(|| percent(&rest)).or_else(|| full_date(&rest));
        match value {
            Some((length, entity_type, metadata)) => {
                found.push(Found { start: at, end: at + length, entity_type, metadata });
                at += length;
            }
            None => at += 1,
        }
    }
    found
}

/// The two years of "(1580–1631)", which a tagger takes for one date, or for none.
fn years_in_brackets(words: &Rest<'_>) -> Option<[Found; 2]> {
    let dash = matches!(words.get(2), "–" | "-" | "—" | "−");
    if !dash || words.get(0) != "(" || words.get(4) != ")" {
        return None;
    }
    let (from, to) = (year(words.get(1))?, year(words.get(3))?);
    let date = |offset: usize, year: u32| Found {
        start: words.at + offset,
        end: words.at + offset + 1,
        entity_type: "date",
        metadata: Map::from_iter([("iso".to_owned(), json!(iso(year, None, None)))]),
    };
    (from <= to).then(|| [date(1, from), date(3, to)])
}

type Reading = (usize, &'static str, Map<String, Value>);

/// The words of a sentence from some place on, in lowercase.
struct Rest<'a> {
    words: &'a Words,
    at: usize,
}

impl<'a> Rest<'a> {
    fn get(&self, offset: usize) -> &'a str {
        let at = self.at + offset;
        if at < self.words.len() { self.words.lower(at) } else { "" }
    }
}

fn money(words: &Rest<'_>) -> Option<Reading> {
    let first = words.get(0);
    // "US$ 5", "$5", "EUR 5".
    let (mut length, mut currency) = match symbol(first).or_else(|| code(first)) {
        Some(currency) => (1, Some(currency)),
        None if matches!(first, "us" | "c" | "hk" | "au" | "ca" | "nz") && words.get(1) == "$" => {
            let currency = match first {
                "us" => "USD",
                "hk" => "HKD",
                "c" | "ca" => "CAD",
                "nz" => "NZD",
                _ => "AUD",
            };
            (2, Some(currency))
        }
        None => (0, None),
    };
    let (mut amount, consumed) = amount(words, length)?;
    length += consumed;
    if words.get(length) == "-" && scale(words.get(length + 1)).is_some() {
        length += 1;
    }
    if let Some(factor) = scale(words.get(length)) {
        amount *= factor;
        length += 1;
    }
    if currency.is_none() {
        if words.get(length) == "us" && words.get(length + 1).starts_with("dollar") {
            length += 1;
        }
        currency =
            currency_word(words.get(length)).or_else(|| symbol(words.get(length))).or_else(|| code(words.get(length)));
        length += 1;
    }
    let mut metadata = Map::new();
    metadata.insert("amount".into(), json!(amount));
    metadata.insert("currency".into(), json!(currency?));
    Some((length, "money", metadata))
}

/// A number, perhaps with its scale written onto it ("4.5bn"), and the tokens it takes.
fn amount(words: &Rest<'_>, offset: usize) -> Option<(f64, usize)> {
    let word = words.get(offset);
    if let Some(value) = number(word) {
        return Some((value, 1));
    }
    let letters = word.find(|c: char| c.is_ascii_alphabetic()).filter(|&at| at > 0)?;
    Some((number(&word[..letters])? * scale(&word[letters..])?, 1))
}

/// A number with commas or points; the comma only parts thousands.
fn number(word: &str) -> Option<f64> {
    if !word.starts_with(|c: char| c.is_ascii_digit()) || word.len() > 24 {
        return None;
    }
    word.replace(',', "").parse().ok().filter(|n: &f64| n.is_finite())
}

fn scale(word: &str) -> Option<f64> {
    match word {
        "k" | "thousand" => Some(1e3),
        "m" | "mn" | "mio" | "million" | "millions" => Some(1e6),
        "b" | "bn" | "billion" | "billions" => Some(1e9),
        "tn" | "trn" | "trillion" => Some(1e12),
        _ => None,
    }
}

fn symbol(word: &str) -> Option<&'static str> {
    match word {
        "$" => Some("USD"),
        "€" => Some("EUR"),
        "£" => Some("GBP"),
        "¥" => Some("JPY"),
        "₹" => Some("INR"),
        "₩" => Some("KRW"),
        "₽" => Some("RUB"),
        _ => None,
    }
}

fn code(word: &str) -> Option<&'static str> {
    match word {
        "usd" => Some("USD"),
        "eur" => Some("EUR"),
        "gbp" => Some("GBP"),
        "jpy" => Some("JPY"),
        "chf" => Some("CHF"),
        "cny" => Some("CNY"),
        "inr" => Some("INR"),
        _ => None,
    }
}

fn currency_word(word: &str) -> Option<&'static str> {
    match word {
        "dollar" | "dollars" => Some("USD"),
        "euro" | "euros" => Some("EUR"),
        // "Pounds" are more often a weight than money: only "sterling" tells them apart.
        "sterling" => Some("GBP"),
        "yen" => Some("JPY"),
        "rupees" => Some("INR"),
        "yuan" | "renminbi" => Some("CNY"),
        "francs" => Some("CHF"),
        "rubles" | "roubles" => Some("RUB"),
        _ => None,
    }
}

fn percent(words: &Rest<'_>) -> Option<Reading> {
    let value = number(words.get(0))?;
    let length = match (words.get(1), words.get(2)) {
        ("%" | "percent", _) => 2,
        ("per", "cent") => 3,
        _ => return None,
    };
    let mut metadata = Map::new();
    metadata.insert("value".into(), json!(value));
    Some((length, "percent", metadata))
}

/// A date of day, month and year, or of month and year.
fn full_date(words: &Rest<'_>) -> Option<Reading> {
    let get = |offset| words.get(offset);
    let (length, iso) = if let (Some(year), "-", Some(month), "-", Some(day)) =
        (year(get(0)), get(1), two_digits(get(2), 12), get(3), two_digits(get(4), 31))
    {
        (5, iso(year, Some(month), Some(day)))
    } else if let (Some(day), Some(month), Some(year)) = (day(get(0)), month(get(1)), year(get(2))) {
        (3, iso(year, Some(month), Some(day)))
    } else if let (Some(month), Some(day)) = (month(get(0)), day(get(1))) {
        let comma = usize::from(get(2) == ",");
        (3 + comma, iso(year(get(2 + comma))?, Some(month), Some(day)))
    } else {
        (2, iso(year(get(1))?, Some(month(get(0))?), None))
    };
    let mut metadata = Map::new();
    metadata.insert("iso".into(), json!(iso?));
    Some((length, "date", metadata))
}

/// What the words of a date that the tagger found say: its ISO 8601 form, with what precision
/// there is. `None` when they name no point in the calendar (a duration, "recently").
pub(crate) fn calendar(words: &Words, start: usize, end: usize) -> Option<Map<String, Value>> {
    let mut metadata = Map::new();
    let all = || (start..end).map(|at| words.lower(at));
    let years: Vec<u32> = all().filter_map(year).collect();
    let months: Vec<u32> = all().filter_map(month).collect();
    let is_period = all().any(|w| w == "century" || w == "centuries" || w == "b.c." || w == "bc" || is_decade(w));
    if years.is_empty() && months.is_empty() && !is_period {
        return None;
    }
    if years.len() == 1 && months.len() <= 1 && !is_period {
        let month = months.first().copied();
        let day = all().find_map(day).filter(|_| month.is_some());
        iso(years[0], month, day).into_iter().for_each(|iso| {
            metadata.insert("iso".into(), json!(iso));
        });
    }
    Some(metadata)
}

/// Words that belong to a date although they are written with a capital.
pub(crate) fn is_calendar_word(word: &str) -> bool {
    month(word).is_some()
        || word.ends_with("day")
        || word.starts_with(|c: char| c.is_ascii_digit())
        || matches!(
            word,
            "century"
                | "bc"
                | "ad"
                | "bce"
                | "ce"
                | "b.c."
                | "a.d."
                | "spring"
                | "summer"
                | "autumn"
                | "fall"
                | "winter"
                | "decade"
                | "era"
                | "year"
                | "years"
                | "eve"
        )
}

fn iso(year: u32, month: Option<u32>, day: Option<u32>) -> Option<String> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match (month, day) {
        (Some(month), Some(day)) => {
            let days = match month {
                2 => 28 + u32::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (day <= days).then(|| format!("{year:04}-{month:02}-{day:02}"))
        }
        (Some(month), None) => Some(format!("{year:04}-{month:02}")),
        _ => Some(format!("{year:04}")),
    }
}

fn year(word: &str) -> Option<u32> {
    (word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit()))
        .then(|| word.parse().ok())
        .flatten()
        .filter(|year| (1000..=2199).contains(year))
}

fn is_decade(word: &str) -> bool {
    word.strip_suffix('s').and_then(year).is_some()
}

fn two_digits(word: &str, most: u32) -> Option<u32> {
    (word.len() == 2).then(|| word.parse().ok()).flatten().filter(|n| (1..=most).contains(n))
}

fn day(word: &str) -> Option<u32> {
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|ending| word.strip_suffix(ending)).unwrap_or(word);
    (digits.len() <= 2 && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
        .filter(|day| (1..=31).contains(day))
}

fn month(word: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let bare = word.strip_suffix('.').unwrap_or(word);
    if bare == "sept" {
        return Some(9);
    }
    let full = MONTHS.iter().position(|name| *name == bare || (bare.len() == 3 && name.starts_with(bare)));
    full.map(|index| index as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Tokenizer;

    fn read(text: &str) -> Vec<(String, &'static str, Value)> {
        let tokens: Vec<_> = Tokenizer::new(text).collect();
        find(&Words::of(text, &tokens))
            .into_iter()
            .map(|f| {
                let span = tokens[f.start].start as usize..tokens[f.end - 1].end as usize;
                (text[span].to_owned(), f.entity_type, Value::Object(f.metadata))
            })
            .collect()
    }

    fn one(text: &str) -> (String, &'static str, Value) {
        let mut found = read(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        found.remove(0)
    }

    #[test]
    fn amounts_of_money_are_read() {
        for (text, quote, amount, currency) in [
            ("raised $4.5 million in", "$4.5 million", 4.5e6, "USD"),
            ("about €2bn.", "€2bn", 2e9, "EUR"),
            ("paid 12 million dollars to", "12 million dollars", 1.2e7, "USD"),
            ("US$1,200 a month", "US$1,200", 1200.0, "USD"),
            ("a $3-million grant", "$3-million", 3e6, "USD"),
            ("CHF 5.5m was", "CHF 5.5m", 5.5e6, "CHF"),
            ("costs 7 euros", "7 euros", 7.0, "EUR"),
        ] {
            let (found, kind, metadata) = one(text);
            assert_eq!((found.as_str(), kind), (quote, "money"));
            assert_eq!(metadata, json!({"amount": amount, "currency": currency}));
        }
        assert!(read("5 million people weigh 12 pounds for $ and 99 cents").is_empty());
    }

    #[test]
    fn percentages_are_read() {
        assert_eq!(one("fell 12.5% in"), ("12.5%".into(), "percent", json!({"value": 12.5})));
        assert_eq!(one("some 3 per cent of"), ("3 per cent".into(), "percent", json!({"value": 3.0})));
    }

    #[test]
    fn dates_are_normalised() {
        for (text, quote, iso) in [
            ("on 2024-05-01 we", "2024-05-01", "2024-05-01"),
            ("On 7 November 1867 she", "7 November 1867", "1867-11-07"),
            ("by Sept. 3rd, 1999, the", "Sept. 3rd, 1999", "1999-09-03"),
            ("in May 2024", "May 2024", "2024-05"),
        ] {
            assert_eq!(one(text), (quote.into(), "date", json!({"iso": iso})));
        }
        let years: Vec<_> = read("John Smith (1580–1631) was").into_iter().map(|found| found.2).collect();
        assert_eq!(years, [json!({"iso": "1580"}), json!({"iso": "1631"})]);
        assert!(read("(1631–1580), (12–14), 1580–1631").is_empty());
        assert!(read("2020-13-40 may 30, or 2023-02-30").is_empty());
    }
}
