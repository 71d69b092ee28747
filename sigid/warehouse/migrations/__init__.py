"""How a warehouse of an older schema is brought to today's: one module of Alembic's a version, in `versions`."""
