"""The look: one palette, one theme for light and dark, and the spacing of the pages.

The palette is that of Okabe and Ito (*Color Universal Design*, 2008), unchanged: eight colours that
colour-blind readers tell apart. Lines use the four of them that keep a contrast of about 3:1 or
more on white and on the dark background alike; the two light ones fill areas. The theme never names
a base: Streamlit then follows the browser's wish for light or dark, and charts take the colours of
their text and grid from whichever is on.
"""

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY_BLUE = "#E69F00", "#56B4E9"
LINES = (BLUE, VERMILLION, GREEN, PURPLE)
"""Colours of a chart's lines, in order."""
FAULT_FILL, FAULT_TEXT = ORANGE, VERMILLION

THEME = {
    "theme.light.backgroundColor": "#ffffff",
    "theme.light.secondaryBackgroundColor": "#f4f6f9",
    "theme.light.textColor": "#16202c",
    "theme.light.primaryColor": BLUE,
    "theme.light.blueColor": BLUE,
    "theme.light.sidebar.backgroundColor": "#f4f6f9",
    "theme.light.sidebar.secondaryBackgroundColor": "#e6eaf0",
    "theme.dark.backgroundColor": "#11161d",
    "theme.dark.secondaryBackgroundColor": "#1b222c",
    "theme.dark.textColor": "#e6eaf0",
    "theme.dark.primaryColor": SKY_BLUE,
    "theme.dark.blueColor": SKY_BLUE,
    "theme.dark.sidebar.backgroundColor": "#171d26",
    "theme.dark.sidebar.secondaryBackgroundColor": "#232c38",
}
"""Streamlit's options of the theme."""

STYLE = f"""<style>
[data-testid="stMainBlockContainer"] {{
  padding: 1.6rem 2.25rem 3rem; max-width: 1480px;
}}
[data-testid="stHeader"] {{ background: transparent; height: 2.5rem; }}
[data-testid="stSidebarHeader"] {{ height: 2.5rem; padding-bottom: 0; }}
[data-testid="stMain"] h1 {{ font-size: 1.55rem; font-weight: 700; padding: 0; }}
[data-testid="stMain"] h2 {{ font-size: 1.05rem; font-weight: 600; padding: .9rem 0 .1rem; }}
[data-testid="stSidebar"] [data-testid="stSelectbox"] * {{
  font-size: .7rem; letter-spacing: -.014em;
}}
[data-testid="stSidebar"] [data-testid="stSelectbox"] {{
  width: calc(100% + 1.1rem);
}}
[data-testid="stMetric"] {{ padding: 0; }}
[data-testid="stMetric"] > div:first-child {{ padding: .7rem .95rem .3rem; }}
[data-testid="stMetricChart"] {{ margin-bottom: .2rem; }}
[data-testid="stMetricValue"] {{ font-size: 1.45rem; font-weight: 700; line-height: 1.3; }}
[data-testid="stMetricDelta"] {{ font-size: .78rem; }}
[data-testid="stVegaLiteChart"] .role-axis text {{ fill: currentColor; opacity: .8; }}
.panel {{ padding-top: .5rem; }}
.panel div, .facts {{ display: flex; gap: 0 .9rem; align-items: baseline; min-height: 1.35rem; }}
.panel b {{ font-weight: 600; font-size: .95rem; white-space: nowrap; }}
.panel small {{ opacity: .65; font-size: .8rem; margin-left: -.4rem; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }}
.panel span {{ font-size: .8rem; white-space: nowrap; }}
.panel i, .facts i {{ display: inline-block; width: .9rem; height: .2rem; border-radius: .1rem;
  margin-right: .35rem; vertical-align: middle; }}
.facts {{ flex-wrap: wrap; font-size: .85rem; }}
.facts code {{ font-size: .8rem; }}
.facts i {{ height: .8rem; background: {FAULT_FILL}; opacity: .45; }}
</style>"""
"""Style sheet of every page: less air above the title, cards that hold their text."""
