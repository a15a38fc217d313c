# METADATA
# title: Deploy to one region at a time
# custom:
#   id: one-region-at-a-time
#   severity: high
#   owner: release-engineering
#   docs: |
#     Regions are there so that one of them can fail alone. A stage that deploys to two of them at
#     once makes one bad release a failure of both.
#   fix: "Give each region a stage of its own, or write parallel: 1."
#   parameters:
#     type: object
#     properties:
#       most: {type: integer, default: 1, description: Regions at once., x-stricter: less}
#   stages: [prod]
package bakegate.rules.one_region_at_a_time

import rego.v1

most := input.parameters["one-region-at-a-time"].most

lint contains finding if {
	some i, stage in input.pipeline.stages
	stage.kind == "prod"
	message := too_many(stage)
	finding := {"path": ["pipeline", "stages", i], "message": message}
}

gate contains finding if {
	message := too_many(input.stage)
	finding := {"path": ["stage"], "message": message}
}

too_many(stage) := message if {
	regions := {target.region | some target in stage.targets}
	at_once := min([stage.parallel, count(regions)])
	at_once > most
	message := sprintf("%v deploys to %v regions at once, and at most %v are allowed", [
		stage.name,
		at_once,
		most,
	])
}
