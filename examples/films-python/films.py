"""3,201 films from the npm package vega-datasets, tidied.

The source is honest data with its usual faults: titles that are numbers (300, 1941), one without a title, and release
dates of the 1920s to 1940s filed under the 2020s to 2040s.
"""

import json
import re
from datetime import datetime
from pathlib import Path

SOURCE = Path(__file__).parent / "../films-server/node_modules/vega-datasets/data/movies.json"
LAST_YEAR_OF_THE_SOURCE = 2011

RATINGS = ["G", "PG", "PG-13", "R", "NC-17", "Not Rated", "Open"]


def read_films():
    """The films as rows, in the order of the source: each has the keys of the table's columns, and its own `$id`."""
    films = json.loads(SOURCE.read_text(encoding="utf-8"))
    return [_to_row(number, film) for number, film in enumerate(films, start=1)]


def _to_row(number, film):
    title = "Untitled" if film["Title"] is None else str(film["Title"])
    slug = _to_slug(f"{title} {film['Release Date'][-4:]}")
    return {
        "$id": f"film-{number}",
        "title": title,
        "slug": slug,
        "page": f"https://films.example/{slug}",
        "director": film["Director"],
        "genre": film["Major Genre"],
        "rating": film["MPAA Rating"],
        "released": _to_date(film["Release Date"]),
        "minutes": film["Running Time min"],
        "gross": film["Worldwide Gross"],
        "imdb": film["IMDB Rating"],
        "profitable": (film["Worldwide Gross"] or 0) > (film["Production Budget"] or 0),
    }


def _to_date(text):
    """`Jun 12 1998` as the server writes it. A date after the source was made has the wrong century: it is unknown."""
    date = datetime.strptime(text, "%b %d %Y")
    return None if date.year > LAST_YEAR_OF_THE_SOURCE else f"{date:%Y-%m-%d}T00:00:00.000+00:00"


def _to_slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
