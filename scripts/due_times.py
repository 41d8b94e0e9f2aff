#!/usr/bin/env python3
"""Writes tests/data/due_times.csv: due times counted a second way, to check the program's against.

Run by hand, when the promises change:

    python3 -m venv /tmp/due && /tmp/due/bin/pip install chinesecalendar==1.11.0
    /tmp/due/bin/python scripts/due_times.py

Beside it comes tests/data/official_days.csv: the official days of that source, to compare day by day.

It shares nothing with the program. Official days come from the PyPI package chinesecalendar 1.11.0 (MIT, Lirian Su),
not from the file that the program ships; the promises are written down here anew from PRODUCT §5; and time is counted
in the plainest way there is: a list of every open minute of the years, and one of every working day.

A row is calendar, policy, start, due, and `p` where a day of a year without official days was counted. Times are local
(Asia/Shanghai, UTC+8 all year). A policy is kind/priority/stage, or a target of its own: d5 working days, w90 working
minutes, c120 calendar minutes.
"""

import bisect
import pathlib
import random
from datetime import date, datetime, time, timedelta

from chinese_calendar.constants import holidays, workdays

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
# Starts lie in 2024 to 2026; targets reach on from there.
FIRST, LAST = date(2024, 1, 1), date(2026, 12, 31)
HORIZON = date(2027, 12, 31)
KNOWN_UNTIL = date(2026, 12, 31)


def clock(text):
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def hours(*spans):
    return [tuple(clock(end) for end in span.split("-")) for span in spans]


ORDINARY = hours("08:30-12:00", "14:30-17:30")
SUMMER = hours("08:00-12:00", "15:00-18:00")
DUTY = hours("09:00-12:00")


def standard(day):
    """The same hours all year."""
    return ORDINARY


def summer(day):
    """Other hours from 1 June to the end of September."""
    return SUMMER if 6 <= day.month <= 9 else ORDINARY


# The node's own days come before every other rule: None is closed, [] is open at ordinary hours.
OWN = {
    date(2024, 4, 28): None,  # closed on a swapped Sunday
    date(2024, 5, 2): [],  # open in the May holiday
    date(2024, 7, 10): None,
    date(2024, 7, 11): None,
    date(2025, 1, 26): hours("09:00-11:00"),  # shorter on a swapped Sunday
    date(2025, 3, 8): hours("13:00-15:00", "16:00-18:30"),  # a Saturday
    date(2025, 12, 31): None,
    date(2026, 1, 5): None,
    date(2026, 2, 17): hours("10:00-11:00"),  # the first day of spring festival
    date(2026, 10, 9): None,
    date(2026, 10, 11): [],  # a Sunday
}
# Of each: the hours of a working day, those of a Saturday, own days.
CALENDARS = {
    "standard": (standard, [], {}),
    "summer": (summer, [], {}),
    "saturday": (standard, DUTY, {}),
    "own": (standard, [], OWN),
}


def spans_on(calendar, day):
    """Opening hours in minutes of the day. A swapped weekend day is worked whole, whatever duty it has else."""
    ordinary, on_saturday, own = CALENDARS[calendar]
    if day in own:
        given = own[day]
        return [] if given is None else given or ordinary(day)
    if day in holidays:
        return []
    if day in workdays or day.weekday() < 5:
        return ordinary(day)
    return on_saturday if day.weekday() == 5 else []


class Counted:
    """Every working day and every open minute of a calendar, in order."""

    def __init__(self, calendar):
        self.days, self.closes, self.minutes = [], [], []
        day = FIRST
        while day <= HORIZON:
            spans = spans_on(calendar, day)
            if spans:
                self.days.append(day)
                self.closes.append(datetime.combine(day, time()) + spans[-1][1] * MINUTE)
            for begin, end in spans:
                for minute in range(begin, end):
                    self.minutes.append(datetime.combine(day, time()) + minute * MINUTE)
            day += DAY

    def working_days(self, start, n):
        """Civil Code §201: the day it starts on is not counted; §203: it ends when business closes on the last."""
        return self.closes[bisect.bisect_right(self.days, start.date()) + n - 1]

    def working_minutes(self, start, n):
        """The end of the nth open minute from `start` on."""
        return self.minutes[bisect.bisect_left(self.minutes, start) + n - 1] + MINUTE


