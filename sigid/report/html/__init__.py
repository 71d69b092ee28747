"""The report: a folder of pages that a browser opens as they lie there."""
