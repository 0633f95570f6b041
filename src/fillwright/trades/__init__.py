"""Trades: lot closes grouped the way a reader wants to see them, their life, and the one place to ask for them."""

from fillwright.trades.repository import TradeRepository

__all__ = ["TradeRepository"]
