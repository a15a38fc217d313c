"""Zone data comes from the locked package and from nowhere else; loading stays light."""

import subprocess
import sys
import zoneinfo
from datetime import UTC, date, datetime
from importlib.metadata import version

import pytest

from policies.schemas.zone_names import zone_names
from policies.windows import tzdata_version, zone
from policies.windows.zones import exists, instant


def test_the_machine_s_zone_files_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoneinfo, "TZPATH", ())
    there = zone.__wrapped__("Europe/Berlin")
    assert instant(datetime(2026, 6, 1), there) == datetime(2026, 5, 31, 22, tzinfo=UTC)  # noqa: DTZ001 - local
    assert there is not zoneinfo.ZoneInfo("Europe/Berlin")


def test_every_name_of_the_package_can_be_read() -> None:
    assert {zone(name).key for name in zone_names()} == zone_names()


@pytest.mark.parametrize(
    "name", ["", "Berlin", "../etc/passwd", "Europe", "europe/berlin", "posix"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="unknown zone"):
        zone(name)


def test_the_version_is_that_of_the_package() -> None:
    year, number = version("tzdata").split(".")[:2]
    assert tzdata_version() == f"{year}{'abcdefghijklmnopqrstuvwxyz'[int(number) - 1]}"


def test_a_day_can_be_left_out() -> None:
    apia = zone("Pacific/Apia")
    days = [exists(date(2011, 12, day), apia) for day in (29, 30, 31)]
    assert days == [True, False, True]


def test_heavy_libraries_are_loaded_on_demand() -> None:
    code = (
        "import policies.windows, sys;"
        "heavy = {'dateutil', 'icalendar', 'recurring_ical_events', 'holidays', 'jsonschema'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
