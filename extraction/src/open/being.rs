//! What things are: copulas, appositions, lists of examples.

use super::clauses::{Found, doubt, preposition};
use super::grammar::Grammar;
use super::lists::{self, TELLING};
use super::nodes::{self, Node, node};
use super::predicates::{Mood, Predicate, mood};
use super::sureness::{APPOSED, DEFINED, EXAMPLE, LEAST_SURE};
use crate::syntax::labels::{Dep, Tag};

impl Found<'_, '_> {
    /// "X is a Y", "X is part of Y", "X is in Y", "X is rich in Y".
    pub(super) fn copula(&mut self, at: usize) {
        let g = self.g;
        let (Ok(mood), Some(stated), Some(subjects)) = (mood(g, at), self.stated(at), self.subjects(at)) else {
            return;
        };
        let base = DEFINED * stated * subjects.factor * doubt(mood);
        let is = Predicate::copula(mood);
        let mut said: Vec<(Predicate, Node, f64)> = Vec::new();
        if let Some(case) = g.case(at) {
            if let (Some(place), Some(preposition)) = (node(g, at), preposition(g, case)) {
                said.push((is.and(&preposition), place, 0.85));
            }
        } else if g.tag(at) == Tag::Adjective {
            self.described(at, &is, &mut said);
        } else {
            self.defined(at, &is, mood, &mut said);
        }
        for head in &subjects.nodes {
            for (predicate, tail, share) in &said {
                self.add(*head, predicate, *tail, base * share);
            }
        }
    }

    /// What an adjective goes with: "rich in Y", "larger than Y", "able to hold Y".
    pub(super) fn described(&self, at: usize, is: &Predicate, said: &mut Vec<(Predicate, Node, f64)>) {
        let g = self.g;
        let is = is.and(g.lower(at));
        for (preposition, noun) in self.obliques(at) {
            // "is grown in summer at night": only what stands right behind belongs to the adjective.
            if g.case(noun) == Some(at + 1) {
                let (tails, either) = self.several(noun, true);
                said.extend(tails.into_iter().map(|tail| (is.and(&preposition), tail, 0.85 * either)));
            }
        }
        for inner in g.of_kind(at, Dep::OpenComplement).filter(|&inner| g.tag(inner) == Tag::BaseVerb) {
            if matches!(g.lower(at), "able" | "likely" | "unable" | "unlikely" | "known") && g.has(inner, Dep::Marker) {
                let verb = is.and("to").and(g.lower(inner));
                for object in g.of_kind(inner, Dep::Object) {
                    let (tails, either) = self.several(object, true);
                    said.extend(tails.into_iter().map(|tail| (verb.clone(), tail, 0.8 * either)));
                }
            }
        }
    }

    /// What a noun behind a copula says: a kind, or a relation to what stands behind "of".
    pub(super) fn defined(&self, at: usize, is: &Predicate, mood: Mood<'_>, said: &mut Vec<(Predicate, Node, f64)>) {
        let g = self.g;
        if let Some((words, tail)) = self.relational(at) {
            let predicate = words.iter().fold(is.clone(), |p, word| p.and(word));
            said.push((predicate, tail, 1.0));
            return;
        }
        let (tails, either) = self.several(at, true);
        let kind = is_a(g, at, is, mood);
        said.extend(tails.into_iter().map(|tail| (kind.clone(), tail, either)));
    }

    /// "a component of Y" as `component_of` Y, where the noun is a plain one.
    pub(super) fn relational(&self, noun: usize) -> Option<(Vec<String>, Node)> {
        let g = self.g;
        let of = nodes::of_child(g, noun)?;
        let behind = node(g, of)?;
        let word = g.lower(noun);
        // "one of the oldest crops"
        let one = word == "one" || word == "some" || word == "many";
        if one {
            return (g.tag(of) == Tag::PluralNoun).then(|| (vec!["one".into(), "of".into()], behind));
        }
        let plain = g.tag(noun) == Tag::Noun && g.named(noun).is_none() && g.case(of) == Some(noun + 1);
        // "minister of justice" is one thing, "minister of France" a relation.
        let office = matches!(word, "minister" | "secretary" | "head" | "professor" | "doctor" | "master" | "bachelor");
        if !plain || office && g.tag(of) == Tag::Noun && g.named(of).is_none() && !g.has(of, Dep::Determiner) {
            return None;
        }
        let tells = |at: &usize| matches!(g.dep(*at), Dep::Compound | Dep::Adjective) && g.named(*at).is_none();
        let before: Vec<usize> = g.children(noun).filter(|&at| at < noun && tells(&at)).collect();
        let mut words = vec![word.to_owned(), "of".into()];
        match before.as_slice() {
            [one] if g.tag(*one) == Tag::Adjective && lists::has(TELLING, g.lower(*one)) => {
                words.insert(0, g.lower(*one).to_owned())
            }
            [one] if g.dep(*one) == Dep::Compound && one + 1 == noun => words.insert(0, g.lower(*one).to_owned()),
            [_, _, ..] => return None,
            _ => {}
        }
        Some((words, behind))
    }

    /// "X, a Y": X `is_a` Y; "X, the capital of Y": X `is_capital_of` Y.
    pub(super) fn apposition(&mut self, at: usize) {
        let g = self.g;
        let Some(noun) = g.head(at) else { return };
        let commas = at > noun && (noun + 1..at).any(|between| g.lower(between) == ",");
        let known = g.child(at, Dep::Determiner).map_or("", |determiner| g.lower(determiner));
        if !commas || !matches!(known, "a" | "an" | "the") || g.sure(at) < LEAST_SURE || g.has(noun, Dep::Conjunct) {
            return;
        }
        let Some(head) = node(g, noun) else { return };
        let mut said = Vec::new();
        self.defined(at, &Predicate::default().and("is"), Mood::default(), &mut said);
        for (predicate, tail, share) in said {
            self.add(head, &predicate, tail, APPOSED * share * g.sure(at).sqrt());
        }
    }

    /// "stimulants such as X": X `is_a` stimulant.
    pub(super) fn example(&mut self, at: usize) {
        let g = self.g;
        let (Some(kind), Some(case)) = (g.head(at), g.case(at)) else {
            return;
        };
        let such = g.lower(case) == "such" && g.child(case, Dep::Fixed).is_some_and(|second| g.lower(second) == "as");
        let names_kind = (such || g.lower(case) == "including") && g.tag(kind) == Tag::PluralNoun && kind < case;
        let Some(tail) = node(g, kind).filter(|_| names_kind) else {
            return;
        };
        let (heads, _) = self.several(at, false);
        for head in heads {
            self.add(head, &Predicate::default().and("is").and("a"), tail, EXAMPLE * g.sure(at).sqrt());
        }
    }
}

/// "is_a" for a kind, "is" for the one thing that something is.
fn is_a(g: &Grammar<'_>, noun: usize, is: &Predicate, mood: Mood<'_>) -> Predicate {
    let determiner = g.child(noun, Dep::Determiner).map_or("", |determiner| g.lower(determiner));
    let kind = matches!(determiner, "a" | "an") || (determiner.is_empty() && g.named(noun).is_none());
    if kind && mood.modal.is_none() { is.and("a") } else { is.clone() }
}
