"""bt: a tree of algorithms run once per date; orders fill at the close of the bar that decides."""

from __future__ import annotations

from protocol import CASH, FEE, QUANTITY, Arrays, clock, digest, main


def _commission(quantity: float, price: float) -> float:
    return abs(quantity) * price * FEE


def minute(arrays: Arrays) -> dict[str, object]:
    """One instrument; a custom algorithm reads the crossings."""
    import bt
    import pandas as pd

    above, below = arrays.above.tolist(), arrays.below.tolist()
    decisions: list[tuple[int, int]] = []

    class Cross(bt.Algo):
        """The common strategy; bt shows one empty date before the first bar."""

        def __init__(self) -> None:
            super().__init__()
            self.i, self.held = -1, False

        def __call__(self, target) -> bool:  # type: ignore[no-untyped-def]
            self.i = i = self.i + 1
            if above[i] and not self.held:
                self.held = True
                decisions.append((i, 1))
                target.transact(QUANTITY, "AAA")
            elif below[i] and self.held:
                self.held = False
                decisions.append((i, -1))
                target.transact(-QUANTITY, "AAA")
            return True

    prices = pd.DataFrame({"AAA": arrays.close}, pd.DatetimeIndex(arrays.time.astype("datetime64[ns]")))
    test = bt.Backtest(
        bt.Strategy("cross", [Cross()], [bt.Security("AAA")]),
        prices,
        initial_capital=CASH,
        commissions=_commission,
        progress_bar=False,
    )
    seconds = clock(test.run)
    return {
        "seconds": seconds,
        "bars": arrays.rows,
        "orders": len(decisions),
        "decisions": digest(decisions),
        "filled_at": "same_close",
        "equity": test.strategy.value,
    }


def portfolio(arrays: Arrays) -> dict[str, object]:
    """Many instruments; bt's own rebalancing to given weights."""
    import bt
    import numpy as np
    import pandas as pd

    index = pd.DatetimeIndex(arrays.time.astype("datetime64[ns]"))
    names = [f"S{k:03d}" for k in range(arrays.close.shape[1])]
    prices = pd.DataFrame(arrays.close, index, names)
    days = np.flatnonzero(~np.isnan(arrays.weights[:, 0]))
    weights = pd.DataFrame(arrays.weights[days], index[days], names)
    algos = [bt.algos.SelectAll(), bt.algos.WeighTarget(weights), bt.algos.Rebalance()]
    test = bt.Backtest(bt.Strategy("weights", algos), prices, initial_capital=CASH, commissions=_commission, progress_bar=False)
    seconds = clock(test.run)
    held = test.strategy.positions.reindex(columns=names).fillna(0).to_numpy()[-len(index) :]
    before = np.vstack([np.zeros((1, len(names))), held[:-1]])
    changed = np.argwhere((before != held) & ((before == 0) | (held == 0)))
    return {
        "seconds": seconds,
        "bars": prices.size,
        "orders": int((before != held).sum()),
        "decisions": digest(changed),
        "filled_at": "same_close",
        "equity": test.strategy.value,
    }


if __name__ == "__main__":
    main({"minute": minute, "portfolio": portfolio})
