"""Promotions: what happens to releases, decided purely; ports and read models beside it."""
