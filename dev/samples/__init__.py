"""The maker of the sample datasets: invented people sign with a simulated pen, on paper and on a tablet.

`python -m dev.samples` writes the small datasets that the project ships; `--files 100000` makes large ones.

    form (what it should look like) -> hand (who writes it) -> pen (how it moves) -> picture -> png
                                                                                  -> hwr
    source_a, source_b (which files there are), odd (what is wrong with them) -> write, readme
"""
