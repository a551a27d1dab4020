"""The texts of a page that people see or hear."""

from html.parser import HTMLParser

SPOKEN = ("alt", "aria-description", "aria-label", "placeholder", "title")
SILENT = ("kbd", "script", "style")


class _Visible(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        self.texts += [value for name, value in attrs if name in SPOKEN and value]

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside not in SILENT:
            self.texts.append(data)


def texts(html: str) -> list[str]:
    """Every text of a page or of a part of it, each without the white space around it."""
    parser = _Visible()
    parser.feed(html)
    return [" ".join(text.split()) for text in parser.texts if text.strip()]
