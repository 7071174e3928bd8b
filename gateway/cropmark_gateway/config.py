"""The gateway's configuration: one TOML file, overridden by ``CROPMARK_GATEWAY_…`` variables."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from cropmark_ingest import names


class ConfigError(ValueError):
    """The configuration cannot be used; the text names the key."""


class Broker(BaseModel):
    """Where an MQTT broker listens, and who we are to it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=1883, ge=1, le=65_535)
    user: str | None = None
    password: SecretStr | None = None


def _key(value: object) -> object:
    if isinstance(value, str) and len(value) == 64:
        return bytes.fromhex(value)
    raise ValueError("an Ed25519 public key is 64 hex digits")


class Config(BaseSettings):
    """All settings of one gateway."""

    model_config = SettingsConfigDict(
        env_prefix="CROPMARK_GATEWAY_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    farm: Annotated[str, BeforeValidator(names.name)]
    gateway: Annotated[str, BeforeValidator(names.name)]
    data: Path
    """Folder of the key and the spool."""
    ingest_key: Annotated[bytes, BeforeValidator(_key)]
    """Ingest's public key: only receipts that it signed free anything."""
    field: Broker = Broker()
    upstream: Broker = Broker()
    seal_readings: int = Field(default=4_096, ge=1, le=65_536)
    seal_seconds: float = Field(default=1.0, gt=0, le=600)
    spool_bytes: int = Field(default=2_000_000_000, ge=1_000_000)
    clock: Path | None = None
    """A replay's clock file; real time without it."""

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

    @property
    def spool_file(self) -> Path:
        """Return the spool's file."""
        return self.data / "spool.sqlite"

    @property
    def key_file(self) -> Path:
        """Return the signing key's file."""
        return self.data / "gateway-key.pem"


def load(file: Path) -> Config:
    """Read a configuration; raise :class:`ConfigError` naming what does not fit."""

    class Here(Config):
        model_config = SettingsConfigDict(toml_file=file)

    try:
        return Here()  # type: ignore[call-arg]  # the required settings come from the file
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors(include_url=False)
        )
        raise ConfigError(f"{file}: {problems}") from error
    except ValueError as error:
        raise ConfigError(f"{file} is not TOML: {error}") from error
