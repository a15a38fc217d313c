"""Forecasts of the releases in flight that ``tests.twins.examples`` shows."""

from datetime import datetime
from typing import Any, Final

from service.promotions.views import ArrivalView, ForecastView, StretchView
from tests.twins.sights import NOW, PAYMENTS, ahead


def outlook(number: int, *stretches: tuple[str, str, datetime], **more: Any) -> ForecastView:
    """Stretches follow each other from now on; each names its end."""
    found, start = [], NOW
    for kind, stage, end in stretches:
        found.append(StretchView(kind, stage, start, end))
        start = end
    usual: dict[str, Any] = {
        "arrivals": (),
        "earliest": None,
        "all_customers": None,
        "people": (),
        "unknown": "",
        "superseded_by": "",
        "superseded_at": None,
    }
    given = usual | more
    return ForecastView(f"{PAYMENTS}:{number}", stretches=tuple(found), **given)


#: 1846 waits for a person, 1848 for a window; 1850 will be superseded, of 1849 nobody can tell.
OUTLOOKS: Final = (
    outlook(
        1851,
        ("work", "build", ahead(minutes=2)),
        ("work", "beta", ahead(minutes=24)),
        ("mutex", "gamma", ahead(hours=3)),
        ("window", "cell-1", ahead(hours=46)),
        ("work", "wave-3", ahead(hours=49)),
        all_customers=ahead(hours=49),
        earliest=ahead(hours=46),
    ),
    outlook(
        1850,
        ("work", "beta", ahead(minutes=8)),
        ("mutex", "gamma", ahead(hours=3)),
        superseded_by=f"{PAYMENTS}:1851",
        superseded_at=ahead(hours=3),
        earliest=ahead(hours=46),
    ),
    outlook(1849, unknown="no release has gone through gamma yet", earliest=ahead(hours=23)),
    outlook(
        1848,
        ("bake", "one-box", ahead(minutes=38)),
        ("window", "cell-1", ahead(hours=22, minutes=37)),
        ("work", "cell-1", ahead(hours=23)),
        ("bake", "cell-1", ahead(hours=24)),
        ("work", "wave-3", ahead(hours=25)),
        all_customers=ahead(hours=25),
        earliest=ahead(hours=24),
    ),
    outlook(
        1846,
        ("rule", "wave-3", ahead(minutes=53)),
        ("work", "wave-3", ahead(minutes=80)),
        ("bake", "wave-3", ahead(minutes=140)),
        arrivals=(ArrivalView("wave-3", ahead(minutes=53), ahead(minutes=53), ahead(minutes=80)),),
        all_customers=ahead(minutes=80),
        earliest=ahead(minutes=53),
        people=(("wave-3", ahead(minutes=53)),),
    ),
)
