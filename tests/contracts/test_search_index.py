"""One suite for the search index, on both backends, the real PostgreSQL included."""

import itertools
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from apps.search.backends.index_postgres import PostgresIndex
from apps.search.backends.index_sqlite import SqliteIndex
from apps.search.folding import fold
from apps.search.ports import Change, Document, Index, IndexUnavailableError, Question, Reaction, Removal
from deploy.services import Services
from tests.harness.fixtures import require_servers

_ids = itertools.count(1)
GENERAL, SECRET = 11, 12
ANN, BOB = 21, 22


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.real("postgres"))])
def index(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Index]:
    made: Index
    if request.param == "sqlite":
        made = SqliteIndex(f"sqlite:///{tmp_path / 'search.sqlite3'}")
    else:
        servers: Services = request.getfixturevalue("services")
        require_servers(servers, ("postgres",))
        made = PostgresIndex(servers.urls()["DATABASE_URL"])
        made.drop()
    made.setup()
    yield made
    made.drop()
    made.close()


def said(text: str, **more: Any) -> Document:
    number = next(_ids)
    values: dict[str, Any] = {
        "stamp": number,
        "message_id": number,
        "workspace_id": 1,
        "channel_id": GENERAL,
        "sender_id": ANN,
        "created_at": number * 1000,
        "thread_id": None,
        "text": text,
    }
    return Document(**(values | more))


def find(
    index: Index, *words: str, sort: Any = "newest", limit: int = 50, below: int | None = None, **more: Any
) -> list[int]:
    asked: dict[str, Any] = {"workspace_id": 1, "channels": [GENERAL, SECRET], "words": [fold(word) for word in words]}
    return list(index.find(Question(**(asked | more)), sort=sort, limit=limit, below=below))


def texts(index: Index, documents: Sequence[Document], *words: str, **more: Any) -> list[str]:
    by_id = {document.message_id: document.text for document in documents}
    return sorted(by_id[found] for found in find(index, *words, **more))


TEXTS = [
    "Deployment went well",
    "the dashboard is deployed",
    "We ship on Friday",
    "Ça va à l'école, Zoë?",
    "東京都に行きました",
    "京都の紅葉",
    "한국어 검색도 됩니다",
    "プログラミング",
    "สวัสดีครับ",
    "Straße 5, ｆｕｌｌｗｉｄｔｈ",
    "100% of a_b\\c 'quoted' \"double\" * -- ;",
    "🎉 party!",
    "go",
    "x" * 300,
]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["deploy"], ["Deployment went well", "the dashboard is deployed"]),
        (["DEPLOYMENT"], ["Deployment went well"]),
        (["ployment"], ["Deployment went well"]),
        (["board"], ["the dashboard is deployed"]),
        (["deploy", "dash"], ["the dashboard is deployed"]),
        (["deploy", "friday"], []),
        (["went well"], ["Deployment went well"]),
        (["well went"], []),
        (["we"], ["We ship on Friday", "Deployment went well"]),
        (["oo"], []),
        (["zoe"], ["Ça va à l'école, Zoë?"]),
        (["ecole"], ["Ça va à l'école, Zoë?"]),
        (["École"], ["Ça va à l'école, Zoë?"]),
        (["strasse"], ["Straße 5, ｆｕｌｌｗｉｄｔｈ"]),
        (["fullwidth"], ["Straße 5, ｆｕｌｌｗｉｄｔｈ"]),
        (["5"], ["Straße 5, ｆｕｌｌｗｉｄｔｈ"]),
        (["東京"], ["東京都に行きました"]),
        (["京都"], ["京都の紅葉", "東京都に行きました"]),
        (["東京都"], ["東京都に行きました"]),
        (["京"], ["京都の紅葉", "東京都に行きました"]),
        (["葉"], ["京都の紅葉"]),
        (["行きました"], ["東京都に行きました"]),
        (["都京"], []),
        (["검색"], ["한국어 검색도 됩니다"]),
        (["グラミ"], ["プログラミング"]),
        (["สวัส"], ["สวัสดีครับ"]),
        (["100%"], ["100% of a_b\\c 'quoted' \"double\" * -- ;"]),
        (["a_b\\c"], ["100% of a_b\\c 'quoted' \"double\" * -- ;"]),
        (["a%b"], []),
        (["axb"], []),
        (["'quoted'"], ["100% of a_b\\c 'quoted' \"double\" * -- ;"]),
        (['"double"'], ["100% of a_b\\c 'quoted' \"double\" * -- ;"]),
        (["*"], ["100% of a_b\\c 'quoted' \"double\" * -- ;"]),
        (["🎉"], ["🎉 party!"]),
        (["go"], ["go"]),
        (["x" * 100], ["x" * 300]),
        (["NEAR(a b)"], []),
        (["words:deploy"], []),
        (["' OR 1=1 --"], []),
    ],
)
def test_words_and_parts_of_words_in_many_scripts(index: Index, words: list[str], expected: list[str]) -> None:
    documents = [said(text) for text in TEXTS]
    index.apply(documents)
    assert texts(index, documents, *words) == sorted(expected)


