"""One module a version of the schema: what leads to it from the one before.

A module is never changed once a warehouse may have been migrated by it: it says itself what was made then.
"""
