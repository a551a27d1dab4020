"""What can be measured of a page's layout."""

from playwright.sync_api import Page


def sideways(page: Page) -> int:
    """By how many pixels the page can be scrolled sideways."""
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width


def overflowing(page: Page, area: str) -> int:
    """By how many pixels what an area holds is wider than the area."""
    width: int = page.locator(area).first.evaluate("(one) => one.scrollWidth - one.clientWidth")
    return width
