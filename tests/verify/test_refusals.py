"""A run with refusals, cuts and switches of the trading state verifies from its folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fillwright as fw
from fillwright.model.codes import Reason
from fillwright.verify import verify_folder
from scenarios.table import market
from scenarios.test_limits import BARS


class Busy(fw.Strategy):
    """Asks for more than it may have."""

    def on_bar(self, bar: Any) -> None:
        if bar.index == 0:
            self.buy("X", 2)
            self.buy("X", value=900)
            self.buy("X", 1, limit=50)
        elif bar.index == 1:
            self.sell("X", 9)
        elif bar.index == 2:
            self.set_trading_state("reduce_only")
            self.sell("X", 1)
        elif bar.index == 3:
            self.set_trading_state("halted")
            self.buy("X", 1)
            self.set_trading_state("active")
            self.target("X", -2)
            self.cancel_all()


def test_refusals_cuts_and_switches_verify(tmp_path: Path) -> None:
    limits = {"max_gross_exposure": "50%", "max_orders": 4, "max_orders_interval": "1h", "price_collar": "5%"}
    config = {"version": 1, "account": {"initial_cash": 1000}, "limits": limits, "run": {"isolation": "strict"}}
    result = fw.run(Busy(), market(BARS), fw.Config.from_dict(config))
    reasons = {Reason(int(code)).name for code in result.record.tables["order_events"]["reason"]}
    assert {"MAX_GROSS_EXPOSURE", "PRICE_COLLAR", "TRADING_REDUCE_ONLY", "TRADING_HALTED"} <= reasons
    result.save(tmp_path / "run")
    found = verify_folder(tmp_path / "run")
    assert found.ok, found
