"""Built-in rulesets and example organizations, as data files of this package.

The package has a module of its own so that a folder called rulesets in a user's repository cannot
merge with it.
"""
