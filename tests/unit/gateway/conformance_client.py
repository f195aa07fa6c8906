"""A process of its own for kosoku: its cases bring a stand-in for `autobahn`, which daphne has imported for real here.

`python conformance_client.py URL EXCLUDED…` prints the results as JSON.
"""

import asyncio
import json
import sys

import kosoku


async def main(url: str, *excluded: str) -> None:
    try:
        results = await kosoku.run_fuzzingclient(url, exclude_cases=excluded, concurrency=16)
    except kosoku.FailureError as failure:
        results = failure.results
    shown = [
        {
            "case": result.case_id,
            "passed": result.passed,
            "behavior": result.behavior.value,
            "close": result.behavior_close.value,
            "code": result.remote_close_code,
            "detail": f"{result.result} {result.result_close} ({result.description})",
        }
        for result in results
    ]
    print(json.dumps(shown))


asyncio.run(main(*sys.argv[1:]))
