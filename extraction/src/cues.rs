//! Words that a sentence needs before some relations are believed.

use crate::words::Words;

/// Whether the sentence has a word for what happened on that day. The model learnt from texts in which a year beside
/// a company is mostly that of its founding; elsewhere it is the year of whatever the sentence tells.
pub(crate) fn is_cued(words: &Words, relation: &str) -> bool {
    let cues: &[&str] = match relation {
        "founded_on" => &["found", "establish", "creat", "form", "incorporat", "start", "launch", "began", "set", "("],
        "born_on" => &["born", "birth", "("],
        "died_on" => &["die", "death", "dead", "kill", "murder", "assassinat", "execut", "("],
        _ => return true,
    };
    (0..words.len()).any(|at| {
        let word = words.lower(at);
        !word.starts_with("former") && cues.iter().any(|cue| word.starts_with(cue))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::ReadSentence;
    use crate::sentences;

    #[test]
    fn a_year_beside_a_company_is_its_founding_only_when_the_sentence_says_so() {
        let cued = |text: &str, relation: &str| {
            let place = sentences::split(text).remove(0);
            is_cued(&ReadSentence::new(text, place).words, relation)
        };
        assert!(!cued("In 2008 Nokia bought Navteq.", "founded_on"));
        assert!(cued("Navteq was founded in 1985.", "founded_on"));
        assert!(cued("In 2008 Nokia bought Navteq.", "acquires"));
    }
}
