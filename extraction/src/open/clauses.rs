//! From a parsed sentence to triples.

use super::grammar::Grammar;
use super::lemmas;
use super::lists::{self, LEADS_ON, LEADS_ON_PASSIVE, PREPOSITION};
use super::nodes::{Node, node};
use super::predicates::{Mood, Predicate, mood};
use super::subjects::{is_participle, is_perfect};
use super::sureness::{ALTERNATIVE, BY_PREPOSITION, CHAINED, LEAST_SURE, MODAL, NEGATED, OBJECT, OF_OBJECT, PASSIVE};
use super::{End, Triple};
use crate::syntax::labels::{Dep, Tag};

/// Most subjects, objects or prepositional phrases of one verb.
const MAX_ENDS: usize = 6;

/// All that the sentence states, in no particular order.
pub(super) fn triples(g: &Grammar<'_>) -> Vec<Triple> {
    let mut found = Found { g, triples: Vec::new() };
    for at in 0..g.words() {
        if g.has(at, Dep::Copula) {
            found.copula(at);
        } else if g.tag(at).is_verb() {
            found.verb(at);
        }
        match g.dep(at) {
            Dep::Apposition => found.apposition(at),
            Dep::Nominal => found.example(at),
            _ => {}
        }
    }
    found.triples
}

pub(super) struct Found<'g, 'a> {
    pub(super) g: &'g Grammar<'a>,
    triples: Vec<Triple>,
}

impl Found<'_, '_> {
    pub(super) fn add(&mut self, head: Node, predicate: &Predicate, tail: Node, confidence: f64) {
        if let Some(predicate) = predicate.name()
            && !self.is_same(head.end, tail.end)
            && !self.g.is_value(head.end)
        {
            let confidence = confidence * head.weight * tail.weight;
            self.triples.push(Triple { head: head.end, tail: tail.end, predicate, confidence });
        }
    }

    fn is_same(&self, head: End, tail: End) -> bool {
        match (head, tail) {
            (End::Phrase(a, b), End::Phrase(c, d)) => {
                a < d && c < b || self.g.phrase(a, b).eq_ignore_ascii_case(self.g.phrase(c, d))
            }
            _ => head == tail,
        }
    }

    /// A noun and those coordinated with it, and how sure it is that the statement holds of each.
    pub(super) fn several(&self, noun: usize, is_tail: bool) -> (Vec<Node>, f64) {
        let g = self.g;
        let mut nodes: Vec<Node> = node(g, noun).into_iter().collect();
        let mut factor = 1.0;
        for other in g.of_kind(noun, Dep::Conjunct).take(MAX_ENDS) {
            let link = g.child(other, Dep::Coordinator).map_or("", |link| g.lower(link));
            if matches!(link, "or" | "nor" | "but" | "rather") {
                factor = ALTERNATIVE;
            }
            let denied = g.children(other).any(|child| matches!(g.lower(child), "not" | "than"));
            if !denied && link != "but" && (is_tail || !matches!(link, "nor" | "rather")) {
                nodes.extend(node(g, other).map(|node| Node { weight: node.weight * g.sure(other).sqrt(), ..node }));
            }
        }
        nodes.truncate(MAX_ENDS);
        (nodes, factor)
    }

    /// What the verb of a clause says of its subjects and objects.
    fn verb(&mut self, at: usize) {
        let g = self.g;
        let (Ok(mut mood), Some(stated)) = (mood(g, at), self.stated(at)) else {
            return;
        };
        let Some(subjects) = self.subjects(at) else {
            return;
        };
        mood.passive |= subjects.passive && is_participle(g, at) && !is_perfect(g, at);
        // "a machine, later called the Baby": a participle alone does nothing.
        let lone = g.tag(at) == Tag::Participle && !is_perfect(g, at) || matches!(g.lower(at), "called" | "named");
        if lone && !mood.passive {
            return;
        }
        let base = stated * subjects.factor * doubt(mood);
        let said = if mood.passive { self.passive(at, mood) } else { self.active(at, mood) };
        for head in &subjects.nodes {
            for (predicate, tail, share) in &said {
                self.add(*head, predicate, *tail, base * share);
            }
        }
        if !mood.passive && !mood.negated && mood.modal.is_none() && !subjects.nodes.is_empty() {
            self.of_objects(at, base);
        }
    }

