"""Commission and slippage of the previous system: the sibling key decides whether a rate is a fraction or a percent."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fillwright.config import rates
from fillwright.legacy.previous import Found, Previous
from fillwright.legacy.translated import Translated

Cost = tuple[str, Decimal]
"""(model, number): a rate as fraction, or money per unit or order."""

_UNITS = {"per_unit": "per unit", "per_order": "per order"}


def fraction(value: Any) -> Decimal:
    """A number that is a fraction."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError("must be a number")
    return rates.rate(value)


def percent(value: Any) -> Decimal:
    """A number that counts in percent, as a fraction."""
    return rates.rate(rates.decimal(value).scaleb(-2))


def migrate_costs(old: Previous, new: Translated) -> None:
    """``costs``: commission with minimum and maximum, slippage."""
    _commission(old, new)
    _slippage(old, new)


def _rate(how: Callable[[Any], Decimal]) -> Callable[[Any], Cost]:
    return lambda value: ("rate", how(value))


def _commission(old: Previous, new: Translated) -> None:
    pairs: list[tuple[Found, Cost | None]] = []
    minima: list[Found] = []
    maxima: list[Found] = []
    for key in old.find("commission_rate", "broker.commission", "backtest.broker.commission", "backtest.commission"):
        if isinstance(key.value, dict):
            pairs += [(rate, _block(old, key, rate)) for rate in old.find(f"{key.text}.rate")]
            minima += old.find(f"{key.text}.min_commission")
            maxima += old.find(f"{key.text}.max_commission")
        else:
            pairs.append((key, old.convert(key, _rate(fraction))))
    agreed = old.agree("the commission", pairs)
    if agreed is None:
        if not pairs:
            old.report.append("defaulted: no commission is given -> none (the old code had hidden defaults, 0 or 0.1%)")
        return
    (model, amount), keys = agreed
    if amount == 0 and not minima:
        new.put("costs.commission", {"model": "none"}, keys)
        return
    meaning = f"{rates.percent(amount)} of traded value" if model == "rate" else _UNITS[model]
    new.put("costs.commission.model", model)
    comment = f"{', '.join(key.text for key in keys)}: {meaning}"
    new.put(f"costs.commission.{'rate' if model == 'rate' else 'amount'}", amount, keys, comment)
    for name, bounds in (("minimum", minima), ("maximum", maxima)):
        bound = old.agree(f"the {name} commission", old.convert_all(bounds, rates.number))
        if bound is not None:
            new.put(f"costs.commission.{name}", *bound)
    if not minima:
        old.report.append(
            "note: the old code charged a hidden minimum of 1.00 per order; no key asks for it, so it is not taken over"
        )


def _block(old: Previous, block: Found, rate: Found) -> Cost | None:
    """What the rate beside ``type`` (a fraction) or ``commission_type`` (a percent) means."""
    kinds = old.find(f"{block.text}.type", f"{block.text}.commission_type")
    if len(kinds) != 1:
        present = "both type (a fraction) and commission_type (a percent)" if kinds else "neither type nor commission_type"
        old.wrong(rate, f"stands beside {present}: whether it is a fraction or a percent is not clear")
        return None
    kind = kinds[0]
    if kind.value == "percentage":
        return old.convert(rate, _rate(fraction if kind.path[-1] == "type" else percent))
    if kind.value in ("fixed", "per_share"):
        amount = old.convert(rate, rates.number)
        return None if amount is None else ("per_order" if kind.value == "fixed" else "per_unit", amount)
    old.wrong(kind, f"{kind.value!r} cannot be translated yet; percentage, fixed and per_share can")
    return None


def _slippage(old: Previous, new: Translated) -> None:
    pairs: list[tuple[Found, Cost | None]] = []
    for key in old.find("broker.slippage", "backtest.broker.slippage", "backtest.slippage"):
        if not isinstance(key.value, dict):
            pairs.append((key, old.convert(key, _rate(fraction))))
            continue
        pairs += [(rate, old.convert(rate, _rate(fraction))) for rate in old.find(f"{key.text}.value", f"{key.text}.amount")]
        percents = old.find(f"{key.text}.slippage_percent", f"{key.text}.base_slippage_percent")
        pairs += [(rate, old.convert(rate, _rate(percent))) for rate in percents]
        for kind in old.find(f"{key.text}.model", f"{key.text}.type"):
            if kind.value == "variable":
                old.report.append(
                    f"NOT YET HANDLED: {kind.text} = 'variable': only its base rate is kept, the other parts are left out"
                )
            elif kind.value not in ("fixed", "percentage"):
                old.wrong(kind, f"{kind.value!r} is not a slippage model of the old system (fixed, percentage, variable)")
    agreed = old.agree("the slippage", pairs)
    if agreed is None:
        if not pairs:
            old.report.append("defaulted: no slippage is given -> none (the old code had hidden defaults, 0 or 0.1%)")
        return
    (_, amount), keys = agreed
    if amount == 0:
        new.put("costs.slippage", {"model": "none"}, keys)
        return
    new.put("costs.slippage.model", "rate")
    new.put("costs.slippage.rate", amount, keys, f"{', '.join(key.text for key in keys)}: {rates.percent(amount)} of the price")
