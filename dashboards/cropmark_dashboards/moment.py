"""Times for people, as keys of the language catalogue with their values: "4 min ago", "yesterday 04:10". Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cropmark_dashboards.season import DAY_MS, HOUR_MS, MINUTE_MS


@dataclass(frozen=True, slots=True)
class Phrase:
    """A key of the catalogue and what to put into it."""

    key: str
    values: dict[str, object]


def local(time: int, utc_offset: int) -> datetime:
    """Return the farm's wall clock at ``time`` (UTC milliseconds); ``utc_offset`` in minutes east."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=time + utc_offset * MINUTE_MS)


def age(time: int, now: int) -> Phrase:
    """Return how long ago ``time`` was; a time slightly ahead is now."""
    past = now - time
    if past < MINUTE_MS:
        return Phrase("age.now", {})
    for unit, name in ((DAY_MS, "days"), (HOUR_MS, "hours"), (MINUTE_MS, "minutes")):
        if past >= unit:
            number = past // unit
            return Phrase(f"age.{name}.{'one' if number == 1 else 'other'}", {"n": number})
    return Phrase("age.now", {})


def when(time: int, now: int, utc_offset: int) -> Phrase:
    """Return the farm's time of ``time``, with its date unless that is today."""
    then, today = local(time, utc_offset), local(now, utc_offset)
    clock = f"{then:%H:%M}"
    days = (today.date() - then.date()).days
    if days == 0:
        return Phrase("when.today", {"time": clock})
    if days == 1:
        return Phrase("when.yesterday", {"time": clock})
    key = "when.date" if then.year == today.year else "when.year"
    return Phrase(key, {"time": clock, "day": then.day, "month": then.month, "year": then.year})


def day(time: int, now: int, utc_offset: int) -> Phrase:
    """Return the farm's date of ``time``, with the year unless it is this one."""
    then = local(time, utc_offset)
    key = "day" if then.year == local(now, utc_offset).year else "day.year"
    return Phrase(key, {"day": then.day, "month": then.month, "year": then.year})


def date_of(text: str) -> date:
    """Return an ISO date; raise :class:`ValueError` for any other text."""
    return date.fromisoformat(text)
