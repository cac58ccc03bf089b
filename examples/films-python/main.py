"""Floe from a Python server, with an API key: makes a database of films, fills it, and asks it questions.

    ENDPOINT=http://localhost:8080/v1 PROJECT_ID=films API_KEY=... python main.py

Every answer is compared with the same question put to the list that the rows came from.
"""

import os

from appwrite.client import Client
from appwrite.exception import AppwriteException
from appwrite.query import Query
from appwrite.services.tables_db import TablesDB
from films import read_films
from schema import TABLE, create_schema

BATCH = 100  # the most rows that one request may bring
PAGE = 500


def main():
    tables = sign_in(os.environ["API_KEY"])
    films = read_films()
    start_afresh(tables)
    create_schema(tables)
    load(tables, films)
    filter_films(tables, films)
    sort_and_select(tables, films)
    page(tables, films)
    change(tables, films)
    refuse(tables, films)
    print("films-python: all as expected")


def sign_in(key):
    client = Client().set_endpoint(os.environ["ENDPOINT"]).set_project(os.environ["PROJECT_ID"]).set_key(key)
    return TablesDB(client)


def start_afresh(tables):
    """Removes what an earlier run left, so that the example can be run again."""
    try:
        tables.delete(TABLE["database_id"])
    except AppwriteException as error:
        if error.type != "database_not_found":
            raise


def load(tables, films):
    for start in range(0, len(films), BATCH):
        rows = films[start : start + BATCH]
        created = tables.create_rows(**TABLE, rows=rows)
        assert created.total == len(rows), "a batch is created whole"

    first = tables.get_row(**TABLE, row_id="film-1")
    assert first.data == without_id(films[0]), "a row comes back as it was sent"
    assert first.tableid == TABLE["table_id"]
    assert first.permissions == [], "rows made with a key belong to nobody"
    print(f"loaded {len(films)} films")


def filter_films(tables, films):
    western_or_good_horror = Query.or_queries(
        [
            Query.equal("genre", "Western"),
            Query.and_queries([Query.equal("genre", "Horror"), Query.greater_than("imdb", 7)]),
        ]
    )
    the_year_1999 = ["1999-01-01T00:00:00.000+00:00", "1999-12-31T00:00:00.000+00:00"]
    questions = [
        ([Query.equal("rating", "PG-13")], lambda film: film["rating"] == "PG-13"),
        ([Query.equal("rating", ["G", "PG"])], lambda film: film["rating"] in ("G", "PG")),
        ([Query.equal("profitable", True)], lambda film: film["profitable"]),
        ([Query.greater_than("imdb", 8)], lambda film: (film["imdb"] or 0) > 8),
        ([Query.greater_than("gross", 2_500_000_000)], lambda film: (film["gross"] or 0) > 2_500_000_000),
        ([Query.between("minutes", 90, 100)], lambda film: 90 <= (film["minutes"] or 0) <= 100),
        ([Query.between("released", *the_year_1999)], lambda film: (film["released"] or "").startswith("1999")),
        ([Query.is_null("director")], lambda film: film["director"] is None),
        ([Query.starts_with("title", "Star ")], lambda film: film["title"].startswith("Star ")),
        ([Query.contains("title", "Harry Potter")], lambda film: "Harry Potter" in film["title"]),
        (
            [western_or_good_horror],
            lambda film: film["genre"] == "Western" or (film["genre"] == "Horror" and (film["imdb"] or 0) > 7),
        ),
    ]
    for queries, holds in questions:
        expected = ids(filter(holds, films))
        found = tables.list_rows(**TABLE, queries=[*queries, Query.limit(len(films))])
        assert [row.id for row in found.rows] == expected, queries
        assert found.total == len(expected), queries
    print(f"asked {len(questions)} questions")


def sort_and_select(tables, films):
    queries = [Query.greater_than("imdb", 8.5), Query.order_desc("imdb"), Query.limit(10), Query.offset(5)]
    best = tables.list_rows(**TABLE, queries=queries)
    ratings = sorted((film["imdb"] for film in films if (film["imdb"] or 0) > 8.5), reverse=True)
    assert [row.data["imdb"] for row in best.rows] == ratings[5:15], "offset skips the five best"
    assert best.total == len(ratings), "the total knows neither limit nor offset"

    uncounted = tables.list_rows(**TABLE, total=False)
    assert (uncounted.total, len(uncounted.rows)) == (0, 25), "not counted, and 25 rows where no limit is given"

    selection = tables.list_rows(**TABLE, queries=[Query.select(["title", "imdb"]), Query.limit(1)])
    chosen = {"title": films[0]["title"], "imdb": films[0]["imdb"]}
    assert selection.rows[0].data == chosen, "select leaves out the rest"


