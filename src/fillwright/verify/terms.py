"""The broker's terms as the effective configuration in run.json states them, as whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from fillwright.errors import CheckFailed
from fillwright.verify.reading import Folder, duration

RATE = 10**9
SLIPPAGE_MODELS, FEE_MODELS = ("none", "rate", "ticks"), ("none", "rate", "per_unit", "per_order")


@dataclass(frozen=True)
class Terms:
    """What the run's orders were subject to. Rates in 10^-9, money in units of the quote currency; None = no bound.

    ``outages``: whether the line to the broker may have been out, so that commands came later than the latency says.
    ``participation`` is exact; ``through`` and ``tick`` are price units per instrument. ``slippage`` and ``fee`` are
    names of models, "" for one that this verifier does not know.
    """

    seed: int
    latency: int
    path: str
    lookahead: bool
    clamp: bool
    participation: Fraction | None
    through: tuple[int, ...]
    tick: tuple[int, ...]
    slippage: str
    slip_rate: int
    slip_ticks: int
    fee: str
    fee_order: int
    fee_unit: int
    fee_taker: int
    fee_maker: int
    fee_minimum: int | None
    fee_maximum: int | None
    outages: bool

    @classmethod
    def of(cls, folder: Folder) -> Terms:
        """The terms of a folder's configuration; CheckFailed when they cannot be read."""
        try:
            return _terms(folder, folder.run["config"])
        except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
            raise CheckFailed(
                f"the configuration cannot be used: {type(error).__name__}: {error}", where=str(folder.path / "run.json"),
                remedy="the file was changed, or is of another version",
            ) from error  # fmt: skip


def _terms(folder: Folder, config: Mapping[str, Any]) -> Terms:
    execution, slippage, fee = config["execution"], config["costs"]["slippage"], config["costs"]["commission"]
    money = 10 ** int(config["account"]["money_decimals"])
    taker = _scaled(fee.get("rate"), RATE) or 0
    maker = _scaled(fee.get("maker_rate"), RATE)
    amount = _scaled(fee.get("amount"), money) or 0
    through = str(execution["limit_through"])
    share = execution["participation"]
    return Terms(
        seed=int(config["run"]["seed"]),
        latency=duration(str(execution["latency"])),
        path=str(execution["path"]),
        lookahead=execution["fill"] == "same_close_lookahead",
        clamp=bool(execution["clamp_to_range"]),
        participation=None if share is None else Fraction(str(share)),
        through=tuple(_through(through, facts) for facts in folder.run["instruments"]),
        tick=tuple(int(facts["tick"]) for facts in folder.run["instruments"]),
        slippage=slippage["model"] if slippage["model"] in SLIPPAGE_MODELS else "",
        slip_rate=_scaled(slippage.get("rate"), RATE) or 0,
        slip_ticks=int(slippage.get("ticks") or 0),
        fee=fee["model"] if fee["model"] in FEE_MODELS else "",
        fee_order=amount if fee["model"] == "per_order" else 0,
        fee_unit=amount if fee["model"] == "per_unit" else 0,
        fee_taker=taker,
        fee_maker=taker if maker is None else maker,
        fee_minimum=_scaled(fee.get("minimum"), money),
        fee_maximum=_scaled(fee.get("maximum"), money),
        outages=bool(execution["faults"]["outages"]) or Fraction(str(execution["faults"]["outage"])) > 0,
    )


def _through(text: str, facts: Mapping[str, Any]) -> int:
    """Price units of a distance of price, or of so many ticks."""
    count, _, ticks = text.partition(" ")
    return int(Fraction(count) * (int(facts["tick"]) if ticks else 10 ** int(facts["price_decimals"])))


def _scaled(value: Any, scale: int) -> int | None:
    return None if value is None else int(Fraction(str(value)) * scale)
