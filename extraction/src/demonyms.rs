//! "French", "Germans": words for a people that name its country.
//!
//! The tagger tells them from places. Alone they are no news ("a French writer" is not about France); as the end of a
//! fact they lead to the country.

use crate::extraction::{Entity, Extraction};
use crate::name_key::name_key;

/// The type that the tagger gives them; never shown.
pub(crate) const DEMONYM: &str = "demonym";

/// Turns the demonyms that facts need into countries, and takes out the others.
pub(crate) fn settle(all: &mut Extraction) {
    let mut needed = vec![false; all.entities.len()];
    for relation in all.relations.iter().filter(|relation| !relation.open) {
        needed[relation.head] = true;
        needed[relation.tail] = true;
    }
    // Which entity each one becomes: itself, the country it is found to be, or nothing.
    let mut becomes: Vec<Option<usize>> = (0..all.entities.len()).map(Some).collect();
    for index in 0..all.entities.len() {
        if all.entities[index].entity_type != DEMONYM {
            continue;
        }
        if !needed[index] {
            becomes[index] = None;
            continue;
        }
        let country = country(&all.entities[index].name);
        let same = |entity: &Entity| {
            entity.entity_type == "location" && country.is_some_and(|c| name_key(&entity.name) == name_key(c))
        };
        if let Some(known) = all.entities.iter().position(same) {
            let form = all.entities[index].name.clone();
            let entity = &mut all.entities[known];
            if entity.name != form && !entity.aliases.contains(&form) {
                entity.aliases.push(form);
            }
            becomes[index] = Some(known);
            continue;
        }
        let entity = &mut all.entities[index];
        "location".clone_into(&mut entity.entity_type);
        if let Some(country) = country {
            let form = std::mem::replace(&mut entity.name, country.to_owned());
            // No mention spells this name, as with one that a user listed: it goes the same way into the graph.
            entity.metadata.insert("gazetteer_name".to_owned(), country.into());
            entity.aliases.retain(|alias| alias != country);
            if !entity.aliases.contains(&form) && form != country {
                entity.aliases.insert(0, form);
            }
        }
    }
    if (0..becomes.len()).any(|index| becomes[index] != Some(index)) {
        all.regroup(|mention| becomes[mention.entity]);
    }
}

/// The country of a people, whether the word stands for one of them, several, or the adjective.
pub(crate) fn country(word: &str) -> Option<&'static str> {
    let lower = word.to_lowercase();
    let find = |word: &str| TABLE.binary_search_by(|(known, _)| known.cmp(&word)).ok().map(|place| TABLE[place].1);
    find(&lower).or_else(|| find(lower.strip_suffix('s')?))
}

