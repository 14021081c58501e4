"""An independent maker of everything that Vitne writes, from the specification alone.

Nothing here imports `vitne`: only the standard library and `cryptography`. Plain definitions, no
shortcuts, so that agreement with the product means something. All keys come from public seeds:
never trust them outside tests.
"""
