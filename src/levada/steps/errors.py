"""What goes wrong with steps."""

from __future__ import annotations

from levada.core.errors import ConfigurationError


class StepExecutionError(ConfigurationError):
    """A step could not be carried out."""
