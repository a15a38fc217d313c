# METADATA
# title: Let two people approve what enters production of a tier-0 service
# custom:
#   id: four-eyes-on-tier-zero
#   severity: high
#   owner: release-engineering
#   docs: |
#     A tier-0 service takes others down with it. Two people who are not the author look at a release
#     before it meets customers. For other tiers an approval costs more time than it saves harm.
#   fix: "Write approvals: {count: 2, forbid_author: true} into the stage."
#   parameters:
#     type: object
#     properties:
#       count: {type: integer, default: 2, description: People who must approve., x-stricter: more}
#   facts: [pipeline.tier, "pipeline.stages.[kind=prod].approvals"]
package bakegate.rules.four_eyes_on_tier_zero

import rego.v1

wanted := input.parameters["four-eyes-on-tier-zero"].count

lint contains finding if {
	input.pipeline.tier == 0
	some i, stage in input.pipeline.stages
	stage.kind == "prod"
	not approved(stage)
	finding := {
		"path": ["pipeline", "stages", i, "approvals"],
		"message": sprintf("%v needs the approval of %v people who are not the author", [
			stage.name,
			wanted,
		]),
	}
}

approved(stage) if {
	stage.approvals.count >= wanted
	stage.approvals.forbid_author
}
