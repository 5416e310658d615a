"""Colours and lines of every picture: Okabe and Ito's, that the colour-blind tell apart."""

from string import Template

ROUTE, CABLE, BRIDGE, FIREWALL = "#E69F00", "#009E73", "#0072B2", "#CC79A7"
NEIGHBOUR, TRANSLATION, DROP = "#F0E442", "#56B4E9", "#D55E00"
DISAGREE, DISAGREE_DARK = "#C8102E", "#FF6B7A"

_LIGHT = {
    "paper": "#ffffff",
    "ink": "#1b1d22",
    "soft": "#5a6170",
    "lane": "#f3f5f8",
    "rim": "#d5dae2",
    "line": "#454b57",
    "card": "#fff6ef",
    "differs": DISAGREE,
}
_DARK = {
    "paper": "#15171c",
    "ink": "#eceef2",
    "soft": "#a4acb9",
    "lane": "#1e2128",
    "rim": "#363b46",
    "line": "#b4bbc8",
    "card": "#2a2019",
    "differs": DISAGREE_DARK,
}

_TONES = Template(
    ".paper{fill:$paper}.ink{fill:$ink}.soft{fill:$soft}"
    ".lane{fill:$lane;stroke:$rim}.box{fill:$paper;stroke:$line}.card{fill:$card;stroke:$drop}"
    ".flow{stroke:$line}.tip{fill:$line}.glyph{stroke:$ink}.pill{fill:$lane;stroke:$line}"
    ".rule{stroke:$rim;fill:none}.strike{stroke:$soft}"
    ".differs{stroke:$differs}.surprise{stroke:$differs}.warn{fill:$differs}"
)

_SHAPES = Template(
    "text{font-family:sans-serif;font-size:12.5px}"
    ".t1{font-size:21px;font-weight:bold}.t2{font-size:14px;font-weight:bold}"
    ".small{font-size:11px}.strong{font-weight:bold}.mono{font-family:monospace;font-size:12px}"
    ".mark{fill:none;stroke:#ffffff;stroke-width:3;stroke-linecap:round}"
    ".etch{fill:none;stroke:#1b1d22;stroke-width:1.6}.dark{fill:#1b1d22}"
    ".t3{font-size:13px;font-weight:bold}.brief{font-size:11.5px}.note{font-size:10.5px}"
    ".rail{fill:none;stroke:$bridge;stroke-width:3}.stack{stroke:$route;stroke-width:5}.trunk{fill:#6b7280}"
    ".on{fill:#ffffff;font-weight:bold}.plain{font-size:11.5px;font-weight:normal}"
    ".box{stroke-width:1.4}.predicted{stroke-dasharray:5 4}.faint{opacity:.5}"
    ".differs{stroke-width:3;stroke-dasharray:none}"
    ".surprise{stroke-width:3;stroke-dasharray:2 3}"
    ".flow{fill:none;stroke-width:1.6}.glyph{fill:none;stroke-width:1.6}"
    ".card{stroke-width:2}.pill{stroke-width:1.2}.rule{stroke-width:1}"
    ".route{fill:$route}.cable{fill:$cable}.bridge{fill:$bridge}.firewall{fill:$firewall}"
    ".neighbour{fill:$neighbour}.nat{fill:$nat}.drop{fill:$drop}"
    ".alarm{fill:$alarm}"
    ".wire{fill:none;stroke:$cable;stroke-width:4}.thin{stroke-width:2.5}"
    ".under{fill:none;stroke:#1b1d22;stroke-width:3.6;stroke-dasharray:7 5}"
    ".asks{fill:none;stroke:$neighbour;stroke-width:2;stroke-dasharray:7 5}"
    ".cross{fill:none;stroke:$drop;stroke-width:7;stroke-linecap:round}"
)

_COLOURS = {
    "route": ROUTE,
    "cable": CABLE,
    "bridge": BRIDGE,
    "firewall": FIREWALL,
    "neighbour": NEIGHBOUR,
    "nat": TRANSLATION,
    "drop": DROP,
    "alarm": DISAGREE,
}


def style_sheet() -> str:
    """Light, and dark where the reader prefers it."""
    light, dark = (_TONES.substitute(tones, drop=DROP) for tones in (_LIGHT, _DARK))
    return f"{light}{_SHAPES.substitute(_COLOURS)}@media(prefers-color-scheme:dark){{{dark}}}"
