"""The custom rules of rulesets as a bundle in OPA's own form, the same bytes for the same rules."""

import gzip
import io
import tarfile
from collections.abc import Iterable
from hashlib import sha256
from json import dumps

from policies.rego.policies import ROOT, PolicySet


def bundle(sets: Iterable[PolicySet]) -> bytes:
    """A gzipped tar with a manifest; its roots let OPA hold bundles of others beside it."""
    policies = {each.package: each.text for one in sets for each in one.all}
    revision = sha256("".join(sorted(policies)).encode()).hexdigest()
    manifest = {"revision": revision, "roots": [ROOT.replace(".", "/")], "rego_version": 1}
    packed = io.BytesIO()
    # A time of zero in both formats, so that equal rules give equal bytes.
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        _add(archive, ".manifest", dumps(manifest))
        for package in sorted(policies):
            _add(archive, f"{package.replace('.', '/')}.rego", policies[package])
    return packed.getvalue()


def _add(archive: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode()
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))
