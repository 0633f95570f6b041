"""Published days of minute quotes of a share, of coins and of a future, and of daily bars: fills, fees and money, recomputed."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal as D
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fillwright as fw
from fillwright.model.instrument import Instrument
from scenarios.table import play
from scenarios.test_published import Given, case

pytestmark = pytest.mark.scenario

MINUTE = 60 * 10**9
BID_AND_ASK = ("bid_open", "bid_high", "bid_low", "bid_close", "ask_open", "ask_high", "ask_low", "ask_close")
PRICE_FIELDS = (1, 2, 3, 4, 6, 7, 8, 9)


def ns(text: str) -> int:
    """ns UTC of ``2013-10-07T13:31:00Z``, or of a time without a zone, which is UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def rows_of(file: Path, member: str = "") -> list[list[str]]:
    """Rows of a zipped table without a header."""
    with zipfile.ZipFile(file) as archive:
        text = archive.read(member or archive.namelist()[0]).decode()
    return [line.split(",") for line in text.splitlines()]


def quote_bars(
    files: Sequence[tuple[Path, str]],
    instrument: Instrument,
    when: Callable[[str, int], int | None],
    price: Callable[[str], float] = float,
    before: Sequence[tuple[int, float]] = (),
) -> fw.Market:
    """Minute bars of bid and ask out of files of a day each, whose names begin with the date; ``when(date, ms)`` is the close of a bar
    in ns, or None to leave it out. ``before`` are rows (close, price of both sides) put in front. A bid above its ask is left out."""
    times, rows = [time for time, _ in before], [[value] * 8 for _, value in before]
    for file, member in files:
        for row in rows_of(file, member):
            close = when(file.name[:8], int(row[0]))
            if close is not None and all(row[k] for k in PRICE_FIELDS):
                times.append(close)
                rows.append([price(row[k]) for k in PRICE_FIELDS])
    columns: dict[str, Any] = {"time": np.array(times, np.int64).view("datetime64[ns]")}
    columns |= {name: np.array(values) for name, values in zip(BID_AND_ASK, zip(*rows, strict=True), strict=True)}
    return fw.read_quote_bars(columns, timeframe="1min", tz="UTC", stamp="close", instrument=instrument, repair=["drop_bad_rows"])


def files_of(shared: Path, about: dict[str, Any], word: str, symbol: str = "") -> list[tuple[Path, str]]:
    """Input files of a case by kind (and symbol), each with the name of the table in it where there are several."""
    chosen = [file for file in about["input"]["files"] if word in file["kind"] and symbol in file["symbol"]]
    return [(shared / file["file"], file.get("member", "")) for file in chosen]


def filled(result: fw.Result) -> list[tuple[int, str, D, D]]:
    """(instant, side, quantity, price) of each fill."""
    instruments = result.record.market.instruments
    return [
        (
            int(row["instant"]),
            "buy" if row["side"] > 0 else "sell",
            D(int(row["quantity"])).scaleb(-instruments[row["symbol"]].quantity_decimals),
            D(int(row["price"])).scaleb(-instruments[row["symbol"]].price_decimals),
        )
        for row in result.record.tables["fills"]
    ]


def money(units: Any) -> D:
    return D(int(units)).scaleb(-6)


class At(fw.Strategy):
    """Gives orders at times: (ns UTC, what to call, arguments, terms)."""

    plan: Any = fw.param(())

    def on_bars(self, bars: Any) -> None:
        for time, call, arguments, terms in self.plan:
            if time == self.now_ns:
                getattr(self, call)(*arguments, **terms)


# -- a share, minute by minute (lean-001, lean-004) -------------------------------------------------------------------------------

COMMISSION = {"model": "per_unit", "amount": "0.005", "minimum": 1}
FACTOR = D("0.8646266")


