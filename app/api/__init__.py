"""The JSON shell: bearer tokens, typed bodies, lists, first answers kept, the OpenAPI document."""
