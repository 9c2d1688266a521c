"""How long analytics stay."""

from core.privacy.retention import stays

stays("analytics_periods analytics_order_hours", "counts and sums; nobody is named, and years are compared")
stays("analytics_counting", "one row for each restaurant")
