"""What the images of a request say of the catalogue that they come from."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from work_queue.models import Image, Product

DEAD_LINKS = ("http_404", "http_410", "host_not_found")  # of error_code


class Fault(StrEnum):
    """One that is said of single images."""

    DEAD_LINKS = "dead_links"
    LOST_PIXELS = "lost_pixels"
    MISSED_TARGETS = "missed_targets"


HAS_FAULT: dict[Fault, sa.ColumnElement[bool]] = {
    Fault.DEAD_LINKS: sa.or_(*(Image.error_code == code for code in DEAD_LINKS)),
    Fault.LOST_PIXELS: Image.scale < 1,
    Fault.MISSED_TARGETS: Image.target_met == sa.false(),
}


class CatalogueFaults(NamedTuple):
    """Images with a link to nothing, that lost pixels, or missed their target, and pictures that
    several products show.
    """

    dead_links: int
    lost_pixels: int
    missed_targets: int
    shared_pictures: int


def find_faults(tx: Connection, request_id: int) -> CatalogueFaults:
    """The figures of a request; its images are read for them, all of them."""
    of_request = Image.request_id == request_id
    numbers = [sa.func.sum(sa.case((HAS_FAULT[each], 1), else_=0)) for each in Fault]
    counted = tx.execute(sa.select(*numbers).where(of_request)).one()
    # A product may have several rows: those of variants have their own SKU in Shopify's tables, but
    # only the first of them has the name.
    named = sa.case((Product.product_name != "", Product.product_name))
    shared = (
        sa.select(Image.content_hash)
        .join(
            Product,
            sa.and_(Product.request_id == Image.request_id, Product.row_number == Image.row_number),
        )
        .where(of_request, Image.content_hash.is_not(None))
        .group_by(Image.content_hash)
        .having(
            sa.func.count(Product.serial_number.distinct()) > 1,
            sa.func.count(named.distinct()) > 1,
        )
        .subquery()
    )
    pictures = tx.scalar(sa.select(sa.func.count()).select_from(shared))
    return CatalogueFaults(*(int(number or 0) for number in (*counted, pictures)))
