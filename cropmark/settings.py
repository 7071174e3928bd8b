"""Configuration of one installation: ``cropmark.toml`` in the data folder, overridden by ``CROPMARK_…`` variables.

``CROPMARK_WEB__PORT=8500`` sets ``port`` in the table ``[web]``. An unknown key is an error and not passed over.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class SettingsError(ValueError):
    """The configuration cannot be used; the text names the key and the file."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Web(_Table):
    """Where the pages are served."""

    port: int = Field(default=8420, ge=1, le=65_535)
    lan: bool = False
    """Serve the shopper's pages on the address of the local network as well."""


class Demo(_Table):
    """The replayed season of ``cropmark up --demo``."""

    days: int = Field(default=120, ge=2, le=300)
    seconds: float = Field(default=35.0, gt=0, le=3_600)
    """How long the replay of the season takes, at the most that the machine allows."""


class Seal(_Table):
    """When the gateway closes a segment."""

    readings: int = Field(default=4_096, ge=1, le=65_536)
    seconds: float = Field(default=1.0, gt=0, le=600)


class Settings(BaseSettings):
    """All settings of ``cropmark up``."""

    model_config = SettingsConfigDict(env_prefix="CROPMARK_", env_nested_delimiter="__", extra="forbid", frozen=True)

    web: Web = Web()
    demo: Demo = Demo()
    seal: Seal = Seal()
    log: Literal["console", "json"] = "console"
    id_base: str = "https://cropmark.invalid"
    """The base of identifiers inside records: an address of the seller's that stays his."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the interface's name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the interface's name
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take arguments first, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(data: Path) -> Settings:
    """Read the settings for the data folder; raise :class:`SettingsError` naming what does not fit."""
    file = data / "cropmark.toml"

    class Here(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    try:
        return Here()
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors(include_url=False)
        )
        raise SettingsError(f"{file} or a CROPMARK_ variable does not fit: {problems}") from error
    except ValueError as error:
        raise SettingsError(f"{file} is not TOML: {error}") from error
