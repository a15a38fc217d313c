"""What earlier runs of a pipeline say, as a port gives it to the rules that need history.

All durations are medians over ``window``; None where too little was recorded to tell.
"""

from datetime import datetime, timedelta

from policies.frozen import dataclass


@dataclass(frozen=True, slots=True)
class History:
    """One pipeline over ``window``, which ends at ``observed_at``."""

    window: timedelta
    releases: int
    runs: int
    observed_at: datetime
    start_delay: timedelta | None = None
    """From check-in to the start of the build."""
    build: timedelta | None = None
    first_test_stage: timedelta | None = None
    manual_wait: timedelta | None = None
    avoidable_ratio: float | None = None
    """Waiting for people, machines, batches and for nothing known, as a share of the whole."""
    largest_wait: str = ""
    """The segment that waits longest, in words: ``manual wait at prod-approval``."""
    largest_wait_time: timedelta | None = None
    first_customer: timedelta | None = None
    all_customers: timedelta | None = None
    red_since: datetime | None = None
    """When the last completed run of the main branch failed; None while it is green."""
    red_reason: str = ""
    merges_on_red: int = 0
    started_by_person: float | None = None
    """Share of the starts of prod stages that a person made."""
    executed_tests: int | None = None
    """Tests that the last run executed before production."""
    approval_wait: timedelta | None = None
    approvals: int = 0
    approvals_rejected: int = 0
