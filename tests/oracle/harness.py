"""Two engines, one scenario: run both, name the first difference, make the scenario small while they still differ.

``run_engine`` is the one place that knows the engine under test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace

import numpy as np

from fillwright.broker import FaultTerms, InstrumentTerms, Terms
from fillwright.coordinator.agreement import check_agreement, close
from fillwright.coordinator.memory import lay_out
from fillwright.data.fx import FxSource
from fillwright.data.kinds import ASK_COLUMNS, KINDS, SIZE_COLUMNS
from fillwright.data.market import Feed, Market, build_market
from fillwright.journal import Tables
from fillwright.kernel import exits, guard, intake, leg_intake
from fillwright.kernel.advance import advance
from fillwright.kernel.python_call import python_callback
from fillwright.kernel.state import DONE, GROW, TICKET, WANTS_BARS, State
from fillwright.model import columns
from fillwright.model.codes import Action, OrderFlag, OrderType, SizeMode, TimeInForce
from fillwright.model.lifecycle import TERMINAL
from fillwright.order_manager.told import Told
from reference import engine
from reference.scenario import (
    Cancel,
    CancelAll,
    Close,
    Command,
    Faults,
    Journal,
    Legs,
    Order,
    Scenario,
    Settings,
    Switch,
    Target,
    TargetBatch,
    as_python,
)

Row = Mapping[str, int]

TABLES = (
    columns.ORDER_EVENTS, columns.REPORTS, columns.FILLS, columns.LOT_CLOSES, columns.POSTINGS, columns.SWITCHES, columns.ORDERS,
)  # fmt: skip
NOT_COMPARED: dict[str, frozenset[str]] = {}
"""Columns by table that the engines need not agree on."""


class _Play:
    """A driver that gives the scenario's commands, as tickets, at their instants."""

    def __init__(self, scenario: Scenario, state: State) -> None:
        self.scenario = scenario
        self.state = state
        self.error: BaseException | None = None
        self.last = -1

    def __call__(self, kind: int, instant: int) -> int:
        try:
            now = int(self.state.scalars["now"])
            if now != self.last:  # of several instants of one time the first
                self.last = now
                for command in self.scenario.flow.get(now, ()):
                    self.give(command)
        except BaseException as error:
            self.error = error
            return 1
        return 0

    def statuses(self) -> np.ndarray:
        """The states of all orders, as far as they are known."""
        return Told(self.state).statuses if self.state.scalars["faults"] else self.state.table("orders")["status"]

    def ticket(self, **fields: int) -> None:
        s = self.state.scalars
        for name in TICKET:
            s[name] = 0
        s["t_rule"] = s["t_tag"] = -1
        s["t_tif"] = TimeInForce.GTC
        for name, value in fields.items():
            s[f"t_{name}"] = int(value)

    def call(self, entry: Callable[..., int], *arguments: int) -> int:
        while (result := entry(self.state.address, *arguments)) == intake.NO_ROOM:
            self.state.grow()
        return int(result)

    def give(self, command: Command) -> None:
        orders = self.state.table("orders")
        if isinstance(command, Order):
            self.ticket(
                instrument=command.instrument, side=command.side, size_mode=command.size_mode, size=command.size,
                type=command.type, tif=command.tif, limit=command.limit, stop=command.stop, expire=command.expire_at,
                lot=command.lot + 1, rule=command.rule,
                flags=command.flags & ~OrderFlag.REDUCE_ONLY,
                action=Action.REDUCE if command.flags & OrderFlag.REDUCE_ONLY else Action.ANY,
                trail=command.trail, trail_unit=command.trail_unit,
                take=command.take_profit, loss=command.stop_loss, display=command.display,
                per=command.per, after=command.after + 1 if command.after < len(orders) else 0,
            )  # fmt: skip
            number = self.call(intake.submit)
            if 0 <= command.oco < number:
                self.call(exits.link, number, command.oco)
        elif isinstance(command, Target):
            self.ticket(
                instrument=command.instrument, size_mode=command.size_mode, size=command.size, type=OrderType.MARKET,
                rule=command.rule,
            )  # fmt: skip
            self.call(intake.submit)
        elif isinstance(command, Close):
            self.ticket(instrument=command.instrument, size_mode=SizeMode.CLOSE, type=OrderType.MARKET)
            self.call(intake.submit)
        elif isinstance(command, Switch):
            self.call(guard.switch, int(command.state))
        elif isinstance(command, TargetBatch):
            cells = np.zeros((len(command.targets), 4), np.int64)
            cells[:, :3] = command.targets
            self.ticket(type=OrderType.MARKET)
            self.call(intake.submit_targets, cells.ctypes.data, len(cells))
        elif isinstance(command, Legs):
            cells = np.array(command.legs, np.int64)
            self.ticket(tif=command.tif)
            self.call(leg_intake.submit_legs, cells.ctypes.data, len(cells))
        elif isinstance(command, CancelAll):
            for order in orders:
                meant = command.instrument in (None, int(order["symbol"])) and command.side in (0, int(order["side"]))
                if int(self.statuses()[order["order_id"]]) not in TERMINAL and meant:
                    self.call(intake.cancel, int(order["order_id"]))
        elif command.order_id < len(orders):
            if isinstance(command, Cancel):
                self.call(intake.cancel, command.order_id)
            else:
                trail = (command.trail, int(command.trail_unit))
                self.call(intake.replace, command.order_id, command.quantity, command.limit, command.stop, *trail)


