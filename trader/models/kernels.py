"""The compiled steps of inference: a flat forest, a multilayer perceptron, the stack and its calibrator.

Plain loops, no fast-math: the same row gives the same bits alone or in a batch, today or after a restart. Loops
also instead of array expressions: those compile three times as long (measured) and run no faster here.
"""

from typing import Any

import numba
import numpy as np

from trader.domain.candle_arrays import Floats

_jit: Any = numba.njit  # numba's own types leave out the wrappers' switches
part = _jit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
entry_point = _jit(nogil=True, error_model="numpy", cache=True)

NO_CALIBRATION, LOGISTIC, ISOTONIC = 0, 1, 2
ROW_BLOCK = 64  # rows walked through one tree before the next: both stay in the cache
NODE = np.dtype([("threshold", np.float64), ("left", np.int32), ("feature", np.int32)], align=True)
"""One node of a forest, kept together so that it lies in one cache line."""


@part
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


@part
def add_leaf(members, row, member, value, single):  # type: ignore[no-untyped-def]
    """Add to a member's sum, in float32 if `single`: that is how xgboost rounds."""
    if single:
        members[row, member] = np.float32(members[row, member]) + np.float32(value)
    else:
        members[row, member] += value


@part
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


@part
def walk_mlp(rows, mean, scale, limit, sizes, weights, members, member):  # type: ignore[no-untyped-def]
    """A perceptron with relu layers and one linear output, inputs standardised and clipped to +-limit.

    rows: (n, >= sizes[0]); sizes: layer widths from input to output (1); weights: per layer the matrix
    (inputs, outputs) row by row, then the biases. Fills members[:, member].
    """
    widest = 0
    for size in sizes:
        widest = max(widest, size)
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
        members[row, member] = here[0]


@part
def probability_of(kind, score, knots, levels, low, high):  # type: ignore[no-untyped-def]
    """See `calibrate`."""
    value = levels[0]
    if kind == LOGISTIC:
        value = 1.0 / (1.0 + np.exp(-(levels[0] + levels[1] * score)))
    elif kind == ISOTONIC:
        below, above = 0, knots.shape[0]
        while below < above:
            middle = (below + above) // 2
            if knots[middle] < score:
                below = middle + 1
            else:
                above = middle
        if above == knots.shape[0]:
            value = levels[above - 1]
        elif above > 0:
            share = (score - knots[above - 1]) / (knots[above] - knots[above - 1])
            value = levels[above - 1] + share * (levels[above] - levels[above - 1])
    return min(max(value, low), high)


@entry_point
def calibrate(kind, scores, knots, levels, low, high, out):  # type: ignore[no-untyped-def]
    """Win probability of each score, clipped to low..high.

    NO_CALIBRATION: levels[0] always. LOGISTIC: 1 / (1 + exp(-(levels[0] + levels[1] * score))). ISOTONIC:
    linear between (knots, levels), flat outside.
    """
    for row in range(scores.shape[0]):
        out[row] = probability_of(kind, scores[row], knots, levels, low, high)


@part
def double_rows(X, rows, finite):  # type: ignore[no-untyped-def]
    """Fill rows (n, 2F) from X (n, F): float64, then rounded through float32; and which rows are all finite.

    A row that is not is filled with zeros.
    """
    width = X.shape[1]
    for row in range(X.shape[0]):
        finite[row] = True
        for i in range(width):
            single = np.float32(X[row, i])
            rows[row, i] = X[row, i]
            rows[row, width + i] = single
            finite[row] &= np.isfinite(single)
        if not finite[row]:
            for i in range(2 * width):
                rows[row, i] = 0.0


@part
def member_values(rows, trees, member_rule, mlp_member, mlp, members):  # type: ignore[no-untyped-def]
    """Fill members (n, n_members), see `arrays.EnsembleArrays`."""
    nodes, roots, tree_member = trees
    scale, offset, single = member_rule
    for row in range(members.shape[0]):
        for m in range(members.shape[1]):
            members[row, m] = offset[m] if single[m] == 1 else 0.0
    walk_forest(rows, nodes, roots, tree_member, single, members)
    for row in range(members.shape[0]):
        for m in range(members.shape[1]):
            if single[m] == 0:
                members[row, m] = offset[m] + scale[m] * members[row, m]
    if mlp_member >= 0:
        mean, spread, limit, sizes, mlp_weights = mlp
        walk_mlp(rows, mean, spread, limit, sizes, mlp_weights, members, mlp_member)


@entry_point
def score_rows(X, trees, member_rule, mlp_member, mlp, weights, intercept, calibration):  # type: ignore[no-untyped-def]
    """Members, stack and calibrator for X (n, F) in one call.

    Returns members (n, n_members), prediction (n,), spread (n,) = population standard deviation of the members,
    win probability (n,). A row with a value that is not finite in float32 abstains: NaN everywhere.
    """
    n, count = X.shape[0], weights.shape[0]
    rows, finite = np.empty((n, 2 * X.shape[1])), np.empty(n, np.bool_)
    members, prediction, spread, probability = np.empty((n, count)), np.empty(n), np.empty(n), np.empty(n)
    double_rows(X, rows, finite)
    member_values(rows, trees, member_rule, mlp_member, mlp, members)
    kind, two_sided, knots, levels, low, high = calibration
    for row in range(n):
        total, mean, square = intercept, 0.0, 0.0
        for m in range(count):
            if not finite[row]:
                members[row, m] = np.nan
            total += weights[m] * members[row, m]
            mean += members[row, m] / count
        for m in range(count):
            square += (members[row, m] - mean) ** 2
        prediction[row], spread[row] = total, np.sqrt(square / count)
        probability[row] = np.nan
        if finite[row]:
            score = abs(total) if two_sided else total
            probability[row] = probability_of(kind, score, knots, levels, low, high)
    return members, prediction, spread, probability


def horizon_volatility(atr_frac: Floats | float, horizon_candles: int) -> Floats:
    """Expected standard deviation of the log return over `horizon_candles`, from the average true range / close.

    The mean range of a driftless Brownian motion is sqrt(8 / pi) of its standard deviation (Feller 1951), and
    variance adds up over candles. Never below 1e-5 a candle, so that flat markets divide safely.
    """
    per_candle = np.maximum(np.asarray(atr_frac, np.float64) * np.sqrt(np.pi / 8), 1e-5)
    return np.asarray(per_candle * np.sqrt(horizon_candles), np.float64)
