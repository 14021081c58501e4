"""Other systems' logs and formats: pure functions, text in and events out.

frames      cut a file into its records, each with its exact text
cloudtrail  AWS CloudTrail records
cef         Common Event Format, read leniently
mapping, expression  records of any other log, by a TOML mapping (`mappings/example.toml`)
importing   from the lines of a file to import bodies, every record accounted for
mapped      what all of them give: the event, the original, and what had no place
"""
