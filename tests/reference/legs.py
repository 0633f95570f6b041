"""Legs in the reference engine: lists of market orders that fill together, each in full, or not at all (§4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fillwright.model.codes import BarPath, DataKind, Liquidity, OrderEvent, Reason, Stage, TimeInForce
from reference.broker import Live, Moment

if TYPE_CHECKING:
    from reference.matching import Matching


@dataclass
class Legs:
    """Tries the lists that work."""

    matching: Matching

    def match(self, stage: Stage, time: int) -> None:
        """Lists in list order of their first legs: at first points of bars (OPEN), when quotes come (QUOTE), on arrival (STANDING)."""
        for order in self.matching.walk():
            if order.legs and order is order.legs[0] and not order.done:
                self._meet(order.legs, stage, time)

    def _meet(self, legs: list[Live], stage: Stage, time: int) -> None:
        broker = self.matching.broker
        if not all(self._is_met(leg, stage, time) for leg in legs):
            return
        moments = [self._moment(leg, stage, time) for leg in legs]
        for leg in legs:
            leg.met = True
        for leg, moment in zip(legs, moments, strict=True):
            left = broker.left(leg, moment)
            if left is not None and left < leg.quantity:
                if leg.tif == TimeInForce.IOC:
                    broker.happen(leg, OrderEvent.CANCEL, moment.time, Reason.IOC_REMAINDER)
                return
        prices = [
            moment.bar.of_side(leg.side)[0 if moment.stage is Stage.OPEN else 3]
            for leg, moment in zip(legs, moments, strict=True)
        ]
        steps = [
            broker.price_steps(leg, price, Liquidity.TAKER, moment)
            for leg, price, moment in zip(legs, prices, moments, strict=True)
        ]
        for leg, moment, step in zip(legs, moments, steps, strict=True):
            if not moment.in_hand:
                broker.books.marks[leg.symbol] = step["reference_price"]
        for leg, moment, step in zip(legs, moments, steps, strict=True):
            short = broker.shortage(leg, leg.quantity, step["price"], Liquidity.TAKER)
            if short:
                broker.happen(leg, OrderEvent.REJECT, moment.time, short[0], (short[1], short[2]))
                return
            leg.reserved = broker.required(leg, leg.quantity, step["price"], Liquidity.TAKER) or 0
        for leg, price, moment in zip(legs, prices, moments, strict=True):
            broker.fill(leg, leg.quantity, price, Liquidity.TAKER, moment)

    def _is_met(self, leg: Live, stage: Stage, time: int) -> bool:
        """Whether a leg is at the broker and finds a price."""
        matching, broker = self.matching, self.matching.broker
        if leg.done or leg not in broker.working:
            return False
        if stage is Stage.OPEN:
            bar = matching.bars.get(leg.symbol)
            return bar is not None and leg.arrived_at <= bar.open_time
        if stage is Stage.QUOTE and broker.scenario.bars[leg.symbol][0].kind is not DataKind.QUOTES:
            return False
        if stage is Stage.STANDING and leg.met:
            return False
        quote, oldest = broker.standing.get(leg.symbol), broker.settings.max_age
        age = -1 if quote is None else time - quote.bar.close_time
        return age >= 0 and (oldest is None or age <= oldest)

    def _moment(self, leg: Live, stage: Stage, time: int) -> Moment:
        matching = self.matching
        if stage is Stage.OPEN:
            only = matching.taken[leg.symbol] is BarPath.CLOSE_ONLY
            return matching.moment(leg, Stage.CLOSE if only else Stage.OPEN)
        if stage is Stage.QUOTE and leg.symbol in matching.moments:
            return matching.moment(leg, Stage.QUOTE)
        quote = matching.broker.standing[leg.symbol].bar
        return Moment(replace(quote, open_time=quote.close_time), Stage.STANDING, BarPath.CLOSE_ONLY, time, False)
