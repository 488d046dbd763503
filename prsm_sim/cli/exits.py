"""Exit codes, and which status of a run gives which."""

PASS, FAIL, USAGE, INCONCLUSIVE, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 4, 130

EXIT_OF_STATUS = {
    "pass": PASS,
    "fail": FAIL,
    "inconclusive": INCONCLUSIVE,
    "interrupted": INTERRUPTED,
    "error": INTERNAL,
    "running": INCONCLUSIVE,
}
