"""The table of films: typed columns, and two indexes."""

import time

from appwrite.enums.order_by import OrderBy
from appwrite.enums.tables_db_index_type import TablesDBIndexType
from films import RATINGS

PATIENCE_SECONDS = 30
PAUSE_SECONDS = 0.02

TABLE = {"database_id": "films-python", "table_id": "films"}


def create_schema(tables):
    tables.create(TABLE["database_id"], "Films")
    tables.create_table(**TABLE, name="Films")

    required = {**TABLE, "required": True}
    optional = {**TABLE, "required": False}
    tables.create_varchar_column(**required, key="title", size=128)
    tables.create_varchar_column(**required, key="slug", size=128)
    tables.create_url_column(**optional, key="page")
    tables.create_varchar_column(**optional, key="director", size=64)
    tables.create_varchar_column(**optional, key="genre", size=32)
    tables.create_enum_column(**optional, key="rating", elements=RATINGS)
    tables.create_datetime_column(**optional, key="released")
    tables.create_integer_column(**optional, key="minutes", min=1, max=1000)
    tables.create_integer_column(**optional, key="gross", min=0)
    tables.create_float_column(**optional, key="imdb", min=0, max=10)
    tables.create_boolean_column(**optional, key="profitable", default=False)
    _until_available(lambda: tables.list_columns(**TABLE).columns)

    tables.create_index(**TABLE, key="by_imdb", type=TablesDBIndexType.KEY, columns=["imdb"], orders=[OrderBy.DESC])
    tables.create_index(**TABLE, key="one_per_slug", type=TablesDBIndexType.UNIQUE, columns=["slug"])
    _until_available(lambda: tables.list_indexes(**TABLE).indexes)


def _until_available(list_all):
    """A column or an index is made in the background: it answers `processing` first, and `available` soon after."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while pending := [item for item in map(_as_sent, list_all()) if item["status"] != "available"]:
        key, status, error = (pending[0][name] for name in ("key", "status", "error"))
        if status != "processing" or time.monotonic() > deadline:
            raise RuntimeError(f"{key} is {status}: {error}")
        time.sleep(PAUSE_SECONDS)


def _as_sent(item):
    """The SDK types the status of a column and that of an index differently; the server sends a string for both."""
    return item.to_dict()
