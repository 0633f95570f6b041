"""Who writes what: the table of owners, and the search for assignments that break it.

A run's memory is records of named fields. Every assignment to one of them in the sources is found by its syntax; whose record it is
follows from the accessor that the name came from (``order = order_at(s, o)``) or, for parameters, from the name itself.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fillwright.kernel import state
from fillwright.model import columns
from tidy.tree import Module

RECORDS: dict[str, tuple[str, ...]] = {
    "scalars": tuple(state.SCALARS.names or ()),
    "instruments": tuple(state.INSTRUMENT.names or ()),
    "currencies": tuple(state.CURRENCY.names or ()),
    "feeds": tuple(state.FEED.names or ()),
    "books": tuple(state.BOOK.names or ()),
    "digests": tuple(state.DIGEST.names or ()),
    "commands": tuple(state.COMMAND.names or ()),
    "told": tuple(state.TOLD.names or ()),
    "heard": tuple(state.HEARD.names or ()),
    "mail": tuple(state.MAIL.names or ()),
    "marked": tuple(state.MARKED.names or ()),
    **{
        name: tuple(c.name for c in getattr(columns, name.upper()).columns)
        for name in state.GROWING
        if name not in ("commands", "told", "heard", "mail", "marked")
    },
}
"""Kinds of records of a run, and their fields."""

ACCESSORS = {
    "state_at": "scalars", "instrument_at": "instruments", "currency_at": "currencies", "feed_at": "feeds", "book_at": "books",
    "command_at": "commands", "order_at": "orders", "order_event_at": "order_events", "fill_at": "fills", "entry_at": "entries",
    "digest_at": "digests",
    "lot_close_at": "lot_closes", "lot_at": "lots", "switch_at": "switches",
    "told_at": "told", "heard_at": "heard", "mail_at": "mail", "marked_at": "marked", "report_at": "reports",
}  # fmt: skip
PARAMETERS = {
    "s": "scalars", "order": "orders", "book": "books", "fill": "fills", "instrument": "instruments", "bar": "instruments",
    "feed": "feeds", "c": "currencies", "lot": "lots", "digest": "digests", "told": "told", "command": "commands",
}  # fmt: skip
"""What a parameter of that name is, in the kernel."""

ATTRIBUTES = {"scalars": "scalars", "_scalars": "scalars", "instruments": "instruments", "currencies": "currencies", "feeds": "feeds",
              "books": "books", "digests": "digests"}  # fmt: skip
"""Outside the kernel: records are reached as attributes of a State."""


@dataclass(frozen=True)
class Write:
    """One assignment: the record and field, and where it stands."""

    record: str
    field: str
    module: str
    place: str


def writes(module: Module) -> Iterator[Write | str]:
    """Every assignment of a module to a field of a run's records; text for one whose record cannot be told."""
    own = module.name.removeprefix("fillwright.")
    for function in _scopes(module.tree):
        names = _names_of(function, in_kernel=own.startswith("kernel"))
        for node in _inside(function):
            for target in _targets(node):
                if not isinstance(target, ast.Subscript):
                    continue
                if _fields(target.slice, function) is None and isinstance(target.value, ast.Subscript):
                    target = target.value  # one row of a column
                record = _record(target.value, names)
                fields = _fields(target.slice, function)
                if fields is None or record == "":
                    continue
                if record is None:
                    if own.startswith("kernel"):
                        yield f"{module.at(target)}: whose record is {ast.unparse(target)}?"
                    continue
                for field in fields:
                    yield Write(record, field, own, module.at(target))


