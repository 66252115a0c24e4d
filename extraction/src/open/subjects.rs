//! Whether the sentence states a clause, and of what.

use super::clauses::Found;
use super::grammar::Grammar;
use super::lemmas;
use super::lists::{self, SAYS, SHOWS};
use super::nodes::{Node, node};
use super::predicates::mood;
use super::sureness::{CONDITIONAL, INHERITED, LEAST_SURE, RELATIVE, REPORTED, SHOWN, SUBORDINATE};
use crate::syntax::labels::{Dep, Tag};

/// Gerunds behind a noun say something of it only where the parser is as sure as this.
const SURE_ENOUGH: f64 = 0.8;

/// Most heads that are climbed to find out whether a clause is stated.
const MAX_NESTING: usize = 6;

/// What a clause says its things of, and how sure it is of them.
pub(super) struct Subjects {
    pub(super) nodes: Vec<Node>,
    pub(super) factor: f64,
    pub(super) passive: bool,
}

impl Found<'_, '_> {
    /// Whether the sentence states the clause at all, and how surely.
    pub(super) fn stated(&self, clause: usize) -> Option<f64> {
        let g = self.g;
        let mut factor = 1.0;
        let mut at = clause;
        for _ in 0..MAX_NESTING {
            let marker = g.child(at, Dep::Marker).map_or("", |marker| g.lower(marker));
            // A condition makes what it is put to less sure, and is not stated itself.
            let supposes = |child: usize| {
                g.dep(child) == Dep::AdverbClause
                    && g.child(child, Dep::Marker).is_some_and(|m| matches!(g.lower(m), "if" | "unless"))
            };
            if g.children(at).any(supposes) {
                factor *= CONDITIONAL;
            }
            let up = g.head(at);
            match (g.dep(at), up) {
                (Dep::Root, _) | (_, None) => return Some(factor),
                (Dep::AdverbClause, _)
                    if matches!(marker, "if" | "unless" | "whether" | "though" | "lest" | "than" | "to") =>
                {
                    return None;
                }
                (Dep::AdverbClause, Some(up)) => {
                    factor *= if marker == "when" { CONDITIONAL } else { SUBORDINATE };
                    at = up;
                }
                (Dep::Complement, Some(verb)) if marker != "whether" && marker != "if" => {
                    factor *= reported(g.lower(verb))?;
                    if mood(g, verb).map_or(true, |mood| mood.negated) {
                        return None;
                    }
                    at = verb;
                }
                (Dep::Conjunct | Dep::Parataxis, Some(up)) => at = up,
                (Dep::RelativeClause | Dep::NounClause, Some(_)) => return (marker != "that").then_some(factor),
                _ => return None,
            }
        }
        None
    }

