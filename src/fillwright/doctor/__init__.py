"""Proofs on demand: that runs do not touch each other, that decisions know nothing of what comes later, and what is installed.

``isolation(strategy, market)`` and ``causality(strategy, market)`` give a :class:`Diagnosis`; ``fillwright doctor`` prints it.
"""

from fillwright.doctor.causality import causality
from fillwright.doctor.diagnosis import Check, Diagnosis, Finding
from fillwright.doctor.isolation import isolation
from fillwright.doctor.subject import Subject

__all__ = ["Check", "Diagnosis", "Finding", "Subject", "causality", "isolation"]
