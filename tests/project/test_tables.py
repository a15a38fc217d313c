"""The tables that the classifier reads are what people wrote."""

from tools.tables import FOLDER, texts


def test_tables_are_those_that_make_tables_writes() -> None:
    written = {each.name: each.read_text(encoding="utf-8") for each in FOLDER.glob("*.json")}

    assert written == texts(), "run make tables"
