"""What every figure means, once: names, units and definitions that the code, the report and docs/metrics.md share.

A *session close* is the last stored mark of a trading day (around the clock: 00:00 UTC). A *mark* is one stored instant of
equity. A figure that is not defined for a run is None with the reason beside it; it is never infinite, NaN or a made-up 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["fraction", "ratio", "count", "money", "days", "per year"]
Basis = Literal["session closes", "every stored mark", "closed trades", "all trades", "fills", "whole run"]
Scaling = Literal["none", "square root", "linear", "geometric", "calendar"]


@dataclass(frozen=True, slots=True)
class Definition:
    """One figure: what it is called, counted in, made from, and how it is brought to a year."""

    name: str
    label: str
    unit: Unit
    basis: Basis
    scaling: Scaling
    text: str


SCALING: dict[Scaling, str] = {
    "none": "not annualised",
    "square root": "x sqrt(N)",
    "linear": "x N",
    "geometric": "power N / number of returns",
    "calendar": "calendar years of 365.25 days",
}


def _d(name: str, label: str, unit: Unit, basis: Basis, scaling: Scaling, text: str) -> Definition:
    return Definition(name, label, unit, basis, scaling, text)


GROUPS: tuple[tuple[str, tuple[Definition, ...]], ...] = (
    (
        "Growth",
        (
            _d("total_return", "Total return", "fraction", "whole run", "none", "last equity / starting equity - 1"),
            _d(
                "cagr", "CAGR", "fraction", "whole run", "calendar",
                "(last equity / starting equity) ^ (1 / years) - 1; not extrapolated from less than 28 days",
            ),
            _d(
                "annual_return", "Annual return", "fraction", "session closes", "geometric",
                "geometric mean return compounded over N returns; not extrapolated from less than 28 days",
            ),
            _d(
                "volatility", "Volatility", "fraction", "session closes", "square root",
                "standard deviation of returns (n - 1) x sqrt(N)",
            ),
        ),
    ),
    (
        "Return for risk",
        (
            _d(
                "sharpe", "Sharpe ratio", "ratio", "session closes", "square root",
                "mean of excess returns / their standard deviation (n - 1) x sqrt(N)",
            ),
            _d(
                "sortino", "Sortino ratio", "ratio", "session closes", "square root",
                "mean of excess returns / sqrt(mean of min(excess, 0)^2) x sqrt(N)",
            ),
            _d("calmar", "Calmar ratio", "ratio", "session closes", "geometric", "annual return / largest drawdown"),
            _d(
                "omega", "Omega ratio", "ratio", "session closes", "none",
                "sum of excess returns above 0 / sum of those below 0, taken positive",
            ),
        ),
    ),
    (
        "Losses",
        (
            _d(
                "max_drawdown", "Largest drawdown", "fraction", "every stored mark", "none",
                "lowest equity / highest equity so far - 1, at most 0; the starting equity is the first high",
            ),
            _d(
                "max_drawdown_amount", "Largest drawdown, money", "money", "every stored mark", "none",
                "largest distance of equity below its highest value so far",
            ),
            _d(
                "max_drawdown_duration", "Longest drawdown", "days", "every stored mark", "none",
                "longest time from a high of equity until it is reached again, or until the end of the run",
            ),
            _d(
                "average_drawdown", "Average drawdown", "fraction", "every stored mark", "none",
                "mean, over the times between two highs, of the deepest drawdown; 0 if equity never fell",
            ),
            _d("var_95", "Value at risk, 95 %", "fraction", "session closes", "none", "5 % quantile of returns, interpolated"),
            _d(
                "cvar_95", "Expected shortfall, 95 %", "fraction", "session closes", "none",
                "mean of the returns that are not above the 5 % quantile",
            ),
            _d(
                "skew", "Skewness", "ratio", "session closes", "none",
                "third central moment / second ^ 1.5, moments divided by n",
            ),
            _d(
                "kurtosis", "Excess kurtosis", "ratio", "session closes", "none",
                "fourth central moment / second ^ 2 - 3, moments divided by n",
            ),
        ),
    ),
    (
        "Activity and costs",
        (
            _d(
                "exposure", "Exposure", "fraction", "every stored mark", "none",
                "marks at which any position was open / all marks",
            ),
            _d(
                "turnover", "Turnover", "per year", "fills", "calendar",
                "value bought and sold / mean equity, a year; not extrapolated from less than 28 days",
            ),
            _d(
                "traded_value", "Value traded", "money", "fills", "none",
                "sum of the values of all fills; an undone fill, and the one that undoes it, count nothing",
            ),
            _d("fees", "Commission and fees", "money", "fills", "none", "sum of all fees, less what came back"),
            _d(
                "slippage", "Slippage", "money", "fills", "none",
                "spread, slippage, impact and rounding: side x (price - reference price) x quantity, summed over fills; "
                "one that undoes another takes out what that had added",
            ),
        ),
    ),
    (
        "Trades",
        (
            _d("trades", "Closed trades", "count", "closed trades", "none", "number of closed trades"),
            _d("open_trades", "Open trades", "count", "all trades", "none", "number of trades still open at the end"),
            _d("win_rate", "Win rate", "fraction", "closed trades", "none", "trades with net profit above 0 / trades"),
            _d("profit_factor", "Profit factor", "ratio", "closed trades", "none", "sum of net profits / sum of net losses"),
            _d("expectancy", "Expectancy", "money", "closed trades", "none", "mean net profit of a trade"),
            _d(
                "average_trade", "Average trade", "fraction", "closed trades", "none",
                "mean of net profit / value at entry",
            ),
            _d("average_win", "Average win", "money", "closed trades", "none", "mean net profit of the trades that won"),
            _d("average_loss", "Average loss", "money", "closed trades", "none", "mean net profit of the trades that lost"),
            _d("best_trade", "Best trade", "fraction", "closed trades", "none", "largest net profit / value at entry"),
            _d("worst_trade", "Worst trade", "fraction", "closed trades", "none", "smallest net profit / value at entry"),
            _d(
                "average_trade_duration", "Average time in a trade", "days", "closed trades", "none",
                "mean time from first entry to last exit",
            ),
            _d(
                "sqn", "System quality number", "ratio", "closed trades", "none",
                "sqrt(trades) x mean net profit / its standard deviation (n - 1)",
            ),
            _d(
                "kelly", "Kelly fraction", "fraction", "closed trades", "none",
                "win rate - (1 - win rate) x average loss / average win, losses taken positive",
            ),
        ),
    ),
    (
        "Against the benchmark",
        (
            _d("benchmark_return", "Benchmark return", "fraction", "whole run", "none", "last / first value of benchmark - 1"),
            _d(
                "alpha", "Alpha", "fraction", "session closes", "linear",
                "(mean excess return - beta x mean excess return of the benchmark) x N",
            ),
            _d(
                "beta", "Beta", "ratio", "session closes", "none",
                "covariance of returns with the benchmark's / variance of the benchmark's",
            ),
            _d(
                "information_ratio", "Information ratio", "ratio", "session closes", "square root",
                "mean of return minus the benchmark's / its standard deviation (n - 1) x sqrt(N)",
            ),
        ),
    ),
)  # fmt: skip
"""Every figure, in the order in which it is shown."""

DEFINITIONS: dict[str, Definition] = {item.name: item for _, group in GROUPS for item in group}


def markdown() -> str:
    """The text of docs/metrics.md."""
    lines = [
        "# Figures",
        "",
        "Written from `fillwright.analytics.definitions`; a test compares the two.",
        "",
        '`result.metrics["sharpe"]` has `value`, `unit`, `definition`, `frequency`, `annualisation` and, where the value is',
        "`None`, `reason`. A figure that is not defined for a run is `None`; it is never infinite, NaN or a made-up 0.",
        "",
        "- **Session close**: the last stored mark of a trading day of the instrument with the most trading days; around the",
        "  clock 00:00 UTC. The first return is measured from the starting equity.",
        "- **N**: returns in a year: the number of session closes a year that the data show, taken as 252 for exchange days and",
        "  as 365 around the clock, unless a number is given; the text beside the figure says which.",
        "- **Excess return**: return - ((1 + `report.risk_free_rate`) ^ (1 / N) - 1); the rate is a fraction a year, default 0.",
        "- **Equity** is net of all costs. Deposits and withdrawals after the start are taken out of the returns.",
        "- A loss is negative: drawdowns, value at risk and average loss are 0 or below.",
        "- A return that only differs by the rounding of money does not count as variation.",
        "",
    ]
    for title, group in GROUPS:
        lines += [f"## {title}", "", "| name | unit | from | to a year | definition |", "|---|---|---|---|---|"]
        lines += [f"| `{item.name}` | {item.unit} | {item.basis} | {SCALING[item.scaling]} | {item.text} |" for item in group]
        lines.append("")
    return "\n".join(lines)
