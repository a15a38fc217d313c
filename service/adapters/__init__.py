"""Adapters: one file for each real system behind a port."""
