"""The tables of a study (`dirvae.studies.tables`) as sections of a page."""

import html

from dirvae.report.html import tables
from dirvae.report.html.document import Section, note
from dirvae.studies.tables import Table


def section(table: Table) -> Section:
    """The table under its title; marked cells are bold, and the legend stands below."""
    legend = f"{table.legend} Bold marks {table.mark}." if table.marked else table.legend
    return Section(table.title, body(table) + (note(html.escape(legend)) if legend else ""))


def body(table: Table) -> str:
    """The table's HTML without its legend."""
    rows = [
        [_cell(cell, (row, column) in table.marked) for column, cell in enumerate(cells)]
        for row, cells in enumerate(table.rows)
    ]
    return tables.table([*map(html.escape, table.columns)], rows)


def _cell(text: str, marked: bool) -> str:
    return f"<b>{html.escape(text)}</b>" if marked else html.escape(text)
