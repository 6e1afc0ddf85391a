"""What a text reads like once its disguises are undone."""

from weir.dlp.views.normal import normalised_view
from weir.dlp.views.reader import DEFAULT, Bounds, Readings, readings
from weir.dlp.views.view import View

__all__ = ["DEFAULT", "Bounds", "Readings", "View", "normalised_view", "readings"]
