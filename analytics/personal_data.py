"""Analytics count and add up; nobody is named."""

from core.privacy.registry import declare

declare("analytics.PeriodFigures", harmless={"counts and sums": "orders commands"})
declare("analytics.Counting", harmless={"a zone of the clock": "timezone"})
