# METADATA
# title: Start no release when the team is about to leave
# custom:
#   id: no-late-release
#   severity: medium
#   owner: release-engineering
#   docs: |
#     What starts late bakes while nobody is at work. Hours are those of the organization's zone. An
#     emergency goes at any hour; a rollback is never asked.
#   fix: Wait for the next working morning, or release as an emergency.
#   parameters:
#     type: object
#     properties:
#       last_hour: {type: integer, default: 16, description: First hour that is too late., x-stricter: less}
#       friday_hour: {type: integer, default: 12, description: The same on Fridays., x-stricter: less}
package bakegate.rules.no_late_release

import rego.v1

limits := input.parameters["no-late-release"]

weekend := {"saturday", "sunday"}

gate contains finding if {
	input.release.release.kind != "emergency"
	why := late
	finding := {
		"path": ["at", "hour"],
		"message": sprintf("%v is no time to start a release: %v", [clock, why]),
		"would_pass": "wait for the next working morning",
	}
}

clock := sprintf("%v %v h in %v", [input.at.weekday, input.at.hour, input.at.zone])

late := "it is the weekend" if {
	input.at.weekday in weekend
} else := "the weekend is near" if {
	input.at.weekday == "friday"
	input.at.hour >= limits.friday_hour
} else := "the day is nearly over" if {
	input.at.hour >= limits.last_hour
}