def test_without(index: Index) -> None:
    documents = [said("red apple"), said("green apple"), said("red 東京"), said("go red")]
    index.apply(documents)
    assert texts(index, documents, "apple", without=["green"]) == ["red apple"]
    assert texts(index, documents, "red", without=["東京", "go"]) == ["red apple"]
    assert texts(index, documents, without=["red"]) == ["green apple"]


def test_filters(index: Index) -> None:
    first = said("see https://example.org", has_link=True)
    second = said("the plan", sender_id=BOB, has_file=True)
    third = said("a reply", thread_id=first.message_id, sender_id=BOB)
    fourth = said("in secret", channel_id=SECRET)
    other = said("elsewhere", workspace_id=2)
    everything = [first, second, third, fourth, other]
    index.apply([*everything, Reaction(message_id=second.message_id, emoji="👍", user_id=ANN, on=True)])
    ids = [document.message_id for document in everything]
    assert find(index) == [ids[3], ids[2], ids[1], ids[0]]
    assert find(index, channels=[SECRET]) == [ids[3]]
    assert find(index, channels=[]) == []
    assert find(index, senders=[BOB]) == [ids[2], ids[1]]
    assert find(index, not_senders=[BOB]) == [ids[3], ids[0]]
    assert find(index, has_link=True) == [ids[0]]
    assert find(index, has_file=True) == [ids[1]]
    assert find(index, has_reaction=True) == [ids[1]]
    assert find(index, in_thread=True) == [ids[2], ids[0]]
    assert find(index, since=second.created_at, until=fourth.created_at) == [ids[2], ids[1]]
    assert find(index, "plan", senders=[ANN]) == []
    index.apply([Reaction(message_id=second.message_id, emoji="👍", user_id=ANN, on=False)])
    assert find(index, has_reaction=True) == []


def test_an_edit_replaces_and_a_deletion_removes(index: Index) -> None:
    before = said("the original words")
    after = said("what it says now", message_id=before.message_id)
    index.apply([before])
    index.apply([after])
    assert find(index, "original") == []
    assert find(index, "or") == []
    assert find(index, "says") == [before.message_id]
    index.apply([Removal(stamp=next(_ids), message_id=before.message_id)])
    assert find(index, "says") == find(index, "it") == find(index) == []


def test_what_comes_late_or_again_changes_nothing(index: Index) -> None:
    before = said("the original words")
    after = said("what it says now", message_id=before.message_id)
    gone = said("deleted text")
    removal = Removal(stamp=next(_ids), message_id=gone.message_id)
    batches: list[list[Change]] = [[before, after], [before], [after, before], [removal, gone], [gone], [removal]]
    for changes in batches:
        index.apply(changes)
    assert find(index, "original") == []
    assert find(index, "says") == [before.message_id]
    assert find(index, "deleted") == []


def test_pages_newest_first(index: Index) -> None:
    documents = [said(f"page {number}") for number in range(10)]
    index.apply(documents)
    newest = [document.message_id for document in reversed(documents)]
    assert find(index, "page", limit=4) == newest[:4]
    assert find(index, "page", limit=4, below=newest[3]) == newest[4:8]
    assert find(index, "page", limit=4, below=newest[7]) == newest[8:]


def test_best_first(index: Index) -> None:
    inside, beginning, whole, long = (
        said("ungardened"),
        said("gardening"),
        said("the garden"),
        said("the garden " + "and so on " * 50),
    )
    index.apply([whole, long, beginning, inside])
    ranked = [whole.message_id, long.message_id, beginning.message_id, inside.message_id]
    assert find(index, "garden", sort="best") == ranked
    question = Question(workspace_id=1, channels=[GENERAL], words=["garden"])
    assert list(index.find(question, sort="best", skip=1, limit=2)) == ranked[1:3]


def test_a_workspace_is_forgotten(index: Index) -> None:
    mine = said("shared words 東京")
    kept = said("shared words 東京", workspace_id=2)
    index.apply([mine, kept, Reaction(message_id=mine.message_id, emoji="x", user_id=ANN, on=True)])
    assert index.forget_workspace(1) == 1
    assert find(index) == find(index, "shared") == []
    assert find(index, "東京", workspace_id=2) == [kept.message_id]
    again = said("shared words again")
    index.apply([again])
    assert find(index, "words") == [again.message_id]


def test_progress(index: Index) -> None:
    assert index.known_until() is None
    index.apply([], {0: 1000, 1: 500})
    index.apply([], {0: 900, 1: 700})
    assert index.known_until() == 700


def test_all_or_nothing(index: Index) -> None:
    broken = said("good")
    with pytest.raises((IndexUnavailableError, OverflowError)):
        index.apply([broken, said("bad", sender_id=1 << 80)], {0: 5})
    assert find(index, "good") == []
    assert index.known_until() is None


def test_many_threads_at_once(index: Index) -> None:
    documents = [[said(f"thread {number} text {count}") for count in range(20)] for number in range(4)]
    failures: list[BaseException] = []

    def work(mine: list[Document]) -> None:
        try:
            for document in mine:
                index.apply([document])
                find(index, "text")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in documents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(find(index, "text", limit=100)) == 80
