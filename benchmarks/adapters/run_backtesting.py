"""backtesting.py: one instrument, Python strategy; crossings are read from lists, the cheapest way in that tool."""

from __future__ import annotations

import warnings

from protocol import CASH, FEE, QUANTITY, Arrays, clock, digest, frame, main


def minute(arrays: Arrays) -> dict[str, object]:
    """One instrument."""
    import backtesting
    from backtesting import Backtest, Strategy

    warnings.simplefilter("ignore")
    backtesting.backtesting._tqdm = lambda items, **_: items  # no progress bar inside the clock
    above, below = arrays.above.tolist(), arrays.below.tolist()
    decisions: list[tuple[int, int]] = []

    class Cross(Strategy):
        """The common strategy."""

        def init(self) -> None:
            pass

        def next(self) -> None:
            i = len(self.data) - 1
            if above[i] and not self.position:
                decisions.append((i, 1))
                self.buy(size=QUANTITY)
            elif below[i] and self.position:
                decisions.append((i, -1))
                self.position.close()

    test = Backtest(frame(arrays), Cross, cash=CASH, commission=FEE, trade_on_close=False, finalize_trades=False)
    stats = []
    seconds = clock(lambda: stats.append(test.run()))
    return {
        "seconds": seconds,
        "bars": arrays.rows,
        "orders": len(decisions),
        "decisions": digest(decisions),
        "filled_at": "next_open",
        "equity": stats[0]["Equity Final [$]"],
    }


if __name__ == "__main__":
    main({"minute": minute})