def page(tables, films):
    """With a cursor, a page costs the same however far it is from the start."""
    everything = read_all(tables, [])
    assert len(everything) == 3201
    assert [row.id for row in everything] == ids(films), "every film once, in the order of creation"

    rated = read_all(tables, [Query.is_not_null("imdb"), Query.order_desc("imdb")])
    expected = sorted((film["imdb"] for film in films if film["imdb"] is not None), reverse=True)
    assert [row.data["imdb"] for row in rated] == expected, "pages cut through films of the same rating, and lose none"
    print(f"paged through {len(everything)} films")


def change(tables, films):
    before = tables.get_row(**TABLE, row_id="film-1")
    updated = tables.update_row(**TABLE, row_id="film-1", data={"director": "David Leland", "minutes": 111})
    assert updated.data == {**before.data, "director": "David Leland", "minutes": 111}, "what is left out stays"
    assert updated.createdat == before.createdat
    assert updated.updatedat > before.updatedat, "an update is dated"

    data = {"title": "Floe, the Movie", "slug": "floe-the-movie-2026", "rating": "G"}
    inserted = tables.upsert_row(**TABLE, row_id="film-floe", data=data)
    assert inserted.data["profitable"] is False, "a column left out takes its default"
    assert inserted.data["imdb"] is None, "and without a default it is null"
    replaced = tables.upsert_row(**TABLE, row_id="film-floe", data={**data, "imdb": 9.9})
    assert replaced.data["imdb"] == 9.9
    assert replaced.createdat == inserted.createdat, "the second upsert found the row of the first"
    assert count(tables) == len(films) + 1

    tables.delete_row(**TABLE, row_id="film-floe")
    assert_refused(404, "row_not_found", tables.get_row, **TABLE, row_id="film-floe")
    assert count(tables) == len(films)


def refuse(tables, films):
    film = {"title": "Refused", "slug": "refused-2026"}

    def refuse_row(code, kind, row_id="refused", **changes):
        assert_refused(code, kind, tables.create_row, **TABLE, row_id=row_id, data={**film, **changes})

    refuse_row(409, "row_already_exists", row_id="film-1")
    refuse_row(409, "row_unique_constraint_violation", slug=films[1]["slug"])
    refuse_row(400, "row_invalid_structure", title=None)
    refuse_row(400, "row_invalid_structure", imdb="splendid")
    refuse_row(400, "row_invalid_structure", imdb=11)
    refuse_row(400, "row_invalid_structure", rating="Splendid")
    refuse_row(400, "row_invalid_structure", page="no address")
    refuse_row(400, "row_invalid_structure", released="yesterday")
    refuse_row(400, "row_invalid_structure", popcorn=True)
    refuse_row(400, "general_argument_invalid", row_id="_hidden")

    def refuse_query(code, kind, query):
        assert_refused(code, kind, tables.list_rows, **TABLE, queries=[query])

    refuse_query(400, "general_query_invalid", Query.equal("popcorn", True))
    refuse_query(400, "general_query_invalid", "not a query")
    refuse_query(400, "general_cursor_not_found", Query.cursor_after("nowhere"))

    assert_refused(404, "table_not_found", tables.list_rows, **{**TABLE, "table_id": "nowhere"})
    assert_refused(401, None, sign_in("standard_0123456789").list_rows, **TABLE)
    assert count(tables) == len(films), "nothing that was refused left a trace"


def read_all(tables, queries):
    rows = []
    cursor = []
    while True:
        found = tables.list_rows(**TABLE, queries=[*queries, Query.limit(PAGE), *cursor], total=False).rows
        rows += found
        if len(found) < PAGE:
            return rows
        cursor = [Query.cursor_after(found[-1].id)]


def count(tables):
    return tables.list_rows(**TABLE, queries=[Query.limit(1)]).total


def assert_refused(code, kind, call, **arguments):
    try:
        call(**arguments)
    except AppwriteException as error:
        assert error.code == code, error.message
        assert kind is None or error.type == kind, f"{error.type}: {error.message}"
    else:
        raise AssertionError(f"not refused, though {code} {kind} was expected: {arguments}")


def ids(films):
    return [film["$id"] for film in films]


def without_id(film):
    return {key: value for key, value in film.items() if key != "$id"}


if __name__ == "__main__":
    main()
