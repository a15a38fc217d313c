"""The release record as a message: ``bakegate.release/v1`` to and from ``Release``.

Names are those of the catalogue's release record; times are RFC 3339 in UTC, a bake is a duration
in whole seconds, an exposure a share. What nobody reported is absent, never null or zero; where a
list may be looked at and found empty, it is written empty. A part of each subject has a file here.
"""

from policies.record.message import TYPE, release_from_json, release_to_json

__all__ = ["TYPE", "release_from_json", "release_to_json"]
