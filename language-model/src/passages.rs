//! Cutting a text into passages that a model can read in one go.

use std::ops::Range;

use kgl_extraction::Span;

/// Words in a passage: enough to see what belongs together, few enough that a model misses little and its answer stays
/// short.
const MAX_WORDS: usize = 1200;
/// The same for scripts that put no spaces between words.
const MAX_CHARS: usize = 9000;
/// Sentences that a passage repeats from the one before, so that a fact told over their border is seen whole.
const OVERLAP: usize = 2;

/// A text with its sentences, to be cut.
pub(crate) struct Cutter<'a> {
    text: &'a str,
    sentences: Vec<Span>,
    /// Where each sentence lies in bytes.
    bytes: Vec<Range<usize>>,
}

/// Sentences that follow one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Passage {
    /// Which sentences of the text.
    pub(crate) sentences: Range<usize>,
    /// Scalar values of the text before it.
    pub(crate) start: usize,
    /// Where it lies in the text.
    bytes: Range<usize>,
}

impl<'a> Cutter<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let sentences = kgl_extraction::sentences(text);
        let bytes = byte_ranges(text, &sentences);
        Self { text, sentences, bytes }
    }

    pub(crate) fn sentences(&self) -> &[Span] {
        &self.sentences
    }

    pub(crate) fn text_of(&self, passage: &Passage) -> &'a str {
        &self.text[passage.bytes.clone()]
    }

    /// The passages of the whole text.
    pub(crate) fn passages(&self) -> Vec<Passage> {
        let mut passages = Vec::new();
        let (mut first, mut words, mut at) = (0, 0, 0);
        while at < self.sentences.len() {
            let more = self.words(at);
            let chars = self.sentences[at].end - self.sentences[first].start;
            if at > first && (words + more > MAX_WORDS || chars > MAX_CHARS) {
                passages.push(self.passage(first..at));
                // Never back to where this passage began: a passage of long sentences would not end.
                first = at.saturating_sub(OVERLAP).max(first + 1);
                words = (first..at).map(|sentence| self.words(sentence)).sum();
                // What is repeated may be too long to take anything more along.
                if words + more > MAX_WORDS || self.sentences[at].end - self.sentences[first].start > MAX_CHARS {
                    (first, words) = (at, 0);
                }
            }
            words += more;
            at += 1;
        }
        if first < at {
            passages.push(self.passage(first..at));
        }
        passages
    }

    /// A passage in two, which share a sentence where there are enough; none for one that cannot be cut.
    pub(crate) fn halves(&self, passage: &Passage) -> Option<[Passage; 2]> {
        let Range { start, end } = passage.sentences;
        let middle = start + (end - start).div_ceil(2);
        let shared = usize::from(end - start > 3);
        (end - start > 1).then(|| [self.passage(start..middle), self.passage(middle - shared..end)])
    }

    fn passage(&self, sentences: Range<usize>) -> Passage {
        let (first, last) = (sentences.start, sentences.end - 1);
        Passage { start: self.sentences[first].start, bytes: self.bytes[first].start..self.bytes[last].end, sentences }
    }

    fn words(&self, sentence: usize) -> usize {
        self.text[self.bytes[sentence].clone()].split_whitespace().count()
    }
}

/// Where spans that follow one another lie in bytes, in one walk over the text.
fn byte_ranges(text: &str, spans: &[Span]) -> Vec<Range<usize>> {
    let (mut rest, mut byte, mut chars) = (text.char_indices(), 0, 0);
    let mut byte_of = |at: usize| {
        while chars < at {
            rest.next();
            (byte, chars) = (rest.offset(), chars + 1);
        }
        byte
    };
    spans.iter().map(|span| byte_of(span.start)..byte_of(span.end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long_text(sentences: usize) -> String {
        (0..sentences).map(|n| format!("Émile number {n} went to the market and bought some bread there. ")).collect()
    }

    #[test]
    fn passages_cover_the_text_and_overlap_by_two_sentences() {
        let text = long_text(400);
        let cutter = Cutter::new(&text);
        assert_eq!(cutter.sentences().len(), 400);
        let passages = cutter.passages();
        assert!(passages.len() >= 3, "{}", passages.len());
        assert_eq!((passages[0].sentences.start, passages.last().map(|p| p.sentences.end)), (0, Some(400)));
        for pair in passages.windows(2) {
            assert_eq!(pair[1].sentences.start + OVERLAP, pair[0].sentences.end);
        }
        for passage in &passages {
            let inside = cutter.text_of(passage);
            assert!(inside.split_whitespace().count() <= MAX_WORDS);
            assert!(inside.starts_with("Émile number") && inside.ends_with("there."), "{inside}");
            let begins: String = text.chars().skip(passage.start).take(20).collect();
            assert!(inside.starts_with(&begins));
        }
    }

    #[test]
    fn a_short_text_is_one_passage_and_an_empty_one_none() {
        assert_eq!(Cutter::new("One. Two.").passages().len(), 1);
        assert!(Cutter::new("").passages().is_empty());
        assert!(Cutter::new(" \n ").passages().is_empty());
    }

    #[test]
    fn long_sentences_make_short_passages_that_still_end() {
        let text = format!("{} ", "wörd".repeat(24)).repeat(4000);
        let cutter = Cutter::new(&text);
        let passages = cutter.passages();
        let covered: usize = passages.iter().map(|p| p.sentences.len()).sum();
        assert!(covered >= cutter.sentences().len());
        assert!(passages.windows(2).all(|pair| pair[1].sentences.start <= pair[0].sentences.end));
        let chinese = Cutter::new(&"他走了。".repeat(9000)).passages().len();
        assert!(chinese > 3, "{chinese}");
    }

    #[test]
    fn halves_cover_the_passage_and_a_single_sentence_has_none() {
        let text = long_text(7);
        let cutter = Cutter::new(&text);
        let whole = &cutter.passages()[0];
        let [one, two] = cutter.halves(whole).expect("halves");
        assert_eq!((one.sentences, two.sentences.clone()), (0..4, 3..7));
        assert!(cutter.text_of(&two).starts_with("Émile number 3"));
        let single = Cutter::new("One sentence.");
        assert_eq!(single.halves(&single.passages()[0]), None);
    }
}
