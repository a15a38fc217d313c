"""A small web service that tells what an item costs in a currency."""
