"""The compiled steps of inference: a flat forest, a multilayer perceptron, the stack and its calibrator.

Plain loops, no fast-math: the same row gives the same bits alone or in a batch, today or after a restart.
"""

import numpy as np
from numba import njit

from trader.domain.candle_arrays import Floats

NO_CALIBRATION, LOGISTIC, ISOTONIC = 0, 1, 2
ROW_BLOCK = 64  # rows walked through one tree before the next: both stay in the cache
NODE = np.dtype([("threshold", np.float64), ("left", np.int32), ("feature", np.int32)], align=True)
"""One node of a forest, kept together so that it lies in one cache line."""


@njit(nogil=True, cache=True)
def four_leaves(nodes, rows, row_a, row_b, row_c, row_d, a, b, c, d):  # type: ignore[no-untyped-def]
    """Four walks at once, each from its root (a..d) with its row; returns the four leaves.

    A walk waits for memory at every node; four of them wait together (measured: 2 to 4 times as fast as one by one).
    """
    left_a, left_b, left_c, left_d = nodes[a].left, nodes[b].left, nodes[c].left, nodes[d].left
    while left_a | left_b | left_c | left_d:
        if left_a:
            a = left_a + (rows[row_a, nodes[a].feature] > nodes[a].threshold)
            left_a = nodes[a].left
        if left_b:
            b = left_b + (rows[row_b, nodes[b].feature] > nodes[b].threshold)
            left_b = nodes[b].left
        if left_c:
            c = left_c + (rows[row_c, nodes[c].feature] > nodes[c].threshold)
            left_c = nodes[c].left
        if left_d:
            d = left_d + (rows[row_d, nodes[d].feature] > nodes[d].threshold)
            left_d = nodes[d].left
    return a, b, c, d


@njit(nogil=True, cache=True)
def add_leaf(members, row, member, value, single):  # type: ignore[no-untyped-def]
    """Add to a member's sum, in float32 if `single`: that is how xgboost rounds."""
    if single:
        members[row, member] = np.float32(members[row, member]) + np.float32(value)
    else:
        members[row, member] += value


@njit(nogil=True, cache=True)
def walk_forest(rows, nodes, roots, tree_member, member_single, members):  # type: ignore[no-untyped-def]
    """Add every tree's leaf value to its member's column, trees in order, so that the sums round alike for any n.

    rows: (n, 2F): the row as float64, then the same rounded through float32 (the precision most libraries
    compare in). nodes: records of NODE. A node goes left if rows[:, feature] <= threshold, its children are `left`
    and `left + 1`; `left` 0 marks a leaf, whose value is in `threshold`. members: (n, n_members), added to.
    """
    grouped = rows.shape[0] - rows.shape[0] % 4
    for first in range(0, grouped, ROW_BLOCK):
        for tree in range(roots.shape[0]):
            member, root = tree_member[tree], roots[tree]
            single = member_single[member] == 1
            for row in range(first, min(first + ROW_BLOCK, grouped), 4):
                leaves = four_leaves(nodes, rows, row, row + 1, row + 2, row + 3, root, root, root, root)
                for i in range(4):
                    add_leaf(members, row + i, member, nodes[leaves[i]].threshold, single)
    last = roots.shape[0] - 1
    for row in range(grouped, rows.shape[0]):
        for tree in range(0, last + 1, 4):
            b, c, d = min(tree + 1, last), min(tree + 2, last), min(tree + 3, last)
            leaves = four_leaves(nodes, rows, row, row, row, row, roots[tree], roots[b], roots[c], roots[d])
            for i in range(min(4, last + 1 - tree)):
                member = tree_member[tree + i]
                add_leaf(members, row, member, nodes[leaves[i]].threshold, member_single[member] == 1)


@njit(nogil=True, cache=True)
def walk_mlp(rows, mean, scale, limit, sizes, weights, out):  # type: ignore[no-untyped-def]
    """A perceptron with relu layers and one linear output, inputs standardised and clipped to +-limit.

    rows: (n, >= sizes[0]); sizes: layer widths from input to output (1); weights: per layer the matrix
    (inputs, outputs) row by row, then the biases. out: (n,).
    """
    widest = sizes.max()
    here = np.empty(widest)
    there = np.empty(widest)
    for row in range(rows.shape[0]):
        for i in range(sizes[0]):
            here[i] = min(max((rows[row, i] - mean[i]) / scale[i], -limit), limit)
        start = 0
        for layer in range(sizes.shape[0] - 1):
            inputs, outputs = sizes[layer], sizes[layer + 1]
            bias = start + inputs * outputs
            for o in range(outputs):
                there[o] = weights[bias + o]
            for i in range(inputs):
                value = here[i]
                line = start + i * outputs
                for o in range(outputs):
                    there[o] += value * weights[line + o]
            if layer < sizes.shape[0] - 2:
                for o in range(outputs):
                    there[o] = max(there[o], 0.0)
            here, there = there, here
            start = bias + outputs
        out[row] = here[0]