    fn active(&self, at: usize, mood: Mood<'_>) -> Vec<(Predicate, Node, f64)> {
        let g = self.g;
        let predicate = Predicate::active(g, at, mood);
        if let Some(inner) = g.child(at, Dep::OpenComplement) {
            return self.chained(at, inner, &predicate, g.has(at, Dep::Object));
        }
        if let Some(light) = self.light(at, &predicate) {
            return light;
        }
        let mut said = Vec::new();
        for object in g.of_kind(at, Dep::Object).filter(|&object| object > at || g.lower(object) != "that") {
            let (tails, either) = self.several(object, true);
            // "made Crete autonomous" does not say that anybody made Crete.
            let turned = object + 1 < g.words() && g.tag(object + 1) == Tag::Adjective;
            // A preposition on the way that the parser hung elsewhere: "pertains to employees".
            let strays =
                |between: usize| lists::has(PREPOSITION, g.lower(between)) && g.dep(between) != Dep::VerbParticle;
            if turned || (at + 1..first_of(g, object)).any(strays) {
                continue;
            }
            let sure = OBJECT * either * g.sure(object).sqrt();
            said.extend(tails.into_iter().map(|tail| (predicate.clone(), tail, sure)));
        }
        if !g.has(at, Dep::Object) && !g.has(at, Dep::Complement) {
            said.extend(self.by_preposition(at, &predicate, BY_PREPOSITION));
        }
        said
    }

    fn passive(&self, at: usize, mood: Mood<'_>) -> Vec<(Predicate, Node, f64)> {
        let g = self.g;
        let predicate = Predicate::passive(g, at, mood);
        let mut said = self.by_preposition(at, &predicate, PASSIVE);
        let inner = g.children(at).find(|&inner| {
            g.dep(inner) == Dep::OpenComplement || g.dep(inner) == Dep::AdverbClause && g.lower(at) == "used"
        });
        if let Some(inner) = inner {
            said.extend(self.chained(at, inner, &predicate, false));
        }
        if matches!(g.lower(at), "called" | "named") {
            for noun in g.of_kind(at, Dep::Object) {
                said.extend(node(g, noun).map(|tail| (predicate.clone(), tail, PASSIVE * g.sure(noun).sqrt())));
            }
        }
        said
    }

    /// Verb and preposition, for each noun that goes with the verb so.
    fn by_preposition(&self, at: usize, predicate: &Predicate, confidence: f64) -> Vec<(Predicate, Node, f64)> {
        let g = self.g;
        let mut said = Vec::new();
        for (preposition, noun) in self.obliques(at) {
            let (tails, either) = self.several(noun, true);
            // What stands far off may belong elsewhere.
            let far = if g.case(noun).is_some_and(|case| case > at + 4) { 0.85 } else { 1.0 };
            let sure = confidence * either * far * g.sure(noun).sqrt();
            let longer = predicate.and(&preposition);
            said.extend(tails.into_iter().map(|tail| (longer.clone(), tail, sure)));
        }
        said
    }

    /// "wants to buy Y", "helps reduce Y", "becomes Y".
    fn chained(&self, at: usize, inner: usize, predicate: &Predicate, has_object: bool) -> Vec<(Predicate, Node, f64)> {
        let g = self.g;
        let sure = CHAINED * g.sure(inner).sqrt();
        if has_object {
            return Vec::new();
        }
        let is_noun = g.tag(inner).is_noun() && !g.has(inner, Dep::Case);
        if is_noun {
            let linking = matches!(
                lemmas::base(g.lower(at)).as_str(),
                "become" | "remain" | "call" | "name" | "consider" | "stay" | "form"
            );
            if linking && let Some((words, tail)) = self.relational(inner) {
                let longer = words.iter().fold(predicate.clone(), |p, word| p.and(word));
                return vec![(longer, tail, sure)];
            }
            let tail = node(g, inner).filter(|_| linking);
            return tail.map(|tail| (predicate.clone(), tail, sure)).into_iter().collect();
        }
        if !lists::has(LEADS_ON, &lemmas::base(g.lower(at))) && !lists::has(LEADS_ON_PASSIVE, g.lower(at)) {
            return Vec::new();
        }
        let to = g.child(inner, Dep::Marker).is_some_and(|marker| g.lower(marker) == "to");
        let longer = match g.tag(inner) {
            Tag::BaseVerb if to => predicate.and("to").and(g.lower(inner)),
            Tag::BaseVerb if matches!(g.lower(at), "help" | "helps" | "helped") => predicate.and(g.lower(inner)),
            Tag::Gerund if !g.has(inner, Dep::Marker) => predicate.and(g.lower(inner)),
            _ => return Vec::new(),
        };
        if g.children(inner)
            .any(|child| matches!(g.lower(child), "not" | "never") || g.dep(child) == Dep::OpenComplement)
        {
            return Vec::new();
        }
        let mut said = Vec::new();
        for object in g.of_kind(inner, Dep::Object) {
            let (tails, either) = self.several(object, true);
            said.extend(tails.into_iter().map(|tail| (longer.clone(), tail, sure * either * g.sure(object).sqrt())));
        }
        if !g.has(inner, Dep::Object) {
            said.extend(self.by_preposition(inner, &longer, sure));
        }
        said
    }

