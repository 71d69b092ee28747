"""Who extracts, on other machines: the workers of a Dask scheduler, behind the interface of `concurrent.futures`.

Dask is imported where a cluster is asked for, and nowhere else.
"""
