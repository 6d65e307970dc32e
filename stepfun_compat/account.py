"""The account's platform, plan and tier limits, according to the settings and the base URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .catalog.tiers import tier, tiers_for
from .credentials.urls import host_kind, origin
from .errors import SettingsError
from .settings import Settings

if TYPE_CHECKING:
    from .catalog import Tier


def platform_of(settings: Settings, base_url: str) -> tuple[str, str]:
    """Return (region, plan): those of a StepFun URL, or for another host those of the settings."""
    plan = "step_plan" if "/step_plan" in base_url or settings.plan == "step_plan" else "standard"
    if host_kind(base_url) != "stepfun":
        return settings.region, plan
    return ("cn" if ".com:" in origin(base_url) else "global"), "step_plan" if "/step_plan" in base_url else "standard"


def tier_of(settings: Settings, base_url: str) -> Tier | None:
    """Return the row of the account's tier, or of its Step Plan, which has no tiers; None if the tier is unknown.

    Raises:
        SettingsError: the platform has no tier of the name in `Settings.tier`.
    """
    region, plan = platform_of(settings, base_url)
    if plan == "step_plan":
        return next(iter(tiers_for(region, plan)), None)
    if settings.tier is None:
        return None
    row = tier(region, settings.tier)
    if row is None:
        names = ", ".join(row.name for row in tiers_for(region))
        other = "" if region == "cn" else " For an account of platform.stepfun.com, set STEPFUN_REGION=cn."
        raise SettingsError(
            f"{settings.named('tier')}={settings.tier.upper()!r} is not a tier of the {region} platform: it has {names}.{other}"
        )
    return row
