"""The books of the reference engine: cash, lots, postings, lot closes; every figure is worked out again when asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from fillwright.model.codes import Account, Lots
from reference.scenario import FX, Journal, Scenario


def muldiv(a: int, b: int, c: int) -> int:
    """a x b / c, rounded half to even once; c > 0."""
    down, rest = divmod(a * b, c)
    return down + int(2 * rest > c or (2 * rest == c and down % 2 == 1))


@dataclass
class Lot:
    """A lot. ``cost`` is what was paid: negative for a short lot, which received it."""

    lot_id: int
    instrument: int
    side: int
    open_fill: int
    remaining: int
    cost: int
    fee_in: int


@dataclass
class Books:
    """Cash, lots and what the market says: marks per instrument, rates per currency (None = not known yet)."""

    scenario: Scenario
    journal: Journal
    marks: dict[int, int | None] = field(default_factory=dict)
    rates: dict[int, int | None] = field(default_factory=dict)
    cash: dict[int, int] = field(default_factory=dict)
    lots: list[Lot] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = self.scenario.settings
        self.marks = dict.fromkeys(range(len(self.scenario.instruments)))
        self.rates = dict.fromkeys(range(len(settings.currencies)))
        self.rates[0] = FX
        self.cash = dict.fromkeys(range(len(settings.currencies)), 0)
        codes = [currency.code for currency in settings.currencies]
        self.quote = {i: codes.index(instrument.quote) for i, instrument in enumerate(self.scenario.instruments)}
        self.ratios = {
            i: instrument.money_ratio(settings.currencies[self.quote[i]].decimals)
            for i, instrument in enumerate(self.scenario.instruments)
        }
        self._entries = 0

    # ---------------------------------------------------------------- what things are worth

    def value(self, instrument: int, price: int, lots: int) -> int:
        """Price x lots x multiplier in money units of the quote currency; signed like the lots."""
        multiply, divide = self.ratios[instrument]
        return muldiv(price * lots, multiply, divide)

    def base(self, currency: int, money: int) -> int:
        """Money of a currency in the account's currency, at the current rate. 0 needs no rate."""
        if money == 0:
            return 0
        rate = self.rates[currency]
        assert rate is not None, f"a balance in currency {currency} before its rate is known"
        currencies = self.scenario.settings.currencies
        shift = currencies[currency].decimals - currencies[0].decimals
        return muldiv(money, rate, FX * 10**shift) if shift >= 0 else muldiv(money * 10**-shift, rate, FX)

    def position(self, instrument: int) -> int:
        """Lots held, signed."""
        return sum(lot.side * lot.remaining for lot in self.lots if lot.instrument == instrument)

    def position_value(self, instrument: int) -> int:
        """Value of the position at its mark, in the quote currency."""
        position = self.position(instrument)
        if position == 0:
            return 0
        mark = self.marks[instrument]
        assert mark is not None
        return self.value(instrument, mark, position)

    def equity(self) -> int:
        """Everything at current marks and rates, each currency's balance rounded once."""
        total = 0
        for currency, cash in self.cash.items():
            held = [i for i, quote in self.quote.items() if quote == currency]
            total += self.base(currency, cash + sum(self.position_value(i) for i in held))
        return total

    def margin(self, rate: int) -> int:
        """Sum over positions of base(|value| x rate)."""
        return sum(self.base(self.quote[i], muldiv(abs(self.position_value(i)), rate, 10**9)) for i in self.quote)

    def update_rates(self) -> None:
        """Rates from the marks of the pairs."""
        for currency, source in enumerate(self.scenario.settings.fx):
            if source is None:
                continue
            pair, inverse = source
            mark = self.marks[pair]
            if mark is not None:
                scale = self.scenario.instruments[pair].price_scale
                self.rates[currency] = muldiv(FX, scale, mark) if inverse else muldiv(FX, mark, scale)

    # ---------------------------------------------------------------- entries

    def deposit(self, currency: int, money: int, instant: int) -> None:
        """Initial cash of one currency."""
        self.cash[currency] += money
        self._post(instant, Account.CASH, currency, money)
        self._post(instant, Account.TRANSFERS, currency, -money)
        self._entries += 1

    def can_close(self, lot_id: int, instrument: int, side: int) -> bool:
        """Whether a lot of that number is open, of that instrument, and on the other side."""
        return any(
            lot.lot_id == lot_id and lot.remaining and lot.instrument == instrument and lot.side == -side for lot in self.lots
        )

    def book_fill(self, fill: dict[str, int], lot_choice: Lots, named: int = -1, undone: int = -1) -> None:
        """Postings, lot closes and lots of one fill; completes closing_quantity, lot_id and position of its row.

        ``named`` is the lot that its order names, ``undone`` the one that the fill which it undoes has opened.
        """
        instrument, side, quantity = fill["symbol"], fill["side"], fill["quantity"]
        signed = side * fill["notional"]
        currency, number, instant = self.quote[instrument], fill["fill_id"], fill["instant"]
        common = {"strategy": 0, "fill_id": number}
        self._post(instant, Account.CASH, currency, -signed, **common)
        self._post(instant, Account.TRADING, currency, signed, symbol=instrument, quantity=-side * quantity, **common)
        self._post(instant, Account.POSITION, currency, 0, symbol=instrument, quantity=side * quantity, **common)
        if fill["fee"]:
            self._post(instant, Account.CASH, currency, -fill["fee"], **common)
            self._post(instant, Account.FEES, currency, fill["fee"], symbol=instrument, **common)
        self._entries += 1
        self.cash[currency] -= signed + fill["fee"]

        worth, fee, left = -signed, fill["fee"], quantity  # worth: + for sells, what came in
        while left and (lot := self._lot_to_close(instrument, -side, lot_choice, named, undone)):
            closed = min(left, lot.remaining)
            proceeds = worth if closed == left else muldiv(worth, closed, left)
            fee_out = fee if closed == left else muldiv(fee, closed, left)
            self._close(lot, closed, proceeds, fee_out, fill)
            worth, fee, left = worth - proceeds, fee - fee_out, left - closed
        fill["closing_quantity"] = quantity - left
        fill["lot_id"] = self._open(instrument, side, left, -worth, fee, number, lot_choice) if left else -1
        fill["position"] = self.position(instrument)

    def _lot_to_close(self, instrument: int, side: int, choice: Lots, named: int, undone: int) -> Lot | None:
        open_lots = [lot for lot in self.lots if lot.instrument == instrument and lot.side == side and lot.remaining]
        if not open_lots:
            return None
        own = [lot for lot in open_lots if lot.lot_id == undone]
        if own:
            return own[0]
        match choice:
            case Lots.LIFO:
                return open_lots[-1]
            case Lots.HIGHEST_COST:  # of equal ones max and min take the first, which is the oldest
                return max(open_lots, key=lambda lot: Fraction(lot.cost, lot.remaining))
            case Lots.LOWEST_COST:
                return min(open_lots, key=lambda lot: Fraction(lot.cost, lot.remaining))
            case Lots.SPECIFIC:
                return next((lot for lot in open_lots if lot.lot_id == named), open_lots[0])
        return open_lots[0]

    def _close(self, lot: Lot, closed: int, proceeds: int, fee_out: int, fill: dict[str, int]) -> None:
        everything = closed == lot.remaining
        cost = lot.cost if everything else muldiv(lot.cost, closed, lot.remaining)
        fee_in = lot.fee_in if everything else muldiv(lot.fee_in, closed, lot.remaining)
        lot.remaining, lot.cost, lot.fee_in = lot.remaining - closed, lot.cost - cost, lot.fee_in - fee_in
        self.journal.lot_closes.append(
            {
                "seq": len(self.journal.lot_closes),
                "instant": fill["instant"],
                "lot_id": lot.lot_id,
                "open_fill": lot.open_fill,
                "fill_id": fill["fill_id"],
                "strategy": 0,
                "symbol": lot.instrument,
                "side": int(lot.side),
                "quantity": closed,
                "cost": cost,
                "proceeds": proceeds,
                "realised": proceeds - cost,
                "fee_in": fee_in,
                "fee_out": fee_out,
            }
        )

    def _open(self, instrument: int, side: int, lots: int, cost: int, fee: int, fill_id: int, choice: Lots) -> int:
        same = [lot for lot in self.lots if lot.instrument == instrument and lot.side == side and lot.remaining]
        if choice is Lots.AVERAGE and same:
            (lot,) = same
            lot.remaining, lot.cost, lot.fee_in = lot.remaining + lots, lot.cost + cost, lot.fee_in + fee
            return lot.lot_id
        self.lots.append(Lot(len(self.lots), instrument, side, fill_id, lots, cost, fee))
        return len(self.lots) - 1

    def _post(
        self,
        instant: int,
        account: Account,
        currency: int,
        money: int,
        strategy: int = -1,
        symbol: int = -1,
        quantity: int = 0,
        fill_id: int = -1,
    ) -> None:
        self.journal.postings.append(
            {
                "seq": len(self.journal.postings),
                "entry": self._entries,
                "instant": instant,
                "account": int(account),
                "strategy": strategy,
                "symbol": symbol,
                "currency": currency,
                "money": money,
                "quantity": quantity,
                "fill_id": fill_id,
            }
        )