    /// A verb that says little without its object: "plays a role in Y", "has an effect on Y".
    fn light(&self, at: usize, predicate: &Predicate) -> Option<Vec<(Predicate, Node, f64)>> {
        let g = self.g;
        let object = g.child(at, Dep::Object)?;
        let verb = lemmas::base(g.lower(at));
        let fits = matches!(
            (verb.as_str(), g.lower(object)),
            ("play", "role" | "part")
                | ("take", "place" | "part" | "advantage" | "care")
                | ("have", "effect" | "effects" | "impact" | "influence" | "access" | "control")
                | ("make", "use")
                | ("give", "rise" | "way")
                | ("pay", "attention")
        );
        if !fits || g.named(object).is_some() {
            return None;
        }
        let longer = predicate.and(g.lower(object));
        let mut said = self.by_preposition(at, &longer, BY_PREPOSITION);
        for noun in g.of_kind(object, Dep::Nominal) {
            if let Some(preposition) = g.case(noun).and_then(|case| preposition(g, case)) {
                let (tails, either) = self.several(noun, true);
                said.extend(tails.into_iter().map(|tail| (longer.and(&preposition), tail, OBJECT * either)));
            }
        }
        Some(said)
    }

    /// What a verb says of its object by a preposition: of "dry the beans in the sun", beans `dried_in` sun.
    fn of_objects(&mut self, at: usize, base: f64) {
        let g = self.g;
        let (Some(object), None) = (g.child(at, Dep::Object), g.child(at, Dep::OpenComplement)) else {
            return;
        };
        let verb = lemmas::base(g.lower(at));
        // Only of what is moved, made or kept: of "have" and "see" the place says nothing.
        let Some(participle) = lists::placing(&verb) else {
            return;
        };
        if g.has(at, Dep::VerbParticle) || g.has(at, Dep::IndirectObject) || object < at {
            return;
        }
        let predicate = Predicate::default().and(participle);
        let (heads, either) = self.several(object, false);
        let mut said = self.by_preposition(at, &predicate, OF_OBJECT);
        // "convert light into energy": what the parser hung on the object says the same.
        for noun in g.of_kind(object, Dep::Nominal).filter(|&noun| noun > object) {
            let word = g.case(noun).map_or("", |case| g.lower(case));
            if matches!(word, "into" | "to" | "from" | "with") && !g.has(object, Dep::Conjunct) {
                let (tails, either) = self.several(noun, true);
                let sure = OF_OBJECT * either * g.sure(noun).sqrt();
                said.extend(tails.into_iter().map(|tail| (predicate.and(word), tail, sure)));
            }
        }
        for (predicate, tail, share) in said {
            for head in &heads {
                self.add(*head, &predicate, tail, base * share * either);
            }
        }
    }

    /// The nouns that go with a verb or adjective by a preposition we know.
    pub(super) fn obliques(&self, at: usize) -> Vec<(String, usize)> {
        let g = self.g;
        let wanted =
            |&noun: &usize| matches!(g.dep(noun), Dep::Oblique | Dep::Agent) && noun > at && g.sure(noun) >= LEAST_SURE;
        g.children(at)
            .filter(wanted)
            .filter_map(|noun| Some((preposition(g, g.case(noun)?)?, noun)))
            // "after years of work" tells nothing to keep, "after 1945" does.
            .filter(|(word, noun)| {
                !matches!(word.as_str(), "after" | "before" | "since" | "until") || g.named(*noun).is_some()
            })
            .take(MAX_ENDS)
            .collect()
    }
}

/// The first word of what hangs on a noun before it.
fn first_of(g: &Grammar<'_>, noun: usize) -> usize {
    g.children(noun).next().map_or(noun, |child| child.min(noun))
}

pub(super) fn doubt(mood: Mood<'_>) -> f64 {
    let modal = if mood.modal.is_some() { MODAL } else { 1.0 };
    modal * if mood.negated { NEGATED } else { 1.0 }
}

/// A preposition as part of a predicate.
pub(super) fn preposition(g: &Grammar<'_>, case: usize) -> Option<String> {
    let word = g.lower(case);
    if let Some(second) = g.child(case, Dep::Fixed) {
        return matches!((word, g.lower(second)), ("due", "to") | ("out", "of"))
            .then(|| format!("{word}_{}", g.lower(second)));
    }
    lists::has(PREPOSITION, word).then(|| word.to_owned())
}
