"""JSON Schemas of Bakegate's own files and messages, and the formats that they name."""
