"""What an organization's limits refuse of exceptions, and in which words."""

from datetime import datetime, timedelta
from typing import Final

from policies.durations import format_duration
from policies.exceptions import ExceptionPolicy, Exemption, OptOut
from policies.release import Override

#: Days of a calendar are nominal: one on which clocks change is an hour longer.
_CLOCK_CHANGE: Final = timedelta(hours=1)
#: What no exemption covers: a rule that judges exemptions would be the first to be exempted.
UNWAIVABLE: Final = frozenset({"exemption-valid"})


def waivable(policy: ExceptionPolicy, rule: str) -> bool:
    """Whether any exception may set aside what ``rule`` finds."""
    return rule not in policy.forbidden and rule not in UNWAIVABLE


def over_limit(policy: ExceptionPolicy, exemption: Exemption) -> str:
    """Why the organization's limits refuse an exemption; empty where they do not."""
    told = baseline_over_limit(policy, exemption.until - exemption.start)
    return f"it {told}" if told else refused_rule(policy, exemption.rule)


def opt_out_over_limit(policy: ExceptionPolicy, opt_out: OptOut, at: datetime) -> str:
    """The same for an opt-out that is asked for at ``at``."""
    ahead = opt_out.review_by - at
    if policy.review is not None and ahead > policy.review + _CLOCK_CHANGE:
        furthest = format_duration(policy.review)
        return f"its review is {_whole(ahead)} ahead, further than the {furthest} that are allowed"
    return refused_rule(policy, opt_out.rule)


def baseline_over_limit(policy: ExceptionPolicy, lasts: timedelta) -> str:
    """Why a baseline that lasts so long does not count; empty where it does."""
    if policy.longest is None or lasts <= policy.longest + _CLOCK_CHANGE:
        return ""
    longest = format_duration(policy.longest)
    return f"lasts {_whole(lasts)}, longer than the {longest} that are allowed"


def override_over_limit(policy: ExceptionPolicy, override: Override) -> str:
    """The same for an override; who else must agree is asked when it is given."""
    lasts = override.until - override.at
    if policy.longest_override is not None and lasts > policy.longest_override:
        longest = format_duration(policy.longest_override)
        return f"it lasts {format_duration(lasts)}, longer than the {longest} that are allowed"
    return refused_rule(policy, override.rule)


def refused_rule(policy: ExceptionPolicy, name: str) -> str:
    """Why no exception of a rule counts at all; empty where one may."""
    if name in policy.forbidden:
        return f"this organization allows no exception of {name}"
    return f"no exception reaches {name}" if name in UNWAIVABLE else ""


def _whole(length: timedelta) -> str:
    """A length in whole days, begun ones included: clocks that change make no odd hours."""
    return f"{-(-(length - _CLOCK_CHANGE) // timedelta(days=1))}d"
