"""The HTML shell: one transaction and one declared permission per page, fragments, failures, menus."""
