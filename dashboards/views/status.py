"""How an outcome looks: a colour and an icon for each status, the same on every page."""

STATUS = {
    "pass": ("green", "check_circle"),
    "fail": ("red", "cancel"),
    "running": ("blue", "progress_activity"),
    "interrupted": ("gray", "pause_circle"),
    "error": ("red", "error"),
}
UNSURE = ("orange", "help")


def badge(status: str) -> str:
    """Markdown of a status as a badge."""
    colour, icon = STATUS.get(status, UNSURE)
    return f":{colour}-badge[:material/{icon}: {status}]"


def mark(status: str) -> str:
    """Markdown of a status as coloured text."""
    colour, icon = STATUS.get(status, UNSURE)
    return f":{colour}[:material/{icon}: {status}]"


def colour(status: str) -> str:
    """Name of a status's colour."""
    return STATUS.get(status, UNSURE)[0]
