//! The base forms of verbs, and what is made of them.

use std::collections::HashMap;
use std::sync::OnceLock;

/// Forms that no rule leads to their base.
const IRREGULAR: &str = "\
    am:be are:be arisen:arise arose:arise ate:eat awoke:awake became:become been:be began:begin begun:begin being:be \
    bent:bend bitten:bite bled:bleed blew:blow blown:blow bore:bear born:bear borne:bear bought:buy bound:bind \
    bred:breed broke:break broken:break brought:bring built:build burnt:burn came:come caught:catch chose:choose \
    chosen:choose clung:cling crept:creep dealt:deal did:do does:do done:do drank:drink drawn:draw drew:draw \
    driven:drive drove:drive drunk:drink dug:dig dying:die eaten:eat fallen:fall fed:feed fell:fall felt:feel \
    fled:flee flew:fly flown:fly forbade:forbid forbidden:forbid forgot:forget forgotten:forget fought:fight \
    found:find froze:freeze frozen:freeze gave:give given:give goes:go gone:go got:get gotten:get grew:grow \
    ground:grind grown:grow had:have has:have heard:hear held:hold hid:hide hidden:hide hung:hang is:be kept:keep \
    knelt:kneel knew:know known:know laid:lay lain:lie leapt:leap learnt:learn led:lead left:leave lent:lend \
    lit:light lost:lose lying:lie made:make meant:mean met:meet mistaken:mistake overcame:overcome paid:pay ran:run \
    rang:ring ridden:ride risen:rise rode:ride rose:rise rung:ring said:say sang:sing sank:sink sat:sit saw:see \
    seen:see sent:send shaken:shake shone:shine shook:shake shot:shoot shown:show shrank:shrink shrunk:shrink \
    slept:sleep slid:slide sold:sell sought:seek sown:sow spent:spend spoke:speak spoken:speak sprang:spring \
    sprung:spring spun:spin stole:steal stolen:steal stood:stand struck:strike stuck:stick stung:sting sung:sing \
    sunk:sink swam:swim swept:sweep swollen:swell sworn:swear swum:swim swung:swing taken:take taught:teach \
    thought:think threw:throw thrown:throw told:tell took:take tore:tear torn:tear tying:tie understood:understand \
    undertaken:undertake undertook:undertake was:be went:go were:be withdrawn:withdraw withdrew:withdraw woke:wake \
    woken:wake won:win wore:wear worn:wear wound:wind wove:weave woven:weave written:write wrote:write";

/// The base of an irregular form.
pub(super) fn irregular(form: &str) -> Option<&'static str> {
    static TABLE: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    TABLE.get_or_init(|| IRREGULAR.split(' ').filter_map(|pair| pair.split_once(':')).collect()).get(form).copied()
}

/// Stems that take an "e" against the rules below, whole.
const WITH_E: &[&str] = &[
    "adher", "believ", "bak", "bath", "breath", "chang", "cit", "cloth", "clon", "compet", "complet", "creat", "delet",
    "excit", "explor", "hop", "ignit", "ignor", "incit", "interfer", "interven", "invit", "persever", "phon",
    "postpon", "recit", "restor", "rop", "scor", "shar", "sooth", "stat", "stor", "tast", "unit", "past", "wast",
    "writ", "ador", "challeng", "exchang", "arrang", "rang", "plung", "aveng", "reveng", "scop", "cop", "bor",
];

/// Stems that take none; compared as ends of a stem.
const WITHOUT_E: &[&str] = &[
    "bias", "blur", "develop", "envelop", "focus", "format", "combat", "gallop", "pilot", "pivot", "canvas", "chat",
    "repeat", "murmur", "worship", "abandon", "stir", "scan", "plan", "begin", "run", "win", "visit", "limit", "edit",
    "exit", "profit", "benefit", "inherit", "exhibit", "inhibit", "deposit", "orbit", "audit", "credit", "spur", "put",
    "cut", "input", "output", "forget", "signal", "equal", "total", "rival", "label", "model", "travel", "pencil",
    "fulfil", "cool", "pool", "fool", "tool", "loom", "broom", "bloom", "zoom", "groom",
];

/// The base form of a verb as it stands in the text, in lowercase.
pub(super) fn base(form: &str) -> String {
    if let Some(base) = irregular(form) {
        return base.to_owned();
    }
    for prefix in ["over", "under", "out", "re", "un"] {
        if let Some(rest) = form.strip_prefix(prefix)
            && rest.len() > 3
            && let Some(base) = irregular(rest)
        {
            return format!("{prefix}{base}");
        }
    }
    if !form.is_ascii() || form.len() < 4 {
        return form.to_owned();
    }
    if form.ends_with("eed") {
        return if matches!(form, "freed" | "agreed" | "guaranteed" | "disagreed") {
            form[..form.len() - 1].to_owned()
        } else {
            form.to_owned()
        };
    }
    if let Some(stem) = form.strip_suffix("ied").or_else(|| form.strip_suffix("ies")) {
        return if stem.len() > 1 { format!("{stem}y") } else { format!("{stem}ie") };
    }
    if let Some(stem) = form.strip_suffix("ing").or_else(|| form.strip_suffix("ed")).filter(|stem| has_vowel(stem)) {
        return if stem.ends_with('e') { format!("{stem}e").replace("eee", "ee") } else { unstem(stem) };
    }
    if let Some(stem) = form.strip_suffix("es")
        && (stem.ends_with("ss")
            || stem.ends_with("sh")
            || stem.ends_with("ch")
            || stem.ends_with(['x', 'o'])
            || stem.ends_with("zz"))
    {
        return stem.to_owned();
    }
    if form == "focuses" || form == "biases" {
        return form[..form.len() - 2].to_owned();
    }
    match form.strip_suffix('s') {
        Some(stem) if !form.ends_with("ss") && !form.ends_with("us") && !form.ends_with("is") => stem.to_owned(),
        _ => form.to_owned(),
    }
}

