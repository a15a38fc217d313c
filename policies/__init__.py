"""The rule engine: text and recorded facts in, findings and decisions out.

Everything here is pure. Nothing reads a clock, a network, a database or a file other than this
package's own data: the caller hands over text and instants, and gets back values.
"""
