# METADATA
# title: Keep releases small
# custom:
#   id: small-releases
#   severity: low
#   owner: release-engineering
#   docs: |
#     The more changes ride in one release, the longer it takes to find the one that does harm, and
#     the more good ones go back with it.
#   fix: Release more often, so that fewer changes ride together.
#   parameters:
#     type: object
#     properties:
#       most: {type: integer, default: 20, description: Changes in one release., x-stricter: less}
#   facts: [release.changes]
package bakegate.rules.small_releases

import rego.v1

most := input.parameters["small-releases"].most

gate contains finding if {
	changes := count(input.release.changes)
	changes > most
	finding := {
		"path": ["release", "changes"],
		"message": sprintf("%v changes ride in this release, and at most %v should", [changes, most]),
	}
}
