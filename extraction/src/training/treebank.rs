//! The treebank (CoNLL-U), brought onto our own tokens.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::TrainError;
use crate::syntax::labels::{Dep, Tag};
use crate::tokens::{Token, Tokenizer};

/// A sentence with its grammar.
pub(crate) struct Tree {
    pub(crate) text: String,
    pub(crate) tokens: Vec<Token>,
    pub(crate) tags: Vec<Tag>,
    /// Each word's head; the number of words stands for the root.
    pub(crate) heads: Vec<usize>,
    pub(crate) deps: Vec<Dep>,
}

/// A word of the treebank.
struct Word {
    form: String,
    tag: Tag,
    /// Counted from 1; 0 is the root.
    head: usize,
    dep: Dep,
    /// Bytes of the sentence.
    start: usize,
    end: usize,
}

/// The sentences of a gzipped file whose words could be brought onto our tokens, and how many could not.
///
/// # Errors
/// [`TrainError`] when the file is missing or no CoNLL-U.
pub(crate) fn load(files: &BTreeMap<String, Vec<u8>>, name: &str) -> Result<(Vec<Tree>, usize), TrainError> {
    let packed = files.get(name).ok_or_else(|| TrainError::Missing(name.to_owned()))?;
    let mut all = String::new();
    MultiGzDecoder::new(packed.as_slice()).read_to_string(&mut all).map_err(|_| TrainError::Data(name.to_owned()))?;
    let mut trees = Vec::new();
    let mut lost = 0;
    for block in all.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let text = block.lines().find_map(|line| line.strip_prefix("# text = "));
        let (Some(text), Some(words)) = (text, words(block)) else {
            return Err(TrainError::Data(name.to_owned()));
        };
        match place(text, words).and_then(|words| map(text, &words)) {
            Some(tree) => trees.push(tree),
            None => lost += 1,
        }
    }
    Ok((trees, lost))
}

fn words(block: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    for line in block.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[id, form, _, upos, xpos, _, head, dep, ..] = fields.as_slice() else { return None };
        // Ranges ("don't" as a whole) and empty nodes are no words.
        if id.contains(['-', '.']) {
            continue;
        }
        words.push(Word {
            form: form.to_owned(),
            tag: tag(upos, xpos),
            head: head.parse().ok()?,
            dep: dependence(dep),
            start: 0,
            end: 0,
        });
    }
    Some(words)
}

/// Finds the words in the sentence.
fn place(text: &str, mut words: Vec<Word>) -> Option<Vec<Word>> {
    let mut at = 0;
    for word in &mut words {
        at += text[at..].len() - text[at..].trim_start().len();
        if !text[at..].starts_with(word.form.as_str()) {
            return None;
        }
        word.start = at;
        at += word.form.len();
        word.end = at;
    }
    Some(words)
}

/// Brings the words onto our tokens. Of a token that holds several words ("don't") the one whose head lies outside
/// counts; of a word in several tokens the first carries it, and the others go with that one.
fn map(text: &str, words: &[Word]) -> Option<Tree> {
    let tokens: Vec<Token> = Tokenizer::new(text).collect();
    let overlaps = |token: &Token, word: &Word| word.start < token.end as usize && (token.start as usize) < word.end;
    let first_token: Vec<usize> =
        words.iter().map(|word| tokens.iter().position(|token| overlaps(token, word))).collect::<Option<_>>()?;
    let mut tree =
        Tree { text: text.to_owned(), tags: Vec::new(), heads: Vec::new(), deps: Vec::new(), tokens: tokens.clone() };
    for (at, token) in tokens.iter().enumerate() {
        let inside: Vec<usize> = (0..words.len()).filter(|&word| overlaps(token, &words[word])).collect();
        let outward = |&&word: &&usize| {
            let head = words[word].head;
            head == 0 || first_token[head - 1] != at
        };
        let main = *inside.iter().find(outward)?;
        let carries = first_token[main] == at;
        let mark = !token.text(text).contains(char::is_alphanumeric);
        tree.tags.push(if mark && !carries { Tag::Mark } else { words[main].tag });
        let (head, dep) = match words[main].head {
            _ if !carries => (first_token[main], if mark { Dep::Mark } else { Dep::Flat }),
            0 => (tokens.len(), Dep::Root),
            head => (first_token[head - 1], words[main].dep),
        };
        tree.heads.push(head);
        tree.deps.push(dep);
    }
    is_tree(&tree.heads).then_some(tree)
}

/// Whether there is one root, and every word hangs on it.
fn is_tree(heads: &[usize]) -> bool {
    let root = heads.len();
    let reaches = |word: usize| {
        let mut at = word;
        for _ in 0..=root {
            if at == root {
                return true;
            }
            at = heads[at];
        }
        false
    };
    heads.iter().filter(|&&head| head == root).count() == 1 && (0..root).all(reaches)
}

