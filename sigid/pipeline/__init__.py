"""How signatures travel: scan, extract, load, one module a verb, one type an arrow."""
