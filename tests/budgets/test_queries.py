"""Every endpoint keeps its budget, and what it takes doesn't grow with the number of people, channels and messages."""

import json

import pytest

from tests.budgets.measure import FILE, measure


@pytest.mark.parametrize("people", [3, 9])
async def test_every_endpoint_keeps_its_budget(people: int) -> None:
    budget = json.loads(FILE.read_text())
    found = await measure(people=people)
    assert found == budget, "if meant: python -m tests.budgets"
