"""The HTTP API: endpoints, public schemas and the table of errors."""
