"""Cash, sizes, limits and closing times of the previous system."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fillwright.config import rates
from fillwright.legacy.costs import fraction, percent
from fillwright.legacy.previous import Found, Previous
from fillwright.legacy.translated import Translated

_MANAGERS = ("risk.position_manager", "risk.position_manager.config", "risk.position_manager.config.config")
_STRATEGY_BLOCKS = ("parameters", "params", "default_params", "fixed_params")
_RISK = ("risk", "risk_manager")


def _positive(value: Any) -> Decimal:
    if isinstance(value, str):
        raise ValueError("must be a number, not text")
    amount = rates.number(value)
    if amount <= 0:
        raise ValueError("must be more than 0")
    return amount


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("must be a whole number above 0")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def migrate_account(old: Previous, new: Translated) -> None:
    """``account``, ``sizing``, ``limits`` and ``orders.flat_at``."""
    cash = old.agree(
        "the initial cash",
        old.convert_all(old.find("initial_capital", "backtest.initial_capital", "portfolio.initial_cash"), _positive),
    )
    if cash is not None:
        new.put("account.initial_cash", *cash)
    elif not old.find("initial_capital", "backtest.initial_capital", "portfolio.initial_cash"):
        old.report.append(
            "defaulted: no cash is given -> account.initial_cash 100000 (the old code had hidden defaults, 100000 or 10000)"
        )
    _sizing(old, new)
    _limits(old, new)
    _flat_at(old, new)


def _sizing(old: Previous, new: Translated) -> None:
    method_keys = old.find(
        *(f"{section}.position_sizing_method" for section in (*_RISK, *_MANAGERS)),
        "backtest.position_sizing",
        "position_sizing.method",
    )
    method = old.agree("the sizing method", old.convert_all(method_keys, str))
    quantity_keys = old.find(
        "risk.position_size", "risk_manager.position_size", *(f"{section}.fixed_quantity" for section in _MANAGERS)
    )
    kinds = old.find("risk_manager.type")
    if not kinds or kinds[0].value == "simple":
        quantity_keys += old.find("risk_manager.simple.position_size")
    quantity_keys += old.find(*(f"strategy.{block}.position_size" for block in _STRATEGY_BLOCKS), "strategies.*.trade_size")
    if method_keys and method is None:
        return
    chosen = method[0] if method else "fixed" if quantity_keys else None
    if chosen == "fixed":
        quantity = old.agree("the quantity", old.convert_all(quantity_keys, _positive))
        if quantity is not None:
            new.put("sizing.method", "fixed", method[1] if method else ())
            new.put("sizing.quantity", *quantity)
        elif not quantity_keys:
            old.wrong(method_keys[0], "fixed, but no quantity is given; add risk_manager.position_size")
    elif chosen == "percent_equity":
        _equity_fraction(old, new, method_keys, quantity_keys)
    elif chosen == "percent_risk":
        _risk(old, new, method_keys, quantity_keys)
    elif chosen is None:
        old.report.append(
            "defaulted: no size is given -> none; the strategy must give each order one (the old code used a hidden 100)"
        )
    else:
        old.report.append(f"NOT YET HANDLED: {method_keys[0].text} = {chosen!r}; the new file has no sizing, add one")
    if chosen == "fixed":
        _unused(old, old.find("risk_manager.equity_percent"), f"the method is {chosen}")
    if chosen in ("fixed", "percent_equity"):
        _unused(old, old.find("risk_manager.risk_percent", "risk_manager.stop_percent"), f"the method is {chosen}")


def _equity_fraction(old: Previous, new: Translated, method_keys: list[Found], quantity_keys: list[Found]) -> None:
    keys = old.find("risk_manager.equity_percent")
    part = old.agree("the fraction of equity", old.convert_all(keys, percent))
    if part is not None:
        new.put("sizing.method", "equity_fraction", method_keys)
        new.put("sizing.fraction", part[0], part[1], f"{keys[0].text}: {rates.percent(part[0])} of equity")
    elif not keys:
        old.wrong(method_keys[0], "percent_equity, but no equity_percent is given")
    _unused(old, quantity_keys, "the method is percent_equity")


def _risk(old: Previous, new: Translated, method_keys: list[Found], quantity_keys: list[Found]) -> None:
    new.put("sizing.method", "risk", method_keys)
    for name, pattern in (("fraction", "risk_percent"), ("stop", "stop_percent")):
        keys = old.find(f"risk_manager.{pattern}")
        part = old.agree(f"the {name} of the risk", old.convert_all(keys, percent))
        if part is not None:
            new.put(f"sizing.{name}", part[0], part[1], f"{keys[0].text}: {rates.percent(part[0])}")
        elif not keys:
            old.wrong(method_keys[0], f"percent_risk, but no {pattern} is given")
    _unused(old, quantity_keys + old.find("risk_manager.equity_percent"), "the method is percent_risk")


def _unused(old: Previous, keys: list[Found], why: str) -> None:
    old.report += [f"unused in the old file: {key.text} = {key.value!r}, because {why}" for key in keys]


def _limits(old: Previous, new: Translated) -> None:
    kinds = old.find("risk_manager.type")
    kind = kinds[0].value if kinds else "simple"
    for name in ("simple", "adaptive"):
        if name != kind and isinstance(old.peek(f"risk_manager.{name}"), dict):
            old.used.add(("risk_manager", name))
            old.report.append(f"unused in the old file: the block risk_manager.{name}, because risk_manager.type is {kind!r}")
    simple = ["risk_manager.simple.max_position_pct"] if kind == "simple" else []
    _limit(old, new, "max_position_fraction", [f"{section}.max_position_pct" for section in _RISK] + simple)
    _limit(old, new, "max_position_quantity", ["risk_manager.max_position_size"])
    counts = old.find(
        *(f"{section}.max_open_trades" for section in _RISK),
        "backtest.max_positions",
        *(f"{section}.max_positions" for section in _MANAGERS),
    )
    agreed = old.agree("the largest number of open positions", old.convert_all(counts, _count))
    if agreed is not None:
        new.put("limits.max_open_positions", *agreed)


def _limit(old: Previous, new: Translated, name: str, patterns: list[str]) -> None:
    keys = old.find(*patterns)
    share = name == "max_position_fraction"
    if share:
        unclear = [key for key in keys if isinstance(key.value, int | float) and key.value > 1]
        for key in unclear:
            old.report.append(
                f"NOT TAKEN OVER: {key.text} = {key.value!r} may be a percent or a leverage; set limits.{name} yourself"
            )
        keys = [key for key in keys if key not in unclear]
    agreed = old.agree(f"the limit {name}", old.convert_all(keys, fraction if share else _positive))
    if agreed is not None:
        comment = f"{', '.join(key.text for key in agreed[1])}: {rates.percent(agreed[0])} of equity" if share else ""
        new.put(f"limits.{name}", agreed[0], agreed[1], comment)


def _flat_at(old: Previous, new: Translated) -> None:
    keys = old.find("backtest.close_positions_eod", "close_positions_eod")
    at_day_end = old.agree("closing at the end of the day", old.convert_all(keys, _flag))
    if at_day_end is not None and at_day_end[0]:
        new.put("orders.flat_at", ["day_end", "run_end"], at_day_end[1])
        old.report.append(
            "note: positions close on the last bar of the same day; the old code sent the order on the first bar of the next day"
        )
    else:
        new.put("orders.flat_at", ["run_end"], comment="the old system closed all positions at the end of a run")
