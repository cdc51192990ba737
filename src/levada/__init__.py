"""Levada: ordinary Python functions become recorded, retried, cached and recoverable runs."""

from __future__ import annotations
