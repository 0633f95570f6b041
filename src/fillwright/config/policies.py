"""Sections about orders: their rules, limits and sizes."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from fillwright.config import problems, rates
from fillwright.config.fields import AsList, Duration, Exposure, Positive, PositiveWhole, Share
from fillwright.config.section import Section, leaf

FlatAt = Literal["day_end", "run_end"]


def _positive(value: int) -> int:
    if value <= 0:
        raise ValueError("must be more than 0")
    return value


class Orders(Section):
    """Rules for orders."""

    time_in_force: Literal["DAY", "GTC", "IOC", "FOK"] = leaf("How long an order lives that says nothing itself.", "GTC")
    default_type: Literal["market", "limit"] = leaf(
        "Type of an order of buy, sell, open or add that names no price and is not reduce-only. limit = a limit at the last price. Targets "
        "are market orders.",
        "market",
    )
    reversal: Literal["one_order", "two_orders"] = leaf(
        "How a target on the other side of zero is reached: one order, or one that closes and then one that opens.", "two_orders"
    )
    flat_at: Annotated[tuple[FlatAt, ...], AsList] = leaf(
        "When all positions are closed, at the last close of the day or run.", ()
    )
    on_short_cash: Literal["auto", "shrink", "reject"] = leaf(
        "What happens to an order without enough cash or margin. auto = shrink orders sized by value or weight, reject others.",
        "auto",
    )
    off_tick: Literal["reject", "passive", "nearest"] = leaf(
        "What happens to an order price that is not on the tick. passive = away from the market.", "reject"
    )
    deduplicate: Literal["none", "per_instant", "per_run"] = leaf(
        "How often a rule_id is acted on: without limit, once at an instant, or once in a run. Orders without one always are.",
        "none",
    )
    bracket: Literal["pro_rata", "arm_on_full"] = leaf(
        "When take_profit and stop_loss of an entry work: with each of its fills, for what is filled; or once it is filled as a whole, or "
        "has ended with a part.",
        "pro_rata",
    )
    status_request_after: Annotated[Duration, AfterValidator(_positive)] = leaf(
        "How long an answer of the broker may take before the order is UNKNOWN and the broker is asked for its state; asked again as "
        "often. Longer than execution.latency.",
        "30s",
        unit="duration",
    )
    scale_in: Literal["allow", "refuse"] = leaf("Whether an order may enlarge a position that there is.", "allow")


class Limits(Section):
    """Limits on entries; none of them ever blocks an exit."""

    max_open_positions: PositiveWhole | None = leaf("Most instruments with a position. null = no limit.", None, unit="positions")
    max_position_fraction: Exposure | None = leaf(
        "Largest value of a position as a part of equity. null = no limit.", None, unit="fraction of equity"
    )
    max_position_quantity: Positive | None = leaf("Largest position. null = no limit.", None, unit="units")
    max_order_quantity: Positive | None = leaf("Largest order. null = no limit.", None, unit="units")
    max_order_value: Positive | None = leaf("Largest value of an order. null = no limit.", None, unit="account currency")
    max_gross_exposure: Exposure | None = leaf(
        "Largest sum of the values of all positions, long and short, as a part of equity. null = no limit.",
        None,
        unit="fraction of equity",
    )
    max_net_exposure: Exposure | None = leaf(
        "Largest difference between the values of long and short positions, as a part of equity. null = no limit.",
        None,
        unit="fraction of equity",
    )
    max_orders: PositiveWhole | None = leaf("Most orders sent within max_orders_interval. null = no limit.", None, unit="orders")
    max_orders_interval: Duration = leaf("Length of the sliding window that max_orders counts in.", "1d", unit="duration")
    max_live_orders: PositiveWhole | None = leaf("Most live orders of an instrument. null = no limit.", None, unit="orders")
    price_collar: Share | None = leaf(
        "Largest distance of a limit or stop from the last price, as a part of it. null = no limit.", None, unit="fraction"
    )
    max_drawdown: Share | None = leaf(
        "Drawdown of equity from its peak beyond which nothing is opened. null = no limit.", None, unit="fraction"
    )
    on_drawdown: Literal["refuse", "reduce_only", "halted", "flatten"] = leaf(
        "What a drawdown beyond max_drawdown does. refuse = entries are refused while it lasts; reduce_only, halted = the trading state "
        "from then on, to the end of the run; flatten = halted, all orders are cancelled and all positions closed.",
        "refuse",
    )
    max_daily_loss: Share | None = leaf(
        "Loss since the end of the day before, as a part of equity then, beyond which on_daily_loss is done. null = no limit.",
        None,
        unit="fraction",
    )
    on_daily_loss: Literal["reduce_only", "halted", "flatten"] = leaf(
        "What a loss beyond max_daily_loss does, to the end of the day: the trading state; flatten = halted, all orders are cancelled and "
        "all positions closed.",
        "reduce_only",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        for action, usual, limit in (
            ("on_drawdown", self.on_drawdown == "refuse", self.max_drawdown),
            ("on_daily_loss", self.on_daily_loss == "reduce_only", self.max_daily_loss),
        ):
            if limit is None and not usual:
                raise problems.Wrong(((action,), f"does nothing without {action.replace('on', 'max', 1)}"))
        return self


SizingPrice = Literal["decision", "fill"]
_PRICE = (
    "Price that values, weights and risks, also those given in calls, are made units with. decision = the last one known; fill = the one "
    "at which the order first trades."
)


class NoSizing(Section):
    """No size for orders that give none."""

    method: Literal["none"] = leaf("Each order must give its size.", "none")
    price: SizingPrice = leaf(_PRICE, "decision")


class FixedSizing(Section):
    """Size by quantity."""

    method: Literal["fixed"] = leaf("A fixed quantity.")
    quantity: Positive = leaf("Quantity of an order that says nothing itself.", unit="units")
    price: SizingPrice = leaf(_PRICE, "decision")


class FractionSizing(Section):
    """Size by equity."""

    method: Literal["equity_fraction"] = leaf("A part of equity.")
    fraction: Exposure = leaf("Value of the position as a part of equity.", unit="fraction of equity")
    price: SizingPrice = leaf(_PRICE, "decision")

    @property
    def weight(self) -> Decimal:
        """The value of the position as a part of equity."""
        return self.fraction


class ValueSizing(Section):
    """Size by value."""

    method: Literal["value"] = leaf("A fixed value.")
    value: Positive = leaf("Value of the position.", unit="account currency")
    price: SizingPrice = leaf(_PRICE, "decision")


class RiskSizing(Section):
    """Size by risk: a loss at a stop that is a part of equity."""

    method: Literal["risk"] = leaf("A part of equity at risk.")
    fraction: Share = leaf("Part of equity that is lost when the price moves by stop.", unit="fraction of equity")
    stop: Share = leaf("Distance of the stop, as a part of the price.", unit="fraction")
    price: SizingPrice = leaf(_PRICE, "decision")

    @property
    def weight(self) -> Decimal:
        """The value of the position as a part of equity, to 10^-9."""
        with localcontext(rates.EXACT):
            return (self.fraction / self.stop).quantize(Decimal("1e-9"))


Sizing = Annotated[NoSizing | FixedSizing | FractionSizing | ValueSizing | RiskSizing, Field(discriminator="method")]