def play_out(scenario: Scenario, market: Market) -> State:
    """The memory of a run of the scenario through the engine: the kernel as every driver reaches it."""
    settings = scenario.settings
    fx = [None if source is None else FxSource(*source) for source in settings.fx]
    state = lay_out(market, terms_of(scenario), fx)
    s = state.scalars
    s["mask"], s["calling"], s["first_callback"] = WANTS_BARS, 1, settings.warmup_instants
    play = _Play(scenario, state)
    callback = python_callback(state, play)
    while (outcome := advance(state.address, callback)) == GROW:
        state.grow()
    if play.error is not None:
        raise play.error
    assert outcome == DONE, f"outcome {outcome}, fault {s['fault']} {s['fault_a']} {s['fault_b']}"
    close(state)
    check_agreement(state, "")
    assert s["fault"] == 0, f"fault {s['fault']}: {s['fault_a']} {s['fault_b']}"
    assert s["open_lots"] == np.count_nonzero(state.table("lots")["remaining"])
    return state


def run_engine(scenario: Scenario) -> Journal:
    """The journal of such a run."""
    settings, market = scenario.settings, market_of(scenario)
    state = play_out(scenario, market)
    s, tables = state.scalars, Tables(state)
    counters = {name: int(s[name]) for name in ("intents", "no_change")}
    every, instants = settings.equity_every, market.instants
    if every:
        instants = instants[np.append(np.diff(instants // every) != 0, True)]
    return journal_of(tables, instants, state.equity[: s["n_equity"]], counters)


def terms_of(scenario: Scenario) -> Terms:
    """The kernel's parameters of a scenario."""
    x = scenario.settings

    def some(value: int | None) -> int:
        return -1 if value is None else value

    instruments = tuple(
        InstrumentTerms(
            slip_rate=x.slippage_rate,
            slip_ticks=x.slippage_ticks,
            fee_order=x.per_order,
            fee_unit=x.per_unit,
            fee_taker=x.rate_taker,
            fee_maker=x.rate_maker,
            fee_min=x.fee_min or 0,
            fee_max=some(x.fee_max),
            through=x.limit_through[k] if x.limit_through else 0,
            max_position=some(x.max_position_quantity),
            max_order=some(x.max_order_quantity),
        )
        for k in range(len(scenario.instruments))
    )
    return Terms(
        currencies=x.currencies,
        initial_cash=tuple(x.initial_cash.get(k, 0) for k in range(len(x.currencies))),
        instruments=instruments,
        seed=x.seed,
        latency_ns=x.latency_ns,
        account_type=x.account_type,
        lots=x.lots,
        fill_when=x.fill_when,
        path=x.path,
        participation=some(x.participation),
        clamp_to_range=x.clamp_to_range,
        reversal=x.reversal,
        on_short_cash=x.on_short_cash,
        off_tick=x.off_tick,
        flat_day_end=x.flat_day_end,
        flat_run_end=x.flat_run_end,
        initial_margin=x.im,
        maintenance_margin=x.mm,
        max_open_positions=some(x.max_open_positions),
        max_position_fraction=some(x.max_position_fraction),
        deduplicate=x.deduplicate,
        bracket=x.bracket,
        refuse_scale_in=x.refuse_scale_in,
        max_orders=some(x.max_orders),
        max_orders_interval=x.max_orders_interval,
        max_live_orders=some(x.max_live_orders),
        price_collar=some(x.price_collar),
        max_drawdown=some(x.max_drawdown),
        on_drawdown=x.on_drawdown,
        max_daily_loss=some(x.max_daily_loss),
        on_daily_loss=x.on_daily_loss,
        size_at_fill=OrderFlag.SIZED_AT_FILL if x.size_at_fill else OrderFlag.NONE,
        default_limit=x.default_limit,
        max_order_value=some(x.max_order_value),
        max_gross_exposure=some(x.max_gross_exposure),
        max_net_exposure=some(x.max_net_exposure),
        trigger=x.trigger,
        mark_by=x.mark_by,
        max_age=some(x.max_age),
        equity_every=x.equity_every,
        faults=FaultTerms(**as_terms(x.faults)) if x.faults else FaultTerms(),
        ask_after=x.ask_after,
    )


def as_terms(faults: Faults) -> dict[str, object]:
    """Faults as the engine's parameters: outages are named in words there."""
    times = {"outages": tuple((_words(start), _words(end)) for start, end in faults.outages)}
    return {field.name: getattr(faults, field.name) for field in fields(faults)} | times


def _words(time: int) -> str:
    return f"{np.datetime64(time // 1000, 'us')}+00:00"


def market_of(scenario: Scenario) -> Market:
    """The market of a scenario, through the same door as any other."""
    feeds = []
    for number, (instrument, bars) in enumerate(zip(scenario.instruments, scenario.bars, strict=True)):
        times = {name: np.array([getattr(bar, name) for bar in bars], np.int64) for name in ("open_time", "close_time")}
        prices = {name: np.array([getattr(bar, name) for bar in bars], np.int64) for name in ("open", "high", "low", "close")}
        has_volume = bars[0].volume is not None
        kind = KINDS[bars[0].kind]
        asks = (
            {name: np.array([bar.ask[k] for bar in bars], np.int64) for k, name in enumerate(ASK_COLUMNS)} if bars[0].ask else {}
        )
        sizes = {
            name: np.array([getattr(bar, name) for bar in bars], np.int64) if getattr(bars[0], name) is not None else None
            for name in SIZE_COLUMNS
        }
        feeds.append(
            Feed(
                symbol=instrument.symbol,
                instrument=number,
                timeframe_ns=bars[0].close_time - bars[0].open_time,
                execution=True,
                volume=np.array([bar.volume for bar in bars], np.int64) if has_volume else None,
                day_last=np.array([bar.day_last for bar in bars], np.uint8),
                kind=kind,
                **times,
                **prices,
                **asks,
                **sizes,
            )
        )
    return build_market(scenario.instruments, feeds)


def journal_of(
    tables: Mapping[str, np.ndarray], instants: Sequence[int], equity: Sequence[int], counters: Mapping[str, int]
) -> Journal:
    """The record arrays of a run as a journal: canonical columns, plain ints; positions and cash from the postings."""
    rows = {table.name: [{c.name: int(row[c.name]) for c in table.canonical} for row in tables[table.name]] for table in TABLES}
    journal = Journal(**rows)
    journal.equity = [(int(t), int(money)) for t, money in zip(instants, equity, strict=True)]
    journal.counters = {name: int(counters[name]) for name in ("intents", "no_change")}
    for row in journal.postings:
        if row["account"] == 1:
            journal.cash[row["currency"]] = journal.cash.get(row["currency"], 0) + row["money"]
        if row["account"] == 2:
            journal.positions[row["symbol"]] = journal.positions.get(row["symbol"], 0) + row["quantity"]
    return journal


def difference(scenario: Scenario, engine_under_test: Callable[[Scenario], Journal] | None = None) -> str:
    """What the engine does otherwise than the reference, "" if nothing. A traceback of the engine is a difference too."""
    expected = engine.run(scenario)
    try:
        found = (engine_under_test or run_engine)(scenario)
    except Exception as error:
        return f"the engine raised {type(error).__name__}: {error}"
    return first_difference(expected, found)


# -------------------------------------------------------------------- the first difference


def first_difference(expected: Journal, found: Journal) -> str:
    """The earliest difference as text: table, row, column, both values and the events around it; "" if there is none.

    Final orders, positions, cash and counters are looked at only where everything that has a time agrees.
    """
    candidates: list[tuple[int, int, str]] = []
    for rank, table in enumerate(TABLES):
        if table is columns.ORDERS:
            continue
        one, two = getattr(expected, table.name), getattr(found, table.name)
        difference = _in_table(table, one, two)
        if difference:
            number, text = difference
            candidates.append((min(side[number]["instant"] for side in (one, two) if number < len(side)), rank, text))
    for number, (one, two) in enumerate(zip(expected.equity, found.equity, strict=False)):
        if one != two:
            text = f"equity, row {number}: expected {one[1]} at {one[0]}, found {two[1]} at {two[0]}"
            candidates.append((min(one[0], two[0]), len(TABLES), text))
            break
    if candidates:
        instant, _, text = min(candidates)
        return f"{text}\n{_around(expected, found, instant)}"
    difference = _in_table(columns.ORDERS, expected.orders, found.orders)
    if difference:
        number, text = difference
        events = [describe(columns.ORDER_EVENTS, row) for row in expected.order_events if row["order_id"] == number]
        return f"{text}\nits events in both:\n    " + "\n    ".join(events)
    if len(expected.equity) != len(found.equity):
        return f"equity: expected {len(expected.equity)} rows, found {len(found.equity)}"
    for name in ("positions", "cash", "counters"):
        one, two = getattr(expected, name), getattr(found, name)
        for key in sorted(set(one) | set(two), key=str):
            if one.get(key, 0) != two.get(key, 0):
                return f"{name}, {key}: expected {one.get(key, 0)}, found {two.get(key, 0)}"
    return ""


def _in_table(table: columns.Table, expected: Sequence[Row], found: Sequence[Row]) -> tuple[int, str] | None:
    """(number of the first row that differs, text)."""
    skipped = NOT_COMPARED.get(table.name, frozenset())
    for number, (one, two) in enumerate(zip(expected, found, strict=False)):
        names = [c.name for c in table.canonical if c.name not in skipped and one[c.name] != two[c.name]]
        if names:
            values = [
                f"{name}: expected {shown(table, name, one[name])}, found {shown(table, name, two[name])}" for name in names
            ]
            return number, f"{table.name}, row {number}, " + "\n    ".join(values)
    if len(expected) == len(found):
        return None
    number, rows = min(len(expected), len(found)), max(expected, found, key=len)
    side = "missing" if len(expected) > len(found) else "not expected"
    return number, f"{table.name}, row {number} is {side}: {describe(table, rows[number])}"


def shown(table: columns.Table, name: str, value: int) -> str:
    """A number with the name of its code."""
    column = table.column(name)
    if column.kind == "bits":
        return f"{value} ({OrderFlag(value).name})"
    if column.codes is not None:
        known = {int(code): code.name for code in column.codes}
        return f"{value} ({known.get(value, 'no such code')})"
    return str(value)


def describe(table: columns.Table, row: Row) -> str:
    """A row in one line, without the columns that say nothing."""
    parts = []
    for column in table.canonical:
        value = row[column.name]
        if value == 0 or (value == -1 and column.kind in ("ref", "name")) or column.name in ("seq", "reported_at"):
            continue
        known = {int(code): code.name for code in column.codes} if column.codes else {}
        parts.append(f"{column.name}={known.get(value, value)}")
    return " ".join(parts)


def _around(expected: Journal, found: Journal, instant: int, before: int = 4, after: int = 4) -> str:
    lines = [f"around instant {instant}:"]
    for title, journal in (("expected", expected), ("found", found)):
        rows = journal.order_events
        first = next((n for n, row in enumerate(rows) if row["instant"] >= instant), len(rows))
        last = next((n for n, row in enumerate(rows) if row["instant"] > instant), len(rows))
        lines.append(f"  {title}:")
        lines += [
            f"    {row['seq']}: {describe(columns.ORDER_EVENTS, row)}" for row in rows[max(first - before, 0) : last + after]
        ]
        lines += [f"    fill {describe(columns.FILLS, row)}" for row in journal.fills if row["instant"] == instant]
    return "\n".join(lines)


# -------------------------------------------------------------------- smaller scenarios


def shrink(scenario: Scenario, differs: Callable[[Scenario], bool], tries: int = 3000) -> Scenario:
    """Drop commands, bars, instruments and settings, greedily, while ``differs`` holds."""
    left = tries
    progress = True
    while progress and left > 0:
        progress = False
        for smaller in _smaller(scenario):
            left -= 1
            if left <= 0:
                break
            if _holds(differs, smaller):
                scenario, progress = smaller, True
                break
    return scenario


def _holds(differs: Callable[[Scenario], bool], scenario: Scenario) -> bool:
    try:
        return differs(scenario)
    except AssertionError:  # the smaller scenario makes no sense, say a balance without a rate
        return False


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    """Scenarios with a little less, the boldest first."""
    yield from _fewer_instants(scenario)
    for number in range(len(scenario.instruments)):
        if smaller := _without_instrument(scenario, number):
            yield smaller
    commands = [(instant, n) for instant, given in scenario.flow.items() for n in range(len(given))]
    for chunk in _chunks(commands):
        kept = {
            instant: [command for n, command in enumerate(given) if (instant, n) not in chunk]
            for instant, given in scenario.flow.items()
        }
        yield replace(scenario, flow={instant: given for instant, given in kept.items() if given})
    for number, feed in enumerate(scenario.bars):
        for chunk in _chunks(range(len(feed))):
            rest = [bar for n, bar in enumerate(feed) if n not in chunk]
            if rest:
                yield replace(scenario, bars=[*scenario.bars[:number], rest, *scenario.bars[number + 1 :]])
    plain = Settings()
    for name in Settings.__dataclass_fields__:
        default = getattr(plain, name)
        if name not in ("currencies", "fx", "initial_cash") and getattr(scenario.settings, name) != default:
            yield replace(scenario, settings=replace(scenario.settings, **{name: default}))


def _chunks(items: Sequence[object]) -> Iterator[set[object]]:
    """Halves, quarters, ... and single items."""
    size = len(items) // 2
    while size >= 1:
        for start in range(0, len(items), size):
            yield set(items[start : start + size])
        size //= 2
    if len(items) == 1:
        yield set(items)


def _fewer_instants(scenario: Scenario) -> Iterator[Scenario]:
    instants = scenario.instants
    for keep in (len(instants) // 2, len(instants) * 3 // 4, len(instants) * 9 // 10, len(instants) - 1):
        last = instants[max(keep - 1, 0)]
        feeds = [[bar for bar in feed if bar.close_time <= last] for feed in scenario.bars]
        if keep < len(instants) and all(feeds):
            yield replace(scenario, bars=feeds, flow={t: given for t, given in scenario.flow.items() if t <= last})


def _without_instrument(scenario: Scenario, gone: int) -> Scenario | None:
    """The scenario without one instrument and what was asked of it; None if a rate hangs on it."""
    if len(scenario.instruments) == 1 or any(source and source[0] == gone for source in scenario.settings.fx):
        return None

    def index(number: int) -> int:
        return number - (number > gone)

    flow: dict[int, list[Command]] = {}
    for instant, given in scenario.flow.items():
        kept: list[Command] = []
        for command in given:
            if hasattr(command, "targets"):
                rest = tuple((index(i), mode, size) for i, mode, size in command.targets if i != gone)
                kept += [replace(command, targets=rest)] if rest else []
            elif getattr(command, "instrument", None) is None:
                kept.append(command)
            elif command.instrument != gone:
                kept.append(replace(command, instrument=index(command.instrument)))
        flow[instant] = kept
    settings = scenario.settings
    fx = tuple(source and (index(source[0]), source[1]) for source in settings.fx)
    through = tuple(units for i, units in enumerate(settings.limit_through) if i != gone)
    rest = [i for i in range(len(scenario.instruments)) if i != gone]
    return Scenario(
        [scenario.instruments[i] for i in rest],
        [scenario.bars[i] for i in rest],
        replace(settings, fx=fx, limit_through=through),
        flow,
    )


def report(seed: int | None, scenario: Scenario, engine_under_test: Callable[[Scenario], Journal] | None = None) -> str:
    """The text of a failure: the difference, and the smallest scenario that still shows one, as Python."""
    small = shrink(scenario, lambda candidate: bool(difference(candidate, engine_under_test)))
    head = "" if seed is None else f"seed {seed}\n"
    first = difference(scenario, engine_under_test)
    return f"{head}{first}\n\nsmallest scenario:\n{difference(small, engine_under_test)}\n\nscenario = {as_python(small)}\n"
