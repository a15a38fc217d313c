"""One file for each schema change, in the order of their numbers."""
