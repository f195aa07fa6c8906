"""What the indexer tells the outside, in Prometheus' terms."""

from prometheus_client import Counter, Gauge

INDEXED = Counter("search_indexed_total", "Changes of messages that were written to the search index")
LAG = Gauge("search_lag_records", "Records in the log that the index does not know yet", ["partition"])
OUTAGES = Counter("search_index_outages_total", "Times the index did not take what was to be written")
