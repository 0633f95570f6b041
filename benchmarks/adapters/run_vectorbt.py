"""vectorbt: arrays in, arrays out; the crossings move one bar on so that they fill at the next open."""

from __future__ import annotations

import numpy as np

from protocol import CASH, FEE, QUANTITY, Arrays, clock, digest, main


def minute(arrays: Arrays) -> dict[str, object]:
    """One instrument; the first call compiles and is not timed."""
    import pandas as pd
    import vectorbt as vbt

    index = pd.DatetimeIndex(arrays.time.astype("datetime64[ns]"))
    late = {name: np.concatenate([[False], getattr(arrays, name)[:-1]]) for name in ("above", "below")}

    def run(rows: int):  # type: ignore[no-untyped-def]
        return vbt.Portfolio.from_signals(
            pd.Series(arrays.close[:rows], index[:rows]),
            late["above"][:rows],
            late["below"][:rows],
            size=QUANTITY,
            price=arrays.open[:rows],
            fees=FEE,
            init_cash=CASH,
        )

    run(1_000).value()
    found = []
    seconds = clock(lambda: found.__setitem__(slice(None), [run(arrays.rows)]))
    valued = clock(lambda: found[0].value())
    records = found[0].orders.values
    return {
        "seconds": seconds,
        "seconds_with_equity": seconds + valued,
        "bars": arrays.rows,
        "orders": len(records),
        "decisions": digest(np.column_stack([records["idx"] - 1, 1 - 2 * records["side"].astype(np.int64)])),
        "filled_at": "next_open",
        "equity": found[0].value().iloc[-1],
    }


def portfolio(arrays: Arrays) -> dict[str, object]:
    """Many instruments, one cash; sells are called before buys."""
    import pandas as pd
    import vectorbt as vbt

    index = pd.DatetimeIndex(arrays.time.astype("datetime64[ns]"))
    close = pd.DataFrame(arrays.close, index)
    targets = np.vstack([np.full((1, close.shape[1]), np.nan), arrays.weights[:-1]])

    def run(rows: int):  # type: ignore[no-untyped-def]
        return vbt.Portfolio.from_orders(
            close.iloc[:rows],
            targets[:rows],
            size_type="targetpercent",
            price=arrays.open[:rows],
            fees=FEE,
            init_cash=CASH,
            cash_sharing=True,
            group_by=True,
            call_seq="auto",
            size_granularity=1,
        )

    run(200).value()
    found = []
    seconds = clock(lambda: found.__setitem__(slice(None), [run(arrays.rows)]))
    records = found[0].orders.values
    held = np.zeros(close.shape[1])
    changed = []
    for record in records:
        was = held[record["col"]]
        held[record["col"]] += record["size"] * (1 - 2 * int(record["side"]))
        if was == 0 or abs(held[record["col"]]) < 1e-9:
            changed.append((int(record["idx"]) - 1, int(record["col"])))
    return {
        "seconds": seconds,
        "bars": close.size,
        "orders": len(records),
        "decisions": digest(sorted(changed)),
        "filled_at": "next_open",
        "equity": found[0].value().iloc[-1],
    }


if __name__ == "__main__":
    main({"minute": minute, "portfolio": portfolio})
