"""The store: tables, engines, migrations and read models; SQLite and PostgreSQL from one code."""
