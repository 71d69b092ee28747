"""What the contestants run: each a program of its own, started with the interpreter that has its libraries.

Nothing here may import what comes with sigid alone; `parsing` needs no library at all.
"""
