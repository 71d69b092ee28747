"""Fault campaigns: what goes wrong is done to sigid, many times over, and what comes of it is counted."""
