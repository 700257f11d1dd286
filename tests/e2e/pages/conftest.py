"""One Chromium for the tests of all pages; each test opens contexts of its own in it.

It ends with this folder: Playwright's event loop runs in the main thread as long as it does, and other tests run theirs.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright import sync_api

from tests.support.browser import FLAGS
from tests.support.needs import CHROMIUM


@pytest.fixture(scope="package")
def browser() -> Iterator[sync_api.Browser]:
    # As long as for everything else: on a busy machine it comes too, only later.
    sync_api.expect.set_options(timeout=30_000)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
