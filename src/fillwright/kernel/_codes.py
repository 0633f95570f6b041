"""The codes of ``model.codes`` as plain integers: the compiler would make one copy of a function per enum class it is given."""

from __future__ import annotations

from collections import namedtuple
from enum import IntEnum
from typing import Any

import numpy as np

from fillwright.model import codes


def _constants(enum: type[IntEnum]) -> Any:
    make: Any = namedtuple(enum.__name__, [member.name for member in enum])  # type: ignore[misc]
    return make(*[int(member) for member in enum])


AccountType = _constants(codes.AccountType)
Action = _constants(codes.Action)
BarPath = _constants(codes.BarPath)
Bracket = _constants(codes.Bracket)
DataKind = _constants(codes.DataKind)
Deduplicate = _constants(codes.Deduplicate)
Entry = _constants(codes.Entry)
ExitReason = _constants(codes.ExitReason)
FillWhen = _constants(codes.FillWhen)
Liquidity = _constants(codes.Liquidity)
LimitAction = _constants(codes.LimitAction)
Lots = _constants(codes.Lots)
MarkBy = _constants(codes.MarkBy)
OffTick = _constants(codes.OffTick)
OrderEvent = _constants(codes.OrderEvent)
OrderStatus = _constants(codes.OrderStatus)
OrderType = _constants(codes.OrderType)
Reason = _constants(codes.Reason)
ReportKind = _constants(codes.ReportKind)
Reversal = _constants(codes.Reversal)
ShortCash = _constants(codes.ShortCash)
SizeMode = _constants(codes.SizeMode)
Stage = _constants(codes.Stage)
TimeInForce = _constants(codes.TimeInForce)
TradingState = _constants(codes.TradingState)
Trigger = _constants(codes.Trigger)
TrailUnit = _constants(codes.TrailUnit)

PENDING_CANCEL = int(codes.OrderFlag.PENDING_CANCEL)
PENDING_REPLACE = int(codes.OrderFlag.PENDING_REPLACE)
HELD = int(codes.OrderFlag.HELD)
TRIGGERED = int(codes.OrderFlag.TRIGGERED)
POST_ONLY = int(codes.OrderFlag.POST_ONLY)
REDUCE_ONLY = int(codes.OrderFlag.REDUCE_ONLY)
CLOSING = int(codes.OrderFlag.CLOSING)
SIZED = int(codes.OrderFlag.SIZED)
SIZED_AT_FILL = int(codes.OrderFlag.SIZED_AT_FILL)
ENGINE = int(codes.OrderFlag.ENGINE)
LEG = int(codes.OrderFlag.LEG)
APART = HELD | LEG
"""Flags of orders that no pass over single orders meets."""

YES: Any = np.bool_(True)
NO: Any = np.bool_(False)
"""Flags that are handed to functions."""

MAKER, TAKER = YES, NO

NOTHING: Any = np.int64(0)
"""A zero that stands for a number which does not apply."""
