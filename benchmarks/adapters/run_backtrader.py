"""backtrader: Python strategies; loading the data happens inside its run, so the clock runs from start to the last bar."""

from __future__ import annotations

import time

from protocol import CASH, FEE, QUANTITY, Arrays, clock, digest, frame, main


def _timed(bt):  # type: ignore[no-untyped-def]
    """Base strategy that notes when loading is over and when the last bar is done."""

    class Timed(bt.Strategy):
        """Clock from the end of preloading."""

        def start(self) -> None:
            self.started = time.perf_counter()

        def stop(self) -> None:
            self.seconds = time.perf_counter() - self.started

    return Timed


def minute(arrays: Arrays) -> dict[str, object]:
    """One instrument."""
    import backtrader as bt

    above, below = arrays.above.tolist(), arrays.below.tolist()
    decisions: list[tuple[int, int]] = []

    class Cross(_timed(bt)):
        """The common strategy."""

        def next(self) -> None:
            i = len(self) - 1
            if above[i] and not self.position.size:
                decisions.append((i, 1))
                self.buy(size=QUANTITY)
            elif below[i] and self.position.size:
                decisions.append((i, -1))
                self.sell(size=QUANTITY)

    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame(arrays), timeframe=bt.TimeFrame.Minutes))
    cerebro.addstrategy(Cross)
    cerebro.broker.setcash(CASH)
    cerebro.broker.setcommission(commission=FEE)
    runs = []
    whole = clock(lambda: runs.append(cerebro.run()[0]))
    return {
        "seconds": runs[0].seconds,
        "seconds_with_loading": whole,
        "bars": arrays.rows,
        "orders": len(decisions),
        "decisions": digest(decisions),
        "filled_at": "next_open",
        "equity": cerebro.broker.getvalue(),
    }


if __name__ == "__main__":
    main({"minute": minute})
