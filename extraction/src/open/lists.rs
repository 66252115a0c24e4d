//! The words that the rules know.

use std::collections::HashMap;
use std::sync::OnceLock;

/// Nouns that only count what stands behind "of".
pub(super) const QUANTITY: u16 = 1 << 0;
/// Nouns that say nothing without what stands behind "of".
pub(super) const NEEDS_OF: u16 = 1 << 1;
/// Nouns that say nothing alone.
pub(super) const VAGUE: u16 = 1 << 2;
/// Words before a noun that leave nothing which could stand alone: "no bean", "another bean", "which bean".
pub(super) const DENIED: u16 = 1 << 3;
/// Words that a node does not begin with.
pub(super) const EDGE: u16 = 1 << 4;
/// Prepositions that go into predicates.
pub(super) const PREPOSITION: u16 = 1 << 5;
/// Verbs whose subject does, or tries to do, what the next verb says.
pub(super) const LEADS_ON: u16 = 1 << 6;
/// Participles behind which it is so in the passive.
pub(super) const LEADS_ON_PASSIVE: u16 = 1 << 7;
/// Verbs behind which a clause is as good as stated.
pub(super) const SHOWS: u16 = 1 << 8;
/// Verbs behind which a clause is what somebody says.
pub(super) const SAYS: u16 = 1 << 9;
/// Adjectives that make another thing of the noun behind them.
pub(super) const TELLING: u16 = 1 << 10;

const LISTS: &[(u16, &str)] = &[
    (
        QUANTITY,
        "lot lots number numbers couple variety varieties range majority handful kind kinds type types sort \
         sorts series plenty dozens hundreds thousands millions billions amount amounts quantity quantities \
         bit pair form forms",
    ),
    (
        NEEDS_OF,
        "part parts end side top bottom level levels rate center centre size member members rest result name \
         use set group groups source lack head middle beginning edge percentage proportion share concept \
         idea process author founder",
    ),
    (
        VAGUE,
        "thing things way ways one ones something anything everything nothing fact facts example examples \
         instance case cases reason reasons order addition course result results time times place places \
         rest others other stuff guy guys today yesterday tomorrow tonight year years month months week \
         weeks day days hour hours minute minutes second moment point points issue issues matter contrast \
         general particular total turn average practice theory hand hands mind care sense idea problem \
         problems question answer situation kind type sort form part parts side end beginning advance detail \
         details respect regard terms term event need use change changes difference effect effects impact \
         role lot bit number person someone anyone everyone anybody somebody everybody nobody none man woman \
         person’s steps step process morning evening afternoon night start past future present same amount \
         level group set area areas feature features factor factors aspect aspects purpose purposes basis \
         extent degree period method methods sake means view fun chance sure okay ok thanks name item items \
         attention company firm father mother wife husband son daughter brother brothers sister sisters team \
         work display both half thousands millions instances",
    ),
    (
        DENIED,
        "no few less fewer little another other such same neither nor not which what whose former latter \
         hardly next previous following my your",
    ),
    (
        EDGE,
        "most many several various own certain much more numerous entire whole particular different possible \
         typical 's ’s ' ’ first last new overall additional further only main key important",
    ),
    (
        PREPOSITION,
        "in on at to from for with by of into through during under over against about as near within across \
         around after before along beyond without via onto above below behind beneath inside outside toward \
         towards than upon among throughout since until",
    ),
    (
        LEADS_ON,
        "want need plan aim try begin start continue help seek refuse fail decide agree have tend choose \
         learn offer intend manage attempt prepare serve stop avoid keep enjoy use promise prefer hope wish",
    ),
    (
        LEADS_ON_PASSIVE,
        "used required allowed encouraged designed expected asked forced known built trained able needed \
         permitted obliged likely shown believed",
    ),
    (
        SHOWS,
        "show find discover know demonstrate prove note mean ensure confirm reveal explain observe establish \
         remember recall learn realize see",
    ),
    (SAYS, "say report announce state write tell add indicate estimate argue claim"),
    (TELLING, "foreign prime former deputy natural chemical chief major main"),
];

/// The participles of verbs whose object gets to, stays at or serves what a preposition brings.
const PLACING: &str = "\
    export:exported import:imported send:sent ship:shipped sell:sold bring:brought carry:carried move:moved \
    transport:transported deliver:delivered put:put place:placed store:stored keep:kept grow:grown \
    plant:planted dry:dried roast:roasted make:made produce:produced build:built open:opened \
    publish:published write:written use:used convert:converted turn:turned transform:transformed \
    divide:divided mix:mixed combine:combined add:added apply:applied attach:attached connect:connected \
    release:released remove:removed extract:extracted obtain:obtained separate:separated protect:protected \
    replace:replaced introduce:introduced transfer:transferred launch:launched hold:held cook:cooked \
    serve:served heat:heated submit:submitted assign:assigned buy:bought discover:discovered \
    develop:developed design:designed";

/// Whether a word, in lowercase, is on a list.
pub(super) fn has(list: u16, word: &str) -> bool {
    static TABLE: OnceLock<HashMap<&'static str, u16>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let mut table = HashMap::new();
        for (list, words) in LISTS {
            words.split(' ').for_each(|word| *table.entry(word).or_default() |= list);
        }
        table
    });
    table.get(word).is_some_and(|lists| lists & list != 0)
}

/// The participle of a verb, by its base, whose object gets to, stays at or serves what a preposition brings.
pub(super) fn placing(base: &str) -> Option<&'static str> {
    static TABLE: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    TABLE.get_or_init(|| PLACING.split(' ').filter_map(|pair| pair.split_once(':')).collect()).get(base).copied()
}
