"""The report as people see it: in Chromium, from the file system, with nobody else to ask."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from sigid.pipeline.images import file_bytes
from sigid.report.html.report import Asked, report
from sigid.service import NewXYZSignature
from tests.test_report import FILES, HOSTILE, SERVICE_KEY
from tests.trees import site_a

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PHONE, DESK = 360, 1280

pytestmark = pytest.mark.skipif(not (CHROMIUM or os.environ.get("CI")), reason="there is no Chromium here")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with pages of every kind, and names that would do harm if they could."""
    site = site_a(tmp_path_factory.mktemp("site"), FILES)
    site.write({f"Offline/Genuine/{'a-name-without-an-end' * 10}.png": b""})
    site.load()
    folder = tmp_path_factory.mktemp("out") / "report"
    with site.warehouse() as warehouse:
        warehouse.service().register_signatures([NewXYZSignature(points=[(0, 0, 1), (1, 1, 2)])], SERVICE_KEY)
        read = partial(file_bytes, datasets=site.settings.datasets)
        report(warehouse, Asked(folder=folder), read, lambda *_: None)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


class Reader:
    """Someone who looks at pages, and what befalls him."""

    def __init__(self, browser: Browser, folder: Path, **screen: Any) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        self.context = browser.new_context(**screen)
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self._folder = folder

    def open(self, name: str) -> Page:
        self.page.goto((self._folder / name).as_uri())
        return self.page


@pytest.fixture
def reader(browser: Browser, folder: Path) -> Iterator[Reader]:
    reader = Reader(browser, folder, viewport={"width": DESK, "height": 800})
    yield reader
    reader.context.close()


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.glob("*.html"))


def test_every_page_opens_without_a_word_on_the_console_and_asks_nobody(reader: Reader, folder: Path) -> None:
    for name in names(folder):
        reader.open(name)

    assert reader.said == []
    assert {url for url in reader.asked if not url.startswith("data:")} == {
        (folder / name).as_uri() for name in names(folder)
    }


def test_every_picture_is_seen(reader: Reader, folder: Path) -> None:
    seen = 0
    for name in names(folder):
        page = reader.open(name)
        for picture in page.locator("img").all():
            picture.scroll_into_view_if_needed()
            assert picture.evaluate("async picture => { await picture.decode(); return picture.naturalWidth }") > 1
            seen += 1
        for lines in page.locator(".paper svg").all():
            box = lines.bounding_box()
            assert box is not None
            assert box["width"] > 50
            assert lines.locator("path").count() > 0
            seen += 1
    assert seen > 50


def test_the_style_holds_under_the_policy(reader: Reader) -> None:
    page = reader.open("index.html")

    assert page.evaluate("getComputedStyle(document.querySelector('.cards')).display") == "grid"


def test_the_policy_lets_nothing_in(reader: Reader) -> None:
    """Were a name ever to become more than text, the browser would not do what it says."""
    page = reader.open("index.html")

    page.evaluate(
        """() => {
            document.body.insertAdjacentHTML('beforeend', '<img src="http://127.0.0.1:9/x.png"><p style="color: red">');
            const script = document.createElement('script');
            script.textContent = 'window.harmed = true';
            document.body.append(script);
        }"""
    )

    page.wait_for_timeout(100)
    assert page.evaluate("window.harmed") is None
    assert len([each for each in reader.said if "Content Security Policy" in each]) == 3


def test_a_hostile_name_is_read_as_it_is(reader: Reader) -> None:
    page = reader.open("index.html")

    assert page.locator("h3", has_text=HOSTILE).count() == 1
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_reads_well_and_the_accessibility_checker_finds_nothing(
    browser: Browser, folder: Path, width: int, scheme: str
) -> None:
    reader = Reader(browser, folder, viewport={"width": width, "height": 700}, color_scheme=scheme)

    for name in names(folder):
        page = reader.open(name)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert Axe().run(page).generate_snapshot() == "", name

    reader.context.close()


def test_light_and_dark_are_two_looks(browser: Browser, folder: Path) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        reader = Reader(browser, folder, color_scheme=scheme)
        grounds.add(reader.open("index.html").evaluate("getComputedStyle(document.body).backgroundColor"))
        reader.context.close()

    assert len(grounds) == 2


def test_the_way_from_the_first_page_to_a_signature_can_be_gone_by_keyboard(reader: Reader) -> None:
    page = reader.open("index.html")

    for link in ("source_a", "Contact sheets of", "offline/genuine 1"):
        target = page.get_by_role("link", name=link).first
        target.focus()
        with page.expect_navigation():
            page.keyboard.press("Enter")

    assert page.get_by_role("heading", name="Signee offline/genuine 1", exact=True).count() == 1
    assert page.get_by_role("heading", name="Genuine 3").count() == 1
