"""What the reader tells apart: entity types, labels, relations, and what each data set's names stand for."""

TYPES = ["person", "organization", "location", "date", "product", "event", "work", "concept", "technology", "other",
         "demonym"]
"""`other` takes names of no type of ours; `demonym` is "French", "Jewish": shown only where a fact needs it."""

# Stand-ins for names, as the relation head sees them beside the types.
PERSON_PRONOUN, OTHER_PRONOUN = len(TYPES), len(TYPES) + 1
ROLES = len(TYPES) + 2

LABELS = 1 + 2 * len(TYPES)
"""`O`, then `B` and `I` of each type."""

PERSON_PRONOUNS = {"he", "him", "his", "she", "her", "hers", "who", "whom", "whose", "they", "them", "their", "i",
                   "me", "my", "we", "us", "our", "himself", "herself"}
OTHER_PRONOUNS = {"it", "its", "which", "that", "where"}

# Head, tail in reading order of the name; `~` turns a property round. Several properties may share a name.
RELATIONS = {
    "located_in": "P131 P17 P276 P706 P30 ~P150",
    "part_of": "P361 P179 ~P527",
    "citizen_of": "P27 NATIONALITY",
    "born_in": "P19 PLACE_OF_BIRTH",
    "born_on": "P569 DATE_OF_BIRTH",
    "died_in": "P20",
    "died_on": "P570 DATE_OF_DEATH",
    "founded": "~P112 ~FOUNDED_BY",
    "founded_on": "P571 DATE_FOUNDED",
    "dissolved_on": "P576",
    "works_for": "P108 EMPLOYEE_OR_MEMBER_OF",
    "leads": "~P6 ~P35 ~P488 ~CEO",
    "member_of": "P463 P102 P54 P241 P118 POLITICAL_AFFILIATION",
    "studied_at": "P69 EDUCATED_AT",
    "spouse_of": "P26 SPOUSE",
    "child_of": "P22 P25 CHILD_OF ~P40",
    "sibling_of": "P3373",
    "based_in": "P159 P740 HEADQUARTERS",
    "lives_in": "P551 P937 PLACE_OF_RESIDENCE",
    "subsidiary_of": "P749 SUBSIDIARY_OF ~P355",
    "owns": "~P127",
    "operates": "~P137",
    "created": "~P50 ~P57 ~P58 ~P86 ~P170 ~P175 ~P178 ~P176 ~P162 ~P272 ~P676 ~P123 P800 P1056",
    "acted_in": "~P161",
    "appears_in": "P1441 ~P674",
    "released_by": "P264",
    "broadcast_by": "P449",
    "published_on": "P577",
    "occurred_on": "P585",
    "started_on": "P580",
    "ended_on": "P582",
    "participated_in": "P1344 P607 ~P710",
    "received_award": "P166",
    "originates_from": "P495",
    "applies_to": "P1001",
    "follows": "P155 ~P156",
    "is_a": "P31 P279 P171",
    "has_religion": "P140",
    "has_ethnicity": "P172",
    "speaks": "P1412",
    "official_language_of": "~P37",
    "capital_of": "P1376 ~P36",
    "located_on": "P206",
    "flows_into": "P403",
    "flows_through": "P205",
}
NAMES = list(RELATIONS)
SYMMETRIC = {"spouse_of", "sibling_of"}


def _properties():
    table = {}
    for name, properties in RELATIONS.items():
        for item in properties.split():
            table[item.lstrip("~")] = (NAMES.index(name), item.startswith("~"))
    return table


PROPERTIES = _properties()
"""Property or a set's own relation: index of ours, whether head and tail change places."""

# Types of a KnowledgeNet fact's subject and object.
FACT_TYPES = {
    "DATE_OF_BIRTH": ("person", "date"), "DATE_OF_DEATH": ("person", "date"), "DATE_FOUNDED": ("organization", "date"),
    "HEADQUARTERS": ("organization", "location"), "SUBSIDIARY_OF": ("organization", "organization"),
    "FOUNDED_BY": ("organization", "person"), "CEO": ("organization", "person"), "SPOUSE": ("person", "person"),
    "CHILD_OF": ("person", "person"), "EDUCATED_AT": ("person", "organization"),
    "EMPLOYEE_OR_MEMBER_OF": ("person", "organization"), "POLITICAL_AFFILIATION": ("person", "organization"),
    "NATIONALITY": ("person", "location"), "PLACE_OF_BIRTH": ("person", "location"),
    "PLACE_OF_RESIDENCE": ("person", "location"),
}

