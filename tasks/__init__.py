"""When things are done: doit's task dictionaries. What is done, and how, is in `sigid`, which knows nothing of doit."""
