"""Rate limits of both platforms, by tier (stepfun-api 9.3, 13.1, 13.11). StepFun sends no rate limit headers."""

from __future__ import annotations

from typing import Final

from .schema import Tier

_CHINESE: Final = "guides/pricing/details"
_GLOBAL: Final = "platform.stepfun.ai pricing page, quoted by a third party"

TIERS: Final = (
    *(
        Tier("cn", name, concurrency, rpm, tpm, top_up, source=_CHINESE, as_of="2026-06-19")
        for name, top_up, concurrency, rpm, tpm in (
            ("V0", 0.0, 5, 10, 5_000_000),
            ("V1", 100.0, 100, 1_000, 20_000_000),
            ("V2", 500.0, 200, 5_000, 30_000_000),
            ("V3", 2_000.0, 400, 10_000, 40_000_000),
            ("V4", 5_000.0, 1_000, 20_000, 50_000_000),
            ("V5", 10_000.0, 10_000, 200_000, 100_000_000),
        )
    ),
    *(
        Tier("global", name, concurrency, rpm, tpm, top_up, source=_GLOBAL, as_of="2026-09-29")
        for name, top_up, concurrency, rpm, tpm in (
            ("V0", 0.0, 5, 100, 500_000),
            ("V1", 15.0, 20, 400, 2_000_000),
            ("V2", 70.0, 30, 600, 3_000_000),
            ("V3", 300.0, 40, 800, 4_000_000),
            ("V4", 1_500.0, 130, 2_600, 13_000_000),
        )
    ),
    Tier("global", "step_plan", 8, source="measured", as_of="2026-09-04", plan="step_plan"),
    Tier("cn", "step_plan", 10, source="measured", as_of="2026-10-01", plan="step_plan"),
)
"""A Step Plan has no tiers and no known limit per minute, only one on concurrent requests."""


def tiers_for(region: str, plan: str = "standard") -> tuple[Tier, ...]:
    """Return the tiers of a platform (`global` or `cn`) on one plan, lowest first."""
    return tuple(row for row in TIERS if row.region == region and row.plan == plan)


def tier(region: str, name: str) -> Tier | None:
    """Return a tier by its case-insensitive name (`V0` … `V5`, `step_plan`); None if the platform has no such tier."""
    return next((row for row in TIERS if row.region == region and row.name.lower() == name.lower()), None)
