"""The product with one route that does nothing, to measure the others against. The product has none."""

from wsgi import app

app.add_url_rule("/bench/hello", "bench_hello", lambda: "hello")
