//! The wordings. Only whole reductions match, so each line is as narrow as it reads.

use crate::relations::Role;
use Role::{Date, Location, Organization, Person, Thing};

/// A relation with the roles and wordings that state it; in `forward` the head comes first.
pub(super) struct Rule {
    pub(super) relation: &'static str,
    pub(super) heads: &'static [Role],
    pub(super) tails: &'static [Role],
    pub(super) forward: &'static [&'static str],
    pub(super) backward: &'static [&'static str],
}

// A wording a line would make the table ten pages long.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    Rule {
        relation: "acquires",
        heads: &[Organization],
        tails: &[Organization],
        forward: &[
            "acquired", "acquires", "bought", "buys", "purchased", "took over", "agreed to acquire",
            "to acquire", "agreed to buy", "to buy", "will acquire", "will buy",
            "completed acquisition of", "announced acquisition of", "'s acquisition of", "'s purchase of",
            "'s takeover of", "plans to acquire", "completed purchase of",
        ],
        backward: &[
            "was acquired by", "were acquired by", "acquired by", ", acquired by", "was bought by",
            "bought by", ", bought by", "was purchased by", "was taken over by",
            "agreed to be acquired by", "is being acquired by", "was sold to", ", which was acquired by",
            "will be acquired by",
        ],
    },
    Rule {
        relation: "funds",
        heads: &[Person, Organization],
        tails: &[Organization, Thing],
        forward: &[
            "invested in", "invests in", "funded", "funds", "backed", "backs", "financed",
            "led investment in", "provided funding to", "donated to", "sponsored", "sponsors",
        ],
        backward: &[
            "was funded by", "is funded by", "funded by", ", funded by", "backed by", ", backed by",
            "is backed by", "was backed by", "financed by", "was financed by", "received funding from",
            "raised money from", "sponsored by", "was sponsored by",
        ],
    },
    Rule {
        relation: "partners_with",
        heads: &[Organization],
        tails: &[Organization],
        forward: &[
            "partnered with", "partners with", "in partnership with", "teamed up with",
            "formed partnership with", "announced partnership with", "signed partnership with",
            "joined forces with", "'s partnership with", "will partner with", "entered partnership with",
        ],
        backward: &[],
    },
    Rule {
        relation: "competes_with",
        heads: &[Organization],
        tails: &[Organization],
        forward: &[
            "competes with", "competed with", "compete with", "competes against", "is competitor of",
            "'s rival", "rivals", "'s competitor", "faces competition from", "is rival of", ", rival of",
            ", competitor of",
        ],
        backward: &[],
    },
    Rule {
        relation: "collaborates_with",
        heads: &[Person, Organization],
        tails: &[Person, Organization],
        forward: &[
            "collaborated with", "collaborates with", "in collaboration with", "cooperated with",
            "worked with", "works with", "worked closely with", "worked together with", "worked alongside",
        ],
        backward: &[],
    },
    Rule {
        relation: "founded",
        heads: &[Person],
        tails: &[Organization],
        forward: &[
            "founded", "co - founded", "cofounded", "established", ", founder of", ", co - founder of",
            "is founder of", "is co - founder of", "was founder of", "was co - founder of",
            ", who founded", ", who co - founded", "helped found", "founder of", "set up",
            ", cofounder of",
        ],
        backward: &[
            "was founded by", "were founded by", "founded by", ", founded by", "was established by",
            "was co - founded by", "founder", "co - founder", "'s founder", "'s founder ,",
            "'s co - founder", "founder ,", "cofounder", ", which was founded by", "was started by",
            "was set up by",
        ],
    },
    Rule {
        relation: "leads",
        heads: &[Person],
        tails: &[Organization, Location],
        forward: &[
            ", LEADER of", ", LEADER at", "is LEADER of", "was LEADER of", "became LEADER of",
            "served as LEADER of", "as LEADER of", "LEADER of", "was appointed LEADER of",
            "was elected LEADER of", "was named LEADER of", "leads", "heads", "led", "headed",
            "has been LEADER of", "is LEADER at", ", LEADER and LEADER of", "is LEADER and LEADER of",
            ", who leads", ", who heads", ", who led", ", founder and LEADER of",
            ", co - founder and LEADER of",
        ],
        backward: &[
            "LEADER", "'s LEADER", "'s LEADER ,", "LEADER ,", "is led by", "was led by", "led by",
            ", led by", "is headed by", "headed by", ", headed by", "co - founder and LEADER",
            "founder and LEADER",
        ],
    },
    Rule {
        relation: "works_for",
        heads: &[Person],
        tails: &[Organization],
        forward: &[
            "works at", "works for", "worked at", "worked for", "is WORKER at", "was WORKER at",
            ", WORKER at", "joined", "is WORKER of", ", WORKER of", ", WORKER for", "is WORKER for",
            "was WORKER for", "is employed by", "taught at", "teaches at", "was WORKER of",
            "became WORKER at", "is WORKER with", ", WORKER with", "joined staff of", ", who works at",
            ", who works for", "was hired by", "became WORKER of", "of",
        ],
        backward: &["WORKER", "'s WORKER", "hired", "appointed", "employs", "hires"],
    },
    Rule {
        relation: "based_in",
        heads: &[Organization],
        tails: &[Location],
        forward: &[
            "is based in", "was based in", ", based in", "based in", "is headquartered in",
            "headquartered in", ", headquartered in", "has headquarters in", "with headquarters in",
            "was headquartered in", "are based in", "moved headquarters to", "opened headquarters in",
            "'s headquarters in",
        ],
        backward: &["- based", "- headquartered"],
    },
    Rule {
        relation: "born_in",
        heads: &[Person],
        tails: &[Location],
        forward: &[
            "was born in", "born in", ", born in", "( born in", "is native of", ", native of",
            "was native of", "was born at", ", who was born in",
        ],
        backward: &["- born"],
    },
    Rule {
        relation: "lives_in",
        heads: &[Person],
        tails: &[Location],
        forward: &[
            "lives in", "lived in", "resides in", "resided in", "settled in", "moved to", "emigrated to",
            ", who lives in", "is living in", "has lived in",
        ],
        backward: &[],
    },
    Rule {
        relation: "died_in",
        heads: &[Person],
        tails: &[Location],
        forward: &["died in", "died at", "was killed in"],
        backward: &[],
    },
    Rule {
        relation: "studied_at",
        heads: &[Person],
        tails: &[Organization],
        forward: &[
            "studied at", "graduated from", "attended", "was educated at", "is graduate of",
            ", graduate of", "enrolled at", "studied physics at", "studied mathematics at",
            "studied law at", "studied medicine at", "received doctorate from", "earned doctorate from",
            "received phd from", "earned phd from", "earned phd at", "received degree from",
            "is alumnus of",
        ],
        backward: &[],
    },
    Rule {
        relation: "spouse_of",
        heads: &[Person],
        tails: &[Person],
        forward: &[
            "married", "was married to", "is married to", ", wife of", ", husband of", "'s wife",
            "'s husband", "'s wife ,", "'s husband ,", "and his wife", "and her husband", ", his wife",
            ", her husband", "and wife", "and husband", "and his wife ,", "and her husband ,",
            ", who married", "divorced",
        ],
        backward: &[],
    },
    Rule {
        relation: "child_of",
        heads: &[Person],
        tails: &[Person],
        forward: &[
            ", son of", ", daughter of", "is son of", "was son of", "is daughter of", "was daughter of",
            ", child of", "and his father", "and her father", "and his mother", "and her mother",
        ],
        backward: &[
            "'s son", "'s daughter", "'s son ,", "'s daughter ,", "and his son", "and her son",
            "and his daughter", "and her daughter", "is father of", "was father of", "is mother of",
            "was mother of", ", father of", ", mother of",
        ],
    },
    Rule {
        relation: "sibling_of",
        heads: &[Person],
        tails: &[Person],
        forward: &[
            "'s brother", "'s sister", "'s brother ,", "'s sister ,", "and his brother", "and her brother",
            "and his sister", "and her sister", ", brother of", ", sister of", "is brother of",
            "is sister of",
        ],
        backward: &[],
    },
    Rule {
        relation: "subsidiary_of",
        heads: &[Organization],
        tails: &[Organization],
        forward: &[
            ", subsidiary of", "is subsidiary of", "was subsidiary of", ", division of", "is division of",
            ", unit of", "is unit of", ", owned by",
        ],
        backward: &["'s subsidiary", "and its subsidiary", "subsidiary", "'s parent company"],
    },
    Rule {
        relation: "member_of",
        heads: &[Person, Organization],
        tails: &[Organization],
        forward: &[
            "is member of", "was member of", ", member of", "became member of", "as member of",
            "were members of", "are members of",
        ],
        backward: &[],
    },
    Rule {
        relation: "owns",
        heads: &[Person, Organization],
        tails: &[Organization, Thing],
        forward: &["owns", "owned", ", owner of", "is owner of", ", which owns", "'s parent"],
        backward: &["is owned by", "was owned by", "owned by"],
    },
    Rule {
        relation: "created",
        heads: &[Person, Organization],
        tails: &[Thing],
        forward: &[
            "wrote", "authored", "directed", "composed", "created", "developed", "designed", "invented",
            "painted", "released", "produced", "published", "launched", "unveiled", "discovered",
            ", author of", ", inventor of", ", creator of", ", director of", "is author of", "'s novel",
            "'s book", "introduced",
        ],
        backward: &[
            "was written by", "written by", ", written by", "was directed by", "directed by",
            "was composed by", "composed by", "was created by", "created by", "was developed by",
            "developed by", ", developed by", "was invented by", "was designed by", "designed by",
            "was discovered by", "was released by", "was produced by", "produced by", "by",
            "was published by", "published by",
        ],
    },
    Rule {
        relation: "received_award",
        heads: &[Person, Organization, Thing],
        tails: &[Thing],
        forward: &[
            "won", "received", "was awarded", "were awarded", "has won", "shared", "is recipient of",
            "was recipient of", "has received",
        ],
        backward: &["was awarded to", "went to", "laureate", "winner"],
    },
    Rule {
        relation: "born_on",
        heads: &[Person],
        tails: &[Date],
        forward: &[
            "was born on", "born on", "( born", ", born on", "( born on", ", born", "was born in", "( b.",
        ],
        backward: &[],
    },
    Rule {
        relation: "died_on",
        heads: &[Person],
        tails: &[Date],
        forward: &["died on", "died in", "( died", "was killed on"],
        backward: &[],
    },
    Rule {
        relation: "founded_on",
        heads: &[Organization],
        tails: &[Date],
        forward: &[
            "was founded in", "founded in", ", founded in", "was established in", "established in",
            "was founded on", "was formed in", "was incorporated in", "was created in", ", established in",
        ],
        backward: &["founding of"],
    },
];
