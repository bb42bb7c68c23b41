"""The exports of shops as their owners upload them, and how their importers read images again.

The files of tests/unit/exports are made after the shops' own; here the pictures are put where a
test serves them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

EXPORTS = Path(__file__).parent / "unit" / "exports"
SHOP_URL = re.compile(
    rb"https://(?:img\.shop\.example|cdn\.shopify\.com|[a-z]+\.mystaging[a-z.]+)/"
)
WHOLE, COMMA, SEMICOLON, BAR, BLANK = "$^", ",", ";", r"\|", r"\s"
ESCAPED = r"(?<!\\),"  # WooCommerce has \, for a comma that separates nothing

GERMAN = (
    "Artikelnummer;Bezeichnung;Größe;Preis;Bild\r\n"
    "00815;Hüte „Müller“;XL;1.299,00 €;https://img.shop.example/hut-1.jpg\r\n"
    '00816;"Maß; ""groß""";M;=A1;https://img.shop.example/hut-2.jpg\r\n'
).encode("cp1252")
JTL = (
    "\ufeffArtikelnummer;Artikelname;Bild 1 (Pfad/URL);Bild 2 (Pfad/URL)\r\n"
    '"AR-1";"Tasse";"https://img.shop.example/t-1.jpg";"https://img.shop.example/t-2.jpg"\r\n'
    '"AR-2";"Krug";"";""\r\n'
).encode()
WOO_COMMA = (
    b'ID,SKU,Name,Images\n7,A,"Hat, red",'
    rb'"https://img.shop.example/w_30\,h_20/1.jpg, https://img.shop.example/2.jpg"'
    b"\n"
)


@dataclass(frozen=True)
class Export:
    """One file: ``images`` are its columns with images, with what separates several in a cell;
    the pictures counted are those of ``rows`` rows.
    """

    shop: str
    content: str | bytes  # or the name of its file
    rows: int
    pictures: int
    images: Mapping[str, str]
    delimiter: str = ","
    header: int = 0
    options: Mapping[str, str] = field(default_factory=dict)
    encoding: str = "utf-8"

    def served_at(self, base_url: str) -> bytes:
        """The file with its pictures below this URL."""
        content = self.content
        if isinstance(content, str):
            content = (EXPORTS / content).read_bytes()
        return SHOP_URL.sub(f"{base_url}/".encode(), content)

    def urls(self, text: str) -> list[str]:
        """The pictures that the shop's importer finds in a table."""
        lines = io.StringIO(text.removeprefix("\ufeff"), newline="")
        rows = [*csv.reader(lines, delimiter=self.delimiter)]
        return urls_in(rows[self.header], rows[self.header + 1 :], self.images)


def urls_in(
    header: Iterable[str], rows: Iterable[Iterable[str]], images: Mapping[str, str]
) -> list[str]:
    """The URLs in these columns, row by row."""
    names = [name.strip() for name in header]
    return [
        piece.replace("\\,", ",").strip()
        for row in rows
        for name, cell in zip(names, row, strict=False)
        if name in images
        for piece in re.split(images[name], cell)
        if "://" in piece
    ]


def numbered(pattern: str, most: int) -> dict[str, str]:
    """Numbered columns, each with one picture."""
    return {pattern.format(number): WHOLE for number in range(1, most + 1)}


EVERY = [
    Export("Shopify", "shopify.csv", 3, 3, {"Image Src": WHOLE, "Variant Image": WHOLE}),
    Export("Shopify, new format", "shopify_new.csv", 2, 3,
           {"Product image URL": WHOLE, "Variant image URL": WHOLE}),
    Export("WooCommerce", "woocommerce.csv", 3, 4, {"Images": ESCAPED}),
    Export("WooCommerce, commas in URLs", WOO_COMMA, 1, 2, {"Images": ESCAPED}),
    Export("Google Merchant", "google_merchant.tsv", 2, 4,
           {"image_link": WHOLE, "additional_image_link": COMMA}, "\t"),
    Export("Magento", "magento.csv", 2, 3,
           {"base_image": WHOLE, "small_image": WHOLE, "thumbnail_image": WHOLE,
            "swatch_image": WHOLE, "additional_images": COMMA}),
    Export("PrestaShop", "prestashop.csv", 1, 2, {"Image URLs (x,y,z...)": COMMA}, ";"),
    Export("BigCommerce v2", "bigcommerce_v2.csv", 1, 3,
           {**numbered("Product Image File - {}", 2), **numbered("Product Image URL - {}", 2)}),
    Export("BigCommerce v3", "bigcommerce_v3.csv", 3, 2,
           {"Image URL (Import)": WHOLE, "Variant Image URL": WHOLE}),
    Export("Squarespace", "squarespace.csv", 2, 4, {"Hosted Image URLs": BLANK}),
    Export("Wix", "wix.csv", 2, 2, {"productImageUrl": SEMICOLON}),
    Export("Wix, catalog V3", "wix_v3.csv", 2, 1, {"media": WHOLE}),
    Export("Etsy, Italian", "etsy_italian.csv", 2, 3, numbered("IMMAGINE{}", 3)),
    Export("eBay", "ebay.csv", 1, 2, {"PicURL": BAR}, header=2),
    Export("Amazon", "amazon.tsv", 1, 3,
           {"main_image_url": WHOLE, **numbered("other_image_url{}", 8),
            "swatch_image_url": WHOLE}, "\t", header=2),
    Export("Meta", "meta.csv", 1, 3, {"image_link": WHOLE, "additional_image_link": COMMA},
           header=1),
    Export("Pinterest", "pinterest.tsv", 1, 3,
           {"image_link": WHOLE, "additional_image_link": COMMA}, "\t"),
    Export("Shopware 6", "shopware.csv", 1, 4,
           {"cover_media_url": WHOLE, "media": BAR, "manufacturer_media_url": WHOLE}, ";"),
    Export("Medusa v2", "medusa.csv", 2, 2,
           {"Product Thumbnail": WHOLE, **numbered("Product Image {}", 2)}),
    Export("Medusa v1", "medusa_v1.csv", 1, 2, numbered("Image {} Url", 2), ";"),
    Export("Bagisto", "bagisto.csv", 1, 2, {"images": COMMA}),
    Export("Spree", "spree.csv", 1, 2, numbered("image{}_src", 3)),
    Export("Saleor", "saleor.csv", 1, 3, {"product media": COMMA, "variant media": COMMA}),
    Export("Ecwid", "ecwid.csv", 1, 2,
           {"product_media_main_image_url": WHOLE,
            **numbered("product_media_gallery_image_url_{}", 2)}, "\t"),
    Export("JTL-Ameise", JTL, 2, 2, numbered("Bild {} (Pfad/URL)", 2), ";"),
    Export("German Excel, Windows-1252", GERMAN, 2, 2, {"Bild": WHOLE}, ";", encoding="cp1252"),
]  # fmt: skip
