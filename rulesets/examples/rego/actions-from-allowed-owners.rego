# METADATA
# title: Use actions only from owners that we trust
# custom:
#   id: actions-from-allowed-owners
#   severity: high
#   owner: security
#   docs: |
#     An action runs with the rights and secrets of the job. Whoever owns its repository can change
#     what it does, so the owners are a list that somebody keeps. Actions of the same repository
#     (./path) are reviewed with it and always allowed.
#   fix: Use an action of an allowed owner, or ask security to add this one.
#   parameters:
#     type: object
#     properties:
#       owners:
#         type: array
#         items: {type: string}
#         default: [actions, github]
#         description: Owners of repositories with actions.
#         x-stricter: subset
package bakegate.rules.actions_from_allowed_owners

import rego.v1

allowed := input.parameters["actions-from-allowed-owners"].owners

lint contains finding if {
	some i, stage in input.pipeline.stages
	some j, step in stage.steps
	not startswith(step.uses, "./")
	not startswith(step.uses, "docker://")
	owner := split(step.uses, "/")[0]
	not owner in allowed
	finding := {
		"path": ["pipeline", "stages", i, "steps", j, "uses"],
		"message": sprintf("%v is an action of %v, who is none of %v", [
			step.uses,
			owner,
			concat(", ", sort(allowed)),
		]),
	}
}
