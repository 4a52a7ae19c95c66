"""Reading the written pages: tags, tables, links, and that nothing is fetched."""

import re
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "hr", "input", "link"}


class Page(HTMLParser):
    """Checks that tags are balanced; collects headings, tables, anchors, links and everything that would be fetched."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.fetched, self.headings, self.tables = [], [], [], [], [], []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []
        self.fetched += [found[name] for name in ("src", "srcset", "data", "poster") if name in found]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "h2":
            self.headings.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.text += text
        if "table" in self.open and self.open[-1] not in ("table", "thead", "tbody", "tr"):
            self.tables[-1][-1][-1] += text
        if self.open and self.open[-1] == "h2":
            self.headings[-1] += text


def read(path):
    """Parses a page, and checks that it opens from disk with nothing but itself."""
    text = path.read_text()
    assert "url(" not in text
    assert "@import" not in text
    parsed = Page(text)
    assert all(source.startswith("data:image/") for source in parsed.fetched)
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert {link.removeprefix("#") for link in parsed.links if link.startswith("#")} <= set(parsed.ids)
    assert not any(":" in link or link.startswith("/") for link in parsed.links)  # beside this page, or nowhere
    return parsed


def numbers(cell):
    """Every number of a cell, as shown."""
    return [float(found) for found in re.findall(r"[-+]?\d+(?:\.\d+)?", cell.replace("−", "-").replace(",", ""))]


def table_with(parsed, heading):
    return next({row[0]: row[1:] for row in found} for found in parsed.tables if heading in found[0])
