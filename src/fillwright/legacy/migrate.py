"""From a configuration of the previous system to one of ours: same intent, every key accounted for.

Two keys that mean the same and differ are an error that names both; a cost, limit or size that is absent is reported as
defaulted; what is not translated is listed by key. Nothing is chosen silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fillwright.config import problems
from fillwright.config.documents import Document, read_document
from fillwright.config.schema import validated
from fillwright.errors import ConfigError
from fillwright.legacy.account import migrate_account
from fillwright.legacy.costs import fraction, migrate_costs
from fillwright.legacy.files import Folders, migrate_data
from fillwright.legacy.previous import Found, Previous
from fillwright.legacy.translated import Translated

_PARAMETER_BLOCKS = ("parameters", "params", "default_params", "fixed_params")
_CROSSOVERS = ("simple_ma_crossover", "ma_crossover", "pure_ma_crossover")
_CROSSOVER_NAMES = {
    "fast": ("fast_window", "fast_period", "fast_ma", "short_window"),
    "slow": ("slow_window", "slow_period", "slow_ma", "long_window"),
}
_NOT_PARAMETERS = {"enabled", "symbols", "position_size", "trade_size"}
_STRATEGY_KEYS = {"name", "type", "symbols", *_PARAMETER_BLOCKS}


@dataclass(frozen=True)
class Migration:
    """``text``: the new file (YAML with comments). ``report``: what was done, assumed, left out and is not handled yet."""

    text: str
    report: list[str]


def migrate(path: str | Path, *, target: str | Path | None = None, force: bool = False) -> Migration:
    """Translate a file of the previous system.

    ``target`` is the file that the text will be written to (default: beside the old one); paths to data are relative to it.
    With ``force`` the deeper of two keys that disagree wins, and the report says so. ConfigError names everything that is
    contradictory, unreadable or not a backtest configuration.
    """
    file = Path(path)
    document = read_document(file)
    _refuse_other_files(document)
    old, new = Previous(document, force), Translated()
    new.put("version", 1)
    _run(old, new)
    migrate_data(old, new, Folders.of(file, Path(target).parent if target is not None else file.parent))
    migrate_account(old, new)
    migrate_costs(old, new)
    _orders(old, new)
    _strategy(old, new)
    _report(old, new)
    if old.found:
        raise problems.as_error(old.found)
    _, notes = validated(new.data, new.place)
    report = [*old.report, *(f"check: {note.text()}" for note in notes), *old.leftovers()]
    heading = [f"Migrated by fillwright from {file.name}. Comments name the old keys.", *(f"- {line}" for line in report)]
    return Migration(new.text(heading), report)


def _refuse_other_files(document: Document) -> None:
    data = document.data
    if data.get("mode") == "analytics":
        raise ConfigError(
            "is not a backtest configuration: mode analytics evaluates a finished equity curve and trade list",
            where=document.name,
            remedy="run the backtest with fillwright; its result has the report (fillwright report DIR)",
        )
    if data and set(data) <= {"parameters", "parameter_space", "description", "name"}:
        raise ConfigError(
            "is not a backtest configuration: it holds a search space only",
            where=document.name,
            remedy="migrate the configuration that names it",
        )
    if "version" in data and {"run", "account", "execution", "costs"}.intersection(data):
        raise ConfigError("is already a configuration of fillwright", where=document.name)


def _run(old: Previous, new: Translated) -> None:
    new.put("run.name", Path(old.document.name).stem)
    folders = old.find(
        "output_dir", "output.output_dir", "optimization.output_dir", "optimization.output.results_dir", "backtest.output_dir",
        "reporting.output_directory", "analytics.reporting.output_directory",
    )  # fmt: skip
    old.report += [f"not taken over: {key.text} = {key.value!r}; write run.out or --out" for key in folders]


def _orders(old: Previous, new: Translated) -> None:
    """The rules of the old broker that are settings here."""
    new.put("execution.fill", "next_event", comment="the old broker filled at the close of the bar that gave the signal")
    new.put("execution.participation", None, comment="the old broker had no volume cap")
    new.put("execution.clamp_to_range", False)
    new.put("orders.reversal", "two_orders", comment="close, then open")
    new.put("orders.deduplicate", "per_run", comment="the old order manager acted once on a rule_id")
    for key in old.find("broker.delay"):
        if key.value != 0:
            old.report.append(f"NOT YET HANDLED: {key.text} = {key.value!r}: orders meet the next market event")
    old.report.append(
        "changed: orders fill at the next market event; the old broker (delay: 0) filled at the close that gave the signal, "
        "which execution.fill: same_close_lookahead would give back"
    )
    old.report.append(
        "changed: orders that cash and margin do not cover are refused; the old broker filled them (account.leverage is 1)"
    )
    for key in old.find("order_manager.default_order_type"):
        if str(key.value).upper() != "MARKET":
            old.report.append(f"NOT YET HANDLED: {key.text} = {key.value!r}")


# ---- the strategy ------------------------------------------------------------------------------------------------------------


def _strategy(old: Previous, new: Translated) -> None:
    named = old.find("strategy.name", "strategy.type", "backtest.strategy")
    listed = [key for key in old.find("strategies.*") if isinstance(key.value, dict)]
    switches = {key.path[1]: key.value for key in old.find("strategies.*.enabled")}
    enabled = [key for key in listed if switches.get(key.path[1]) is not False]
    inside = [key for key in old.find("strategy.*") if isinstance(key.value, dict) and key.path[-1] not in _STRATEGY_KEYS]
    if not named:
        for choice in (enabled, inside):
            if len(choice) == 1:
                named = [Found(choice[0].path, choice[0].path[-1], choice[0].where)]
                break
    agreed = old.agree("the strategy", [(key, _built_in(old.convert(key, _name))) for key in named])
    if agreed is None:
        if not named:
            old.found.append(
                problems.Problem("", "names no strategy (strategy.name, backtest.strategy, strategies)", old.document.name)
            )
        return
    name, keys = agreed
    meant = {str(key.value) for key in named}
    blocks = [key for key in old.find(*(f"strategy.{block}" for block in _PARAMETER_BLOCKS)) if isinstance(key.value, dict)]
    blocks += [key for key in (*enabled, *inside) if key.path[-1] in meant or _built_in(str(key.path[-1])) == name]
    for key in (*listed, *inside):
        if key not in blocks:
            old.used.add(key.path)
            old.report.append(f"left out: {key.text}, which is not the strategy of this run")
    new.put("strategy.name", name, keys)
    if name == "ma_crossover":
        _crossover(old, new, blocks)
    else:
        _other_parameters(old, new, blocks)
        old.report.append(
            f"NOT YET HANDLED: the strategy {name!r} is not built in; write a class and set strategy.name: file.py:ClassName"
        )


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be the name of a strategy")
    return value


def _built_in(name: str | None) -> str | None:
    return "ma_crossover" if name in _CROSSOVERS else name


def _window(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("must be a number of bars above 0")
    return value


def _crossover(old: Previous, new: Translated, blocks: list[Found]) -> None:
    prefixes = [block.text for block in blocks]
    new.data["strategy"]["params"] = {}
    values = {}
    for name, spellings in _CROSSOVER_NAMES.items():
        keys = old.find(*(f"{prefix}.{spelling}" for prefix in prefixes for spelling in spellings))
        agreed = old.agree(f"the {name} window", old.convert_all(keys, _window))
        if agreed is not None:
            values[name] = agreed[0]
            new.put(f"strategy.params.{name}", *agreed)
        elif not keys:
            old.report.append(f"defaulted: no {name} window is given -> the default of ma_crossover")
    if len(values) == 2 and values["fast"] >= values["slow"]:
        message = f"fast window {values['fast']} must be less than slow window {values['slow']}"
        old.found.append(problems.Problem("", message, new.place(("strategy", "params", "slow"))))
    new.put("strategy.params.mode", "always_in", comment="long after a cross up, short after a cross down, as before")
    for key in old.find(*(f"{prefix}.price_key" for prefix in prefixes)):
        if str(key.value).lower() != "close":
            old.report.append(f"NOT YET HANDLED: {key.text} = {key.value!r}: the averages are of the close")
    for key in old.find(*(f"{prefix}.stop_loss_pct" for prefix in prefixes)):
        share = old.convert(key, fraction)
        old.report.append(f"NOT YET HANDLED: {key.text} = {key.value!r}: no stop is placed{'' if share else ' (0)'}")


def _other_parameters(old: Previous, new: Translated, blocks: list[Found]) -> None:
    """Parameters of a strategy that is not built in, under their old names."""
    names: dict[str, list[Found]] = {}
    for block in blocks:
        for key, value in block.value.items():
            if key not in _NOT_PARAMETERS and value is not None:
                names.setdefault(key, []).append(Found((*block.path, key), value, old.document.place((*block.path, key))))
    for name, keys in names.items():
        agreed = old.agree(f"the parameter {name}", [(key, key.value) for key in keys])
        if agreed is not None:
            new.data["strategy"].setdefault("params", {})[name] = agreed[0]
            old.used.update(key.path for key in keys)


def _report(old: Previous, new: Translated) -> None:
    rate = old.agree(
        "the risk-free rate",
        old.convert_all(old.find("analytics.analysis.risk_free_rate", "analysis.risk_free_rate"), fraction),
    )
    if rate is not None:
        new.put("report.risk_free_rate", *rate)
