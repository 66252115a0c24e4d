//! Parts of speech, from left to right; each word's depend on those before it.

use super::labels::{TAGS, Tag};
use super::{SYNTAX_BITS, Syntax, outside};
use crate::features::{Scratch, Traits};
use crate::hash::{self, pair};
use crate::lexicon::Entry;
use crate::weights::Row;

/// Features of one word.
pub(crate) const TAG_FEATURES: usize = 49;

impl Syntax {
    /// Tags the words that `scratch` has looked at.
    pub(super) fn tag(&self, scratch: &Scratch, forms: &[Entry], tags: &mut Vec<Tag>) {
        tags.clear();
        for at in 0..scratch.traits.len() {
            let scores = self.tags.score(&tag_features(scratch, forms, at, tags));
            tags.push(best(&scores, forms[at]));
        }
    }
}

/// The tag with the highest score that a word can have.
pub(crate) fn best(scores: &Row, form: Entry) -> Tag {
    let allowed = |tag: usize| form.coarse != 0 || !TAGS[tag].is_closed();
    // `Other` is open, so there is always one.
    TAGS[(1..TAGS.len()).fold(0, |best, tag| if allowed(tag) && scores[tag] > scores[best] { tag } else { best })]
}

/// The features of the word at `at`; `tags` holds those of the words before it.
pub(crate) fn tag_features(scratch: &Scratch, forms: &[Entry], at: usize, tags: &[Tag]) -> [u32; TAG_FEATURES] {
    let get = |offset: isize| -> Traits {
        match at.checked_add_signed(offset) {
            Some(place) if place < scratch.traits.len() => scratch.traits[place],
            _ => outside(if offset < 0 { 1 } else { 2 }),
        }
    };
    let (pp, p, t, n, nn) = (get(-2), get(-1), get(0), get(1), get(2));
    let before = |back: usize| at.checked_sub(back).map_or(99, |place| tags[place] as u64);
    let (pt, ppt) = (before(1), before(2));
    let tags_before = pair(ppt, pt);
    let fine = |x: Traits| u64::from(x.entry.fine) + 1;
    let coarse = |x: Traits| u64::from(x.entry.coarse) + 1;
    let flags = u64::from(t.entry.flags);
    let form = |offset: isize| -> u64 {
        let at = at.checked_add_signed(offset);
        at.and_then(|at| forms.get(at)).map_or(1 << 10, |form| u64::from(form.flags) | u64::from(form.coarse) << 8)
    };
    let (pf, f, nf) = (form(-1), form(0), form(1));
    let values: [u64; TAG_FEATURES] = [
        0,
        t.word,
        p.word,
        n.word,
        pp.word,
        nn.word,
        pair(p.word, t.word),
        pair(t.word, n.word),
        pt,
        tags_before,
        pair(pt, t.word),
        pair(tags_before, t.word),
        pair(pt, n.word),
        t.shape,
        pair(t.shape, u64::from(at == 0)),
        pair(t.shape, n.shape),
        pair(p.shape, t.shape),
        t.affixes[0],
        t.affixes[1],
        t.affixes[3],
        t.affixes[4],
        t.affixes[5],
        t.affixes[6],
        pair(pt, t.affixes[5]),
        pair(pt, t.affixes[4]),
        pair(t.affixes[5], t.shape),
        n.affixes[5],
        n.affixes[4],
        p.affixes[5],
        fine(t),
        fine(p),
        fine(n),
        pair(pt, fine(t)),
        pair(fine(t), fine(n)),
        pair(fine(t), n.word),
        pair(coarse(t), pt),
        pair(pair(coarse(t), pt), coarse(n)),
        pair(coarse(n), coarse(nn)),
        pair(flags, t.shape),
        pair(n.word, nn.word),
        pair(t.affixes[5], fine(n)),
        f,
        pair(f, pt),
        pair(f, tags_before),
        pair(f, nf),
        pair(pair(f, pt), nf),
        pair(pair(pf, f), nf),
        pair(pair(f, t.affixes[4]), pt),
        pair(pair(f, n.word), pt),
    ];
    let mut features = [0; TAG_FEATURES];
    for (template, (feature, value)) in features.iter_mut().zip(values).enumerate() {
        *feature = hash::bucket(pair(template as u64 + 211, value), SYNTAX_BITS);
    }
    features
}
