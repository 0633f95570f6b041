"""The one door for orders: what a caller says becomes a ticket, and the kernel's rules act on it."""

from fillwright.order_manager.manager import OrderManager
from fillwright.order_manager.units import Number, Tif
from fillwright.order_manager.views import OpenLot, Order

__all__ = ["Number", "OpenLot", "Order", "OrderManager", "Tif"]
