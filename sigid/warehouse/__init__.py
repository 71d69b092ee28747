"""Where signatures rest: the tables, the repositories on them, the ledger of source files, and reading back."""