fn is_vowel(c: u8) -> bool {
    matches!(c, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

fn has_vowel(stem: &str) -> bool {
    stem.len() > 1 && stem.bytes().any(is_vowel)
}

/// What a stem was before "-ed" or "-ing" came to it.
fn unstem(stem: &str) -> String {
    let with_e = || format!("{stem}e");
    let bytes = stem.as_bytes();
    let last = bytes[bytes.len() - 1];
    let before = bytes[bytes.len() - 2];
    if WITHOUT_E.iter().any(|end| stem.ends_with(end)) {
        return stem.to_owned();
    }
    if WITH_E.contains(&stem)
        || ["creat", "complet", "unit", "writ", "stor", "explor", "tast", "wast"].iter().any(|end| stem.ends_with(end))
    {
        return with_e();
    }
    if last == before && stem.len() > 3 && !matches!(last, b'l' | b's' | b'z' | b'f') && !is_vowel(last) {
        return stem[..stem.len() - 1].to_owned();
    }
    if last == b'l' && before == b'l' && stem.len() > 5 && !stem.ends_with("install") && !stem.ends_with("enroll") {
        return stem[..stem.len() - 1].to_owned();
    }
    let earlier = bytes.len().checked_sub(3).map_or(0, |at| bytes[at]);
    // One vowel alone before the last consonant: "manag", "divid", "prepar".
    let lone = is_vowel(before)
        && !(is_vowel(earlier) && earlier != b'u' && earlier != b'y')
        && before != b'e'
        && before != b'y';
    let quiet = match last {
        b'c' | b'v' | b'u' => true,
        b'z' => before != b'z',
        b's' => before != b's' && (is_vowel(before) || matches!(before, b'n' | b'r' | b'p' | b'l')),
        b'g' => matches!(before, b'd' | b'r' | b'a' | b'e' | b'u') || (lone && before != b'i'),
        b'l' => {
            matches!(before, b'b' | b'p' | b't' | b'd' | b'g' | b'f' | b'k' | b'z' | b'c')
                || (lone && matches!(before, b'u' | b'i' | b'a'))
        }
        b't' => lone && matches!(before, b'a' | b'u' | b'o'),
        b'd' | b'k' => lone,
        b'n' => lone && matches!(before, b'i' | b'u'),
        b'r' => lone && matches!(before, b'i' | b'u' | b'a'),
        b'p' => lone,
        b'm' => lone && before != b'o',
        b'b' => lone,
        _ => false,
    };
    if quiet { with_e() } else { stem.to_owned() }
}

/// The third person of a verb's base form: "grow" → "grows".
pub(super) fn third_person(base: &str) -> String {
    match base {
        "be" => "is".to_owned(),
        "have" => "has".to_owned(),
        _ if base.ends_with(['s', 'x', 'z']) || base.ends_with("sh") || base.ends_with("ch") => format!("{base}es"),
        _ if base.ends_with('o') && !base.ends_with("oo") && !base.ends_with("io") => format!("{base}es"),
        _ => match base.strip_suffix('y') {
            Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
            _ => format!("{base}s"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_find_their_base() {
        for (form, expected) in [
            ("grows", "grow"),
            ("grew", "grow"),
            ("produces", "produce"),
            ("produced", "produce"),
            ("producing", "produce"),
            ("roasted", "roast"),
            ("stopped", "stop"),
            ("carried", "carry"),
            ("carries", "carry"),
            ("uses", "use"),
            ("used", "use"),
            ("causes", "cause"),
            ("reaches", "reach"),
            ("passes", "pass"),
            ("fixes", "fix"),
            ("creating", "create"),
            ("heated", "heat"),
            ("treated", "treat"),
            ("requires", "require"),
            ("required", "require"),
            ("entered", "enter"),
            ("opened", "open"),
            ("managed", "manage"),
            ("developed", "develop"),
            ("shared", "share"),
            ("changed", "change"),
            ("belonged", "belong"),
            ("settled", "settle"),
            ("contained", "contain"),
            ("combined", "combine"),
            ("avoided", "avoid"),
            ("divided", "divide"),
            ("included", "include"),
            ("needed", "need"),
            ("controlled", "control"),
            ("filled", "fill"),
            ("visited", "visit"),
            ("argued", "argue"),
            ("increased", "increase"),
            ("processed", "process"),
            ("overtook", "overtake"),
            ("dies", "die"),
            ("died", "die"),
            ("need", "need"),
            ("feed", "feed"),
            ("freed", "free"),
            ("agreed", "agree"),
            ("measured", "measure"),
            ("occurred", "occur"),
            ("provides", "provide"),
            ("moves", "move"),
            ("goes", "go"),
            ("does", "do"),
            ("boiled", "boil"),
            ("absorbed", "absorb"),
            ("released", "release"),
            ("collapsed", "collapse"),
            ("located", "locate"),
            ("writes", "write"),
            ("writing", "write"),
            ("scheduled", "schedule"),
            ("joined", "join"),
            ("replaced", "replace"),
            ("added", "add"),
            ("starts", "start"),
            ("attached", "attach"),
            ("focuses", "focus"),
        ] {
            assert_eq!(base(form), expected, "{form}");
        }
    }

    #[test]
    fn the_third_person_is_regular_but_for_a_few() {
        for (base, expected) in [
            ("grow", "grows"),
            ("pass", "passes"),
            ("carry", "carries"),
            ("buy", "buys"),
            ("have", "has"),
            ("go", "goes"),
        ] {
            assert_eq!(third_person(base), expected);
        }
    }
}
