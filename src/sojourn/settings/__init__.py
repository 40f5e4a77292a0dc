"""Settings from outside: a file, the environment, and what Python says above them."""

from sojourn.settings.application import ApplicationSettings
from sojourn.settings.model import Options
from sojourn.settings.settings import Settings

__all__ = ["ApplicationSettings", "Options", "Settings"]
