"""A request's images against the rules of one shop: findings, and how many there are of each rule.

Images come one after the other, so memory does not grow with the request: from MAX_FINDINGS on,
findings are only counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from shops.known_shops import Shop
from shops.rules import CheckedImage, Rule, Source

MAX_FINDINGS = 1000
FAILED_IMAGE = "failed_image"


class Finding(NamedTuple):
    """What an importer may refuse.

    Without a row and a position it is true of all links, of which ``url`` is the first.
    """

    row: int | None
    position: int | None
    url: str
    rule: str
    message: str
    source: Source


@dataclass
class ImportCheck:
    """The check for one shop, of the images that it was shown."""

    shop: Shop
    findings: list[Finding] = field(default_factory=list)
    _served: int = 0
    _failed: int = 0
    _counts: Counter[str] = field(default_factory=Counter)  # of rules that are not of links
    _of_links: list[str] = field(default_factory=list)

    @property
    def checked(self) -> int:
        """How many images it was shown."""
        return self._served + self._failed

    @property
    def total(self) -> int:
        """How many findings there are; one of all links counts once."""
        return len(self._of_links) + self._counts.total()

    def counts(self) -> dict[str, int]:
        """By rule, how many images it is about."""
        return {**dict.fromkeys(self._of_links, self._served), **self._counts}

    def look_at(self, image: CheckedImage) -> None:
        """One that went well."""
        self._served += 1
        if self._served == 1:
            self._judge_links(image)
        for rule in self.shop.image_rules:
            if wrong := rule.wrong(image):
                self._counts[rule.code] += 1
                self._add(rule, wrong, image, image.row, image.position)

    def look_at_failed(self, row: int, position: int, old_url: str) -> None:
        """One that failed: import.csv keeps its old link."""
        self._failed += 1
        self._counts[FAILED_IMAGE] += 1
        if len(self.findings) < MAX_FINDINGS:
            message = f"The image failed, so import.csv keeps its old link: {self.shop.dead_link}"
            source = self.shop.dead_link_by
            self.findings.append(Finding(row, position, old_url, FAILED_IMAGE, message, source))

    def _judge_links(self, image: CheckedImage) -> None:
        for rule in self.shop.link_rules:
            if wrong := rule.wrong(image):
                self._of_links.append(rule.code)
                self._add(rule, wrong, image, None, None)

    def _add(
        self, rule: Rule, wrong: str, image: CheckedImage, row: int | None, position: int | None
    ) -> None:
        if len(self.findings) < MAX_FINDINGS:
            message = rule.message(wrong, self.shop.name)
            found = Finding(row, position, image.url, rule.code, message, rule.source)
            self.findings.append(found)
