"""HTTP: the request cycle, HTML pages and JSON resources, fragments, error responses, menus."""
