"""A deployment of which nothing is known yet; a reader replaces what its file says."""

from typing import Any

from policies.facts import Fact
from policies.findings import Span
from policies.pipeline import Deploy


def unsaid_deploy(span: Span, engine: str, beyond: Fact[Any]) -> Deploy:
    """``beyond`` says of every fact why it is not known."""
    return Deploy(
        span=span,
        engine=Fact(engine, span),
        hosts=beyond,
        batch=beyond,
        min_healthy=beyond,
        deadline=beyond,
        rollback_on=beyond,
        rollback_alarms=beyond,
        checks=beyond,
        strategy=beyond,
        max_unavailable=beyond,
        surge=beyond,
        on_deadline=beyond,
        drain=beyond,
        retained=beyond,
        rollback_batch=beyond,
        artifact=beyond,
        exposures=beyond,
    )
