"""The benchmark: sigid against its rivals, side by side on one tree of files. `dev/bench --help` says how.

    tree (the files, and how they change) -> match (a pair of contestants, in turn) -> report (medians, ratios)

`scenario` names what is measured, `measure` how; `contestants` know how to start each program, and whether it did
what it was started for; `programs` are what the rivals run. It reports, and judges nothing.
"""
