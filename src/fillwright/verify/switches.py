"""The trading state a second time: what each change follows from, and that no limit on losses was passed over in silence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from fillwright.verify.audit import Audit, moment
from fillwright.verify.bars import Bars
from fillwright.verify.exact import half_even
from fillwright.verify.reading import Folder
from fillwright.verify.terms import RATE

STATES = ("active", "reduce_only", "halted")
"""From the freest to the strictest."""
BRINGS = {"reduce_only": 1, "halted": 2, "flatten": 2}
ACTIONS = {"max_drawdown": "on_drawdown", "max_daily_loss": "on_daily_loss"}
"""Limits on losses, and the setting that says what each does."""
MOMENTS = ("quote", "standing", "print")


@dataclass(frozen=True, slots=True)
class _Due:
    """A change that a limit brings, or the day after one."""

    reason: str
    instant: int
    loss: int = 0
    most: int = 0


def check_switches(audit: Audit) -> None:
    """The chain of states, what each limit does, and the drawdowns of the equity curve that are beyond theirs."""
    folder = audit.folder
    sheet, limits = folder["switches"], folder.run["config"]["limits"]
    held = dict.fromkeys(ACTIONS, 0)
    now, before, after, action = 0, [], [], []
    wrong = []
    losses, most = folder.units("switches", "required").tolist(), folder.units("switches", "available").tolist()
    for row, (asked, reason) in enumerate(zip(sheet["asked"].tolist(), sheet["reason"].tolist(), strict=True)):
        does = str(limits[ACTIONS[reason]]) if reason in ACTIONS else "refuse"
        if reason in ACTIONS:
            if held[reason] or does not in BRINGS:
                wrong.append(f"switches.parquet row {row} column reason: {reason} brings nothing here")
            if losses[row] <= most[row]:
                wrong.append(f"switches.parquet row {row} column required: {losses[row]} is not above {most[row]}")
            held[reason] = BRINGS.get(does, 0)
        elif reason == "new_day":
            held["max_daily_loss"] = 0
        before.append(STATES[now])
        now = max(STATES.index(asked), *held.values())
        after.append(STATES[now])
        action.append(does)
        if reason not in ("max_drawdown", "max_daily_loss", "new_day") and before[-1] == after[-1]:
            wrong.append(f"switches.parquet row {row} column asked: changes nothing")
    for column, values in (("before", before), ("state", after), ("action", action)):
        audit.column("switches", column, values)
    audit.say("switches.chain", sheet.rows, wrong)
    if _is_plain(folder):
        _compare(audit, "switches.drawdown", ("max_drawdown",), list(_drawdowns(folder)))


def check_days(audit: Audit, first: Bars) -> None:
    """The losses of days beyond their limit, and the days after; ``first`` are the bars of the first instrument, whose days count."""
    if _is_plain(audit.folder):
        _compare(audit, "data.daily_loss", ("max_daily_loss", "new_day"), list(_days(audit.folder, first)))


def _is_plain(folder: Folder) -> bool:
    """Whether equity was stored at every instant as the limits saw it: before anything traded at that very moment."""
    config = folder.run["config"]
    met = set(folder["fills"]["stage"].tolist()) & set(MOMENTS)
    return config["execution"]["fill"] == "next_event" and config["run"]["equity_every"] is None and not met


def _curve(folder: Folder) -> Iterator[tuple[int, int]]:
    return zip(folder["equity"]["instant"].tolist(), map(int, folder.units("equity", "equity").tolist()), strict=True)


def _share(folder: Folder, name: str) -> int | None:
    """A limit in 10^-9, None where it is not set or only refuses entries."""
    limits: dict[str, Any] = folder.run["config"]["limits"]
    share = limits[name]
    return None if share is None or limits[ACTIONS[name]] not in BRINGS else int(Fraction(str(share)) * RATE)


def _drawdowns(folder: Folder) -> Iterator[_Due]:
    """The first drawdown beyond the limit."""
    share = _share(folder, "max_drawdown")
    if share is None:
        return
    peak = None
    for instant, equity in _curve(folder):
        peak = equity if peak is None else max(peak, equity)
        most = half_even(peak * share, RATE)
        if peak - equity > most:
            yield _Due("max_drawdown", instant, peak - equity, most)
            return


def _days(folder: Folder, first: Bars) -> Iterator[_Due]:
    """Day by day, the first loss since its beginning that is beyond the limit; and where such a day is over."""
    share = _share(folder, "max_daily_loss")
    if share is None:
        return
    ends = set(first.close_time[first.day_last != 0].tolist())
    begun, last, over, held = None, 0, False, False
    for instant, equity in _curve(folder):
        begun = equity if begun is None else begun
        if over:
            begun, over = last, False
            if held:
                held = False
                yield _Due("new_day", instant)
        over = over or instant in ends
        most = half_even(begun * share, RATE)
        if not held and begun - equity > most:
            held = True
            yield _Due("max_daily_loss", instant, begun - equity, most)
        last = equity


def _compare(audit: Audit, name: str, reasons: tuple[str, ...], due: list[_Due]) -> None:
    """Hold the recorded changes of some reasons against those that were due, as far as equity was stored."""
    folder = audit.folder
    sheet, stored = folder["switches"], folder["equity"]["instant"].tolist()
    last = stored[-1] if stored else 0
    numbers = (folder.units("switches", column).tolist() for column in ("required", "available"))
    rows = enumerate(zip(sheet["reason"].tolist(), sheet["instant"].tolist(), *numbers, strict=True))
    found = [(row, _Due(*values)) for row, values in rows if values[0] in reasons and values[1] <= last]
    wrong = []
    for (row, is_there), expected in zip(found, due, strict=False):
        if is_there != expected:
            wrong.append(f"switches.parquet row {row} column reason: found {_words(is_there)}, expected {_words(expected)}")
    wrong += [f"switches.parquet row {row} column reason: {_words(extra)} was not due" for row, extra in found[len(due) :]]
    wrong += [f"switches.parquet: {_words(missing)} is not there" for missing in due[len(found) :]]
    audit.say(name, len(stored), wrong)


def _words(due: _Due) -> str:
    return f"{due.reason} at {moment(due.instant)} ({due.loss} of {due.most})"
