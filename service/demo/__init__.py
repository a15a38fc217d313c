"""The demonstration: four releases of a small web service, for real."""
