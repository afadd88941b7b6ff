# SPDX-License-Identifier: ISC
"""Lines of the tables that compare a number with its reach."""
SIGN = {">=": "≥", "<=": "≤"}
HEAD = "", "measured", "reach", "reached"


def line(text, value, sense, goal, places=2):
    """A number and its reach, None where it has none; both are shown with so many places."""
    return {"text": text, "value": value, "sense": sense, "goal": goal, "places": places}


def verdict(value, sense, goal):
    return "yes" if (value >= goal if sense == ">=" else value <= goal) else "**no**"


def cells(of):
    """A line as it is shown. A number that could not be measured is none that was reached."""
    if of["goal"] is None:
        return of["text"], f"{of['value']:,.{of['places']}f}", "–", "–"
    goal, places = f"{SIGN[of['sense']]} {of['goal']:,.{places_of(of)}f}", of["places"]
    if of["value"] is None:
        return of["text"], "not measured", goal, "–"
    return of["text"], f"{of['value']:,.{places}f}", goal, verdict(of["value"], of["sense"], of["goal"])


def places_of(of):
    """A goal has no more places than it needs."""
    return next(n for n in range(of["places"] + 1) if n == of["places"] or round(of["goal"], n) == of["goal"])
