# METADATA
# title: Name the ticket of every change
# custom:
#   id: ticket-in-every-change
#   severity: low
#   owner: release-engineering
#   docs: |
#     Who looks for the cause of an incident finds the reason of each change in its ticket. A change
#     without one sends them to people who may be asleep.
#   fix: Put the ticket in front of the subject of the commit.
#   parameters:
#     type: object
#     properties:
#       pattern:
#         type: string
#         default: "^[A-Z]+-[0-9]+ "
#         description: A regular expression that the subject of a change matches.
#   facts: [release.changes]
package bakegate.rules.ticket_in_every_change

import rego.v1

pattern := input.parameters["ticket-in-every-change"].pattern

gate contains finding if {
	some i, change in input.release.changes
	not regex.match(pattern, change.subject)
	finding := {
		"path": ["release", "changes", i],
		"message": sprintf("%v by %v names no ticket: %v", [
			substring(change.commit, 0, 8),
			change.author,
			change.subject,
		]),
	}
}
