"""A wrong setting stops the start with the name of its variable and what it should be."""

from __future__ import annotations

import base64

import pytest

import settings
from settings import Settings, WrongSetting

SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"


def test_without_an_environment_every_setting_has_its_default() -> None:
    assert settings.read({}) == Settings()


def test_an_empty_variable_keeps_the_default() -> None:
    assert settings.read({"PORT": "", "WEBHOOK_SECRET": " "}) == Settings()


def test_every_setting_can_be_given() -> None:
    given = settings.read(
        {
            "PORT": "8000",
            "PUBLIC_BASE_URL": "https://images.example/",
            "WEBHOOK_SCHEDULE": "0, 2.5",
            "ALLOWED_PRIVATE_HOSTS": "127.0.0.1:8000, [::1]:9000",
            "ALLOWED_PORTS": "80,81",
            "DOWNLOAD_SECONDS": "1.5",
            "BLOCKED_HOSTS": "Shop.example, *.victim.example, 192.0.2.7, 2001:db8::/32",
            "CONTACT_URL": "mailto:images@shop.example",
            "LOG_FORMAT": "json",
            "CORS_ORIGINS": "https://Shop.example:443, http://localhost:3000,http://[::1]:80",
        }
    )

    assert (given.port, given.public_base_url) == (8000, "https://images.example")
    assert (given.webhook_schedule, given.download_seconds) == ((0, 2.5), 1.5)
    assert given.allowed_private_hosts == {("127.0.0.1", 8000), ("::1", 9000)}
    assert given.allowed_ports == {80, 81}
    networks = {"192.0.2.7/32", "2001:db8::/32"}
    assert given.blocked_hosts == {"shop.example", "victim.example"} | networks
    assert given.cors_origins == {"https://shop.example", "http://localhost:3000", "http://[::1]"}
    assert given.contact_url == "mailto:images@shop.example"
    assert given.log_format == "json"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("BEHIND_GATEWAY", "yes"),
        ("DATABASE_URL", "mysql://a/b"),
        ("REDIS_URL", "http://a"),
        ("PUBLIC_BASE_URL", "images.example"),
        ("PUBLIC_BASE_URL", "https://images.example/a,b"),
        ("TRUSTED_HOSTS", "https://images.example"),
        ("TRUSTED_HOSTS", "images.example:443"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "null"),
        ("CORS_ORIGINS", "https://*.shop.example"),
        ("CORS_ORIGINS", "https://shop.example/"),
        ("CORS_ORIGINS", "https://user@shop.example"),
        ("CORS_ORIGINS", "https://shop.example:port"),
        ("STORAGE_URL", "images"),
        ("STORAGE_URL", "https://images.s3.amazonaws.com"),
        ("STORAGE_URL", "s3:///prefix"),
        ("STORAGE_URL", "s3://key:secret@images"),
        ("STORAGE_URL", "s3://images?region=eu-west-1"),
        ("WEBHOOK_SECRET", "not base64!"),
        ("WEBHOOK_SECRET", "c2hvcnQ="),
        ("WEBHOOK_SECRET", f"whsec_{base64.b64encode(bytes(32)).decode()}"),
        ("WEBHOOK_SECRET", f"whsec_{base64.b64encode(b'secret' * 8).decode()}"),
        ("WEBHOOK_SECRET", f"{SECRET} short"),
        ("WEBHOOK_SECRET", f"{SECRET} {SECRET} {SECRET}"),
        ("WEBHOOK_SCHEDULE", "soon"),
        ("WEBHOOK_SCHEDULE", "-1"),
        ("ALLOWED_PRIVATE_HOSTS", "localhost:80"),
        ("ALLOWED_PRIVATE_HOSTS", "127.0.0.1"),
        ("ALLOWED_PORTS", "80,70000"),
        ("BLOCKED_HOSTS", "https://shop.example"),
        ("BLOCKED_HOSTS", "192.0.2.256"),
        ("BLOCKED_HOSTS", "192.0.2.7/24"),
        ("HOST_CONNECTIONS", "0"),
        ("CONTACT_URL", "images@shop.example"),
        ("CONTACT_URL", "https://shop.example/a\nb"),
        ("MAX_UPLOAD_BYTES", "64 MiB"),
        ("DOWNLOAD_SECONDS", "0"),
        ("LEASE_SECONDS", "nan"),
        ("CLAIM_LIMIT", "0"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_value_stops_the_start_and_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(WrongSetting, match=rf"^{variable} .* must be "):
        settings.read({variable: value})


def test_a_secret_may_stand_beside_the_one_that_replaces_it() -> None:
    assert settings.read({"WEBHOOK_SECRET": SECRET}).webhook_secret == SECRET
    both = settings.read({"WEBHOOK_SECRET": f" {SECRET}  {SECRET[6:]} "}).webhook_secret
    assert both == f"{SECRET} {SECRET[6:]}"


def test_a_wrong_secret_is_not_repeated() -> None:
    with pytest.raises(WrongSetting) as stopped:
        settings.read({"WEBHOOK_SECRET": "hunter2"})

    assert "hunter2" not in str(stopped.value)


def test_a_misspelt_setting_is_named_and_short_names_of_others_are_not() -> None:
    environment = {"MAX_IMAGE_PIXEL": "1", "PORTS": "1", "HOSTS": "a", "MAX_ROWS": "2", "HOME": "/"}
    environment |= {"WEBHOOK_SECRETS": "x", "LANGUAGE": "en"}

    assert settings.misspelt(environment) == [
        ("MAX_IMAGE_PIXEL", "MAX_IMAGE_PIXELS"),
        ("WEBHOOK_SECRETS", "WEBHOOK_SECRET"),
    ]