def _scopes(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield node


def _inside(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Nodes of a function, those of functions in it left to them."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef):
            waiting.extend(ast.iter_child_nodes(node))


def _targets(node: ast.AST) -> Iterator[ast.expr]:
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = list(node.targets)
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    while targets:
        target = targets.pop()
        if isinstance(target, ast.Tuple | ast.List):
            targets += target.elts
        else:
            yield target


def _names_of(function: ast.FunctionDef, in_kernel: bool) -> dict[str, str]:
    """Local name -> record, from assignments of accessors and, in the kernel, from parameters."""
    names = {}
    if in_kernel:
        names = {a.arg: PARAMETERS[a.arg] for a in function.args.args if a.arg in PARAMETERS}
    for node in sorted((n for n in _inside(function) if isinstance(n, ast.Assign)), key=lambda n: n.lineno):
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            for name, value in pairs:
                record = _record(value, names)
                if isinstance(name, ast.Name) and record is not None:
                    names[name.id] = record
    return names


def _record(node: ast.expr, names: Mapping[str, str]) -> str | None:
    """Record of an expression; "" for what is certainly none of ours, None where it cannot be told."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return ACCESSORS.get(node.func.id, "")
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        return ATTRIBUTES.get(node.attr, "")
    if isinstance(node, ast.Subscript):
        if isinstance(node.value, ast.Attribute) and node.value.attr == "tables" and isinstance(node.slice, ast.Constant):
            return str(node.slice.value) if node.slice.value in RECORDS else ""
        return _record(node.value, names)  # a row, or a column of rows
    return ""


def _fields(node: ast.expr, function: ast.FunctionDef) -> list[str] | None:
    """Fields that a subscript may mean: text, or a loop variable over texts; None where it is a number."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        loops = [n for n in ast.walk(function) if isinstance(n, ast.For)]
        for loop in loops:
            if node.id in {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}:
                texts = [n.value for n in ast.walk(loop.iter) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
                return texts or ["*"]
    if isinstance(node, ast.JoinedStr):
        return ["*"]
    return None


ALL = "*"
"""Every field of the record."""

OWNERS: dict[str, dict[str, str]] = {
    "orders": {
        "kernel.orders": ALL,
        "kernel.intake": "intent_id size_mode size parent_id rule_id tag expire_at quantity limit_price stop_price flags exit_reason "
        "type tif lot_id trail_offset trail_unit display_quantity shown asked",
        "kernel.leg_intake": "intent_id list_id tif rule_id tag exit_reason flags",
        "kernel.legs": "tried",
        "kernel.arrivals": "flags limit_price stop_price trail_offset trail_unit arrived_at tried shown asked",
        "kernel.exits": "intent_id rule_id tag parent_id type flags limit_price stop_price exit_reason child sibling waits oco_id oco_next",
        "kernel.matching": "type tif decided_at sent_at arrived_at decision_price tried from_price",
        "kernel.margin": "reserved",
        "kernel.faults": "flags arrived_at asked",
        "kernel.busts": "flags arrived_at tried shown cum_quantity leaves_quantity cum_notional fee fee_raw done_at",
        "kernel.sizing": "flags",
        "kernel.reducing": "flags",
    },
    "order_events": {
        "kernel.orders": ALL,
        "kernel.matching": "fill_id",
        "kernel.busts": "fill_id late",
        "kernel.reports": "reported_at",
    },
    "commands": {"kernel.arrivals": ALL, "kernel.intake": "trail trail_unit", "kernel.faults": "arrived_at"},
    "told": {"kernel.reports": ALL, "kernel.faults": "commands sent"},
    "heard": {"kernel.reports": ALL},
    "mail": {"kernel.reports": ALL},
    "marked": {"kernel.busts": ALL},
    "reports": {"kernel.reports": ALL},
    "fills": {
        "kernel.matching": "fill_id order_id exec_ref_id strategy symbol side instant time stage path ambiguous event_time quantity "
        "reference_price spread slippage impact limit tick price liquidity available notional fee exit_reason queue_ahead reported_at",
        "kernel.ledger": "closing_quantity lot_id position",
        "kernel.busts": "fill_id exec_ref_id side instant time stage ambiguous reference_price price available notional fee exit_reason "
        "reported_at",
        "kernel.reports": "reported_at",
    },
    "entries": {"kernel.ledger": ALL},
    "lots": {"kernel.ledger": ALL},
    "digests": {"kernel.digest": "folded a b c d", "kernel.state": "words"},
    "lot_closes": {"kernel.ledger": ALL},
    "switches": {"kernel.guard": ALL},
    "books": {"kernel.ledger": "position head tail", "kernel.orders": "pending", "kernel.state": "head tail"},
    "currencies": {
        "kernel.ledger": "cash",
        "kernel.margin": "value gross reserved",
        "kernel.advance": "rate",
        "kernel.quiet": "value gross",
        "coordinator.memory": "factor pair inverse rate",
    },
    "instruments": {
        "kernel.ledger": "position",
        "kernel.orders": "live",
        "kernel.busts": "live",
        "kernel.leg_intake": "live",
        "kernel.margin": "mark value",
        "kernel.advance": "bar",
        "kernel.quiet": "mark value",
        "kernel.matching": "bar volume_left path open first second close high low open_time close_time",
        "kernel.quotes": "bar volume_left path open first second close high low open_time close_time quote_row bid ask bid_left ask_left "
        "ask_open ask_first ask_second ask_close",
        "kernel.sides": "volume_left bid_left ask_left",
        "coordinator.memory": "kind quote_row feed currency mul div tick price_scale lot_scale slip_rate slip_ticks fee_order fee_unit "
        "fee_taker fee_maker fee_min fee_max through max_position max_order safe_lots bar volume_left",
    },
    "feeds": {
        "kernel.advance": "row",
        "kernel.quiet": "row",
        "coordinator.memory": "instrument execution timeframe n kind open_time close_time open high low close volume day_last ask_open "
        "ask_high ask_low ask_close bid_size ask_size",
        "strategy.desk": "silent",
    },
    "scalars": {
        "kernel.arrivals": "n_commands",
        "kernel.exits": "t_take t_loss",
        "kernel.orders": "n_orders n_order_events work_head work_tail cursor n_working priced live reducing legs liquidating fault "
        "fault_a fault_b",
        "kernel.matching": "n_fills ambiguous cursor",
        "kernel.quotes": "cursor",
        "kernel.ledger": "n_entries n_lot_closes n_lots open_lots",
        "kernel.legs": "cursor",
        "kernel.leg_intake": "intents legs",
        "kernel.digest": "fold_at",
        "kernel.reports": "n_told n_heard n_mail n_reports taken",
        "kernel.advance": "now instant event_read report_read fault fault_a",
        "kernel.quiet": "now instant n_equity peak trough drawdown drawdown_peak equity_next",
        "kernel.busts": "n_fills n_marked marked_read live reducing priced",
        "kernel.python_call": "driver",
        "kernel.guard": "liquidating n_switches trading_state asked_state drawdown_state day_state day_equity day_over day_row",
        "kernel.intake": "intents no_change rules fault t_instrument t_side t_size_mode t_size t_type t_limit",
        "kernel.drivers": "fault t_instrument t_side t_size_mode t_size t_type t_tif t_limit t_stop t_trail t_trail_unit t_take t_loss "
        "t_display t_after t_per",
        "kernel.state": "orders orders_cap order_events order_events_cap fills fills_cap entries entries_cap lot_closes "
        "lot_closes_cap lots lots_cap commands commands_cap told told_cap heard heard_cap mail mail_cap reports "
        "reports_cap marked marked_cap switches switches_cap instruments n_instruments currencies n_currencies feeds n_feeds books digests "
        "n_strategies equity self room work_head work_tail cursor",
        "coordinator.memory": "instants n_instants offsets event_feed timers uniform now stop_at seed latency_ns account_type lots_method "
        "fill_when path participation clamp_to_range reversal on_short_cash off_tick deduplicate bracket flat_day_end flat_run_end "
        "initial_margin maintenance_margin max_open_positions max_position_fraction policies refuse_scale_in max_orders "
        "max_orders_interval max_live_orders price_collar max_drawdown max_order_value max_gross_exposure max_net_exposure peak trough "
        "trigger mark_by max_age equity_every quoted moments faults f_reject f_reject_cancel f_reject_replace f_late_ack "
        "f_late_by f_lost_ack f_duplicate f_reorder f_bust f_correct f_bust_after f_correct_by f_outage f_outage_length outages n_outages "
        "ask_after "
        "size_at_fill default_limit guarded max_daily_loss on_drawdown on_daily_loss day_row",
        "coordinator.runner": "stop_at first_callback calling",
        "coordinator.checkpoint": "instant",
        "order_manager.manager": "room",
        "strategy.desk": "mask t_tif stop_at",
        "strategy.compiled": "mask fused params state indicators driver t_rule t_tag t_expire",
        "strategy.schedule": "mask driver room t_rule t_tag t_tif t_type",
    },
}
"""Record -> module -> the fields that it writes. What a table has no line for, nobody may write."""

COMPUTED: dict[str, str] = {
    "kernel.state": "scalars",
    "coordinator.memory": "feeds instruments",
    "coordinator.checkpoint": "scalars",
    "strategy.schedule": "scalars",
}
"""Modules that lay records out in loops over computed names: the search sees that they write, not which fields."""

RAW: dict[str, set[str]] = {
    "pack_into": {"order_manager.manager"},
    "store_int64": {"kernel.quiet", "kernel.busts"},
}
"""Stores past the records: the ticket as one run of words, and the equity curve."""


def fields_of(record: str, module: str) -> tuple[str, ...]:
    """Fields of a record that a module may write."""
    said = OWNERS[record].get(module, "")
    return RECORDS[record] if said == ALL else tuple(said.split())


def breaches(module: Module) -> list[str]:
    """Assignments to fields that the module does not own, and stores past the records."""
    found = []
    for item in writes(module):
        if isinstance(item, str):
            found.append(item)
        elif item.field == "*":
            if item.record not in COMPUTED.get(item.module, "").split():
                found.append(f"{item.place}: {item.module} writes computed fields of {item.record}")
        elif item.field not in RECORDS[item.record]:
            found.append(f"{item.place}: {item.record} have no field {item.field}")
        elif item.field not in fields_of(item.record, item.module):
            owners = [name for name in OWNERS[item.record] if item.field in fields_of(item.record, name)]
            found.append(
                f"{item.place}: {item.module} writes {item.record}.{item.field}, which {', '.join(owners) or 'nobody'} may"
            )
    own = module.name.removeprefix("fillwright.")
    for node in ast.walk(module.tree):
        name = _called(node)
        if name in RAW and own not in RAW[name]:
            found.append(f"{module.at(node)}: {own} calls {name}, which {', '.join(sorted(RAW[name]))} may")
    return found


def _called(node: ast.AST) -> str:
    """Name of what a call calls, or of what an attribute names."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def table() -> str:
    """The owners as Markdown, as ``docs/ownership.md`` has them."""
    out = ["| record | who writes | fields |", "|---|---|---|"]
    for record, owners in OWNERS.items():
        for module in owners:
            said = "all" if owners[module] == ALL else ", ".join(f"`{name}`" for name in fields_of(record, module))
            out.append(f"| {record} | `{module}` | {said} |")
    return "\n".join(out) + "\n"