/// Adjectives and the country, region or continent they belong to, sorted.
const TABLE: &[(&str, &str)] = &[
    ("afghan", "Afghanistan"),
    ("african", "Africa"),
    ("albanian", "Albania"),
    ("algerian", "Algeria"),
    ("american", "United States"),
    ("andorran", "Andorra"),
    ("angolan", "Angola"),
    ("argentine", "Argentina"),
    ("argentinian", "Argentina"),
    ("armenian", "Armenia"),
    ("asian", "Asia"),
    ("australian", "Australia"),
    ("austrian", "Austria"),
    ("azerbaijani", "Azerbaijan"),
    ("bahraini", "Bahrain"),
    ("bangladeshi", "Bangladesh"),
    ("barbadian", "Barbados"),
    ("bavarian", "Bavaria"),
    ("belarusian", "Belarus"),
    ("belgian", "Belgium"),
    ("belizean", "Belize"),
    ("beninese", "Benin"),
    ("bolivian", "Bolivia"),
    ("bosnian", "Bosnia and Herzegovina"),
    ("brazilian", "Brazil"),
    ("british", "United Kingdom"),
    ("briton", "United Kingdom"),
    ("bulgarian", "Bulgaria"),
    ("burmese", "Myanmar"),
    ("burundian", "Burundi"),
    ("cambodian", "Cambodia"),
    ("cameroonian", "Cameroon"),
    ("canadian", "Canada"),
    ("catalan", "Catalonia"),
    ("chadian", "Chad"),
    ("chilean", "Chile"),
    ("chinese", "China"),
    ("colombian", "Colombia"),
    ("congolese", "Congo"),
    ("cornish", "Cornwall"),
    ("corsican", "Corsica"),
    ("croat", "Croatia"),
    ("croatian", "Croatia"),
    ("cuban", "Cuba"),
    ("cypriot", "Cyprus"),
    ("czech", "Czech Republic"),
    ("czechoslovak", "Czechoslovakia"),
    ("dane", "Denmark"),
    ("danish", "Denmark"),
    ("dominican", "Dominican Republic"),
    ("dutch", "Netherlands"),
    ("ecuadorian", "Ecuador"),
    ("egyptian", "Egypt"),
    ("emirati", "United Arab Emirates"),
    ("english", "England"),
    ("eritrean", "Eritrea"),
    ("estonian", "Estonia"),
    ("ethiopian", "Ethiopia"),
    ("european", "Europe"),
    ("fijian", "Fiji"),
    ("filipino", "Philippines"),
    ("finn", "Finland"),
    ("finnish", "Finland"),
    ("flemish", "Flanders"),
    ("french", "France"),
    ("gabonese", "Gabon"),
    ("gambian", "Gambia"),
    ("georgian", "Georgia"),
    ("german", "Germany"),
    ("ghanaian", "Ghana"),
    ("greek", "Greece"),
    ("greenlandic", "Greenland"),
    ("guatemalan", "Guatemala"),
    ("guinean", "Guinea"),
    ("guyanese", "Guyana"),
    ("haitian", "Haiti"),
    ("hawaiian", "Hawaii"),
    ("honduran", "Honduras"),
    ("hungarian", "Hungary"),
    ("icelandic", "Iceland"),
    ("indian", "India"),
    ("indonesian", "Indonesia"),
    ("iranian", "Iran"),
    ("iraqi", "Iraq"),
    ("irish", "Ireland"),
    ("israeli", "Israel"),
    ("italian", "Italy"),
    ("ivorian", "Ivory Coast"),
    ("jamaican", "Jamaica"),
    ("japanese", "Japan"),
    ("jordanian", "Jordan"),
    ("kazakh", "Kazakhstan"),
    ("kenyan", "Kenya"),
    ("korean", "Korea"),
    ("kosovar", "Kosovo"),
    ("kuwaiti", "Kuwait"),
    ("kyrgyz", "Kyrgyzstan"),
    ("lao", "Laos"),
    ("laotian", "Laos"),
    ("latvian", "Latvia"),
    ("lebanese", "Lebanon"),
    ("liberian", "Liberia"),
    ("libyan", "Libya"),
    ("lithuanian", "Lithuania"),
    ("luxembourgish", "Luxembourg"),
    ("macedonian", "Macedonia"),
    ("malagasy", "Madagascar"),
    ("malawian", "Malawi"),
    ("malaysian", "Malaysia"),
    ("malian", "Mali"),
    ("maltese", "Malta"),
    ("mauritian", "Mauritius"),
    ("mexican", "Mexico"),
    ("moldovan", "Moldova"),
    ("mongolian", "Mongolia"),
    ("montenegrin", "Montenegro"),
    ("moroccan", "Morocco"),
    ("mozambican", "Mozambique"),
    ("namibian", "Namibia"),
    ("nepalese", "Nepal"),
    ("nepali", "Nepal"),
    ("nicaraguan", "Nicaragua"),
    ("nigerian", "Nigeria"),
    ("norwegian", "Norway"),
    ("omani", "Oman"),
    ("pakistani", "Pakistan"),
    ("palestinian", "Palestine"),
    ("panamanian", "Panama"),
    ("paraguayan", "Paraguay"),
    ("peruvian", "Peru"),
    ("philippine", "Philippines"),
    ("pole", "Poland"),
    ("polish", "Poland"),
    ("portuguese", "Portugal"),
    ("prussian", "Prussia"),
    ("qatari", "Qatar"),
    ("romanian", "Romania"),
    ("russian", "Russia"),
    ("rwandan", "Rwanda"),
    ("salvadoran", "El Salvador"),
    ("samoan", "Samoa"),
    ("saudi", "Saudi Arabia"),
    ("scot", "Scotland"),
    ("scottish", "Scotland"),
    ("senegalese", "Senegal"),
    ("serb", "Serbia"),
    ("serbian", "Serbia"),
    ("sicilian", "Sicily"),
    ("singaporean", "Singapore"),
    ("slovak", "Slovakia"),
    ("slovene", "Slovenia"),
    ("slovenian", "Slovenia"),
    ("somali", "Somalia"),
    ("soviet", "Soviet Union"),
    ("spaniard", "Spain"),
    ("spanish", "Spain"),
    ("sudanese", "Sudan"),
    ("surinamese", "Suriname"),
    ("swede", "Sweden"),
    ("swedish", "Sweden"),
    ("swiss", "Switzerland"),
    ("syrian", "Syria"),
    ("taiwanese", "Taiwan"),
    ("tajik", "Tajikistan"),
    ("tanzanian", "Tanzania"),
    ("thai", "Thailand"),
    ("tibetan", "Tibet"),
    ("togolese", "Togo"),
    ("tongan", "Tonga"),
    ("tunisian", "Tunisia"),
    ("turk", "Turkey"),
    ("turkish", "Turkey"),
    ("turkmen", "Turkmenistan"),
    ("ugandan", "Uganda"),
    ("ukrainian", "Ukraine"),
    ("uruguayan", "Uruguay"),
    ("uzbek", "Uzbekistan"),
    ("venezuelan", "Venezuela"),
    ("vietnamese", "Vietnam"),
    ("welsh", "Wales"),
    ("yemeni", "Yemen"),
    ("yugoslav", "Yugoslavia"),
    ("zambian", "Zambia"),
    ("zimbabwean", "Zimbabwe"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_finds_peoples() {
        assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(country("French"), Some("France"));
        assert_eq!(country("Germans"), Some("Germany"));
        assert_eq!(country("Jewish"), None);
    }
}
