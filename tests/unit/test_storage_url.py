"""STORAGE_URL chooses the storage; nothing is asked over the network for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from obstore.store import AzureStore, GCSStore, S3Store

from settings import Settings
from storage import Folders, WrongStorage, open_storage
from storage.bucket import store_at


def test_without_a_url_it_is_the_two_folders(tmp_path: Path) -> None:
    storage = open_storage(Settings(upload_dir=tmp_path / "up", processed_dir=tmp_path / "done"))

    assert isinstance(storage, Folders)
    assert (storage.upload_dir, storage.processed_dir) == (tmp_path / "up", tmp_path / "done")


def test_s3_is_a_bucket_of_s3_and_a_prefix() -> None:
    store = store_at("s3://images/shop/one")

    assert isinstance(store, S3Store)
    assert (store.config["bucket"], store.prefix) == ("images", "shop/one")


def test_gs_is_a_bucket_of_google() -> None:
    store = store_at("gs://images/shop/")

    assert isinstance(store, GCSStore)
    assert (store.config["bucket"], store.prefix) == ("images", "shop")


def test_az_is_a_container_of_the_account_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "shop")

    store = store_at("az://images")

    assert isinstance(store, AzureStore)
    assert (store.config["container_name"], store.prefix) == ("images", None)


def test_az_without_an_account_stops_the_start_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)

    with pytest.raises(WrongStorage, match=r"^STORAGE_URL cannot be used: .*Account must be spec"):
        open_storage(Settings(storage_url="az://images"))
