//! Takeovers whose object is described before it is named: "agreed to buy German rival Brandt Optik", "acquired the
//! charter carrier SolAir". The table of wordings knows only names that stand next to the verb.

use super::{MAX_BETWEEN, Worded, reduce};
use crate::relations::{Role, Slot};
use crate::words::Words;

/// Verbs of taking over, the last word of their wordings.
const VERBS: [&str; 9] =
    ["acquire", "acquired", "acquires", "bought", "buy", "buys", "purchase", "purchased", "purchases"];
/// Words that may stand between the verb's own and the buyer: nothing of them denies or only reports it.
const BEFORE: [&str; 9] = ["", "to", "agreed to", "agrees to", "will", "plans to", "is to", "announced it will", "and"];
/// Words that end a description, or say that it is not the company itself that is bought.
const NO_DESCRIPTION: [&str; 40] = [
    "all", "and", "as", "assets", "at", "because", "but", "by", "equity", "for", "from", "if", "in", "interest",
    "into", "land", "majority", "minority", "more", "most", "not", "of", "on", "or", "out", "part", "rights", "shares",
    "some", "stake", "stock", "than", "that", "through", "to", "when", "which", "while", "who", "with",
];
/// Words of a description.
const MAX_DESCRIPTION: usize = 6;

/// Adds them.
pub(super) fn find(words: &Words, arguments: &[Slot], found: &mut Vec<Worded>) {
    for head in 0..arguments.len() {
        // A nationality may stand in the description, a name of its own.
        for tail in (head + 1..=head + 2).filter(|&tail| tail < arguments.len()) {
            let (buyer, bought) = (arguments[head], arguments[tail]);
            let middle = (tail == head + 2).then(|| arguments[head + 1]);
            if buyer.role == Role::Organization
                && matches!(bought.role, Role::Organization | Role::Thing)
                && middle.is_none_or(|m| m.end - m.start == 1 && matches!(m.role, Role::Thing | Role::Location))
                && is_said(words, buyer.end, bought.start, middle)
                && !found.iter().any(|said| (said.head, said.tail, said.relation) == (head, tail, "acquires"))
            {
                found.push(Worded { head, tail, relation: "acquires" });
            }
        }
    }
}

fn is_said(words: &Words, from: usize, to: usize, middle: Option<Slot>) -> bool {
    if from >= to || to - from > MAX_BETWEEN + 2 {
        return false;
    }
    let Some(verb) = (from..to).find(|&at| VERBS.contains(&words.lower(at))) else { return false };
    let described = verb + 1..to;
    if described.is_empty() || described.len() > MAX_DESCRIPTION || middle.is_some_and(|m| m.start <= verb) {
        return false;
    }
    let plain = |at: usize| {
        let word = words.lower(at);
        word.chars().all(|c| c.is_alphanumeric() || c == '-') && !NO_DESCRIPTION.contains(&word)
    };
    let mut before = String::new();
    reduce(words, from..verb, &mut before);
    described.into_iter().all(plain) && BEFORE.contains(&before.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Tokenizer;

    /// Whether the first and the last of the bracketed names are buyer and bought.
    fn said(text: &str) -> bool {
        let plain = text.replace(['[', ']'], "");
        let tokens: Vec<_> = Tokenizer::within(&plain, 0, plain.len(), 0).collect();
        let words = Words::of(&plain, &tokens);
        let mut slots = Vec::new();
        let mut open = 0;
        for (removed, (at, c)) in text.char_indices().filter(|(_, c)| matches!(c, '[' | ']')).enumerate() {
            let place = u32::try_from(at - removed).expect("short");
            if c == '[' {
                open = tokens.iter().position(|t| t.start == place).expect("a token begins here");
            } else {
                let end = tokens.iter().position(|t| t.end == place).expect("a token ends here") + 1;
                let role =
                    if end - open == 1 && words.lower(open).ends_with("an") { Role::Thing } else { Role::Organization };
                slots.push(Slot { start: open, end, role });
            }
        }
        let mut found = Vec::new();
        find(&words, &slots, &mut found);
        found.iter().any(|worded| (worded.head, worded.tail) == (0, slots.len() - 1))
    }

    #[test]
    fn what_is_bought_may_be_described() {
        for text in [
            "[Velthuis Systems] has agreed to buy [German] rival [Brandt Optik] for money",
            "[Orchid Airlines] acquired the charter carrier [SolAir]",
            "[Velthuis] bought laser firm [Lumatec] in 2019",
            "[Velthuis] will acquire the software maker [Lumatec]",
        ] {
            assert!(said(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_the_company_is_not_bought() {
        for text in [
            "[Velthuis] bought a stake in [Lumatec]",
            "[Velthuis] did not buy [Lumatec]",
            "[Velthuis] denied that it bought the firm [Lumatec]",
            "[Velthuis] bought land from its owner [Lumatec]",
            "[Velthuis] bought ships and [Lumatec]",
        ] {
            assert!(!said(text), "{text}");
        }
    }
}
