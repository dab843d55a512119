"""From a wanted position to orders: impact, plans, algorithms, order tracking, reconciliation."""

from trader.execution.client_ids import client_id_for, parent_id_for
from trader.execution.costs import execution_report, round_trip_cost_frac
from trader.execution.impact import estimate_impact, walk
from trader.execution.planner import choose_algorithm, start
from trader.execution.reconcile import Discrepancy, compare
from trader.execution.tracker import OrderTracker

__all__ = [
    "Discrepancy",
    "OrderTracker",
    "choose_algorithm",
    "client_id_for",
    "compare",
    "estimate_impact",
    "execution_report",
    "parent_id_for",
    "round_trip_cost_frac",
    "start",
    "walk",
]
