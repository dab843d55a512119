"""From a wanted position to orders.

planner     which algorithm carries a quantity to the market
algorithms  market, limit, twap: small state machines
impact      what taking a quantity out of a book costs; `costs` what a whole trade is modelled to cost
tca         what an order has cost, split; `measured` what is learned from that for the next
client_ids  ids by which the same intent can never become two orders
tracker     every order we ever wanted, and the only code that changes one
reconcile   what the exchange says against what we believe

Begin with `planner`, or with `tracker`.
"""

from trader.execution.client_ids import client_id_for, parent_id_for
from trader.execution.costs import round_trip_cost_frac
from trader.execution.impact import estimate_impact, walk
from trader.execution.planner import choose_algorithm, start
from trader.execution.reconcile import Discrepancy, compare
from trader.execution.tca import execution_report
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
