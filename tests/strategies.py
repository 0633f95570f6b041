"""All generators of random test input in one room.

``random_scenario(seed)`` is plain and seeded; ``scenarios()`` is the Hypothesis strategy made of the same code, so that its
failures shrink. Both make runs in which things go wrong: gaps, empty bars, prices that are met exactly, sizes of nothing or
of everything, too little cash, orders that are changed too late.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import strategies as st

from fillwright.model.codes import (
    AccountType,
    BarPath,
    Bracket,
    DataKind,
    Deduplicate,
    FillWhen,
    LimitAction,
    Lots,
    MarkBy,
    OffTick,
    OrderFlag,
    OrderType,
    Reversal,
    ShortCash,
    Side,
    SizeMode,
    TimeInForce,
    TradingState,
    TrailUnit,
    Trigger,
)
from fillwright.model.instrument import Currency, Instrument
from reference.engine import Reference
from reference.scenario import (
    RATE,
    Bar,
    Cancel,
    CancelAll,
    Close,
    Command,
    Faults,
    Legs,
    Order,
    Replace,
    Scenario,
    Settings,
    Switch,
    Target,
    TargetBatch,
)

SECOND = 10**9
MINUTE = 60 * SECOND
START = 1_704_188_400 * SECOND  # 2024-01-02 09:40 UTC
NIGHT = 700 * MINUTE
LARGEST_VALUE = 10**15  # no order asks for more money units than this, so that nothing leaves 64 bits


def random_scenario(seed: int) -> Scenario:
    """A scenario of 20 to 120 instants; the same one for the same seed."""
    return build(random.Random(seed), 20, 120)


def faulty_scenario(seed: int) -> Scenario:
    """A random scenario whose broker goes wrong."""
    return build(random.Random(seed), 20, 120, random.Random(seed + 10**9))


def with_faults(rng: random.Random, scenario: Scenario) -> Settings:
    """Its settings with faults: some of each kind now and then, or one kind nearly always."""
    names = ("reject", "reject_cancel", "reject_replace", "late_ack", "lost_ack", "duplicate", "reorder", "outage")
    chances = {name: rng.choice((0, 0, RATE // 20, RATE // 4)) for name in names}
    if rng.random() < 0.3 or not any(chances.values()):
        chances = {rng.choice(names): RATE * 9 // 10}
    instants = scenario.instants
    outages = []
    for _ in range(rng.choice((0, 0, 1, 2))):
        start = rng.choice(instants) - rng.choice((0, 1_000, 30 * SECOND))
        outages.append((start, start + rng.choice((1_000, MINUTE, 7 * MINUTE, NIGHT))))
    faults = Faults(
        **chances,
        late_by=rng.choice((1, SECOND, MINUTE, 5 * MINUTE + 1)),
        outage_length=rng.choice((SECOND, MINUTE, 3 * MINUTE + 7)),
        outages=tuple(outages),
        **_busts(rng),
    )
    return replace(scenario.settings, faults=faults, ask_after=rng.choice((1, SECOND, 30 * SECOND, MINUTE, 10 * MINUTE)))


def _busts(rng: random.Random) -> dict[str, int]:
    """Half of the runs have fills undone or corrected, soon afterwards."""
    if rng.random() < 0.5:
        return {}
    return {
        "bust": rng.choice((0, RATE // 10, RATE // 2, RATE)),
        "correct": rng.choice((0, RATE // 4, RATE)),
        "bust_after": rng.choice((0, 1, SECOND, MINUTE, MINUTE, 4 * MINUTE, 10 * MINUTE)),
        "correct_by": rng.choice((1, 2, 20, 1000)),
    }


def scenarios(least: int = 3, most: int = 30) -> st.SearchStrategy[Scenario]:
    """Hypothesis strategy of (smaller) scenarios; numbers of instants."""
    return st.randoms(use_true_random=False).map(lambda rng: build(rng, least, most))


def build(rng: random.Random, least: int, most: int, wrong: random.Random | None = None) -> Scenario:
    """A scenario from any source of chance; with a second source faults are chosen from it."""
    world = World(rng)
    world.choose_instruments()
    bars = world.choose_bars(least, most)
    settings = choose_settings(rng, world)
    if rng.random() < 0.5:
        bars = [world.as_kind(number, feed) for number, feed in enumerate(bars)]
        settings = with_quotes(rng, settings, any(feed[0].is_moment for feed in bars))
    scenario = Scenario(world.instruments, bars, settings, {})
    if wrong:
        scenario = replace(scenario, settings=with_faults(wrong, scenario))
    Trader(rng, scenario, world).fill_flow()
    return scenario


# -------------------------------------------------------------------- the market


@dataclass
class World:
    """Instruments, currencies and bars that fit together."""

    rng: random.Random

    def __post_init__(self) -> None:
        self.instruments: list[Instrument] = []
        self.levels: list[int] = []  # price to start from, in price units
        self.currencies: list[Currency] = [Currency("USD")]
        self.fx: list[tuple[int, bool] | None] = [None]
        self.tiny = self.rng.random() < 0.35  # quantities and volumes of a few lots
        # brink: borrowed to the limit in a market that jumps; ladder: many small orders that rest
        self.theme = self.rng.choices(("plain", "brink", "ladder"), (5, 2, 3))[0]
        moves = {"plain": (0.0005, 0.004, 0.02), "brink": (0.02, 0.06), "ladder": (0.004, 0.02)}
        self.wild = self.rng.choice(moves[self.theme])  # size of a move

    def choose_instruments(self) -> None:
        """1 to 4 instruments in 1 to 3 currencies; each foreign currency has its pair."""
        rng = self.rng
        number = rng.choice((1, 1, 2, 2, 2, 3, 3, 4))
        decimals = rng.choice((6, 6, 6, 2, 4))
        self.currencies = [Currency("USD", decimals)]
        foreign = rng.sample(("EUR", "JPY"), min(rng.choice((0, 0, 1, 1, 2)), number))
        order = [("pair", code) for code in foreign] + [("share", "")] * (number - len(foreign))
        rng.shuffle(order)
        for code in foreign:
            self.currencies.append(Currency(code, decimals))
            self.fx.append((order.index(("pair", code)), code == "JPY"))
        for kind, code in order:
            if kind == "pair":
                self._add_pair(code)
            else:
                self._add_share(rng.choice(self.currencies).code)

    def _add_pair(self, code: str) -> None:
        rng = self.rng
        if code == "EUR":
            decimals, price, quote, base = rng.choice((4, 5, 6)), Fraction(rng.randint(95, 125), 100), "USD", "EUR"
        else:
            decimals, price, quote, base = rng.choice((2, 3, 5)), Fraction(rng.randint(90, 160)), "JPY", "USD"
        pair = Instrument(
            symbol=base + quote,
            quote=quote,
            price_decimals=decimals,
            quantity_decimals=rng.choice((0, 0, 2)),
            tick=rng.choice((0, 1, 5)),
            base=base,
        )
        self.instruments.append(pair)
        self.levels.append(int(price * pair.price_scale))

    def _add_share(self, quote: str) -> None:
        rng = self.rng
        decimals = rng.randint(2, 6)
        cheap = rng.random() < 0.06
        level = rng.randint(3, 40) if cheap else rng.randint(200, 40_000) * 10 ** (decimals - 2)
        ticks = (0, 0, 1, 1, 5, 25) if not cheap else (0, 1, 2)
        share = Instrument(
            symbol=f"S{len(self.instruments)}",
            quote=quote,
            price_decimals=decimals,
            quantity_decimals=rng.choice((0, 0, 0, 1, 3)),
            multiplier=rng.choice(
                (Fraction(1), Fraction(1), Fraction(1), Fraction(5), Fraction(1, 10), Fraction(50), Fraction(1, 3))
            ),
            tick=rng.choice(ticks) * (1 if cheap or rng.random() < 0.3 else 10 ** (decimals - 2)),
        )
        self.instruments.append(share)
        self.levels.append(level)

    # ---------------------------------------------------------------- bars

    def choose_bars(self, least: int, most: int) -> list[list[Bar]]:
        """Bars of all instruments; together they close at ``least`` to ``most`` instants where that can be."""
        rng = self.rng
        minutes = rng.randint(least * 3 // 2 + 2, max(least * 3 // 2 + 2, most * 3 // 4))
        days = rng.choice((1, 2, 3, 4))
        per_day = max(minutes // days, 2)
        grids = [rng.choice(((1, 0), (1, 0), (1, 0), (5, 0), (5, 0), (2, 1), (3, 20))) for _ in self.instruments]
        must_start = {source[0] for source in self.fx if source}
        if all(step > 1 for step, _ in grids):
            grids[0] = (1, 0)
        grids = [(1, 0) if number in must_start else grid for number, grid in enumerate(grids)]
        complete = must_start | {grids.index((1, 0))}  # no bar is missing here
        feeds = [self._feed(number, days, per_day, grid, number in complete) for number, grid in enumerate(grids)]
        if must_start:  # cash in a currency needs its rate from the first instant on
            first = max(feeds[number][0].close_time for number in must_start)
            feeds = [[bar for bar in feed if bar.close_time >= first] or feed[-1:] for feed in feeds]
            for number in must_start:
                feeds[number] = self._begin_at(feeds[number], min(feed[0].close_time for feed in feeds))
        instants = sorted({bar.close_time for feed in feeds for bar in feed})
        if len(instants) > most:
            feeds = [[bar for bar in feed if bar.close_time <= instants[most - 1]] or feed[:1] for feed in feeds]
        return [self._mark_days(feed) for feed in feeds]

    def _begin_at(self, feed: list[Bar], instant: int) -> list[Bar]:
        if feed[0].close_time <= instant:
            return feed
        level = feed[0].open
        return [Bar(instant - MINUTE, instant, level, level, level, level, feed[0].volume), *feed]

    def _feed(self, number: int, days: int, per_day: int, grid: tuple[int, int], complete: bool) -> list[Bar]:
        rng, (step, offset) = self.rng, grid
        has_volume, missing, gappy = rng.random() < 0.7, rng.choice((0.0, 0.0, 0.1, 0.3)), rng.choice((0.02, 0.15))
        missing = 0.0 if complete else missing
        on_tick = rng.random() < 0.8
        short = rng.choice((0, 0, 0, 1, 15)) * SECOND  # bars that end before the next one begins
        price, bars = self.levels[number], []
        for day in range(days):
            morning = START + day * (NIGHT + per_day * MINUTE) + offset * SECOND
            for slot in range(max(per_day // step, 1)):
                if rng.random() < missing and (bars or slot or day):
                    continue
                opens = morning + slot * step * MINUTE
                gap = rng.random() < gappy or (slot == 0 and day > 0)
                values = self._prices(number, price, gap, on_tick)
                price = values[3]
                volume = self._volume() if has_volume else None
                bars.append(Bar(opens, opens + step * MINUTE - short, *values, volume))
        return bars or [Bar(START, START + MINUTE, price, price, price, price, self._volume() if has_volume else None)]

    def _prices(self, number: int, price: int, gap: bool, on_tick: bool) -> tuple[int, int, int, int]:
        rng = self.rng
        tick = self.instruments[number].tick if on_tick and self.instruments[number].tick else 1
        reach = max(int(price * self.wild), 2 * tick)

        def near(value: int, low: int, high: int) -> int:
            moved = value + rng.randint(low, high)
            return max((moved + tick // 2) // tick, 1) * tick

        opens = near(price, -3 * reach, 3 * reach) if gap else near(price, 0, 0)
        if rng.random() < 0.08:
            return opens, opens, opens, opens
        closes = near(opens, -reach, reach)
        high = max(opens, closes) if rng.random() < 0.25 else max(near(max(opens, closes), 0, reach), opens, closes)
        low = min(opens, closes) if rng.random() < 0.25 else min(near(min(opens, closes), -reach, 0), opens, closes)
        return opens, high, low, closes

    def _volume(self) -> int:
        if self.rng.random() < 0.12:
            return 0
        return self.rng.randint(1, 40) if self.tiny else self.rng.choice((self.rng.randint(1, 500), self.rng.randint(1, 10**6)))

    def _mark_days(self, feed: list[Bar]) -> list[Bar]:
        """Set day_last: the next bar opens after the night, or there is none (mostly)."""
        open_end = self.rng.random() < 0.2
        marked = []
        for number, bar in enumerate(feed):
            last = not open_end if number + 1 == len(feed) else feed[number + 1].open_time - bar.close_time >= NIGHT
            marked.append(replace(bar, day_last=last))
        return marked

    # ---------------------------------------------------------------- quotes and prints

    def as_kind(self, number: int, feed: list[Bar]) -> list[Bar]:
        """The feed as quote bars, quotes or prints that go the same way, or as it is."""
        rng = self.rng
        kind = rng.choice((DataKind.BARS, DataKind.QUOTE_BARS, DataKind.QUOTES, DataKind.QUOTES, DataKind.PRINTS))
        tick = max(self.instruments[number].tick, 1)
        widest = rng.choice((0, 1, 3, max(int(feed[0].open * self.wild) // tick, 1))) * tick
        has_sizes = rng.random() < 0.7
        if kind is DataKind.QUOTE_BARS:
            return [self._quote_bar(bar, widest, has_sizes) for bar in feed]
        if kind is DataKind.BARS:
            return feed
        moments: list[Bar] = []
        for bar in feed:
            prices = [bar.close] if rng.random() < 0.6 else [bar.high, bar.low, bar.close][rng.randint(0, 1) :]
            for left, price in enumerate(reversed(prices)):
                early = 0 if rng.random() < 0.5 else left * (bar.close_time - bar.open_time) // 4
                time = max(bar.close_time - early, moments[-1].close_time if moments else 0)
                moments.append(Bar(time, time, price, price, price, price, bar.volume, False, kind))
            moments[-1] = replace(moments[-1], open_time=bar.close_time, close_time=bar.close_time, day_last=bar.day_last)
        if kind is DataKind.QUOTES:
            return [self._quote_bar(bar, widest, has_sizes) for bar in moments]
        return moments

    def _quote_bar(self, bar: Bar, widest: int, has_sizes: bool) -> Bar:
        rng = self.rng
        step = max(widest // 3, 1)
        spread = rng.randrange(0, widest + 1, step)
        ask = (bar.open + spread, bar.high + widest, bar.low + rng.randrange(0, spread + 1, step), bar.close + spread)
        if bar.is_moment:
            ask = (bar.close + spread,) * 4
        sizes = (self._volume(), self._volume()) if has_sizes else (None, None)
        kind = bar.kind if bar.is_moment else DataKind.QUOTE_BARS
        return replace(bar, volume=None, kind=kind, ask=ask, bid_size=sizes[0], ask_size=sizes[1])


def with_quotes(rng: random.Random, settings: Settings, moments: bool) -> Settings:
    """Settings that only quotes and prints know."""
    return replace(
        settings,
        trigger=rng.choice((Trigger.AUTO, Trigger.BID_ASK, Trigger.MID)),
        mark_by=rng.choice((MarkBy.AUTO, MarkBy.MID, MarkBy.EXIT_SIDE)),
        max_age=rng.choice((None, None, 0, 30 * SECOND, 2 * MINUTE)),
        equity_every=rng.choice((1, MINUTE, 5 * MINUTE)) if moments else 0,
    )


# -------------------------------------------------------------------- the settings


def choose_settings(rng: random.Random, world: World) -> Settings:
    """Settings of a run on those instruments; mostly plain, each special one now and then."""
    unit = 10 ** world.currencies[0].decimals
    deposits = {0: rng.choice((500, 2_000, 10_000, 100_000, 1_000_000)) * unit + rng.randint(0, unit)}
    for number in range(1, len(world.currencies)):
        if rng.random() < 0.5:
            deposits[number] = rng.choice((500, 5_000, 50_000)) * unit
    all_ticks = all(instrument.tick for instrument in world.instruments)
    settings = Settings(
        seed=rng.randint(0, 2**63 - 1),
        latency_ns=rng.choice((0, 0, 0, 1, 137, 20 * SECOND + 7, MINUTE, 90 * SECOND + 1)),
        currencies=tuple(world.currencies),
        initial_cash=deposits,
        fx=tuple(world.fx),
        lots=rng.choice(tuple(Lots)),
        fill_when=rng.choice((FillWhen.NEXT_EVENT, FillWhen.NEXT_EVENT, FillWhen.SAME_CLOSE_LOOKAHEAD)),
        path=rng.choice(tuple(BarPath)),
        participation=rng.choice((None, None, RATE // 10, RATE // 4, RATE, RATE // 3)),
        limit_through=tuple(rng.choice((0, 0, 0, 1, max(i.tick, 1))) for i in world.instruments),
        clamp_to_range=rng.random() < 0.3,
        slippage_rate=rng.choice((0, 0, RATE // 5000, RATE // 300 + 1)),
        slippage_ticks=rng.choice((0, 0, 1, 3)) if all_ticks else 0,
        reversal=rng.choice(tuple(Reversal)),
        on_short_cash=rng.choice(tuple(ShortCash)),
        off_tick=rng.choice(tuple(OffTick)),
        bracket=rng.choice((Bracket.PRO_RATA, Bracket.PRO_RATA, Bracket.ARM_ON_FULL)),
        flat_day_end=rng.random() < 0.2,
        flat_run_end=rng.random() < 0.3,
        warmup_instants=rng.choice((0, 0, 0, 1, 4)),
        size_at_fill=rng.random() < 0.3,
    )
    settings = replace(settings, **_fees(rng, unit))
    return replace(settings, **(_brink(rng) if world.theme == "brink" else _limits(rng)))


def _brink(rng: random.Random) -> dict[str, object]:
    initial = rng.choice((RATE // 4, round(Fraction(RATE, 3))))
    return {
        "im": initial,
        "mm": rng.choice((initial, initial * 9 // 10, initial // 2)),
        "on_short_cash": rng.choice((ShortCash.SHRINK, ShortCash.AUTO)),
    }


def _limits(rng: random.Random) -> dict[str, object]:
    initial = round(Fraction(RATE, rng.choice((1, 1, 2, 3, 4))))
    return {
        "account_type": rng.choice((AccountType.MARGIN, AccountType.MARGIN, AccountType.CASH)),
        "im": initial,
        "mm": rng.choice((initial // 2, initial // 2, initial)),
        "max_open_positions": rng.choice((*[None] * 4, 1, 2)),
        "max_position_fraction": rng.choice((*[None] * 5, RATE // 4, RATE, 2 * RATE + 1)),
        "max_position_quantity": rng.choice((*[None] * 8, 3, 50, 1000)),
        "max_order_quantity": rng.choice((*[None] * 8, 2, 40, 1000)),
        **_policies(rng),
    }


def _policies(rng: random.Random) -> dict[str, object]:
    """Settings that half of the runs have none of."""
    if rng.random() < 0.5:
        return {}
    return {
        "deduplicate": rng.choice(tuple(Deduplicate)),
        "refuse_scale_in": rng.random() < 0.2,
        "max_orders": rng.choice((*[None] * 4, 1, 3, 10)),
        "max_orders_interval": rng.choice((1, 2 * MINUTE, 10 * MINUTE + 1)),
        "max_live_orders": rng.choice((*[None] * 4, 1, 3)),
        "price_collar": rng.choice((*[None] * 3, RATE // 500, RATE // 50)),
        "max_drawdown": rng.choice((*[None] * 3, RATE // 1000, RATE // 20)),
        "on_drawdown": rng.choice(tuple(LimitAction)),
        "max_daily_loss": rng.choice((*[None] * 3, RATE // 1000, RATE // 100)),
        "on_daily_loss": rng.choice(tuple(LimitAction)[1:]),
        "default_limit": rng.random() < 0.1,
        "max_order_value": rng.choice((*[None] * 4, 10**9, 10**11)),
        "max_gross_exposure": rng.choice((*[None] * 3, RATE // 3, RATE, 2 * RATE + 1)),
        "max_net_exposure": rng.choice((*[None] * 3, RATE // 5, RATE)),
    }


def _fees(rng: random.Random, unit: int) -> dict[str, int | None]:
    least = rng.choice((None, None, 1 * unit, 5 * unit // 2))
    return {
        "per_order": rng.choice((0, 0, 0, unit)),
        "per_unit": rng.choice((0, 0, unit * 3 // 400, unit // 100 + 1)),
        "rate_taker": rng.choice((0, 0, RATE // 1000, RATE // 2000 + 3)),
        "rate_maker": rng.choice((0, RATE // 5000, RATE // 2000)),
        "fee_min": least,
        "fee_max": rng.choice((None, None, (least or 0) + 4 * unit, (least or 0) + 30 * unit)),
    }


# -------------------------------------------------------------------- the orders


KINDS = {
    "order": 9,
    "value": 2,
    "target": 2,
    "target_sized": 2,
    "batch": 1,
    "close": 1,
    "cancel": 2,
    "replace": 4,
    "cancel_all": 0.4,
}
EVERY_TYPE = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT)
RESTING = EVERY_TYPE[1:]
RARE_TYPES = (
    OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT, OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED,
    OrderType.MARKET_ON_OPEN, OrderType.LIMIT_ON_OPEN, OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE,
)  # fmt: skip


class Trader:
    """Writes the flow while the reference engine runs: sees the orders there are, and aims at prices of the next bars."""

    def __init__(self, rng: random.Random, scenario: Scenario, world: World) -> None:
        self.rng = rng
        self.scenario = scenario
        self.world = world
        self.reference = Reference(scenario)
        self.switches = rng.random() < 0.2
        self.rules = scenario.settings.deduplicate is not Deduplicate.NONE and rng.random() < 0.7
        self.weights = [weight * rng.choice((0, 1, 1, 1, 3)) for weight in KINDS.values()]
        if not any(self.weights):
            self.weights[0] = 1
        ladder = world.theme == "ladder"
        if ladder:
            self.weights[0] = 20
        self.pace = 0.8 if ladder else rng.choice((0.15, 0.4, 0.8))
        self.types = RESTING if ladder else rng.choice((EVERY_TYPE, EVERY_TYPE, RESTING, (OrderType.MARKET,)))
        self.sides = rng.choice(((1, -1), (1, -1), (1, 1, 1, -1)))
        self.boldness = {"brink": 3.0, "ladder": 0.02}.get(world.theme) or rng.choice((0.02, 0.3, 1.0, 2.5))

    def fill_flow(self) -> None:
        """Commands for many of the instants, some of them in warm-up, where they are ignored."""
        self.reference.commands = self._callback
        for instant in self.scenario.instants[: self.scenario.settings.warmup_instants]:
            if self.rng.random() < self.pace:
                self.scenario.flow[instant] = [self._command(instant)]
        self.reference.run()

    def _callback(self, now: int) -> Iterator[Command]:
        if self.rng.random() < self.pace:
            commands = self.scenario.flow.setdefault(now, [])
            for _ in range(self.rng.choice((1, 1, 1, 2, 3))):
                commands.append(self._command(now))
                yield commands[-1]

    def _command(self, now: int) -> Command:
        rng = self.rng
        kind = rng.choices(tuple(KINDS), self.weights)[0]
        instrument = rng.randrange(len(self.scenario.instruments))
        if self.switches and rng.random() < 0.1:
            return Switch(rng.choice((TradingState.ACTIVE, TradingState.ACTIVE, *TradingState)))
        if kind == "cancel":
            return Cancel(self._order_number())
        if kind == "cancel_all":
            return CancelAll(rng.choice((None, instrument)), rng.choice((0, 0, 1, -1)))
        if kind == "replace":
            return self._replace(now)
        if kind in ("order", "value"):
            return self._order(now, instrument, kind == "value")
        if kind == "close":
            return Close(instrument)
        if kind == "batch":
            chosen = rng.sample(range(len(self.scenario.instruments)), rng.randint(1, len(self.scenario.instruments)))
            if len(chosen) > 1 and rng.random() < 0.5:
                tif = rng.choice((TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC))
                return Legs(tuple((i, Side(rng.choice(self.sides)), self._lots(now, i)) for i in chosen), tif)
            mode = rng.choice((SizeMode.TARGET_UNITS, SizeMode.TARGET_VALUE, SizeMode.TARGET_WEIGHT))
            return TargetBatch(tuple((i, mode, self._target_size(now, i, mode)) for i in chosen))
        sized = (SizeMode.TARGET_VALUE, SizeMode.TARGET_WEIGHT)
        mode = rng.choice(sized) if kind == "target_sized" else SizeMode.TARGET_UNITS
        return Target(instrument, mode, self._target_size(now, instrument, mode), self._rule())

    def _rule(self) -> int:
        """Mostly none; a number that comes again, or one higher than any before."""
        if not self.rules or self.rng.random() < 0.5:
            return -1
        return self.rng.randint(0, 1 + max((order.rule_id for order in self.reference.broker.orders), default=0))

    # ---------------------------------------------------------------- sizes

    def _target_size(self, now: int, instrument: int, mode: SizeMode) -> int:
        sign = self.rng.choice(self.sides)
        if self.rng.random() < 0.1:
            return 0
        if mode == SizeMode.TARGET_UNITS:
            return sign * self._lots(now, instrument)
        return sign * self._sized(mode)

    def _sized(self, mode: SizeMode) -> int:
        part = self.rng.choice((0.001, 0.1, 0.5, 0.95, 1.0, 1.7, 3.9)) * self.boldness
        if mode in (SizeMode.WEIGHT, SizeMode.TARGET_WEIGHT):
            return int(part * RATE) + self.rng.choice((0, 0, 1))
        return int(self.scenario.settings.initial_cash[0] * part) + self.rng.choice((0, 0, 1))

    def _lots(self, now: int, instrument: int) -> int:
        """A quantity: a few lots, a part of the account, nothing, or far too much."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.02:
            return 0
        settings, quote = self.scenario.settings, self.scenario.instruments[instrument].quote
        multiply, divide = self.scenario.instruments[instrument].money_ratio(settings.currencies[0].decimals)
        one = Fraction(self._around(now, instrument) * multiply, divide)  # money units of one lot
        if kind < 0.05:
            return max(int(LARGEST_VALUE / (150 * one)), 1)
        if self.world.tiny or kind < 0.15:
            return rng.randint(1, 12)
        part = Fraction(rng.randint(1, 100), 100) * Fraction(self.boldness)
        return max(int(settings.initial_cash[0] * part / one * (130 if quote == "JPY" else 1)), 1)

    # ---------------------------------------------------------------- prices

    def _around(self, now: int, instrument: int) -> int:
        """A price that the instrument shows soon, as it is."""
        feed = self.scenario.bars[instrument]
        coming = [bar for bar in feed if bar.close_time > now][:3] or feed[-1:]
        bar = self.rng.choice(coming[:1] + coming)
        return self.rng.choice((bar.open, bar.high, bar.low, bar.close))

    def _price(self, now: int, instrument: int) -> int:
        """An order price: one that will be met exactly, by one unit, or not at all; mostly on the tick."""
        rng, tick = self.rng, self.scenario.instruments[instrument].tick
        price = self._around(now, instrument)
        price += rng.choice((0, 0, 0, 0, 1, -1, tick, -tick, 2 * tick, rng.randint(-price // 40, price // 40)))
        if tick and rng.random() < 0.9:
            price = (price + rng.choice((0, tick - 1))) // tick * tick
        return max(price, tick or 1)

    def _order(self, now: int, instrument: int, sized: bool) -> Order:
        rng = self.rng
        if rng.random() < 0.25:
            return self._special(now, instrument)
        kind = rng.choice(self.types)
        tif = rng.choice((*[TimeInForce.GTC] * 4, *[TimeInForce.DAY] * 2, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD))
        expire = now + rng.choice((0, 1, MINUTE, 3 * MINUTE + 1, 30 * MINUTE)) if tif == TimeInForce.GTD else 0
        mode = rng.choice((SizeMode.VALUE, SizeMode.WEIGHT)) if sized else SizeMode.UNITS
        return Order(
            instrument,
            Side(rng.choice(self.sides)),
            mode,
            self._sized(mode) if sized else self._lots(now, instrument),
            kind,
            tif,
            self._price(now, instrument) if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) else 0,
            self._price(now, instrument) if kind in (OrderType.STOP, OrderType.STOP_LIMIT) else 0,
            expire,
            self._named_lot(instrument) if self.scenario.settings.lots is Lots.SPECIFIC else -1,
            self._rule(),
        )

    def _special(self, now: int, instrument: int) -> Order:
        """An order of one of the rarer types: if touched, trailing, on open, on close, post-only."""
        rng, flags, trail, unit = self.rng, OrderFlag.NONE, 0, TrailUnit.NONE
        kind = rng.choice((*RARE_TYPES, OrderType.LIMIT, OrderType.STOP_LIMIT))
        tif = rng.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC))
        limit = self._price(now, instrument) if kind % 2 == 0 else 0
        stop = self._price(now, instrument) if OrderType.STOP <= kind <= OrderType.LIMIT_IF_TOUCHED else 0
        if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LIMIT_IF_TOUCHED):
            flags = OrderFlag.POST_ONLY if rng.random() < 0.6 else flags
            tif = TimeInForce.GTC
        elif kind in (OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT):
            tick = self.scenario.instruments[instrument].tick or 1
            trail, unit = self._distance(now, instrument)
            stop = stop if rng.random() < 0.2 else 0
            if limit:
                limit = rng.choice((0, tick, 2 * tick, 9 * tick))
        elif kind >= OrderType.MARKET_ON_OPEN:
            tif = TimeInForce.OPG if kind in (OrderType.MARKET_ON_OPEN, OrderType.LIMIT_ON_OPEN) else TimeInForce.CLS
        lots, side = self._lots(now, instrument), Side(rng.choice(self.sides))
        order = Order(instrument, side, SizeMode.UNITS, lots, kind, tif, limit, stop, flags=flags, trail=trail, trail_unit=unit)
        return self._contingent(now, order)

    def _contingent(self, now: int, order: Order) -> Order:
        """The order with exits of its own, after another, one that cancels another, an iceberg, or several of them."""
        rng, orders, instrument = self.rng, self.reference.broker.orders, order.instrument
        draw = rng.random()
        if draw < 0.4:
            prices = sorted((self._price(now, instrument), self._price(now, instrument)))
            loss, take = prices if order.side == Side.BUY else reversed(prices)
            order = replace(order, take_profit=take if draw > 0.1 else 0, stop_loss=loss if draw < 0.3 else 0)
            if order.stop_loss and draw < 0.22:
                order = replace(order, size_mode=SizeMode.RISK, size=rng.choice((RATE // 1000, RATE // 200 + 1, RATE // 20)))
                if rng.random() < 0.3:
                    order = replace(order, size_mode=SizeMode.VOLATILITY, per=max(self._price(now, instrument) // 50, 1))
        hides = (
            order.type % 2 == 0 and order.type < OrderType.MARKET_ON_OPEN and order.tif not in (TimeInForce.IOC, TimeInForce.FOK)
        )
        if hides and order.size_mode is SizeMode.UNITS and rng.random() < 0.3:
            order = replace(order, display=max(order.size // rng.choice((2, 3, 5, 9)), 1))
        if orders and rng.random() < 0.4:
            number = rng.choice((len(orders) - 1, self._order_number() % len(orders)))
            order = replace(order, after=number)
            if rng.random() < 0.5:
                other, mode = orders[number], SizeMode.UNITS
                order = replace(
                    order, side=Side(-other.side), size_mode=mode, size=max(other.quantity, 1), instrument=other.symbol
                )
                if not orders[number].done and rng.random() < 0.7:
                    order = replace(order, flags=order.flags | OrderFlag.REDUCE_ONLY)
        if orders and rng.random() < 0.4:
            order = replace(order, oco=rng.choice((len(orders) - 1, self._order_number() % len(orders))))
        return order

    def _distance(self, now: int, instrument: int) -> tuple[int, TrailUnit]:
        """A distance of a trailing stop and its unit."""
        rng = self.rng
        unit = rng.choice((TrailUnit.PRICE, TrailUnit.TICKS, TrailUnit.RATE))
        price, tick = self._around(now, instrument), self.scenario.instruments[instrument].tick or 1
        distance = rng.choice((1, tick, 3 * tick, rng.randint(1, price // 50 + 1)))
        return {1: distance, 2: max(distance // tick, 1), 3: max(distance * RATE // price, 1)}[unit], unit

    def _named_lot(self, instrument: int) -> int:
        """Mostly none or an open lot of the instrument, also closed ones, those of others, and a number that no lot has."""
        lots, draw = self.reference.broker.books.lots, self.rng.random()
        own = [lot.lot_id for lot in lots if lot.instrument == instrument and lot.remaining]
        if draw < 0.3 or not own:
            return -1
        return self.rng.choice(own) if draw < 0.93 else self.rng.randrange(len(lots) + 1)

    # ---------------------------------------------------------------- changes

    def _order_number(self) -> int:
        """Mostly an order that is live, also ended ones, the engine's, and numbers that no order has."""
        orders = self.reference.broker.orders
        if self.rng.random() < 0.15:
            return self.rng.randrange(len(orders) + 2)
        live = [order.order_id for order in orders if not order.done]
        return self.rng.choice(live) if live else self.rng.randrange(len(orders) + 1)

    def _replace(self, now: int) -> Replace:
        rng, number = self.rng, self._order_number()
        orders = self.reference.broker.orders
        if number >= len(orders):
            return Replace(number, rng.randint(0, 9), rng.choice((0, self._price(now, 0))), 0)
        order, what = orders[number], rng.random()
        whole, filled = order.quantity, order.cum_quantity
        quantity = limit = stop = 0
        if what < 0.6:
            offers = (whole // 2, whole, whole + 1, 2 * whole, filled, filled, filled - 1, filled + 1, whole - 1)
            quantity = min(max(rng.choice(offers), 1), 2 * self._largest(order.symbol, now))
        if what > 0.45:
            limit = self._price(now, order.symbol) if order.limit_price or rng.random() < 0.2 else 0
            stop = self._price(now, order.symbol) if order.stop_price or rng.random() < 0.2 else 0
        if order.trail_unit and rng.random() < 0.6:
            return Replace(number, quantity, limit, 0, *self._distance(now, order.symbol))
        return Replace(number, quantity, limit, stop)

    def _largest(self, instrument: int, now: int) -> int:
        settings = self.scenario.settings
        multiply, divide = self.scenario.instruments[instrument].money_ratio(settings.currencies[0].decimals)
        return max(int(LARGEST_VALUE / (150 * Fraction(self._around(now, instrument) * multiply, divide))), 1)
