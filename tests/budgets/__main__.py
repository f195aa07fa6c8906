"""Rewrite queries.json from what the endpoints take now."""

import asyncio
import json

from tests.budgets.measure import FILE, measure

FILE.write_text(json.dumps(asyncio.run(measure(people=3)), indent=1) + "\n")
print(FILE.read_text())
