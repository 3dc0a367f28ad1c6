"""Where logs come from: local folders and object stores, behind one seam that lists and reads ranges.

The service probes with it; the viewer host's mirrors read through it. Nothing else in the program knows a bucket.
It never writes to a log source, and never contacts an endpoint that the settings don't name.
"""