def spy(shared: Path, about: dict[str, Any]) -> fw.Market:
    """Regular minutes of bid and ask, at their published factor."""

    def when(date: str, ms: int) -> int | None:
        # New York, four hours behind UTC in October
        return ns(f"{date[:4]}-{date[4:6]}-{date[6:]}T04:00") + ms * 10**6 + MINUTE if 34_200_000 <= ms < 57_600_000 else None

    instrument = Instrument("SPY", price_decimals=9, timezone="America/New_York", session=(34_200, 57_600))
    return quote_bars(files_of(shared, about, "quote"), instrument, when, lambda text: float(D(text) / 10_000 * FACTOR))


def test_a_share_is_bought_at_the_ask_and_held(shared: Path) -> None:
    """The size (688) is the source's own, from the last trade, of which quotes say nothing. It also values the position at the last trade,
    ours at the middle: both are worked out, and differ by 688 x (middle - last trade)."""
    about = case(shared, "lean-001")
    expected, market = about["expected"], spy(shared, about)
    result = fw.run(Given(plan=[(0, "buy", (688,))]), market, cash=100_000, commission=COMMISSION)
    assert result.certificate.ok
    (fill,) = expected["fills"]
    assert filled(result) == [(ns(fill["ts"]), fill["side"], D(fill["qty"]), D(fill["price"]))]
    assert money(result.record.tables["fills"]["fee"][0]) == D(fill["commission"])
    last = [row for row in rows_of(*files_of(shared, about, "trade")[-1]) if int(row[0]) < 57_600_000][-1]
    paid = D(fill["qty"]) * D(fill["price"]) + D(fill["commission"])
    at_last_trade = 100_000 - paid + D(fill["qty"]) * D(last[4]) / 10_000 * FACTOR
    assert abs(at_last_trade - D(expected["end_equity"])) <= D(str(expected["end_equity_tolerance"]))
    feed = market.feeds[0]
    assert feed.ask_close is not None
    middle = (D(int(feed.close[-1])) + D(int(feed.ask_close[-1]))) / 2 / 10**9
    assert abs(money(result.record.equity[-1]) - (100_000 - paid + D(fill["qty"]) * middle)) < D("0.00001")


def test_a_short_sale_is_at_the_bid(shared: Path) -> None:
    """Its stop, bought back at the open of a bar of trades, is in `test_published_orders`; here the money of both is added up."""
    about = case(shared, "lean-004")
    sold, bought = about["expected"]["fills"]
    result = fw.run(Given(plan=[(0, "sell", (100,))]), spy(shared, about), cash=100_000, commission=COMMISSION)
    assert result.certificate.ok
    assert filled(result) == [(ns(sold["ts"]), "sell", D(100), D(sold["price"]))]
    assert money(result.record.tables["fills"]["fee"][0]) == D(sold["commission"])
    end = 100_000 + 100 * (D(sold["price"]) - D(bought["price"])) - D(about["expected"]["total_commission"])
    assert abs(end - D(about["expected"]["end_equity"])) <= D(str(about["expected"]["end_equity_tolerance"]))


# -- limits and cancels on two coins (lean-026) -----------------------------------------------------------------------------------


