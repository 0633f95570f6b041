"""If-touched, trailing, on open, on close and post-only orders, and GTD orders that come too late: what each does on a bar."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import fillwright as fw
from fillwright.model.codes import ExitReason
from fillwright.model.instrument import Instrument
from fillwright.verify import Bars, MarketData, verify_folder
from scenarios.table import lines, market, play
from scenarios.test_published import case

pytestmark = pytest.mark.scenario

# The second bar closes above its open, so it goes 100 - 98 - 104 - 103; the third goes 103 - 106 - 99 - 100.
BARS = """
    09:31  100
    09:32  100 104  98 103
    09:33  103 106  99 100
    09:34  100
"""


@pytest.mark.parametrize(
    ("order", "fills"),
    [
        # touched on the way down to 98, on the way up to 104, at the open, and at the open beyond
        ("09:31 buy 10 touch 99", ["09:32 first buy 10 @ 99.00 fee 0"]),
        ("09:31 sell 10 touch 102", ["09:32 second sell 10 @ 102.00 fee 0"]),
        ("09:31 buy 10 touch 100", ["09:31 open buy 10 @ 100.00 fee 0"]),
        ("09:31 sell 10 touch 97", ["09:31 open sell 10 @ 100.00 fee 0"]),
        ("09:31 buy 10 touch 97", []),
        # touched at 99, the limit is better: the same fall goes on to it, or it rests and the third bar's fall finds it
        ("09:31 buy 10 touch 99 limit 98.50", ["09:32 first buy 10 @ 98.50 fee 0 maker"]),
        ("09:31 buy 10 touch 99 limit 99.50", ["09:32 first buy 10 @ 99.00 fee 0"]),
        ("09:32 sell 10 touch 104 limit 106", ["09:33 first sell 10 @ 106.00 fee 0 maker"]),
        ("09:31 sell 10 touch 103 limit 105", ["09:33 first sell 10 @ 105.00 fee 0 maker"]),
    ],
)
def test_if_touched(order: str, fills: list[str]) -> None:
    assert play(BARS, order).fills == fills


@pytest.mark.parametrize(
    ("order", "fills", "stop"),
    [
        # sent at 100: the stop begins at 98; 98 is met on the way down, before the bar's high is known
        ("09:31 sell 10 trail 2", ["09:32 first sell 10 @ 98.00 fee 0"], 98),
        # begins at 97; the high of 104 brings it to 101; the close of 103 is above, the open too; 106 brings it to 103
        ("09:31 sell 10 trail 3", ["09:33 second sell 10 @ 103.00 fee 0"], 103),
        ("09:31 sell 10 trail 300ticks", ["09:33 second sell 10 @ 103.00 fee 0"], 103),
        # 5% of 106 is 5.30: 100.70
        ("09:31 sell 10 trail 5%", ["09:33 second sell 10 @ 100.70 fee 0"], Decimal("100.70")),
        # 8 below 106 is 98, which 99 does not reach; the stop stays
        ("09:31 sell 10 trail 8", [], 98),
        # begins at 103, follows the fall to 98: 101, and is met on the way up
        ("09:31 buy 10 trail 3", ["09:32 second buy 10 @ 101.00 fee 0"], 101),
        # a first stop of its own, nearer than the distance
        ("09:31 sell 10 trail 3 stop 99.50", ["09:32 first sell 10 @ 99.50 fee 0"], Decimal("99.50")),
        # limit half a point beyond the stop: met at 101, taken there
        ("09:31 buy 10 trail 3 trail_limit 0.50", ["09:32 second buy 10 @ 101.00 fee 0"], 101),
    ],
)
def test_a_trailing_stop_knows_only_what_lies_behind_it(order: str, fills: list[str], stop: Any) -> None:
    found = play(BARS, order)
    assert found.fills == fills
    assert Decimal(int(found.record.tables["orders"]["stop_price"][0])) / 100 == stop


def test_the_limit_of_a_trailing_stop_limit_moves_with_its_stop() -> None:
    found = play(BARS + "    09:35   90  99  90  99\n", "09:31 sell 10 trail 8 trail_limit 1")
    order = found.record.tables["orders"][0]
    # stop 98 and limit 97 after the high of 106; the last bar opens at 90: triggered, and the limit rests until 97 on the way up
    assert (int(order["stop_price"]), int(order["limit_price"])) == (9800, 9700)
    assert found.fills == ["09:35 second sell 10 @ 97.00 fee 0 maker"]


def test_a_replace_of_a_trailing_stop_moves_its_stop_and_leaves_the_distance() -> None:
    found = play(BARS, "09:31 sell 10 trail 8\n09:32 replace 0 stop 100.50")
    assert found.fills == ["09:33 second sell 10 @ 100.50 fee 0"]
    smaller = play(BARS, "09:31 sell 10 trail 3\n09:32 replace 0 quantity 4")
    assert smaller.fills == ["09:33 second sell 4 @ 103.00 fee 0"]  # still where the high of 104 had brought it, and on to 103


DAYS = """
    2024-01-02 15:59  100
    2024-01-02 16:00  101 103 100 102
    2024-01-03 09:31  105 107 104 106
    2024-01-03 16:00  108 109 107 108
