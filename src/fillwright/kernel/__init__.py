"""The compiled rules: integer arithmetic over flat records, one implementation for every driver.

Importing this package loads (or compiles, once per machine) the kernel; nothing above rank 2 is imported.
"""
