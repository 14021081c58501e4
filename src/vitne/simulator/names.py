"""Words to make people, streets and goods of. None belongs to a real person."""

FIRST = (
    *("Anna", "Ola", "Kari", "Nils", "Ingrid", "Per", "Solveig", "Lars", "Mona", "Jonas"),
    *("Berit", "Tor", "Liv", "Erik", "Hanne", "Geir", "Astrid", "Knut", "Marit", "Sindre"),
    *("Turid", "Odd", "Silje", "Rune", "Gunn", "Håkon", "Åse", "Bjørn", "Øyvind", "Sæmund"),
    *("Maja", "Emil", "Nora", "Jakob", "Sara", "Aksel", "Leila", "Amir", "Zofia", "Tomasz"),
    *("Aino", "Mikko", "Freja", "Magnus", "Elin", "Søren", "Katarzyna", "Dariusz", "Thuy"),
)
LAST = (
    *("Berg", "Haugen", "Lie", "Moen", "Dahl", "Strand", "Solberg", "Bakke", "Lunde", "Vik"),
    *("Nygård", "Sæther", "Ødegård", "Åsen", "Holm", "Foss", "Eide", "Ruud", "Tangen", "Myhre"),
    *("Kvale", "Brekke", "Hagen", "Lien", "Skog", "Fjeld", "Sand", "Nes", "Aune", "Krogh"),
    *("Nowak", "Kowalski", "Nguyen", "Ahmed", "Virtanen", "Korhonen", "Lindqvist", "Jensen"),
    *("Thorvaldsen", "Grønli", "Bjørnstad", "Kristoffersen", "Mæland", "Røed", "Stenberg"),
)
GOODS = (
    *("worktop-oak-40", "worktop-quartz-20", "front-matt-white", "front-ash", "tap-arc", "sink-60"),
    *("oven-built-in-a", "hood-slim-90", "drawer-soft-800", "shower-door-90", "basin-round-45"),
    *("mirror-led-80", "tile-slate-30", "bathtub-free-170", "wc-rimless", "mixer-thermo"),
)
SUPPLIERS = (
    "Granitt og Stein AS",
    "Baltic Fronts",
    "Nordic Taps AB",
    "Fliser fra Sør",
    "Hvit Vare",
)
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/141.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) Version/18.1 Safari/605.1.15",
)


def person_name(number: int) -> str:
    """The name of person or customer `number`; neighbours in number get different names."""
    first = FIRST[number * 7 % len(FIRST)]
    last = LAST[(number * 13 + number // len(FIRST)) % len(LAST)]
    return f"{first} {last}"
