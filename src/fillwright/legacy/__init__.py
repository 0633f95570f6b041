"""Importer of the previous system's configuration files: `migrate`."""
