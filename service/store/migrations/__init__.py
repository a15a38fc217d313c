"""Schema changes of the store, applied at start; each is a file under ``versions``."""
