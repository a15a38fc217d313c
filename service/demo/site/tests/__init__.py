"""The tests of the price service; run them with ``python3 -m tests``."""
