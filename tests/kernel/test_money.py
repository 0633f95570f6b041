"""Values, fees, funds and margin of the compiled rules, each at its boundaries, with figures worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fillwright.kernel import margin, models
from fillwright.kernel.models import FX_SCALE, RATE_SCALE
from fillwright.kernel.state import CURRENCY, INSTRUMENT, SCALARS
from fillwright.model.codes import AccountType, OrderType
from fillwright.model.columns import TABLES

pytestmark = [pytest.mark.kernel, pytest.mark.nojit]

ORDER = TABLES[0].dtype
MARGIN, CASH = int(AccountType.MARGIN), int(AccountType.CASH)
HALF = RATE_SCALE // 2
KEPT: list[Any] = []
"""Arrays that a state knows by their addresses alone."""


def records(dtype: np.dtype[Any], rows: list[dict[str, int]]) -> Any:
    """Records with the fields named, all others 0."""
    made = np.zeros(len(rows), dtype)
    for number, row in enumerate(rows):
        for name, number_of in row.items():
            made[name][number] = number_of
    return made


def instrument(**fields: int) -> Any:
    """An instrument that is worth price x lots, without costs."""
    return records(INSTRUMENT, [{"mul": 1, "div": 1, "lot_scale": 1, "fee_max": -1} | fields])[0]


def order(**fields: int) -> Any:
    """A buy order of the first instrument."""
    return records(ORDER, [{"side": 1, "type": int(OrderType.MARKET)} | fields])[0]


class Account:
    """An account; what it holds is given by instrument and by currency."""

    def __init__(self, instruments: list[dict[str, int]], currencies: list[dict[str, int]], **scalars: int) -> None:
        self.instruments = records(INSTRUMENT, [{"mul": 1, "div": 1, "lot_scale": 1, "fee_max": -1} | row for row in instruments])
        self.currencies = records(CURRENCY, [{"factor": FX_SCALE} | row for row in currencies])
        told = {"account_type": MARGIN, "initial_margin": RATE_SCALE, "maintenance_margin": RATE_SCALE}
        self.scalars = records(SCALARS, [told | scalars])
        KEPT.extend((self.instruments, self.currencies))
        for name in ("instruments", "currencies"):
            array = getattr(self, name)
            self.scalars[name], self.scalars[f"n_{name}"] = array.ctypes.data, len(array)
        self.s = self.scalars[0]


@pytest.mark.parametrize(
    "fields, price, lots, expected",
    [
        ({}, 100, 7, 700),
        ({"mul": 50}, 100, -7, -35_000),
        ({"div": 2}, 5, 1, 2),
        ({"div": 2}, 7, 1, 4),
        ({"div": 2}, -7, 1, -4),
        ({"mul": 2, "div": 3}, 5, 1, 3),
        ({"mul": 3, "div": 2}, 5, 3, 22),
        ({"mul": 1, "div": 10**9}, 3 * 10**12, 10**9, 3 * 10**12),
        ({"mul": 7, "div": 10**9}, 3 * 10**12, 10**9, 21 * 10**12),
        ({"mul": 3}, 10**9, 10**9, 3 * 10**18),
    ],
)
def test_value_is_price_times_lots_times_multiplier(fields: dict[str, int], price: int, lots: int, expected: int) -> None:
    assert models.value(instrument(**fields), price, lots) == expected


@pytest.mark.parametrize(
    "fields, price, lots", [({}, 10**10, 10**10), ({"mul": 10**5}, 10**10, 10**10), ({"mul": 100}, 3 * 10**9, 10**9)]
)
def test_a_value_beyond_64_bits_is_an_error(fields: dict[str, int], price: int, lots: int) -> None:
    with pytest.raises(OverflowError):
        models.value(instrument(**fields), price, lots)


def test_money_of_a_foreign_currency_at_its_rate() -> None:
    s = Account([], [{"rate": 7}, {"rate": FX_SCALE * 3 // 2}, {"rate": 3, "factor": 2}]).s
    assert [models.base(s, 0, 5), models.base(s, 1, 5), models.base(s, 1, -3), models.base(s, 2, 3)] == [5, 8, -4, 4]


@pytest.mark.parametrize("second", (-2, -1, 0, 1, 2))
def test_equity_is_cash_and_value_of_every_currency(second: int) -> None:
    currencies = [{"cash": 100, "value": 11}, {"cash": 10, "value": second - 10, "rate": 4 * FX_SCALE}]
    third = {"cash": 5, "value": 2, "rate": 2 * FX_SCALE}
    assert models.equity_now(Account([], [*currencies, third]).s) == 111 + 4 * second + 14
    assert models.equity_now(Account([], currencies[:1]).s) == 111


def test_slippage_by_tick_and_by_rate() -> None:
    assert models.slippage(instrument(slip_ticks=3, tick=5), 1_000) == 15
    assert models.slippage(instrument(slip_rate=HALF), 7) == 4
    assert models.slippage(instrument(slip_ticks=2, tick=5, slip_rate=1), 3 * RATE_SCALE) == 13
    assert models.slippage(instrument(slip_ticks=2, tick=5, slip_rate=-1), 3 * RATE_SCALE) == 7


def test_raw_fee_by_order_unit_and_rate() -> None:
    rates = {"fee_order": 100, "fee_unit": 6, "lot_scale": 4, "fee_taker": HALF, "fee_maker": RATE_SCALE // 4}
    full = instrument(**rates)
    assert models.raw_fee(full, 2, 40, False, True) == 100 + 3 + 20
    assert models.raw_fee(full, 2, 40, True, False) == 3 + 10
    assert models.raw_fee(instrument(fee_unit=1), 9, 40, False, True) == 9
    assert models.raw_fee(instrument(fee_unit=-1), 9, 40, False, True) == -9
    tenth = 10 * RATE_SCALE
    assert models.raw_fee(instrument(fee_taker=1, fee_maker=-1), 9, tenth, False, False) == 10
    assert models.raw_fee(instrument(fee_taker=1, fee_maker=-1), 9, tenth, True, False) == -10


@pytest.mark.parametrize(
    "least, most, raw, paid, expected",
    [
        (0, -1, 50, 0, 50),
        (0, -1, 50, 20, 30),
        (10, -1, 9, 0, 10),
        (10, -1, 10, 0, 10),
        (10, -1, 11, 0, 11),
        (10, -1, 5, 10, 0),
        (0, 40, 39, 0, 39),
        (0, 40, 41, 0, 40),
        (0, 40, 90, 35, 5),
        (0, 0, 1, 0, 0),
        (-9, 0, -3, 0, -3),
        (0, 1, 2, 0, 1),
        (-9, -1, -3, -1, -2),
    ],
)
def test_minimum_and_maximum_hold_for_the_whole_order(least: int, most: int, raw: int, paid: int, expected: int) -> None:
    assert models.charged(instrument(fee_min=least, fee_max=most), raw, paid) == expected


def test_the_fee_of_a_further_fill_counts_what_was_paid() -> None:
    one = instrument(fee_order=100, fee_taker=HALF, fee_maker=RATE_SCALE // 4, fee_min=120, fee_max=400)
    assert models.fee_of(one, order(), 4, 10, False) == 120
    assert models.fee_of(one, order(), 4, 100, True) == 200
    assert models.fee_of(one, order(cum_quantity=1, fee_raw=110, fee=120), 4, 10, False) == 10
    assert models.fee_of(one, order(cum_quantity=1, fee_raw=390, fee=390), 4, 10, False) == 10
    assert models.fee_fresh(one, 4, 100) == 300
    assert models.fee_fresh(one, 4, 1) == 120


@pytest.mark.parametrize(
    "price, tick, up, expected",
    [
        (7, 0, True, 7), (7, 1, False, 7), (0, 1, True, 1), (-3, 0, False, 1), (7, 2, True, 8), (7, 2, False, 6), (8, 2, True, 8),
        (8, 2, False, 8), (3, 5, False, 5), (3, 5, True, 5), (-3, 5, False, 5), (11, 5, True, 15), (11, 5, False, 10),
    ],
)  # fmt: skip
def test_a_price_on_the_tick(price: int, tick: int, up: bool, expected: int) -> None:
    assert models.on_tick(price, tick, up) == expected


@pytest.mark.parametrize("kind", OrderType)
def test_which_orders_have_a_limit_and_which_a_stop(kind: OrderType) -> None:
    assert bool(models.has_limit(int(kind))) == ("LIMIT" in kind.name)
    assert bool(models.has_stop(int(kind))) == ("STOP" in kind.name or "TOUCHED" in kind.name)


@pytest.mark.parametrize(
    "clamp, kind, side, limit, price, expected",
    [
        (0, OrderType.MARKET, 1, 0, 150, 150),
        (0, OrderType.MARKET, 1, 0, -4, 1),
        (0, OrderType.MARKET, 1, 0, 1, 1),
        (1, OrderType.MARKET, 1, 0, 150, 120),
        (2, OrderType.MARKET, 1, 0, 150, 120),
        (-1, OrderType.MARKET, 1, 0, 150, 120),
        (1, OrderType.MARKET, -1, 0, 50, 80),
        (1, OrderType.MARKET, -1, 0, 90, 90),
        (0, OrderType.LIMIT, 1, 100, 101, 100),
        (0, OrderType.LIMIT, 1, 100, 99, 99),
        (0, OrderType.LIMIT, -1, 100, 99, 100),
        (0, OrderType.LIMIT, -1, 100, 101, 101),
        (1, OrderType.STOP_LIMIT, 1, 90, 150, 90),
        (0, OrderType.STOP, 1, 90, 150, 150),
    ],
)
def test_the_step_back_to_range_and_limit(clamp: int, kind: int, side: int, limit: int, price: int, expected: int) -> None:
    s = Account([], [{}], clamp_to_range=clamp).s
    given = order(type=int(kind), side=side, limit_price=limit)
    assert models.limit_step(s, instrument(low=80, high=120), given, price) == expected - price


@pytest.mark.parametrize(
    "kind, side, limit, price, expected",
    [
        (OrderType.MARKET, 1, 0, 11, 15),
        (OrderType.MARKET, -1, 0, 11, 10),
        (OrderType.MARKET, 1, 0, 10, 10),
        (OrderType.LIMIT, 1, 12, 11, 12),
        (OrderType.LIMIT, 1, 20, 11, 15),
        (OrderType.LIMIT, -1, 11, 11, 11),
        (OrderType.LIMIT, -1, 5, 11, 10),
    ],
)
def test_the_step_to_the_tick(kind: int, side: int, limit: int, price: int, expected: int) -> None:
    given = order(type=int(kind), side=side, limit_price=limit)
    assert models.tick_step(instrument(tick=5), given, price) == expected - price


@pytest.mark.parametrize("position", (-9, -8, -1, 1, 8, 9))
@pytest.mark.parametrize(
    "fields, worth", [({"mul": 2, "safe_lots": 8}, 100 * 2), ({"mul": 200, "div": 100, "safe_lots": -1}, 100 * 2)]
)
def test_a_mark_moves_value_and_gross_of_its_currency(position: int, fields: dict[str, int], worth: int) -> None:
    """Whether the position is within the bound of the plain product (8 lots, or none) or not."""
    account = Account([{}, {"currency": 1, "position": position, **fields}], [{"value": 7, "gross": 7}, {"value": 5, "gross": 5}])
    margin.set_mark(account.s, 1, 100)
    one, currency = account.instruments[1], account.currencies[1]
    assert (one["mark"], one["value"]) == (100, worth * position)
    assert (currency["value"], currency["gross"]) == (5 + worth * position, 5 + abs(worth * position))
    margin.set_mark(account.s, 1, 90)
    assert one["value"] == worth * position * 9 // 10
    assert (currency["value"], currency["gross"]) == (5 + one["value"], 5 + abs(one["value"]))
    assert account.currencies[0]["value"] == account.currencies[0]["gross"] == 7
    assert account.instruments[0]["mark"] == 0


@pytest.mark.parametrize("worth", (-500, -1, 1, 500))
def test_the_mark_of_what_was_closed_takes_its_value_out(worth: int) -> None:
    account = Account([{"value": worth}], [{"value": worth + 3, "gross": abs(worth)}])
    margin.set_mark(account.s, 0, 42)
    assert (account.instruments[0]["value"], account.instruments[0]["mark"]) == (0, 42)
    assert (account.currencies[0]["value"], account.currencies[0]["gross"]) == (3, 0)


def test_margin_is_each_value_times_the_fraction_in_account_money() -> None:
    rows = [{"value": 5}, {"value": -1}, {"value": 1, "currency": 1}, {"value": -7, "currency": 1}, {"value": 0, "currency": 1}]
    two = Account(rows, [{"gross": 6}, {"gross": 8, "rate": 3 * FX_SCALE}]).s
    assert margin.margin_of(two, RATE_SCALE) == 5 + 1 + 3 + 21
    assert margin.margin_of(two, HALF) == 2 + 0 + 0 + 12
    one = Account(rows[:2], [{"gross": 6}]).s
    assert margin.margin_of(one, RATE_SCALE) == 6
    assert margin.margin_of(one, HALF) == 2


@pytest.mark.parametrize("fraction", (RATE_SCALE, HALF))
@pytest.mark.parametrize(
    "values", [(1,), (-2,), (1_000,), (10**12,), (400, -800, 600), (2, 2, 2, 2, 2, 2), (6, 6, 6, 6), (3,) * 12]
)
@pytest.mark.parametrize("foreign", (0, 1))
def test_equity_below_the_maintenance_margin_by_one_unit(fraction: int, values: tuple[int, ...], foreign: int) -> None:
    """Equity of exactly what the positions need is enough; one unit less is not."""
    rate = 3 if foreign else 1
    need = sum(round(abs(worth) * fraction / RATE_SCALE) * rate for worth in values)
    gross = sum(map(abs, values))
    for short in (0, 1, max(2, need // 2), need + 1):
        rows = [{"value": worth, "currency": foreign} for worth in values]
        cash = need - short - sum(values) * rate
        currencies = [{"cash": cash}, {"rate": 3 * FX_SCALE}][: 1 + foreign]
        currencies[foreign] |= {"value": sum(values), "gross": gross}
        below = margin.below_maintenance(Account(rows, currencies, maintenance_margin=fraction).s)
        assert bool(below) == (short > 0)
        assert not margin.below_maintenance(Account(rows, [{**currencies[0], "cash": 10**15}, *currencies[1:]]).s)


def test_without_positions_nothing_is_below_maintenance() -> None:
    assert not margin.below_maintenance(Account([{}], [{"cash": -5}]).s)
    assert not margin.below_maintenance(Account([{}], [{"cash": -5}, {"rate": FX_SCALE}]).s)


def test_the_price_that_funds_are_estimated_at() -> None:
    s = Account([{"mark": 9}, {"mark": 50}], [{}]).s
    prices = {"symbol": 1, "limit_price": 40, "stop_price": 60}
    found = {kind: margin.order_price(s, order(type=int(kind), **prices)) for kind in OrderType}
    assert found[OrderType.MARKET] == 50
    assert found[OrderType.LIMIT] == found[OrderType.STOP_LIMIT] == 40
    assert found[OrderType.STOP] == 60


@pytest.mark.parametrize(
    "kind, position, side, lots, checked, short",
    [
        (CASH, 5, 1, 1, True, False),
        (CASH, 5, -1, 4, False, False),
        (CASH, 5, -1, 5, False, False),
        (CASH, 5, -1, 6, True, True),
        (CASH, 0, -1, 1, True, True),
        (MARGIN, 5, 1, 1, True, False),
        (MARGIN, 5, -1, 9, False, False),
        (MARGIN, 5, -1, 10, False, False),
        (MARGIN, 5, -1, 11, True, False),
        (MARGIN, -5, -1, 1, True, False),
        (MARGIN, -5, 1, 10, False, False),
        (MARGIN, -5, 1, 11, True, False),
    ],
)
def test_what_needs_funds_and_what_goes_short(kind: int, position: int, side: int, lots: int, checked: bool, short: bool) -> None:
    s = Account([{"position": -99}, {"position": position}], [{}], account_type=kind).s
    given = order(symbol=1, side=side)
    assert bool(margin.is_checked(s, given, lots)) == checked
    assert bool(margin.goes_short(s, given, lots)) == short


@pytest.mark.parametrize(
    "position, side, lots, expected",
    [(0, 1, 3, 3 * (15 * 3)), (4, 1, 3, 3 * (15 * 3)), (4, -1, 3, 0), (4, -1, 8, 0), (4, -1, 9, 3 * 15), (-4, 1, 9, 3 * 15)],
)
def test_required_is_the_margin_of_what_is_added_and_the_fee(position: int, side: int, lots: int, expected: int) -> None:
    """Price 30, half of it as margin, 3 account units for 1; the fee is converted by itself."""
    rows = [{}, {"position": position, "currency": 1, "fee_order": 5, "fee_unit": 2, "fee_maker": RATE_SCALE}]
    s = Account(rows, [{}, {"rate": 3 * FX_SCALE}], initial_margin=HALF).s
    given = order(symbol=1, side=side)
    assert margin.required(s, given, lots, 30, 7) == expected + 21
    assert margin.required_with_fee(s, given, lots, 30, False) == expected + 3 * (5 + 2 * lots)
    assert margin.required_with_fee(s, given, lots, 30, True) == expected + 3 * (5 + 2 * lots + 30 * lots)


def test_required_of_a_cash_account_is_the_price_and_the_fee() -> None:
    s = Account([{}, {"position": -4, "mul": 2}], [{}], account_type=CASH, initial_margin=HALF).s
    assert margin.required(s, order(symbol=1), 3, 30, 7) == 187


def test_available_and_reserved_funds() -> None:
    rows, currencies = [{}, {"currency": 1, "value": 40}], [{"cash": 500, "reserved": 30}, {"cash": 90, "reserved": 20}]
    currencies[1] |= {"value": 40, "rate": 2 * FX_SCALE, "gross": 40}
    cash = Account(rows, currencies, account_type=CASH)
    given = order(symbol=1, reserved=8)
    assert margin.available(cash.s, given) == 90 - 20 + 8
    margin.reserve(cash.s, given, 15)
    assert (cash.currencies[0]["reserved"], cash.currencies[1]["reserved"], given["reserved"]) == (30, 27, 15)
    free = Account(rows, currencies, initial_margin=HALF)
    given = order(symbol=1, reserved=8)
    assert margin.available(free.s, given) == (500 + 2 * 130) - 40 - 30 + 8
    margin.reserve(free.s, given, 3)
    assert (free.currencies[0]["reserved"], free.currencies[1]["reserved"], given["reserved"]) == (25, 20, 3)


@pytest.mark.parametrize("lots", (0, 1, 2, 3, 7, 8))
@pytest.mark.parametrize("position", (0, -3, 3))
@pytest.mark.parametrize("kind", (MARGIN, CASH))
def test_affordable_is_the_largest_quantity_within_funds(lots: int, position: int, kind: int) -> None:
    s = Account([{"position": position, "fee_order": 1, "fee_maker": RATE_SCALE}], [{}], account_type=kind).s
    for side in (1, -1):
        given = order(side=side)
        for funds in (0, 9, 10, 11, 20, 21, 22, 43, 80, 81, 82, 161):
            for maker in (False, True):
                enough = [
                    some
                    for some in range(lots + 1)
                    if not margin.is_checked(s, given, some) or margin.required_with_fee(s, given, some, 10, maker) <= funds
                ]
                assert margin.affordable(s, given, lots, 10, maker, funds) == max(enough, default=0)