    /// The subjects of a clause: its own, its antecedent's, or those of the clause it is coordinated with.
    pub(super) fn subjects(&self, clause: usize) -> Option<Subjects> {
        let g = self.g;
        let mut at = clause;
        let mut factor = 1.0;
        for _ in 0..MAX_NESTING {
            if g.has(at, Dep::Expletive) {
                return None;
            }
            let own = g.children(at).find(|&c| matches!(g.dep(c), Dep::Subject | Dep::PassiveSubject));
            let passive = g.has(at, Dep::PassiveSubject) || g.has(at, Dep::PassiveAuxiliary);
            if let Some(subject) = own {
                let relative = matches!(g.lower(subject), "which" | "who" | "that") && g.tag(subject) == Tag::Pronoun;
                let (noun, sure) = match (relative, g.dep(at), g.head(at)) {
                    (true, Dep::RelativeClause, Some(noun)) => (noun, RELATIVE * g.sure(at)),
                    (true, ..) => return None,
                    (false, ..) => (subject, g.sure(subject)),
                };
                if sure < LEAST_SURE || g.has(noun, Dep::Case) && !relative {
                    return None;
                }
                // An antecedent in a list is not the whole list.
                // "X, a Y who does Z"
                let noun = if relative && g.dep(noun) == Dep::Apposition { g.head(noun)? } else { noun };
                // What a kind does, its kinds do: of "X is a Y that does Z" it is X that does Z.
                if relative && g.has(noun, Dep::Copula) && g.case(noun).is_none() {
                    let mut bearer = self.subjects(noun)?;
                    bearer.factor *= factor * sure.sqrt();
                    return Some(Subjects { passive, ..bearer });
                }
                let (nodes, either) =
                    if relative { (node(g, noun).into_iter().collect(), 1.0) } else { self.several(noun, false) };
                return Some(Subjects { nodes, factor: factor * either * sure.sqrt(), passive });
            }
            let up = g.head(at)?;
            match g.dep(at) {
                Dep::NounClause if self.is_gap(up) => return None,
                Dep::NounClause if at == clause && matches!(g.tag(at), Tag::Participle | Tag::Gerund) && at > up => {
                    let sure = g.sure(at);
                    let passive = g.tag(at) == Tag::Participle;
                    // "farmers growing rice" grow it; in "the gift of visiting", "talk of the board naming" nobody does.
                    if !passive && (at != up + 1 || g.has(up, Dep::Case) || sure < SURE_ENOUGH) {
                        return None;
                    }
                    let nodes = node(g, up).into_iter().collect();
                    return (sure >= LEAST_SURE).then_some(Subjects { nodes, factor: RELATIVE * sure.sqrt(), passive });
                }
                // "is picked and dried": the second verb has no auxiliary of its own.
                Dep::Conjunct if g.sure(at) >= LEAST_SURE => {
                    let bare = !g
                        .children(at)
                        .any(|c| matches!(g.dep(c), Dep::Auxiliary | Dep::PassiveAuxiliary | Dep::Copula));
                    if bare && at == clause && is_participle(g, at) && !g.has(at, Dep::Object) {
                        let mut inherited = self.subjects(up)?;
                        inherited.factor *= INHERITED;
                        if inherited.passive || g.tag(at) == Tag::Participle {
                            return inherited.passive.then_some(inherited);
                        }
                    }
                    factor *= INHERITED * g.sure(at).sqrt();
                    at = up;
                }
                _ => return None,
            }
        }
        None
    }

    /// Whether a noun is the subject of a relative clause that the parser took for what the clause goes with: "which the
    /// countries signed".
    pub(super) fn is_gap(&self, noun: usize) -> bool {
        let g = self.g;
        let start = g.children(noun).next().unwrap_or(noun).min(noun);
        start
            .checked_sub(1)
            .is_some_and(|before| matches!(g.lower(before), "which" | "that" | "whom" | "where" | "when"))
    }
}

/// Whether a verb has the form that passives take. "is picked and dried" has no past in it, whatever the tagger says.
pub(super) fn is_participle(g: &Grammar<'_>, verb: usize) -> bool {
    let beside_present = || {
        let auxiliary = g.head(verb).and_then(|head| g.child(head, Dep::PassiveAuxiliary));
        auxiliary.is_some_and(|auxiliary| matches!(g.lower(auxiliary), "is" | "are" | "be" | "being"))
    };
    g.tag(verb) == Tag::Participle
        || (g.tag(verb) == Tag::PastVerb
            && g.dep(verb) == Dep::Conjunct
            && g.lower(verb).ends_with("ed")
            && beside_present())
}

/// Whether a verb stands with "has" or "had".
pub(super) fn is_perfect(g: &Grammar<'_>, verb: usize) -> bool {
    g.of_kind(verb, Dep::Auxiliary).any(|a| matches!(g.lower(a), "have" | "has" | "had" | "'ve" | "having" | "’ve"))
}

/// How sure what somebody says is; nothing for what is only believed, wished or asked.
pub(super) fn reported(verb: &str) -> Option<f64> {
    match lemmas::base(verb).as_str() {
        verb if lists::has(SHOWS, verb) => Some(SHOWN),
        verb if lists::has(SAYS, verb) => Some(REPORTED),
        _ => None,
    }
}