/// Whether no two arcs cross, the root standing behind the sentence.
pub(crate) fn is_projective(heads: &[usize]) -> bool {
    let arcs: Vec<(usize, usize)> = heads.iter().enumerate().map(|(d, &h)| (d.min(h), d.max(h))).collect();
    arcs.iter().all(|&(a, b)| arcs.iter().all(|&(c, d)| !(a < c && c < b && b < d)))
}

fn tag(upos: &str, xpos: &str) -> Tag {
    match (upos, xpos) {
        ("NOUN", "NNS") => Tag::PluralNoun,
        ("NOUN", _) => Tag::Noun,
        ("PROPN", _) => Tag::Name,
        ("PRON", _) => Tag::Pronoun,
        ("ADJ", _) => Tag::Adjective,
        ("ADV", _) => Tag::Adverb,
        ("VERB", "VBZ") => Tag::PresentVerb,
        ("VERB", "VBD") => Tag::PastVerb,
        ("VERB", "VBN") => Tag::Participle,
        ("VERB", "VBG") => Tag::Gerund,
        ("VERB", _) => Tag::BaseVerb,
        ("AUX", _) => Tag::Auxiliary,
        ("ADP", _) => Tag::Adposition,
        ("DET", _) => Tag::Determiner,
        ("NUM", _) => Tag::Number,
        ("CCONJ", _) => Tag::Coordinator,
        ("SCONJ", _) => Tag::Subordinator,
        ("PART", _) => Tag::Particle,
        ("INTJ", _) => Tag::Interjection,
        ("SYM", _) => Tag::Symbol,
        ("PUNCT", _) => Tag::Mark,
        _ => Tag::Other,
    }
}

/// The universal part of speech that a tag belongs to.
pub(crate) fn universal(tag: Tag) -> Tag {
    match tag {
        Tag::PluralNoun => Tag::Noun,
        verb if verb.is_verb() => Tag::BaseVerb,
        other => other,
    }
}

fn dependence(name: &str) -> Dep {
    match name {
        "root" => Dep::Root,
        "nsubj" | "nsubj:outer" => Dep::Subject,
        "nsubj:pass" => Dep::PassiveSubject,
        "csubj" | "csubj:pass" | "csubj:outer" => Dep::ClauseSubject,
        "expl" => Dep::Expletive,
        "aux" => Dep::Auxiliary,
        "aux:pass" => Dep::PassiveAuxiliary,
        "cop" => Dep::Copula,
        "mark" => Dep::Marker,
        "advmod" => Dep::Adverb,
        "advcl" | "advcl:relcl" => Dep::AdverbClause,
        "obl" | "obl:unmarked" => Dep::Oblique,
        "obl:agent" => Dep::Agent,
        "obj" => Dep::Object,
        "iobj" => Dep::IndirectObject,
        "xcomp" => Dep::OpenComplement,
        "ccomp" => Dep::Complement,
        "det" | "det:predet" => Dep::Determiner,
        "amod" => Dep::Adjective,
        "compound" => Dep::Compound,
        "nummod" => Dep::Numeral,
        "nmod" | "nmod:unmarked" | "nmod:desc" => Dep::Nominal,
        "nmod:poss" => Dep::Possessive,
        "case" => Dep::Case,
        "cc" | "cc:preconj" => Dep::Coordinator,
        "punct" => Dep::Mark,
        "conj" => Dep::Conjunct,
        "appos" => Dep::Apposition,
        "acl" => Dep::NounClause,
        "acl:relcl" => Dep::RelativeClause,
        "parataxis" => Dep::Parataxis,
        "compound:prt" => Dep::VerbParticle,
        "fixed" => Dep::Fixed,
        "flat" => Dep::Flat,
        _ => Dep::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_treebank_are_brought_onto_our_tokens() {
        let rows = [
            "1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_",
            "1\tDo\tdo\tAUX\tVBP\t_\t3\taux\t_\t_",
            "2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t_\t_",
            "3\tmeet\tmeet\tVERB\tVB\t_\t0\troot\t_\t_",
            "4\tat\tat\tADP\tIN\t_\t5\tcase\t_\t_",
            "5\t10:30\t10:30\tNUM\tCD\t_\t3\tobl\t_\tSpaceAfter=No",
            "6\t.\t.\tPUNCT\t.\t_\t3\tpunct\t_\t_",
        ];
        let block = rows.join("\n");
        let text = "Don't meet at 10:30.";
        let words = place(text, words(&block).expect("rows")).expect("found");
        let tree = map(text, &words).expect("a tree");
        let read: Vec<&str> = tree.tokens.iter().map(|token| token.text(text)).collect();
        assert_eq!(read, ["Don't", "meet", "at", "10", ":", "30", "."]);
        assert_eq!(tree.heads, [1, 7, 3, 1, 3, 3, 1]);
        assert_eq!(tree.deps[0..4], [Dep::Auxiliary, Dep::Root, Dep::Case, Dep::Oblique]);
        assert_eq!(tree.deps[4..6], [Dep::Mark, Dep::Flat]);
    }

    #[test]
    fn crossing_arcs_are_seen() {
        assert!(is_projective(&[1, 3, 1]));
        assert!(!is_projective(&[2, 3, 4, 4]));
    }
}