def test_limits_on_coins_are_refused_cancelled_and_filled(shared: Path) -> None:
    about = case(shared, "lean-026")
    expected = about["expected"]

    def when(date: str, ms: int) -> int | None:
        return ns(f"{date[:4]}-{date[4:6]}-{date[6:]}") + ms * 10**6 + MINUTE

    market = quote_bars(files_of(shared, about, "quote", "BTC"), Instrument("BTCUSD", quantity_decimals=8), when)
    market += quote_bars(files_of(shared, about, "quote", "ETH"), Instrument("ETHUSD", quantity_decimals=8), when)
    plan = []
    for clock, call, *terms in (
        ("06:00", "buy", "BTCUSD", 100, 4734.64), ("06:00", "buy", "ETHUSD", 1.35505027, 368.80),
        ("06:06", "cancel_all"), ("06:06", "buy", "BTCUSD", 0.10576312, 4727.61),
        ("06:12", "cancel_all"), ("06:12", "buy", "BTCUSD", 0.10576267, 4727.63),
        ("06:18", "cancel_all"), ("06:18", "buy", "BTCUSD", 0.10547724, 4740.42), ("06:24", "cancel_all"),
    ):  # fmt: skip
        given = (terms[:2], {"limit": terms[2]}) if terms else (("BTCUSD",), {})
        plan.append((ns(f"2017-09-03T{clock}"), call, *given))
    result = fw.run(At(plan=plan), market, cash=1_000, account_type="cash")
    assert result.certificate.ok
    statuses = {"rejected (insufficient funds)": "rejected", "cancelled": "canceled"}
    wanted = [statuses.get(status, status) for status in expected["final_status"].values()]
    assert result.orders["status"].tolist() == wanted
    assert result.orders["reason"].tolist()[0] == "insufficient_cash"
    ether, bitcoin = filled(result)
    for (instant, _, _, price), number, symbol in ((ether, "2", "ETH"), (bitcoin, "5", "BTC")):
        clock, ask = expected["fill_windows"][number].split("ending ")[1].rstrip(")").split(" (ask ")
        assert instant == ns(f"2017-09-03T{clock}")
        rows = {int(row[0]): row for row in rows_of(*files_of(shared, about, "quote", symbol)[0])}
        assert D(rows[(instant - ns("2017-09-03")) // 10**6 - 60_000][8]) <= D(ask) <= D(price)
    assert result.record.tables["fills"]["fee"].sum() == D(expected["total_commission"])


# -- a future settled every day (lean-020) ----------------------------------------------------------------------------------------


def test_a_future_settled_every_day(shared: Path) -> None:
    """The contract that the source holds from the start, at 1600, is bought here on a quote of 1600 put before the data, for a commission
    of 2.15 that the source does not pay: all money is less by that. What settlement pays into cash is here the change of equity at that
    instant: there its cash is our equity. Two minutes whose bid closes above their ask are left out; no order is near them."""
    about = case(shared, "lean-020")
    expected = about["expected"]

    def when(date: str, ms: int) -> int | None:
        midnight = ns(f"{date[:4]}-{date[4:6]}-{date[6:]}")
        return midnight + ms * 10**6 + MINUTE if 48_600_000 <= ms < 75_600_000 else None  # 13:30 to 21:00 UTC

    es = Instrument("ES", price_decimals=3, multiplier=Fraction(50))
    start = ns("2013-10-07T13:30")
    market = quote_bars(files_of(shared, about, "quote"), es, when, before=[(start, 1600)])
    plan = [(start, "buy", ("ES", 1), {})]
    plan += [(ns(row["ts"]), row["side"], ("ES", row["qty"]), {}) for row in expected["fills"]]
    commission = {"model": "per_unit", "amount": "2.15"}
    result = fw.run(At(plan=plan), market, cash=100_000, leverage=10, commission=commission)
    assert result.certificate.ok
    assert filled(result)[1:] == [(ns(row["ts"]), row["side"], D(row["qty"]), D(row["price"])) for row in expected["fills"]]
    assert money(result.record.tables["fills"]["fee"].sum()) == D(expected["total_commission"]) + D("2.15")
    equity = dict(zip(result.record.instants.tolist(), result.record.equity.tolist(), strict=True))
    for day, cash in zip(("07", "08", "09"), list(expected["cash_new_york_time"].values())[:3], strict=True):
        settled = max(time for time in equity if time <= ns(f"2013-10-{day}T21:00"))
        assert money(equity[settled]) == D(cash) - D("2.15"), day
    assert money(result.record.equity[-1]) == D(expected["end_equity"]) - D("2.15")


# -- three forms of commission on daily bars (bpy-004) ----------------------------------------------------------------------------


@pytest.mark.parametrize("variant", [0, 1, 2])
def test_spread_and_three_forms_of_commission(shared: Path, variant: int) -> None:
    """Sizes are the source's, which come from the open that the order fills at. Its spread is paid on the way in only; as a rate of
    slippage it is paid on the way out too: 88 x 111.24 x 1 % less, and 1 % less commission on that. A fixed fee beside a rate is no
    commission of ours: the two fees of 100 are taken off here."""
    about = case(shared, "bpy-004")["expected"]["variants"][variant]
    market = fw.read_bars(shared / "data/backtesting_py/GOOG.csv", symbol="GOOG", tz="America/New_York")
    size = about["size"]
    costs: dict[str, Any] = {"commission": "1%"}
    if variant == 0:
        costs["slippage"] = "1%"
    result = fw.run(
        Given(plan=[(1, "buy", (size,)), (2, "close", ())]), market, cash=10_000, leverage=2, participation=None, **costs
    )
    assert result.certificate.ok
    (_, _, quantity, price), _ = filled(result)
    assert (quantity, price) == (size, D(str(about["entry_price"]).split(" = ")[-1]))
    fixed = [0, 100, 200] if variant == 1 else [0, 0, 0]
    later = size * D("111.24") * D("0.01") * D("0.99") if variant == 0 else D(0)
    after_two, after_three = (D(value) for value in about["equity_after_bars_2_and_3"])
    assert abs(money(result.record.equity[2]) - fixed[1] - after_two) <= D("0.005")
    assert abs(money(result.record.equity[3]) - fixed[2] - (after_three - later)) <= D("0.005")


# -- tables of fees (lean-027) ----------------------------------------------------------------------------------------------------


def test_a_table_of_fees(shared: Path) -> None:
    """Not taken over: "at most 0.5 % of the value", which our commission has no word for. It binds in no row: in the first, where it is
    0.50, the minimum of 1 stands above it."""
    least = {"USD": 1, "JPY": 40, "HKD": 10}
    for row in case(shared, "lean-027")["expected"]["rows"]:
        share = row["kind"] == "equity"
        currency = "USD" if share else row["kind"].split()[1]
        quantity, price = (row["qty"], row["price"]) if share else (row["value"] // 100, 100)
        commission: dict[str, Any] = {"model": "per_unit", "amount": "0.005"} if share else {"model": "rate", "rate": "0.002%"}
        account = {"currency": currency, "initial_cash": 10_000_000}
        found = play(
            f"09:31 {price}\n09:32 {price}", f"09:31 buy {quantity}", instrument=Instrument("X", quote=currency, price_decimals=2),
            account=account, costs={"commission": commission | {"minimum": least[currency]}},
        )  # fmt: skip
        (fill,) = found.record.tables["fills"]
        assert money(fill["fee"]) == D(row["commission"]), row


# -- lots, trades and excursions (lean-032) ---------------------------------------------------------------------------------------


class OnPrint(fw.Strategy):
    """Orders by the number of the print."""

    plan: Any = fw.param(())

    def on_print(self, trade: Any) -> None:
        for row, call, quantity in self.plan:
            if row == trade.index:
                getattr(self, call)(trade.symbol, quantity)


def on_prints(
    minutes: Sequence[int], prices: Sequence[float], plan: Sequence[tuple[int, str, int]], **settings: Any
) -> fw.Result:
    """Orders by the number of the print that they are given at; each fills at the next one."""
    times = (ns("2024-01-02T09:31") + np.array(minutes) * MINUTE).view("datetime64[ns]")
    market = fw.read_prints({"time": times, "price": np.array(prices)}, tz="UTC", instrument=Instrument("X", price_decimals=3))
    result = fw.run(OnPrint(plan=plan), market, fw.Config.from_dict({"version": 1, **settings}))
    assert result.certificate.ok
    return result


def two_in_one_out(lots: str, trades: str) -> fw.Result:
    """1000 at 1.08 and at 1.07, both sold at 1.09."""
    seen = [1.08, 1.08, 1.075, 1.07, 1.065, 1.10, 1.09]
    plan = [(0, "buy", 1000), (2, "buy", 1000), (5, "sell", 2000)]
    costs = {"commission": {"model": "per_order", "amount": 1}}
    return on_prints(range(len(seen)), seen, plan, account={"lots": lots}, report={"trades": trades}, costs=costs)


@pytest.mark.parametrize("lots", ["fifo", "lifo"])
def test_trades_of_two_entries_and_one_exit(shared: Path, lots: str) -> None:
    """The fee of the exit is shared by quantity here, 0.5 and 0.5; the source charges it to the trade that is closed first. Moves are per
    unit here, those of the source of the whole position."""
    expected = case(shared, "lean-032")["expected"]["fill_to_fill_fifo"]
    result = two_in_one_out(lots, "fill_to_fill")
    assert result.record.tables["lot_closes"]["lot_id"].tolist() == ([0, 1] if lots == "fifo" else [1, 0])
    trades = {f"{trade['entry_price']:.2f}": trade for _, trade in result.trades.iterrows()}
    assert len(trades) == len(expected) == 2
    for row in expected:
        trade = trades[row["entry_price"]]
        assert (trade["quantity"], f"{trade['exit_price']:.2f}") == (row["qty"], row["exit_price"])
        found = [trade["gross_pnl"], trade["mae"] * row["qty"], trade["mfe"] * row["qty"], trade["fees"]]
        assert found == pytest.approx([float(row["pl"]), float(row["mae"]), float(row["mfe"]), 1.5], abs=1e-9)
    assert sum(float(row["fees"]) for row in expected) == result.trades["fees"].sum()


def test_one_trade_from_flat_to_flat(shared: Path) -> None:
    (row,) = case(shared, "lean-032")["expected"]["flat_to_flat"]
    trades = two_in_one_out("fifo", "flat_to_flat").trades
    found = trades[["entry_price", "quantity", "exit_price", "gross_pnl", "fees"]].values.tolist()
    assert found == [pytest.approx([float(row[key]) for key in ("entry_price", "qty", "exit_price", "pl", "fees")])]


# -- figures of three trades that won (lean-029) ----------------------------------------------------------------------------------


def test_figures_of_three_trades_that_won(shared: Path) -> None:
    """Without fees, since the source counts profit before them. Its Sharpe of trades is our SQN without the root of their number; where
    there is no loss it calls the profit factor 10, ours is not defined. Moves within trades are given there, not worked out."""
    about = case(shared, "lean-029")
    rows, expected = about["input"]["inline_rows"], about["expected"]
    plan = [(0, "buy", 1000), (1, "buy", 2000), (2, "sell", 1000), (3, "buy", 1000), (4, "sell", 3000)]
    result = on_prints([-1, 0, 10, 20, 30, 40], [1.07, 1.07, 1.08, 1.09, 1.08, 1.09], plan, report={"trades": "lot"})
    trades, metrics = result.trades, result.metrics
    found = trades[["entry_price", "exit_price", "quantity", "net_pnl"]].values.tolist()
    assert found == [pytest.approx([float(row[3]), float(row[4]), row[5], row[6]]) for row in rows]
    assert (metrics["trades"].value, metrics["win_rate"].value) == (expected["trades"], expected["win_rate"])
    assert trades["net_pnl"].sum() == pytest.approx(float(expected["total_profit_loss"]), abs=1e-9)
    assert metrics["expectancy"].value == pytest.approx(float(expected["average_profit_loss"]), rel=1e-12)
    assert trades["net_pnl"].std() == pytest.approx(float(expected["pl_standard_deviation"]), rel=1e-12)
    assert metrics["sqn"].value == pytest.approx(3**0.5 * float(expected["sharpe_ratio"]), rel=1e-12)
    assert metrics["average_trade_duration"].value == pytest.approx(expected["average_duration_minutes"] / 1440, rel=1e-12)
    assert metrics["profit_factor"].value is None