"""
SESSION = Instrument("X", price_decimals=2, tick=1, timezone="America/New_York", session=(34_200, 57_600))


@pytest.mark.parametrize(
    ("order", "fills", "status"),
    [
        ("2024-01-02 15:59 buy 10 OPG", ["2024-01-03 09:30 open buy 10 @ 105.00 fee 0"], "FILLED"),
        ("2024-01-02 16:00 buy 10 OPG", ["2024-01-03 09:30 open buy 10 @ 105.00 fee 0"], "FILLED"),
        ("2024-01-02 15:59 buy 10 limit 105 OPG", ["2024-01-03 09:30 open buy 10 @ 105.00 fee 0"], "FILLED"),
        ("2024-01-02 15:59 buy 10 limit 104 OPG", [], "EXPIRED AUCTION_OVER"),
        ("2024-01-02 15:59 buy 10 CLS", ["16:00 flat_at buy 10 @ 102.00 fee 0"], "FILLED"),
        ("2024-01-02 15:59 buy 10 limit 102 CLS", ["16:00 flat_at buy 10 @ 102.00 fee 0"], "FILLED"),
        # the low of 100 is no close
        ("2024-01-02 15:59 buy 10 limit 101 CLS", [], "EXPIRED AUCTION_OVER"),
        ("2024-01-02 16:00 sell 10 limit 108 CLS", ["2024-01-03 16:00 flat_at sell 10 @ 108.00 fee 0"], "FILLED"),
        ("2024-01-03 16:00 buy 10 OPG", [], "EXPIRED END_OF_DATA"),
    ],
)
def test_on_open_and_on_close(order: str, fills: list[str], status: str) -> None:
    found = play(DAYS, order, instrument=SESSION)
    assert (found.fills, found.status(0)) == (fills, status)


def test_on_close_comes_before_flat_at() -> None:
    found = play(
        DAYS, "2024-01-02 15:59 buy 10\n2024-01-02 15:59 sell 4 CLS", instrument=SESSION, orders={"flat_at": ["day_end"]}
    )
    assert found.fills[1:] == ["16:00 flat_at sell 4 @ 102.00 fee 0", "16:00 flat_at sell 6 @ 102.00 fee 0"]


@pytest.mark.parametrize(
    ("order", "fills", "status"),
    [
        ("09:31 buy 10 limit 100 post_only", [], "REJECTED WOULD_TAKE"),
        ("09:31 buy 10 limit 101 post_only", [], "REJECTED WOULD_TAKE"),
        ("09:31 buy 10 limit 99 post_only", ["09:32 first buy 10 @ 99.00 fee 0 maker"], "FILLED"),
        ("09:32 sell 10 limit 105 post_only", ["09:33 first sell 10 @ 105.00 fee 0 maker"], "FILLED"),
        # triggered on the way up at 102, where a limit of 103 would take
        ("09:31 buy 10 stop 102 limit 103 post_only", [], "REJECTED WOULD_TAKE"),
        ("09:31 buy 10 stop 102 limit 101 post_only", ["09:33 second buy 10 @ 101.00 fee 0 maker"], "FILLED"),
    ],
)
def test_post_only(order: str, fills: list[str], status: str) -> None:
    found = play(BARS, order)
    assert (found.fills, found.status(0)) == (fills, status)


def test_a_gtd_order_that_arrives_after_its_end_expires_as_it_arrives() -> None:
    found = play(BARS, "09:31 buy 10 limit 90 GTD until 09:31", execution={"latency": "30s"})
    assert found.life(0) == ["09:31 SUBMIT", "09:31:30 ACCEPT", "09:31:30 EXPIRE GTD_REACHED"]


def test_exit_reasons() -> None:
    script = "09:31 buy 20\n09:32 sell 10 touch 105\n09:32 sell 10 trail 4 stop 100"
    reasons = play(BARS, script).record.tables["fills"]["exit_reason"].tolist()
    assert reasons == [ExitReason.NONE, ExitReason.TARGET, ExitReason.TRAILING]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.buy("X", 1, limit=1, trail=1), "there is no order with limit and trail"),
        (lambda s: s.buy("X", 1, trail_limit=1), "there is no order with trail_limit"),
        (lambda s: s.buy("X", 1, stop=1, tif="OPG"), "there is no order with stop with tif='OPG'"),
        (lambda s: s.buy("X", 1, stop=1, touch=1), "there is no order with stop and touch"),
        (lambda s: s.buy("X", 1, trail=0), "trail=0 is no distance"),
        (lambda s: s.buy("X", 1, trail="much"), "trail='much' is no distance"),
        (lambda s: s.buy("X", 1, trail=0.001), "trail=0.001 is no distance"),
        (lambda s: s.buy("X", 1, post_only=True), "post_only= goes with a limit"),
        (lambda s: s.buy("X", 1, limit=99, tif="IOC", post_only=True), "post_only= goes with a limit"),
        (lambda s: s.buy("X", 1, touch=-1), "touch must be positive"),
    ],
)
def test_wrong_terms_say_what_to_write(call: Any, message: str) -> None:
    class Wrong(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            call(self)

    with pytest.raises(fw.StrategyError, match=message):
        fw.run(Wrong(), market(BARS))


def test_the_verifier_agrees(tmp_path: Any) -> None:
    script = """
        09:31 buy 20
        09:31 sell 2 touch 101
        09:31 sell 2 trail 3 trail_limit 1
        09:31 sell 2 limit 104 post_only
        09:31 sell 2 limit 90 CLS
        09:31 buy 2 limit 103 post_only
        09:32 replace 2 quantity 1
    """
    found = play(BARS, script)
    assert len(lines("\n".join(found.fills))) == 5
    feed = found.record.market.execution_feed(0)
    columns = (
        feed.symbol,
        feed.open_time,
        feed.close_time,
        feed.open,
        feed.high,
        feed.low,
        feed.close,
        feed.volume,
        feed.day_last,
    )
    verification = verify_folder(found.result.save(tmp_path / "run"), market=MarketData([Bars(*columns)], feed.close_time))
    assert verification.ok, verification.text()


class AtNoon(fw.Strategy):
    """Buys one share on close, at noon of one day."""

    def on_bar(self, bar: Any) -> None:
        if f"{bar.time:%Y-%m-%d %H}" == "2021-03-02 17":  # 12:00 in New York
            self.buy("SPY", 1, tif="CLS")


def test_published_market_on_close(shared: Path) -> None:
    expected = case(shared, "lean-012")["expected"]
    with zipfile.ZipFile(shared / "data/lean/equity/usa/hour/spy.zip") as archive:
        (name,) = archive.namelist()
        rows = [line.split(",") for line in archive.read(name).decode().splitlines() if "20210301" <= line[:8] <= "20210303"]
    opens = [datetime.strptime(row[0], "%Y%m%d %H:%M").replace(tzinfo=ZoneInfo("America/New_York")) for row in rows]
    closes = [int(time.timestamp() + 3600) * 10**9 for time in opens]
    columns: dict[str, Any] = {"time": np.array(closes, np.int64).view("datetime64[ns]")}
    for number, column in enumerate(("open", "high", "low", "close"), 1):
        columns[column] = np.array([float(round(Decimal(row[number]) / 10_000 * Decimal("0.996736"), 8)) for row in rows])
    spy = Instrument("SPY", price_decimals=8, timezone="America/New_York", session=(34_200, 57_600))
    data = fw.read_bars(columns, timeframe="1h", tz="UTC", stamp="close", instrument=spy)
    config = {"version": 1, "costs": {"commission": {"model": "per_order", "amount": 1}}}
    result = fw.run(AtNoon(), data, fw.Config.from_dict(config))
    fills = result.record.tables["fills"]
    assert Decimal(int(fills["price"][0])).scaleb(-8) == Decimal(expected["fills"][0]["price"])
    assert int(fills["time"][0]) == int(datetime(2021, 3, 2, 21, tzinfo=UTC).timestamp()) * 10**9  # 16:00 in New York
    equity = Decimal(int(result.record.equity[-1])).scaleb(-6)
    assert abs(equity - Decimal(expected["end_equity"])) <= Decimal(str(expected["end_equity_tolerance"]))