def promises():
    """PRODUCT §5: what is promised for each kind, priority and stage."""
    found = {}
    for kind in ["request", "complaint", "suggestion", "report", "enquiry", "praise"]:
        for priority in ["emergency", "urgent", "normal", "complex"]:
            if kind == "praise":
                found[kind, priority, "reply"] = "d1"
                continue
            for stage in ["accept", "assign", "acknowledge", "contact"]:
                found[kind, priority, stage] = "c30" if priority == "emergency" else "d1"
            found[kind, priority, "reply"] = "d1"
            if priority == "emergency":
                resolve = "c120"
            elif priority == "urgent":
                resolve = "c1440"
            elif kind in ["enquiry", "suggestion"]:
                resolve = "d1"
            else:
                resolve = {"normal": "d5", "complex": "d15"}[priority]
            found[kind, priority, "resolve"] = resolve
    return found


TIMES = (
    "00:00 07:59 08:00 08:29 08:30 10:17 11:59 12:00 13:05 14:29 14:30 16:45 17:29 17:30 17:59 18:00 21:40 23:59"
).split()
OWN_TARGETS = (
    "d2 d3 d10 d20 d60 w1 w30 w60 w89 w210 w390 w391 w780 w1950 w2341 c1 c45 c4320"
).split()
# New hours, leap day, new years.
TURNS = [date(year, month, 1) for year in (2024, 2025, 2026) for month in (6, 10)] + [
    date(2024, 2, 29), date(2024, 12, 31), date(2025, 12, 31), date(2026, 12, 31)
]


def starts():
    """Each day that is not as its week has it, with its neighbours, and days drawn by chance."""
    special = set()
    for day in [*holidays, *workdays, *OWN, *TURNS]:
        special.update(day + n * DAY for n in (-1, 0, 1))
    special = sorted(it for it in special if FIRST <= it <= LAST)
    chance = random.Random(20240101)
    for day in special:
        for at in chance.sample(TIMES, 4):
            yield day, at
    for _ in range(1_000):
        day = FIRST + chance.randrange((LAST - FIRST).days + 1) * DAY
        yield day, f"{chance.randrange(24):02}:{chance.randrange(60):02}"


def main():
    counted = {calendar: Counted(calendar) for calendar in CALENDARS}
    promised = promises()
    policies = [("/".join(key), target) for key, target in promised.items()]
    chance = random.Random(20261231)
    rows = set()

    def add(calendar, policy, target, start):
        n, count = int(target[1:]), counted[calendar]
        count_by = {"d": count.working_days, "w": count.working_minutes, "c": lambda at, n: at + n * MINUTE}
        due = count_by[target[0]](start, n)
        provisional = target[0] != "c" and due.date() > KNOWN_UNTIL
        times = [it.isoformat(timespec="minutes") for it in (start, due)]
        rows.add((calendar, policy, *times, "p" if provisional else ""))

    for day, at in starts():
        start = datetime.combine(day, time()) + clock(at) * MINUTE
        add(chance.choice(list(CALENDARS)), *chance.choice(policies), start)
        add(chance.choice(list(CALENDARS)), "request/normal/resolve", "d5", start)
        own = chance.choice(OWN_TARGETS)
        add(chance.choice(list(CALENDARS)), own, own, start)
    # Each promise at least once on each calendar, and the two examples of the issue at every hour.
    for calendar in CALENDARS:
        for policy, target in policies:
            add(calendar, policy, target, datetime(2025, 9, 26, 10, 0))
        for day in [date(2026, 2, 13), date(2026, 9, 30)]:
            for at in TIMES:
                add(calendar, "request/normal/resolve", "d5", datetime.combine(day, time()) + clock(at) * MINUTE)
    write("due_times.csv", "PRODUCT 5 and the PyPI package chinesecalendar 1.11.0 (MIT)", sorted(rows))
    official = [(day.isoformat(), "off") for day in holidays] + [(day.isoformat(), "work") for day in workdays]
    official = [it for it in official if it[0] >= "2006-12-30"]
    write("official_days.csv", "the PyPI package chinesecalendar 1.11.0 (MIT)", sorted(official))


def write(name, source, rows):
    path = pathlib.Path(__file__).parent.parent / "tests" / "data" / name
    lines = [f"# Made by scripts/due_times.py from {source}; do not edit.", *(",".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


main()
