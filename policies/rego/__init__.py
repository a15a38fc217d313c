"""Custom rules: files in Rego, the document that they see, and the engines that evaluate them.

A module says what it is in its METADATA, is asked about one versioned document, and answers with
findings that point into it. Which engine evaluates it is the caller's choice behind one port; the
answer is the same. Nothing is imported here: lint loads this package only for a custom rule.
"""
