"""``bakegate ruleset feasibility``: how fast a change can reach customers under the rules."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer

from cli.formats import Format
from cli.instants import instant
from cli.practice import practice
from cli.problems import Unusable
from cli.reading import overlay_of, read_file
from cli.ruleset_options import AtOption, FormatOption, OrgOption, RulesetOption, refusing
from policies.durations import format_duration, parse_duration
from policies.feasibility import Assumed, Forecast, Simulation
from policies.formats import Read
from policies.pipeline import Pipeline
from policies.plain import instant_text, nearest
from policies.windows import NeverOpen
from policies.windows import zone as zone_of

EPILOG: Final = """\b
Examples:
  bakegate ruleset feasibility --org retail/commerce --pipeline release.yaml
  bakegate ruleset feasibility --ruleset strict --pipeline release.yaml --at 2026-12-21T09:30

A deployment to a one-box or canary counts half. Data points, approvals and other
people take no time here: the answer is the fastest that the rules allow.
"""
#: Check-ins that are tried besides the one asked about: each hour of a week.
_HOURS: Final = 7 * 24

PipelineOption = Annotated[
    Path, typer.Option(metavar="FILE", help="The pipeline whose stages a change goes through.")
]


def feasibility(
    pipeline: PipelineOption,
    org: OrgOption = None,
    ruleset: RulesetOption = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which pipeline of a file with several.")
    ] = None,
    build: Annotated[str, typer.Option(metavar="TIME", help="Assumed length of a build.")] = "10m",
    test: Annotated[str, typer.Option(metavar="TIME", help="Assumed tests of a stage.")] = "10m",
    deploy: Annotated[
        str, typer.Option(metavar="TIME", help="Assumed deployment to a target.")
    ] = "20m",
    at: AtOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Simulate windows, holidays, bakes and waves: check-in to first and to all customers."""
    with refusing("ruleset feasibility"):
        moment = instant(at)
        chosen = read_one(pipeline, name)
        rules = practice([pipeline], ruleset, org, moment)
        resolved = rules.default if ruleset or org else rules.of(chosen)
        assumed = _assumed(build, test, deploy)
        simulation = Simulation(chosen, resolved, assumed)
        answer = _Answer.of(simulation, moment)
    if format is Format.JSON:
        typer.echo(json.dumps(answer.message(), indent=2))
        return
    typer.echo("\n".join(answer.lines()))


def read_one(path: Path, name: str | None) -> Pipeline:
    """The pipeline of a file, or the named one of several; raises Unusable."""
    read: Read = read_file(path, overlay_of(path, None))
    if read.problems:
        raise Unusable(
            "\n".join(
                f"{each.span.path}:{each.span.line}: {each.message}" for each in read.problems
            )
        )
    found = {each.name: each for each in read.pipelines}
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name is None or name not in found:
        listed = ", ".join(found) or "none"
        near = nearest(name or "", found)
        told = f"{path} holds these pipelines: {listed}; choose one with --name{near}"
        raise Unusable(told)
    return found[name]


def _assumed(build: str, test: str, deploy: str) -> Assumed:
    deployment = _given("--deploy", deploy)
    return Assumed(
        _given("--build", build), _given("--test", test), deployment, limited=deployment / 2
    )


def _given(option: str, text: str) -> timedelta:
    try:
        return parse_duration(text).exact
    except (ValueError, OverflowError) as error:
        raise Unusable(f"{option}: {error}") from error


class _Answer:
    """What a simulation says about one check-in, and about each hour of the week after it."""

    def __init__(self, simulation: Simulation, asked: Forecast, week: list[Forecast]) -> None:
        self.simulation = simulation
        self.asked = asked
        self.week = [each for each in week if each.all_customers is not None]
        self.zone = zone_of(simulation.resolved.zone)

    @classmethod
    def of(cls, simulation: Simulation, at: datetime) -> "_Answer":
        if not simulation.pipeline.prod:
            told = f"{simulation.pipeline.name} has no production stage, so it reaches no customers"
            raise Unusable(told)
        try:
            asked = simulation.forecast(at)
            week = [simulation.forecast(at + timedelta(hours=hour)) for hour in range(_HOURS)]
        except NeverOpen as error:
            raise Unusable(str(error)) from error
        return cls(simulation, asked, week)

    def message(self) -> dict[str, Any]:
        bare = self.simulation.without_windows().forecast(self.asked.check_in)
        fastest, slowest = self._extremes
        return {
            "type": "bakegate.feasibility/v1",
            "pipeline": self.simulation.pipeline.name,
            "organization": self.simulation.resolved.organization,
            "check_in": instant_text(self.asked.check_in),
            "first_customer": _length(self.asked.first_customer),
            "all_customers": _length(self.asked.all_customers),
            "without_windows": _length(bare.all_customers),
            "week": {
                "fastest": _length(fastest.all_customers),
                "slowest": _length(slowest.all_customers),
            },
            "costs": [{"what": name, "time": _length(span)} for name, span in self.asked.costs],
            "stages": [
                {
                    "stage": leg.stage.name,
                    "ready": instant_text(leg.ready),
                    "start": instant_text(leg.start),
                    "deployed": instant_text(leg.deployed),
                    "baked": instant_text(leg.baked),
                }
                for leg in self.asked.legs.values()
            ],
        }

    def lines(self) -> list[str]:
        of = self.simulation.resolved.organization or self.simulation.resolved.name
        bare = self.simulation.without_windows().forecast(self.asked.check_in)
        return [
            f"{self.simulation.pipeline.name} under {of}, check-in {self._at(self.asked.check_in)}",
            "",
            *self._stages(),
            "",
            f"first customers after {_length(self.asked.first_customer)}",
            f"all customers after   {_length(self.asked.all_customers)}",
            "",
            "most of it costs",
            *(f"  {_length(span):>10}  {name}" for name, span in self.asked.costs[:5]),
            "",
            f"without time windows all customers after {_length(bare.all_customers)}",
            f"check-ins of a week: {' to '.join(map(self._extreme, self._extremes))}",
        ]

    def _extreme(self, forecast: Forecast) -> str:
        return f"{_length(forecast.all_customers)} ({self._at(forecast.check_in)})"

    @property
    def _extremes(self) -> tuple[Forecast, Forecast]:
        """The fastest and the slowest of the week."""
        return min(self.week, key=_all), max(self.week, key=_all)

    def _stages(self) -> list[str]:
        rows = [("stage", "starts", "deployed", "bakes", "waited for")]
        for leg in self.asked.legs.values():
            waited = leg.start - leg.ready
            why = f"{_length(waited)}: {leg.opened_by or 'a window'}" if waited else ""
            bake = leg.baked - leg.tested
            cells = (self._at(leg.start), self._at(leg.deployed), _length(bake) if bake else "-")
            rows.append((leg.stage.name, *cells, why))
        widths = [max(len(row[place]) for row in rows) for place in range(4)]
        return [
            "  ".join((*(f"{c:<{w}}" for c, w in zip(row, widths, strict=False)), row[-1])).rstrip()
            for row in rows
        ]

    def _at(self, at: datetime) -> str:
        zone: ZoneInfo = self.zone
        return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}"


def _all(forecast: Forecast) -> timedelta:
    return forecast.all_customers or timedelta()


def _length(span: timedelta | None) -> str:
    """To the minute: what is simulated is no more exact than what is assumed."""
    return format_duration(timedelta(minutes=(span or timedelta()) // timedelta(minutes=1)))
