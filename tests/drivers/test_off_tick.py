"""Order prices finer than the price unit: refused, or rounded as the policy says, in every driver and whatever the decimals of prices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fillwright as fw
from fillwright.errors import UsageError
from fillwright.kernel._jit import JIT_OFF
from fillwright.model.codes import OrderEvent, Reason
from fillwright.model.instrument import Instrument
from fillwright.order_manager.units import to_order_price
from scenarios.table import market

pytestmark = pytest.mark.scenario

BARS = "09:31 100\n09:32 100\n09:33 100\n09:34 100"
CENTS = {"whole cents": Instrument("X", price_decimals=2, tick=1), "finer": Instrument("X", price_decimals=4, tick=100)}
POLICIES = ("reject", "passive", "nearest")

# what each order of Finer comes to, as (limit, stop): prices of half a cent and the like on a tick of one cent
PASSIVE = [(98.0, 0), (102.01, 0), (0, 102.01), (0, 98.0), (0, 98.0), (0, 102.01), (0, 97.0), (103.5, 103.01), (0, 0), (104.01, 0),
           (0, 96.0)]  # fmt: skip
NEAREST = [(98.01, 0), (102.0, 0), (0, 102.0), (0, 98.01), (0, 98.01), (0, 102.0), (0, 97.01), (103.5, 103.0), (0, 0), (104.0, 0),
           (0, 96.01)]  # fmt: skip
WHOLE = [(98.3, 0), (98.0, 0)]
LISTED = {
    "side": ["buy", "sell", "buy", "sell", "buy", "sell", "sell", "buy", "buy", "buy", "buy"],
    "limit": [98.006, 102.004, *[None] * 7, 98.1 + 0.2, 98],
    "stop": [None, None, 102.004, 98.006, None, None, 97.006, 103.004, None, None, None],
    "touch": [None, None, None, None, 98.006, 102.004, *[None] * 5],
    "trail": [*[None] * 6, "5", "5", None, None, None],
    "trail_limit": [*[None] * 7, 0.5, None, None, None],
    "take_profit": [*[None] * 8, 104.004, None, None],
    "stop_loss": [*[None] * 8, 96.006, None, None],
}


class Finer(fw.Strategy):
    """One order of each kind, nearly all between two cents; the last one is moved there."""

    def on_bar(self, bar: Any) -> None:
        if bar.index == 0:
            self.buy("X", 1, limit=98.006)
            self.sell("X", 1, limit=102.004)
            self.buy("X", 1, stop=102.004)
            self.sell("X", 1, stop=98.006)
            self.buy("X", 1, touch=98.006)
            self.sell("X", 1, touch=102.004)
            self.sell("X", 1, trail=5, stop=97.006)
            self.buy("X", 1, trail=5, trail_limit=0.5, stop=103.004)
            self.buy("X", 1, take_profit=104.004, stop_loss=96.006)
            self.buy("X", 1, limit=98.1 + 0.2)  # 98.3 but for the arithmetic of floats
            last = self.buy("X", 1, limit=98)
            last.replace(limit=98.506)


def drivers() -> dict[str, Any]:
    times = np.array(["2024-01-02 09:31"] * 11, "datetime64[ns]")
    listed = fw.OrderList({"time": times, "quantity": [1.0] * 11, **LISTED}, stamp="close")
    made: dict[str, Any] = {"class": Finer(), "list": listed}
    return made if JIT_OFF else made | {"compiled": fw.compiled(type("Finer", (Finer,), {}))()}


def ran(driver: Any, instrument: Instrument, policy: str) -> fw.Result:
    config = fw.Config.from_dict({"version": 1, "orders": {"off_tick": policy}})
    result = fw.run(driver, market(BARS, instrument), config)
    assert result.certificate.ok, result.certificate.line()
    return result


@pytest.mark.parametrize("policy", POLICIES)
def test_a_price_between_two_units_is_refused_or_rounded(policy: str) -> None:
    levels = {"reject": WHOLE, "passive": PASSIVE + WHOLE, "nearest": NEAREST + WHOLE}[policy]
    for name, driver in drivers().items():
        for decimals, instrument in CENTS.items():
            orders = ran(driver, instrument, policy).orders
            denied = orders["status"] == "denied"
            assert denied.tolist() == [policy == "reject"] * 9 + [False] * 2 if policy == "reject" else not denied.any()
            assert (orders[denied]["reason"] == "off_tick").all()
            kept = orders[~denied][["limit_price", "stop_price"]].fillna(0).round(9).values.tolist()
            moved = {"reject": 98.0, "passive": 98.5, "nearest": 98.51}[policy] if name != "list" else 98.0
            assert kept == [*map(list, levels[:-1]), [moved, 0.0]], (name, decimals)


@pytest.mark.parametrize("decimals", CENTS)
def test_a_replace_to_a_price_between_two_units_is_refused(decimals: str) -> None:
    for name, driver in drivers().items():
        events = ran(driver, CENTS[decimals], "reject").record.tables["order_events"]
        refused = events["reason"][events["event"] == OrderEvent.REPLACE_REJECT].tolist()
        assert refused == ([] if name == "list" else [Reason.OFF_TICK])


def test_without_a_tick_the_nearest_unit_is_meant() -> None:
    orders = ran(Finer(), Instrument("X", price_decimals=2), "reject").orders
    assert "denied" not in orders["status"].tolist()
    assert orders["limit_price"].tolist()[:2] == [98.01, 102.0]


def test_below_one_unit_there_is_the_unit_or_nothing() -> None:
    class Low(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            if bar.index == 0:
                self.buy("X", 1, limit=0.004)

    assert ran(Low(), CENTS["whole cents"], "passive").orders["limit_price"].tolist() == [0.01]
    assert ran(Low(), CENTS["whole cents"], "reject").orders["status"].tolist() == ["denied"]
    with pytest.raises(fw.StrategyError, match="limit must be positive"):
        ran(Low(), CENTS["whole cents"], "nearest")


@pytest.mark.parametrize("price", [1.1, 0.1 + 0.2, 4.35, 1e6 / 3 * 3, 12345678.91, float(np.nextafter(100.07, 101))])
def test_the_noise_of_floats_is_no_price_between_units(price: float) -> None:
    assert to_order_price(price, 100) == round(price * 100)
    assert to_order_price(price + 0.001, 100) == -(round(price * 100) + 1)


def test_a_negative_price_is_no_price() -> None:
    class Below(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            self.buy("X", 1, limit=-1.2345)

    with pytest.raises(fw.StrategyError, match=r"limit must be positive, got -1\.2345"):
        ran(Below(), CENTS["whole cents"], "reject")
    times = np.array(["2024-01-02 09:31"], "datetime64[ns]")
    rows = fw.OrderList({"time": times, "side": ["buy"], "quantity": [1.0], "limit": [-1.2345]}, stamp="close")
    with pytest.raises(UsageError, match="prices are positive"):
        ran(rows, CENTS["whole cents"], "reject")