@njit(nogil=True, cache=True)
def calibrate(kind, scores, knots, levels, low, high, out):  # type: ignore[no-untyped-def]
    """Win probability of each score, clipped to low..high.

    NO_CALIBRATION: levels[0] always. LOGISTIC: 1 / (1 + exp(-(levels[0] + levels[1] * score))). ISOTONIC:
    linear between (knots, levels), flat outside.
    """
    for row in range(scores.shape[0]):
        score = scores[row]
        if kind == LOGISTIC:
            value = 1.0 / (1.0 + np.exp(-(levels[0] + levels[1] * score)))
        elif kind == ISOTONIC:
            above = np.searchsorted(knots, score)
            if above == 0:
                value = levels[0]
            elif above == knots.shape[0]:
                value = levels[-1]
            else:
                span = knots[above] - knots[above - 1]
                share = (score - knots[above - 1]) / span
                value = levels[above - 1] + share * (levels[above] - levels[above - 1])
        else:
            value = levels[0]
        out[row] = min(max(value, low), high)


@njit(nogil=True, cache=True)
def double_rows(X, rows):  # type: ignore[no-untyped-def]
    """Fill rows (n, 2F) from X (n, F): float64, then rounded through float32. Returns which rows are all finite."""
    width = X.shape[1]
    finite = np.ones(X.shape[0], np.bool_)
    for row in range(X.shape[0]):
        for i in range(width):
            value = X[row, i]
            rows[row, i] = value
            single = np.float32(value)
            rows[row, width + i] = single
            if not np.isfinite(single):
                finite[row] = False
    return finite


@njit(nogil=True, cache=True)
def score_rows(X, trees, member_rule, mlp_member, mlp, weights, intercept, calibration):  # type: ignore[no-untyped-def]
    """Members, stack and calibrator for X (n, F) in one call.

    Returns members (n, n_members), prediction (n,), spread (n,) = population standard deviation of the members,
    win probability (n,). A row with a value that is not finite in float32 abstains: NaN everywhere.
    """
    n = X.shape[0]
    rows = np.empty((n, 2 * X.shape[1]))
    finite = double_rows(X, rows)
    for row in range(n):
        if not finite[row]:
            rows[row, :] = 0.0
    count = weights.shape[0]
    members = np.zeros((n, count))
    nodes, roots, tree_member = trees
    scale, offset, single = member_rule
    for m in range(count):
        if single[m] == 1:
            members[:, m] = offset[m]
    walk_forest(rows, nodes, roots, tree_member, single, members)
    for m in range(count):
        if single[m] == 0:
            members[:, m] = offset[m] + scale[m] * members[:, m]
    if mlp_member >= 0:
        mean, spread_of, limit, sizes, mlp_weights = mlp
        out = np.empty(n)
        walk_mlp(rows, mean, spread_of, limit, sizes, mlp_weights, out)
        members[:, mlp_member] = out
    prediction = np.empty(n)
    spread = np.empty(n)
    for row in range(n):
        total = intercept
        mean_member = 0.0
        for m in range(count):
            total += weights[m] * members[row, m]
            mean_member += members[row, m]
        mean_member /= count
        square = 0.0
        for m in range(count):
            square += (members[row, m] - mean_member) ** 2
        prediction[row] = total
        spread[row] = np.sqrt(square / count)
    kind, two_sided, knots, levels, low, high = calibration
    probability = np.empty(n)
    calibrate(kind, np.abs(prediction) if two_sided else prediction, knots, levels, low, high, probability)
    for row in range(n):
        if not finite[row]:
            members[row, :] = np.nan
            prediction[row] = np.nan
            spread[row] = np.nan
            probability[row] = np.nan
    return members, prediction, spread, probability


def horizon_volatility(atr_frac: Floats | float, horizon_candles: int) -> Floats:
    """Expected standard deviation of the log return over `horizon_candles`, from the average true range / close.

    The mean range of a driftless Brownian motion is sqrt(8 / pi) of its standard deviation (Feller 1951), and
    variance adds up over candles. Never below 1e-5 a candle, so that flat markets divide safely.
    """
    per_candle = np.maximum(np.asarray(atr_frac, np.float64) * np.sqrt(np.pi / 8), 1e-5)
    return np.asarray(per_candle * np.sqrt(horizon_candles), np.float64)
