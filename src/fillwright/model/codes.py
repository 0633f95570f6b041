"""Integer codes of every closed set, with the names that people read.

Orders use the vocabulary of FIX 5.0 SP2; ``FIX_STATUS`` keeps its OrdStatus letters (tag 39).
The integers are stored in records and files: never renumber, only append.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Side(IntEnum):
    """Direction of an order or position."""

    SELL = -1
    BUY = 1


class OrderType(IntEnum):
    """How an order finds its price. Even codes have a limit; 3 to 8 wait for a price; from 9 on they trade in an auction only."""

    MARKET = 1
    LIMIT = 2
    STOP = 3
    STOP_LIMIT = 4
    TRAILING_STOP = 5
    TRAILING_STOP_LIMIT = 6
    MARKET_IF_TOUCHED = 7
    LIMIT_IF_TOUCHED = 8
    MARKET_ON_OPEN = 9
    LIMIT_ON_OPEN = 10
    MARKET_ON_CLOSE = 11
    LIMIT_ON_CLOSE = 12


class TimeInForce(IntEnum):
    """How long an order lives."""

    DAY = 0
    GTC = 1
    OPG = 2
    IOC = 3
    FOK = 4
    GTD = 6
    CLS = 7


class OrderStatus(IntEnum):
    """State of an order. DENIED is refused by our own checks, REJECTED by the broker."""

    INITIALIZED = 0
    DENIED = 1
    PENDING_NEW = 2
    NEW = 3
    PARTIALLY_FILLED = 4
    FILLED = 5
    CANCELED = 6
    REJECTED = 7
    EXPIRED = 8
    SUSPENDED = 9
    DONE_FOR_DAY = 10
    UNKNOWN = 11


FIX_STATUS: dict[OrderStatus, str] = {
    OrderStatus.PENDING_NEW: "A",
    OrderStatus.NEW: "0",
    OrderStatus.PARTIALLY_FILLED: "1",
    OrderStatus.FILLED: "2",
    OrderStatus.DONE_FOR_DAY: "3",
    OrderStatus.CANCELED: "4",
    OrderStatus.REJECTED: "8",
    OrderStatus.SUSPENDED: "9",
    OrderStatus.EXPIRED: "C",
}


class OrderFlag(IntFlag):
    """Bits that are true beside the status of an order."""

    NONE = 0
    PENDING_CANCEL = 1
    PENDING_REPLACE = 2
    HELD = 4
    TRIGGERED = 8
    POST_ONLY = 16
    REDUCE_ONLY = 32
    CLOSING = 64
    SIZED = 128
    ENGINE = 256
    SIZED_AT_FILL = 512
    LEG = 1024


class OrderEvent(IntEnum):
    """What can happen to an order.

    FILL_PART leaves something to fill, FILL_ALL nothing; BUST leaves something filled, BUST_ALL nothing. ACCEPT and RESUME say that
    the order works and nothing of it is filled, RESUME_PART that something is. HOLD takes back a RELEASE.
    """

    DENY = 0
    SUBMIT = 1
    ACCEPT = 2
    REJECT = 3
    TRIGGER = 4
    FILL_PART = 5
    FILL_ALL = 6
    CANCEL_REQUEST = 7
    CANCEL = 8
    CANCEL_REJECT = 9
    REPLACE_REQUEST = 10
    REPLACE = 11
    REPLACE_REJECT = 12
    EXPIRE = 13
    RELEASE = 14
    SHRINK = 15
    SUSPEND = 16
    RESUME = 17
    DONE_FOR_DAY = 18
    LOSE = 19
    BUST = 20
    BUST_ALL = 21
    RESUME_PART = 22
    HOLD = 23


class ReportKind(IntEnum):
    """What an entry of the order manager's log is.

    OWN is what it did itself. Of the broker's reports NEWS moves what it knows of the order, OVERTAKEN came after a later one, REPEATED
    was heard before. LOST: no answer came, the order is UNKNOWN and the broker is asked; ASKED: once more; ANSWER: what the broker said.
    """

    OWN = 1
    NEWS = 2
    OVERTAKEN = 3
    REPEATED = 4
    LOST = 5
    ASKED = 6
    ANSWER = 7


class Reason(IntEnum):
    """Why something was refused, ended or changed; 0 is no reason needed."""

    NONE = 0
    # refused by our own checks
    ZERO_QUANTITY = 1
    OFF_TICK = 2
    NO_PRICE_YET = 3
    SHORT_IN_CASH_ACCOUNT = 5
    INSUFFICIENT_CASH = 6
    INSUFFICIENT_MARGIN = 7
    MAX_OPEN_POSITIONS = 8
    MAX_POSITION_FRACTION = 9
    MAX_POSITION_QUANTITY = 10
    MAX_ORDER_QUANTITY = 11
    UNDER_MAINTENANCE = 12
    TRADING_HALTED = 14
    SCALE_IN_NOT_ALLOWED = 15
    LOT_NOT_OPEN = 16
    POSITION_EXISTS = 20
    NO_POSITION = 21
    DUPLICATE_RULE = 22
    TRADING_REDUCE_ONLY = 23
    MAX_ORDERS = 24
    MAX_LIVE_ORDERS = 25
    PRICE_COLLAR = 26
    MAX_DRAWDOWN = 27
    MAX_ORDER_VALUE = 28
    MAX_GROSS_EXPOSURE = 29
    MAX_NET_EXPOSURE = 17
    MAX_DAILY_LOSS = 18
    # ends of an order
    CANCELED_BY_USER = 30
    IOC_REMAINDER = 31
    FOK_NOT_FILLABLE = 32
    DAY_END = 33
    GTD_REACHED = 34
    END_OF_DATA = 35
    PARENT_ENDED = 36
    LIQUIDATION = 37
    REPLACED_TO_FILLED = 38
    FLAT_AT = 39
    NOTHING_TO_REDUCE = 40
    WOULD_TAKE = 41
    AUCTION_OVER = 42
    OCO_FILLED = 43
    EXIT_FILLED = 44
    LEG_ENDED = 45
    # changes
    SHRUNK_TO_CASH = 50
    SHRUNK_TO_MARGIN = 51
    ORDER_IS_DONE = 52
    NOTHING_TO_CHANGE = 53
    QUANTITY_BELOW_FILLED = 54
    SHRUNK_TO_POSITION = 55
    FOLLOWS_ENTRY = 56
    SIZED_AT_FILL = 57
    NEW_DAY = 58
    # faults
    BROKER_REJECTED = 60
    ORDER_UNKNOWN = 61


class Account(IntEnum):
    """Accounts of the double-entry books. Money accounts exist once per currency, POSITION once per instrument."""

    CASH = 1
    POSITION = 2
    TRADING = 3
    FEES = 4
    INTEREST = 5
    DIVIDENDS = 6
    FUNDING = 7
    BORROW = 8
    TRANSFERS = 9
    CONVERSION = 10


class Entry(IntEnum):
    """Kinds of entries of the books: what postings an entry stands for."""

    FILL = 1
    TRANSFER = 2


class Liquidity(IntEnum):
    """Which side of the market a fill was on."""

    TAKER = 1
    MAKER = 2


class Lots(IntEnum):
    """Which lots a closing fill takes first."""

    FIFO = 1
    LIFO = 2
    AVERAGE = 3
    HIGHEST_COST = 4
    LOWEST_COST = 5
    SPECIFIC = 6


class AccountType(IntEnum):
    """Rules of the account."""

    CASH = 1
    MARGIN = 2


class BarPath(IntEnum):
    """In which order a bar is assumed to have visited its extremes."""

    DIRECTION = 1
    NEAREST = 2
    OPEN_HIGH_LOW_CLOSE = 3
    OPEN_LOW_HIGH_CLOSE = 4
    WORST = 5
    BEST = 6
    PROBABILISTIC = 7
    CLOSE_ONLY = 8


class FillWhen(IntEnum):
    """Which market event a new order may meet first."""

    NEXT_EVENT = 1
    SAME_CLOSE_LOOKAHEAD = 2


class Stage(IntEnum):
    """Where on the path of a bar something happened; or at a quote as it came, at the one that stood, or at a print.

    BOOKS is at no place of the market: the broker undoes a fill or corrects its price.
    """

    OPEN = 0
    FIRST = 1
    SECOND = 2
    CLOSE = 3
    FLAT_AT = 4
    QUOTE = 5
    STANDING = 6
    PRINT = 7
    BOOKS = 8


class DataKind(IntEnum):
    """What the rows of a feed are."""

    BARS = 0
    QUOTE_BARS = 1
    QUOTES = 2
    PRINTS = 3


class Trigger(IntEnum):
    """Which price of an instrument with quotes triggers orders that wait for one."""

    AUTO = 0
    LAST = 1
    BID_ASK = 2
    MID = 3


class MarkBy(IntEnum):
    """Which price of an instrument with quotes positions are valued at."""

    AUTO = 0
    LAST = 1
    MID = 2
    EXIT_SIDE = 3


class SizeMode(IntEnum):
    """What the number given as the size of an order means."""

    UNITS = 1
    VALUE = 2
    WEIGHT = 3
    TARGET_UNITS = 4
    TARGET_VALUE = 5
    TARGET_WEIGHT = 6
    CLOSE = 7
    RISK = 8
    VOLATILITY = 9


class OffTick(IntEnum):
    """What happens to an order price that is not on the tick."""

    REJECT = 1
    PASSIVE = 2
    NEAREST = 3


class TrailUnit(IntEnum):
    """What the distance of a trailing stop is counted in."""

    NONE = 0
    PRICE = 1
    TICKS = 2
    RATE = 3


class Reversal(IntEnum):
    """How a target on the other side of zero is reached."""

    ONE_ORDER = 1
    TWO_ORDERS = 2


class Bracket(IntEnum):
    """When the exits of an entry are armed: with each fill for what is filled, or once it is full or has ended."""

    PRO_RATA = 0
    ARM_ON_FULL = 1


class Action(IntEnum):
    """What an intent means to do with the position; the rules are in ``docs/execution_rules.md`` §2."""

    ANY = 0
    OPEN = 1
    ADD = 2
    REDUCE = 3
    REVERSE = 4


class Deduplicate(IntEnum):
    """How often a rule is acted on."""

    NONE = 0
    PER_INSTANT = 1
    PER_RUN = 2


class TradingState(IntEnum):
    """What a run may do now."""

    ACTIVE = 0
    REDUCE_ONLY = 1
    HALTED = 2


class LimitAction(IntEnum):
    """What a limit on losses does beyond refusing entries."""

    REFUSE = 0
    REDUCE_ONLY = 1
    HALTED = 2
    FLATTEN = 3


class ShortCash(IntEnum):
    """What happens when a fill needs more funds than there are."""

    AUTO = 0
    SHRINK = 1
    REJECT = 2


class ExitReason(IntEnum):
    """Why a trade was closed."""

    NONE = 0
    SIGNAL = 1
    REVERSAL = 2
    STOP = 3
    TARGET = 4
    TRAILING = 5
    END_OF_DAY = 6
    END_OF_RUN = 7
    LIQUIDATION = 8
    CORPORATE_ACTION = 9
    RISK_LIMIT = 10
    BUST = 11


class TradeGrouping(IntEnum):
    """How lot closes are grouped into trades."""

    LOT = 1
    FILL_TO_FILL = 2
    FLAT_TO_FLAT = 3


class TradeStatus(IntEnum):
    """Whether a trade still has quantity."""

    OPEN = 1
    CLOSED = 2


class TradeEvent(IntEnum):
    """What can happen to a trade."""

    OPENED = 1
    INCREASED = 2
    REDUCED = 3
    PROTECTION_MOVED = 4
    CLOSED = 5


class RunState(IntEnum):
    """Life cycle of a run; there is no way back."""

    CREATED = 0
    PREPARED = 1
    RUNNING = 2
    PAUSED = 3
    CLOSING = 4
    RECONCILED = 5
    SAVED = 6
    FAILED = 7
    INTERRUPTED = 8
