"""How what the warehouse holds is looked at."""
