"""Know every package inside the artifact.

## Why it matters
When a package turns out to be bad, the question is which releases contain it. Only a list made
with the build answers that, and it must hold what the packages bring along: most bad ones were
never asked for by name. The blocklist and the threshold for vulnerabilities rest on it.

The list (SBOM) must be of this artifact, in one of `formats`, hold at least `min_components`
packages, and list packages of packages too.

## Not reported
Artifacts of type `static`, which are made of no packages. A list that does not say whether it
holds packages of packages can at most warn.

## Sources
A list of packages as a required part of the build: the AWS deployment pipeline reference
architecture and the AWS DevOps guidance.
"""

from typing import Final

from policies.findings import Enforcement, Result, Severity
from policies.frozen import dataclass
from policies.observations import observed
from policies.phrases import counted, short
from policies.release import Sbom
from policies.rule import Case, Family, GateFamily, Outcome, Params, Rule, Stricter, Unit, param


@dataclass(frozen=True, slots=True, kw_only=True)
class SbomPresent(Params):
    formats: frozenset[str] = param(
        frozenset({"spdx", "cyclonedx"}),
        "Forms of the list that count.",
        unit=Unit.WORDS,
        stricter=Stricter.SUBSET,
        allowed=("spdx", "cyclonedx"),
    )
    min_components: int = param(
        1, "Fewest packages in the list.", unit=Unit.COUNT, stricter=Stricter.MORE
    )


#: The type of artifacts that are made of no packages.
_STATIC: Final = "static"


def gate(case: Case, params: SbomPresent) -> Outcome:
    artifact = case.release.artifact
    if artifact.type == _STATIC:
        return Outcome(Result.NOT_APPLICABLE, "an artifact of static files holds no packages")
    if artifact.sbom is None:
        message = f"no list of packages (SBOM) of {short(artifact.digest)} was reported"
        cure = "make the build write an SBOM; without it a bad package cannot be stopped"
        return Outcome(Result.UNKNOWN, message, cure)
    return _judge(case, artifact.sbom, params)


def _judge(case: Case, sbom: Sbom, params: SbomPresent) -> Outcome:
    artifact, count = case.release.artifact, len(sbom.components)
    told = f"{sbom.format}, {counted(count, 'component')}"
    packages = counted(count, "package")
    used = (observed("artifact.sbom", told, artifact.built_at),)
    again = "make the build write an SBOM"
    if sbom.digest and sbom.digest not in (artifact.digest, *artifact.equivalents):
        message = f"the SBOM is of {short(sbom.digest)}, not of {short(artifact.digest)}"
        return Outcome(Result.FAIL, message, f"{again} of what it publishes", used=used)
    if sbom.format not in params.formats:
        allowed = " or ".join(sorted(params.formats)) or "no form"
        message = f"the SBOM is in the form {sbom.format}; {allowed} is asked for"
        return Outcome(Result.FAIL, message, f"{again} in the form {allowed}", used=used)
    if count < params.min_components:
        message = f"the SBOM lists {packages}; at least {params.min_components} are expected"
        return Outcome(Result.FAIL, message, f"{again} after it has installed them", used=used)
    if sbom.complete is False:
        message = "the SBOM leaves out the packages that other packages ask for"
        return Outcome(Result.FAIL, message, f"{again} of everything installed", used=used)
    if sbom.complete is None and not any(each.transitive for each in sbom.components):
        message = "whether the SBOM lists packages of packages is not said"
        cure = "say in the SBOM, or in the record, that it is complete"
        return Outcome(Result.UNKNOWN, message, cure, warns_only=True, used=used)
    return Outcome(Result.PASS, f"the SBOM lists {packages}", used=used)


RULE = Rule(
    id="sbom-present",
    number=61,
    title="Know every package inside the artifact",
    family=Family.INTEGRITY,
    severity=Severity.MEDIUM,
    now=Enforcement.WARN,
    target=Enforcement.BLOCK,
    params=SbomPresent,
    docs=__doc__,
    gate=gate,
    gate_family=GateFamily.INTEGRITY,
)
