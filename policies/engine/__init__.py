"""The two questions of the engine: is this file right, and may this release go on.

Nothing is gathered here: lint must not pay for loading the gate.
"""