VAGUE = ["product", "event", "work", "concept", "technology", "other"]
_PLAIN = {
    "person": "PER person politician scientist researcher musicalartist writer Peop",
    "organization": "ORG organization organisation politicalparty university band corporation group Org",
    "location": "LOC location country Loc",
    "date": "TIME",
    "product": "product musicalinstrument Application Operating_System Device",
    "event": "event election conference",
    "work": "book poem magazine academicjournal album song creative-work",
    "concept": "award field task metrics discipline theory musicgenre literarygenre chemicalelement chemicalcompound "
               "enzyme protein",
    "technology": "algorithm programlang Language Library Data_Structure Algorithm File_Type",
    "other": "astronomicalobject",
}
PLAIN = {name: ours for ours, names in _PLAIN.items() for name in names.split()}

# Types that a set leaves unannotated: there a free token may have them.
MISSING = {
    "redocred": [],
    "crossner": ["date", "demonym"],
    "wnut17": ["date", "event", "concept", "technology", "other", "demonym"],
    "uner": ["date", "product", "event", "work", "concept", "technology", "other", "demonym"],
    "sonner": ["person", "organization", "location", "date", "event", "work", "concept", "other", "demonym"],
    "newswire": ["date", "product", "event", "work", "concept", "technology", "other"],
    "conll04": ["date", "product", "event", "work", "concept", "technology", "other", "demonym"],
    "knowledgenet": TYPES,
}
# Types that a set annotates in full, so that what it doesn't name is wrong.
JUDGED = ["person", "organization", "location"]

DEMONYMS = set("""
afghan albanian algerian american andorran angolan argentine argentinian armenian australian austrian azerbaijani azeri
bahraini bangladeshi barbadian basque bavarian belarusian belgian belizean bengali beninese bolivian bosnian brazilian
breton british bulgarian burmese burundian byzantine cambodian cameroonian canadian catalan chadian chilean chinese
colombian congolese cornish corsican croatian cuban cypriot czech czechoslovak danish dominican dutch ecuadorian egyptian
emirati english eritrean estonian ethiopian european fijian filipino finnish flemish french gabonese gambian georgian
german ghanaian greek greenlandic guatemalan guinean guyanese haitian hawaiian honduran hungarian icelandic indian
indonesian iranian iraqi irish israeli italian ivorian jamaican japanese jordanian kazakh kenyan korean kosovar kurdish
kuwaiti kyrgyz lao laotian latvian lebanese liberian libyan lithuanian luxembourgish macedonian malagasy malawian malay
malaysian malian maltese mauritian mexican moldovan mongolian montenegrin moroccan mozambican namibian nepalese nepali
nicaraguan nigerian norman norwegian omani ottoman pakistani palestinian panamanian paraguayan persian peruvian
philippine polish portuguese prussian qatari romanian roman russian rwandan salvadoran samoan saudi scandinavian scottish
senegalese serbian sicilian singaporean slovak slovakian slovene slovenian somali soviet spanish sudanese surinamese
swedish swiss syrian tahitian taiwanese tajik tamil tanzanian thai tibetan togolese tongan trinidadian tunisian turkish
turkmen ugandan ukrainian uruguayan uzbek venetian venezuelan vietnamese welsh yemeni yugoslav zambian zimbabwean
african asian arab arabic latin north-american south-american latin-american anglo-american african-american
americans germans italians russians canadians australians indians europeans africans asians arabs greeks romans turks
serbs croats poles swedes danes finns norwegians britons scots spaniards koreans mexicans brazilians
""".split())
FAITHS = set("catholic christian jewish muslim protestant buddhist hindu islamic sunni shia orthodox lutheran anglican "
             "methodist baptist sikh christians jews muslims catholics protestants hindus".split())


def types_of(kind, words):
    """The types that a set's own type may stand for, given the lowercase words of the span; empty for no name."""
    if kind == "demonym":
        return [kind]
    demonym = len(words) == 1 and words[0] in DEMONYMS
    if demonym and kind in ("LOC", "misc", "MISC", "Other", "ORG"):
        return ["demonym"] + (["concept", "other"] if kind in ("misc", "MISC", "Other") else [])
    if kind == "ORG" and len(words) == 1 and words[0] in FAITHS:
        return ["demonym", "organization"]
    if kind in ("MISC", "misc"):
        return VAGUE + ["demonym"] + (["location"] if kind == "misc" and len(words) == 1 else [])
    return [PLAIN[kind]] if kind in PLAIN else []
