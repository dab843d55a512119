"""Units that numbers are counted in."""

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
YEAR_MS = 365 * DAY_MS  # of a market that never closes

BPS = 1e4  # basis points in 1: a fraction times this is told in them
