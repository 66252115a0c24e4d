//! What a given name or a title tells of the pronouns that stand for its bearer.

use std::sync::OnceLock;

/// The pronouns that stand for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gender {
    /// He, him, his.
    Masculine,
    /// She, her.
    Feminine,
}

/// Given names in lowercase, a line each, sorted, with `m` or `f` behind a space: those that nine of ten bearers or
/// more share a gender with.
const GIVEN_NAMES: &str = include_str!("../weights/given_names.txt");

/// The gender that nearly all bearers of a given name have; `name` in lowercase. None for what both bear and for what
/// is not known.
pub(crate) fn of_given_name(name: &str) -> Option<Gender> {
    static NAMES: OnceLock<Vec<(&str, Gender)>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let line = |line: &'static str| {
            let (name, letter) = line.split_once(' ')?;
            Some((name, if letter == "m" { Gender::Masculine } else { Gender::Feminine }))
        };
        GIVEN_NAMES.lines().filter_map(line).collect()
    });
    names.binary_search_by(|(known, _)| (*known).cmp(name)).ok().map(|at| names[at].1)
}

/// Whether a word, in lowercase, is a title or a form of address before a person's name.
pub(crate) fn is_title(word: &str) -> bool {
    of_title(word).is_some()
        || matches!(
            word.trim_end_matches('.'),
            "dr" | "prof"
                | "professor"
                | "doctor"
                | "president"
                | "senator"
                | "sen"
                | "rep"
                | "gov"
                | "governor"
                | "judge"
                | "justice"
                | "captain"
                | "capt"
                | "gen"
                | "general"
                | "col"
                | "colonel"
                | "lt"
                | "sgt"
                | "maj"
                | "major"
                | "rev"
                | "reverend"
                | "hon"
                | "saint"
                | "st"
                | "mayor"
                | "chancellor"
                | "minister"
                | "secretary"
                | "ambassador"
                | "congressman"
                | "admiral"
                | "adm"
                | "marshal"
                | "archbishop"
                | "bishop"
                | "cardinal"
                | "pope"
        )
}

/// The gender that a title tells; `word` in lowercase, with its full stop or without.
pub(crate) fn of_title(word: &str) -> Option<Gender> {
    match word.trim_end_matches('.') {
        "mr" | "mister" | "sir" | "lord" | "king" | "prince" | "emperor" | "baron" | "duke" | "monsieur" | "herr"
        | "señor" | "signor" | "father" | "brother" | "congressman" | "sheikh" | "sultan" | "tsar" => {
            Some(Gender::Masculine)
        }
        "mrs" | "ms" | "miss" | "lady" | "queen" | "princess" | "empress" | "dame" | "baroness" | "duchess"
        | "madame" | "mme" | "frau" | "señora" | "signora" | "mother" | "sister" | "congresswoman" | "tsarina" => {
            Some(Gender::Feminine)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_names_are_sorted_and_tell_what_nearly_all_bearers_are() {
        let names: Vec<&str> = GIVEN_NAMES.lines().filter_map(|line| Some(line.split_once(' ')?.0)).collect();
        assert!(names.len() > 3000 && names.is_sorted());
        assert_eq!(of_given_name("marie"), Some(Gender::Feminine));
        assert_eq!(of_given_name("james"), Some(Gender::Masculine));
        assert_eq!(of_given_name("leslie"), None, "both bear it");
        assert_eq!(of_given_name("xyzzy"), None);
    }

    #[test]
    fn titles_tell_or_leave_it_open() {
        assert_eq!(of_title("ms."), Some(Gender::Feminine));
        assert_eq!(of_title("sir"), Some(Gender::Masculine));
        assert_eq!(of_title("dr."), None);
        assert!(is_title("dr.") && is_title("mrs") && !is_title("company"));
    }
}
