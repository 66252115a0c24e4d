//! Our relations beside the properties of Wikidata.

/// A property of Wikidata that says what one of our relations says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property {
    /// Its identifier, such as `P131`.
    pub id: &'static str,
    /// Whether it leads from our tail to our head.
    pub inverse: bool,
}

/// The properties that `relation` covers, the nearest first; none for relations that Wikidata has no word for.
#[must_use]
pub fn wikidata(relation: &str) -> &'static [Property] {
    TABLE.iter().find(|(name, _)| *name == relation).map_or(&[], |(_, properties)| properties)
}

/// Our relation that a property says, and whether head and tail change places.
pub(crate) fn relation_of(property: &str) -> Option<(&'static str, bool)> {
    TABLE.iter().find_map(|(name, properties)| {
        let found = properties.iter().find(|known| known.id == property)?;
        Some((*name, found.inverse))
    })
}

const fn p(id: &'static str) -> Property {
    Property { id, inverse: false }
}

const fn inverse(id: &'static str) -> Property {
    Property { id, inverse: true }
}

const TABLE: &[(&str, &[Property])] = &[
    ("located_in", &[p("P131"), p("P17"), p("P276"), p("P706"), p("P30"), inverse("P150")]),
    ("part_of", &[p("P361"), p("P179"), inverse("P527")]),
    ("citizen_of", &[p("P27")]),
    ("born_in", &[p("P19")]),
    ("born_on", &[p("P569")]),
    ("died_in", &[p("P20")]),
    ("died_on", &[p("P570")]),
    ("founded", &[inverse("P112")]),
    ("founded_on", &[p("P571")]),
    ("dissolved_on", &[p("P576")]),
    ("works_for", &[p("P108")]),
    ("leads", &[inverse("P6"), inverse("P35"), inverse("P488"), inverse("P169")]),
    ("member_of", &[p("P463"), p("P102"), p("P54"), p("P241"), p("P118")]),
    ("studied_at", &[p("P69")]),
    ("spouse_of", &[p("P26")]),
    ("child_of", &[p("P22"), p("P25"), inverse("P40")]),
    ("sibling_of", &[p("P3373")]),
    ("based_in", &[p("P159"), p("P740")]),
    ("lives_in", &[p("P551"), p("P937")]),
    ("subsidiary_of", &[p("P749"), inverse("P355")]),
    ("owns", &[inverse("P127"), p("P1830")]),
    ("operates", &[inverse("P137")]),
    (
        "created",
        &[
            inverse("P170"),
            inverse("P50"),
            inverse("P57"),
            inverse("P58"),
            inverse("P86"),
            inverse("P175"),
            inverse("P178"),
            inverse("P176"),
            inverse("P162"),
            inverse("P272"),
            inverse("P676"),
            inverse("P123"),
            p("P800"),
            p("P1056"),
        ],
    ),
    ("acted_in", &[inverse("P161")]),
    ("appears_in", &[p("P1441"), inverse("P674")]),
    ("released_by", &[p("P264")]),
    ("broadcast_by", &[p("P449")]),
    ("published_on", &[p("P577")]),
    ("occurred_on", &[p("P585")]),
    ("started_on", &[p("P580")]),
    ("ended_on", &[p("P582")]),
    ("participated_in", &[p("P1344"), p("P607"), inverse("P710")]),
    ("received_award", &[p("P166")]),
    ("originates_from", &[p("P495")]),
    ("applies_to", &[p("P1001")]),
    ("follows", &[p("P155"), inverse("P156")]),
    ("is_a", &[p("P31"), p("P279"), p("P171")]),
    ("has_religion", &[p("P140")]),
    ("has_ethnicity", &[p("P172")]),
    ("speaks", &[p("P1412")]),
    ("official_language_of", &[inverse("P37")]),
    ("capital_of", &[p("P1376"), inverse("P36")]),
    ("located_on", &[p("P206")]),
    ("flows_into", &[p("P403")]),
    ("flows_through", &[p("P205")]),
    ("funds", &[inverse("P8324")]),
    ("partners_with", &[p("P2652")]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_relation_stands_once_and_directions_are_kept() {
        for (index, (name, properties)) in TABLE.iter().enumerate() {
            assert!(TABLE[..index].iter().all(|(other, _)| other != name), "{name} stands twice");
            assert!(!properties.is_empty() && properties.iter().all(|p| p.id.starts_with('P')));
        }
        let mut ids: Vec<&str> = TABLE.iter().flat_map(|(_, properties)| *properties).map(|p| p.id).collect();
        ids.sort_unstable();
        assert!(ids.is_sorted_by(|a, b| a < b), "a property stands twice");
        assert_eq!(relation_of("P150"), Some(("located_in", true)));
        assert_eq!(wikidata("founded"), [inverse("P112")]);
        assert_eq!(wikidata("born_in"), [p("P19")]);
        assert!(wikidata("competes_with").is_empty());
    }
}
