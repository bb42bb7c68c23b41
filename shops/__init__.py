"""What is known of shops: what their importers refuse, and which options of an upload suit them.

Rules look at figures and links, and fetch nothing. Start reading at ``known_shops``, the table of
all of it; ``rules`` has the kinds of rules, ``import_check`` applies them to a request's images.
"""

from shops.import_check import MAX_FINDINGS, Finding, ImportCheck
from shops.known_shops import SHOPS, Shop, Target
from shops.rules import Certainty, CheckedImage, Rule, Source

__all__ = [
    "MAX_FINDINGS",
    "SHOPS",
    "Certainty",
    "CheckedImage",
    "Finding",
    "ImportCheck",
    "Rule",
    "Shop",
    "Source",
    "Target",
]
