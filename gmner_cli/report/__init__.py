"""The HTML page that shows posts, what was found in them, and how it differs from gold."""

from gmner_cli.report.page import render_page

__all__ = ["render_page"]
