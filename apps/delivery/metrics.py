"""What the sequencer tells the outside, in Prometheus' terms."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter("sequencer_events_total", "Records that became events")
DUPLICATES = Counter("sequencer_duplicates_total", "Records that repeated an earlier one")
DEAD_LETTERS = Counter("sequencer_dead_letters_total", "Records that could not be read and were skipped")
ROUND_RECORDS = Histogram(
    "sequencer_round_records", "Records handled at once", buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000)
)
STORE_SECONDS = Histogram(
    "sequencer_store_seconds", "Time to store a round", buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5)
)
DELAY_SECONDS = Histogram(
    "sequencer_delay_seconds",
    "From the log's timestamp of a record to its broadcast",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 5, 30),
)
OUTAGES = Counter("sequencer_store_outages_total", "Times the store was given up for a while")
STORE_UP = Gauge("sequencer_store_up", "1 while the store answers, else 0")
PARTITIONS = Gauge("sequencer_partitions", "Partitions that this process has")
LAG = Gauge("sequencer_lag_records", "Records in the log that are not handled yet", ["partition"])
UNCOMMITTED = Gauge("sequencer_followups_waiting", "Events whose follow-up work the broker has not taken yet")
