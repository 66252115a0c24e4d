//! The labels of the grammar, and the moves that build it.

/// Parts of speech: the universal ones, with the forms of verbs and the number of nouns told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    #[default]
    Other,
    Noun,
    PluralNoun,
    Name,
    Pronoun,
    Adjective,
    Adverb,
    /// A verb's bare form: "grow".
    BaseVerb,
    /// "grows"
    PresentVerb,
    /// "grew"
    PastVerb,
    /// "grown"
    Participle,
    /// "growing"
    Gerund,
    Auxiliary,
    Adposition,
    Determiner,
    Number,
    Coordinator,
    Subordinator,
    Particle,
    Interjection,
    Symbol,
    Mark,
}

/// By number, as the weights know them.
pub(crate) const TAGS: [Tag; 22] = [
    Tag::Other,
    Tag::Noun,
    Tag::PluralNoun,
    Tag::Name,
    Tag::Pronoun,
    Tag::Adjective,
    Tag::Adverb,
    Tag::BaseVerb,
    Tag::PresentVerb,
    Tag::PastVerb,
    Tag::Participle,
    Tag::Gerund,
    Tag::Auxiliary,
    Tag::Adposition,
    Tag::Determiner,
    Tag::Number,
    Tag::Coordinator,
    Tag::Subordinator,
    Tag::Particle,
    Tag::Interjection,
    Tag::Symbol,
    Tag::Mark,
];

impl Tag {
    pub(crate) fn is_verb(self) -> bool {
        matches!(self, Tag::BaseVerb | Tag::PresentVerb | Tag::PastVerb | Tag::Participle | Tag::Gerund)
    }

    /// Whether the words of this class are few and known.
    pub(crate) fn is_closed(self) -> bool {
        matches!(
            self,
            Tag::Pronoun
                | Tag::Auxiliary
                | Tag::Adposition
                | Tag::Determiner
                | Tag::Coordinator
                | Tag::Subordinator
                | Tag::Particle
        )
    }

    pub(crate) fn is_noun(self) -> bool {
        matches!(self, Tag::Noun | Tag::PluralNoun | Tag::Name)
    }
}

/// Forms that a word can be, as bits.
pub(crate) mod forms {
    pub(crate) const NOUN: u8 = 1;
    pub(crate) const PLURAL: u8 = 2;
    pub(crate) const BASE: u8 = 4;
    pub(crate) const PRESENT: u8 = 8;
    pub(crate) const PAST: u8 = 16;
    pub(crate) const GERUND: u8 = 32;
    pub(crate) const ADJECTIVE: u8 = 64;
    pub(crate) const ADVERB: u8 = 128;
}

/// What a word is to its head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Dep {
    /// Anything else.
    #[default]
    Other,
    Root,
    Subject,
    PassiveSubject,
    ClauseSubject,
    Expletive,
    Auxiliary,
    PassiveAuxiliary,
    Copula,
    Marker,
    Adverb,
    AdverbClause,
    /// A noun that goes with a verb by a preposition, or by none ("last year").
    Oblique,
    Agent,
    Object,
    IndirectObject,
    /// A clause without a subject of its own: "wants to buy".
    OpenComplement,
    Complement,
    Determiner,
    Adjective,
    Compound,
    Numeral,
    /// A noun that goes with a noun.
    Nominal,
    Possessive,
    Case,
    Coordinator,
    Mark,
    Conjunct,
    Apposition,
    /// A clause that goes with a noun.
    NounClause,
    RelativeClause,
    Parataxis,
    /// "up" in "give up".
    VerbParticle,
    Fixed,
    Flat,
}

/// Ways to go on while parsing; the room of a row of weights.
pub(crate) const MOVES: usize = 48;

/// The kinds of a dependent that stands before its head: moves 1 and following.
pub(crate) const LEFT: [Dep; 23] = [
    Dep::Root,
    Dep::Subject,
    Dep::PassiveSubject,
    Dep::ClauseSubject,
    Dep::Expletive,
    Dep::Auxiliary,
    Dep::PassiveAuxiliary,
    Dep::Copula,
    Dep::Marker,
    Dep::Adverb,
    Dep::AdverbClause,
    Dep::Oblique,
    Dep::Object,
    Dep::Determiner,
    Dep::Adjective,
    Dep::Compound,
    Dep::Numeral,
    Dep::Nominal,
    Dep::Possessive,
    Dep::Case,
    Dep::Coordinator,
    Dep::Mark,
    Dep::Other,
];

/// The kinds of a dependent that stands behind its head: moves behind those of [`LEFT`].
pub(crate) const RIGHT: [Dep; 24] = [
    Dep::Object,
    Dep::IndirectObject,
    Dep::Oblique,
    Dep::Agent,
    Dep::OpenComplement,
    Dep::Complement,
    Dep::AdverbClause,
    Dep::Adverb,
    Dep::Nominal,
    Dep::Apposition,
    Dep::NounClause,
    Dep::RelativeClause,
    Dep::Conjunct,
    Dep::Parataxis,
    Dep::VerbParticle,
    Dep::Fixed,
    Dep::Flat,
    Dep::Mark,
    Dep::Case,
    Dep::Subject,
    Dep::PassiveSubject,
    Dep::Adjective,
    Dep::Numeral,
    Dep::Other,
];

/// A step of the parser (arc-hybrid: Kuhlmann, Gómez-Rodríguez, Satta 2011).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// The next word goes onto the stack.
    Shift,
    /// The word on top becomes a dependent of the next word.
    Left(Dep),
    /// The word on top becomes a dependent of the one under it.
    Right(Dep),
}

impl Move {
    /// By its number below [`MOVES`].
    pub(crate) fn of(number: usize) -> Self {
        match number {
            0 => Move::Shift,
            n if n <= LEFT.len() => Move::Left(LEFT[n - 1]),
            n => Move::Right(RIGHT[n - 1 - LEFT.len()]),
        }
    }
}
