"""Fragments of the live pages: what stands beside the answer does not repeat it."""

from dataclasses import replace

import pytest

from service.promotions.wording import answer
from service.web.fragments import pipeline_fragments
from tests.twins.examples import PIPELINE
from tests.twins.outlooks import outlook


@pytest.mark.parametrize("told", [True, False])
def test_a_forecast_repeats_no_reason_of_the_answer(*, told: bool) -> None:
    said = answer(PIPELINE)
    assert said.release
    reason = said.detail.partition(".")[0] if told else "no release has gone through gamma yet"
    unknown = f"alarm-block: {reason}"
    number = int(said.release.rpartition(":")[2])
    forecast = replace(outlook(number), unknown=unknown)
    found = pipeline_fragments(replace(PIPELINE, forecasts=(forecast,)))["answer"]
    assert ("Nobody can tell when" in found) is not told
