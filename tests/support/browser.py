"""A real browser: what the tests of the pages start it with, do on a page and look for."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.support.needs import Need, requires

IN_A_BROWSER = [pytest.mark.slow, requires(Need.CHROMIUM)]

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

QUESTION = "How many days of holiday has every employee each year?"


def ask(page: Page, question: str) -> None:
    """Type the question, and send it."""
    page.get_by_label("Your question").fill(question)
    page.wait_for_load_state("load")  # until the page's script runs, Enter only begins a line
    page.keyboard.press("Enter")


# Every visible text whose colour has less than 4.5:1 against the nearest opaque background: WCAG 2 AA.
LOW_CONTRAST = """
() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b]
    .map((value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const background = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] === 1) return color;
    }
    return channels(getComputedStyle(document.body).backgroundColor);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const low = [];
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
    const [one, two] = [luminance(channels(getComputedStyle(element).color)), luminance(background(element))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) low.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)}: ${texts.currentNode.data.trim()}`);
  }
  return low;
}
"""
