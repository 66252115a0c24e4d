//! Which language a text is in.

use whatlang::{Detector, Lang};

use super::ContentType;

/// Fewer letters than this tell nothing.
const MIN_LETTERS: usize = 40;
/// A claim that would warn people needs more: names alone look like many a language.
const SURE_LETTERS: usize = 80;
/// Characters that are looked at, from the beginning and again from the middle of long texts.
const SAMPLE: usize = 4000;

/// The text's language as a BCP 47 tag, where it is long enough to tell and one stands out.
#[must_use]
pub fn detect_language(text: &str, content_type: ContentType) -> Option<&'static str> {
    let sample = sample(text);
    let letters = sample.chars().filter(|c| c.is_alphabetic()).count();
    if letters < MIN_LETTERS {
        return None;
    }
    let found = Detector::new().detect(&sample)?;
    if found.lang() == Lang::Eng {
        return Some("en");
    }
    // Fields of rows are names and numbers; they have to be many before they are a language.
    let needed = match content_type {
        ContentType::Csv | ContentType::Json => SURE_LETTERS * 5,
        _ => SURE_LETTERS,
    };
    (letters >= needed && found.is_reliable()).then(|| tag(found.lang()))
}

fn sample(text: &str) -> String {
    let mut sample: String = text.chars().take(SAMPLE).collect();
    if text.len() > 16 * SAMPLE {
        let mut middle = text.len() / 2;
        while !text.is_char_boundary(middle) {
            middle += 1;
        }
        sample.push(' ');
        sample.extend(text[middle..].chars().take(SAMPLE));
    }
    sample
}

/// A sentence for the owner of a document whose language the extractor does not know; none when it does, or knows no
/// bounds.
#[must_use]
pub fn language_note(extractor: &str, language: &str) -> Option<String> {
    let primary = language.split('-').next().unwrap_or_default().to_ascii_lowercase();
    if !matches!(extractor, "builtin" | "fast") || matches!(primary.as_str(), "en" | "eng" | "und" | "mul" | "zxx") {
        return None;
    }
    let name = LANGUAGES
        .iter()
        .find(|(_, tag, _)| *tag == primary)
        .map_or_else(|| format!("the language {language:?}"), |(_, tag, name)| format!("{name} ({tag})"));
    Some(format!(
        "the text seems to be in {name}; the extractor {extractor:?} knows English, so names and facts may be missed"
    ))
}

fn tag(language: Lang) -> &'static str {
    LANGUAGES.iter().find(|(lang, ..)| *lang == language).map_or("und", |(_, tag, _)| tag)
}

/// What the detector knows, by BCP 47 tag and English name.
const LANGUAGES: [(Lang, &str, &str); 70] = [
    (Lang::Epo, "eo", "Esperanto"),
    (Lang::Eng, "en", "English"),
    (Lang::Rus, "ru", "Russian"),
    (Lang::Cmn, "zh", "Chinese"),
    (Lang::Spa, "es", "Spanish"),
    (Lang::Por, "pt", "Portuguese"),
    (Lang::Ita, "it", "Italian"),
    (Lang::Ben, "bn", "Bengali"),
    (Lang::Fra, "fr", "French"),
    (Lang::Deu, "de", "German"),
    (Lang::Ukr, "uk", "Ukrainian"),
    (Lang::Kat, "ka", "Georgian"),
    (Lang::Ara, "ar", "Arabic"),
    (Lang::Hin, "hi", "Hindi"),
    (Lang::Jpn, "ja", "Japanese"),
    (Lang::Heb, "he", "Hebrew"),
    (Lang::Yid, "yi", "Yiddish"),
    (Lang::Pol, "pl", "Polish"),
    (Lang::Amh, "am", "Amharic"),
    (Lang::Jav, "jv", "Javanese"),
    (Lang::Kor, "ko", "Korean"),
    (Lang::Nob, "nb", "Norwegian"),
    (Lang::Dan, "da", "Danish"),
    (Lang::Swe, "sv", "Swedish"),
    (Lang::Fin, "fi", "Finnish"),
    (Lang::Tur, "tr", "Turkish"),
    (Lang::Nld, "nl", "Dutch"),
    (Lang::Hun, "hu", "Hungarian"),
    (Lang::Ces, "cs", "Czech"),
    (Lang::Ell, "el", "Greek"),
    (Lang::Bul, "bg", "Bulgarian"),
    (Lang::Bel, "be", "Belarusian"),
    (Lang::Mar, "mr", "Marathi"),
    (Lang::Kan, "kn", "Kannada"),
    (Lang::Ron, "ro", "Romanian"),
    (Lang::Slv, "sl", "Slovene"),
    (Lang::Hrv, "hr", "Croatian"),
    (Lang::Srp, "sr", "Serbian"),
    (Lang::Mkd, "mk", "Macedonian"),
    (Lang::Lit, "lt", "Lithuanian"),
    (Lang::Lav, "lv", "Latvian"),
    (Lang::Est, "et", "Estonian"),
    (Lang::Tam, "ta", "Tamil"),
    (Lang::Vie, "vi", "Vietnamese"),
    (Lang::Urd, "ur", "Urdu"),
    (Lang::Tha, "th", "Thai"),
    (Lang::Guj, "gu", "Gujarati"),
    (Lang::Uzb, "uz", "Uzbek"),
    (Lang::Pan, "pa", "Punjabi"),
    (Lang::Aze, "az", "Azerbaijani"),
    (Lang::Ind, "id", "Indonesian"),
    (Lang::Tel, "te", "Telugu"),
    (Lang::Pes, "fa", "Persian"),
    (Lang::Mal, "ml", "Malayalam"),
    (Lang::Ori, "or", "Odia"),
    (Lang::Mya, "my", "Burmese"),
    (Lang::Nep, "ne", "Nepali"),
    (Lang::Sin, "si", "Sinhala"),
    (Lang::Khm, "km", "Khmer"),
    (Lang::Tuk, "tk", "Turkmen"),
    (Lang::Aka, "ak", "Akan"),
    (Lang::Zul, "zu", "Zulu"),
    (Lang::Sna, "sn", "Shona"),
    (Lang::Afr, "af", "Afrikaans"),
    (Lang::Lat, "la", "Latin"),
    (Lang::Slk, "sk", "Slovak"),
    (Lang::Cat, "ca", "Catalan"),
    (Lang::Tgl, "tl", "Tagalog"),
    (Lang::Hye, "hy", "Armenian"),
    (Lang::Cym, "cy", "Welsh"),
];
