"""Searching and showing records, over recent rows and sealed segments alike.

`search` makes a page and its totals, `cursor` lets the next page continue at the same position,
`histogram` counts per interval. `show` gives one record with its proof.
"""
